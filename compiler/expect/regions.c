/* The regions of a policy's expectations: sets them beside its rules, asks about lookups and answers, and turns what was
 * found into flows that the evaluator judges. */
#include "expect/regions.h"
#include "expect/regions_state.h"
#include "policy/flow.h"

#include <string.h>

#define MARKS_MAX 50000000

/* ---- lookups ---- */

static void look_at_lookup(struct regions *all, struct region *region, uint32_t class, enum flow_transport transport)
{
	static const char *const suffix[] = { [FLOW_DNS_UDP] = "", [FLOW_DNS_TCP] = ":tcp", [FLOW_DNS_DOT] = ":dot" };
	const char *name = name_classes_at(all->analysis->names, class)->member;
	uint32_t two[2];

	if (!name)
		return;
	region->seen = true;
	analysis_lookup(all->analysis, 0, class, transport, two);
	regions_mark_lookup(all, two[0], class, transport);
	if (analysis_query_action(&all->analysis->planes[0], two[0]) == region->contrary && !region->rank)
		region_take(region, 1,
			    arena_printf(all->arena, "dns@%s%s", flow_name_text(all->arena, name), suffix[transport]));
}

static void look_at_lookups(struct regions *all, struct region *region)
{
	const struct policy_region *of = region->expect->region;
	const struct run every = { 0, all->analysis->class_count };
	bool any = of->rule.targets.items[0].kind == TARGET_ANY;
	size_t count = 1;
	const struct run *runs = any ? &every : name_classes_rule_runs(all->analysis->names, 1, region->rule, &count);

	for (size_t i = 0; i < count && fuel_use(all->fuel, runs[i].hi - runs[i].lo); i++)
		for (uint32_t class = runs[i].lo; class < runs[i].hi; class ++)
			for (unsigned transport = 0; transport < FLOW_TRANSPORTS; transport++)
				if (of->transports & 1u << transport)
					look_at_lookup(all, region, class, (enum flow_transport)transport);
}

/* ---- answers ---- */

static void look_at_answer(struct regions *all, struct region *region, uint32_t atom)
{
	struct addr addr = atoms_member(all->analysis->atoms, atom);
	struct decider by;
	bool passes = analysis_answer_passes(all->analysis, 0, atom, &by);
	char buf[ADDR_TEXT_MAX];

	region->seen = true;
	regions_mark_answer(all, by, addr);
	if (passes == (region->contrary == POLICY_ALLOW) && !region->rank)
		region_take(region, 1, arena_printf(all->arena, "answer@%s", addr_format_bracketed(addr, buf)));
}

static void look_at_answers(struct regions *all, struct region *region)
{
	size_t count;
	const struct run *runs = region_runs(all, region, &count);

	for (size_t i = 0; i < count && fuel_use(all->fuel, runs[i].hi - runs[i].lo); i++)
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi; atom++)
			look_at_answer(all, region, atom);
}

/* ---- the whole ---- */

static void collect(struct regions *all, struct region_outcome *outcomes)
{
	const struct policy *policy = all->context->policy;

	for (size_t i = 0; i < policy->expects.count; i++) {
		const struct policy_expect *expect = &policy->expects.items[i];

		if (!expect->region)
			continue;
		*arena_push(all->arena, &all->list) = (struct region){
			.expect = expect,
			.rule = (uint32_t)all->edges.rules.count,
			.contrary = expect->action == POLICY_ALLOW ? POLICY_DENY : POLICY_ALLOW,
			.out = &outcomes[i],
		};
		*arena_push(all->arena, &all->edges.rules) = expect->region->rule;
	}
}

static void look(struct regions *all)
{
	const struct policy *policies[] = { all->context->policy, &all->edges };

	all->analysis = analysis_new(all->arena, policies, 2, ANALYSIS_BY_TARGET, &all->context->gateway, all->fuel);
	for (size_t i = 0; i < all->list.count && !all->fuel->out; i++) {
		struct region *region = &all->list.items[i];

		if (region->expect->region->kind == FLOW_DNS)
			look_at_lookups(all, region);
		else if (region->expect->region->kind == FLOW_ANSWER)
			look_at_answers(all, region);
	}
	for (uint32_t zone = 0; !all->fuel->out && zone < analysis_zone_count(all->analysis); zone++) {
		analysis_enter_zone(all->analysis, zone);
		for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
			for (size_t i = 0; i < POLICY_PROTOS && !all->fuel->out; i++)
				regions_look_at_connections(all, (enum policy_direction)direction, policy_protos[i]);
	}
}

/* The evaluator has the last word on a witness; one it does not share would be a fault of the analysis, and is never
 * taken for an expectation that holds. */
static void conclude(struct regions *all, const struct region *region)
{
	struct sources *sources = sources_new(all->arena);
	struct flow *flow = arena_alloc(all->arena, sizeof *flow);

	region->out->too_complex = all->fuel->out;
	region->out->empty = !all->fuel->out && !region->seen;
	region->out->holds = !all->fuel->out && region->seen && !region->rank;
	if (!region->rank)
		return;
	bool shown = flow_parse(all->arena, sources, region->text, diags_new(all->arena, sources), flow);
	if (shown) {
		flow->text = region->text; /* with what it is bound to */
		region->out->result = eval_flow(all->context, flow);
		shown = region->out->result.verdict.action == region->contrary;
	}
	region->out->too_complex = !shown;
	region->out->witness = shown ? flow : NULL;
}

struct region_outcome *regions_run(struct arena *arena, const struct eval_context *context, struct coverage *coverage,
				   struct fuel *fuel)
{
	const struct policy *policy = context->policy;
	struct region_outcome *outcomes = arena_alloc(arena, (policy->expects.count + 1) * sizeof *outcomes);
	struct regions all = {
		.arena = arena,
		.context = context,
		.coverage = coverage,
		.fuel = fuel,
		.edges = { .arena = arena, .sources = policy->sources },
		.marks = MARKS_MAX,
	};

	collect(&all, outcomes);
	if (all.list.count)
		look(&all);
	for (size_t i = 0; i < all.list.count; i++)
		conclude(&all, &all.list.items[i]);
	return outcomes;
}
