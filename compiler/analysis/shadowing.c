/* What shadows the rules that decide nothing: which rule decides the flows they match, one of the other action if there
 * is one. */
#include "analysis/facts_state.h"

#include <stdlib.h>

struct shadowed {
	LIST_OF(uint32_t) rules;
};

static bool is_found(const struct facts *facts, uint32_t index)
{
	return facts->rules[index].shadowing.kind == DECIDER_RULE;
}

/* `action`: what rule `by` does with the flow */
static void note(struct facts *facts, uint32_t index, uint32_t by, enum policy_action action,
		 const struct witness *flow)
{
	struct rule_facts *rule = &facts->rules[index];
	const struct policy *policy = facts->plane->policy;
	bool opposes = action != policy->rules.items[index].action;

	if (by < index && !opposes)
		rule->shadowed_alike = true;
	if (by >= index || rule->shadowing_opposes || (is_found(facts, index) && !opposes))
		return;
	rule->shadowing = decided_by_rule(by);
	rule->shadowing_opposes = opposes;
	rule->shadowed = *flow;
}

static int compare_port(const void *key, const void *item)
{
	const uint16_t *port = key;
	const struct rule_ports *ports = item;

	return *port < ports->lo ? -1 : *port > ports->hi;
}

static bool has_port(const struct analysis_plane *plane, uint32_t rule, uint16_t port)
{
	return !plane->ports[rule].count || bsearch(&port, plane->ports[rule].items, plane->ports[rule].count,
						    sizeof *plane->ports[rule].items, compare_port);
}

/* ---- connections ---- */

static void look_at_addresses(struct facts_pass *pass, uint32_t index)
{
	struct facts *facts = pass->facts;
	const struct analysis_plane *plane = facts->plane;
	enum policy_action own = plane->policy->rules.items[index].action;

	for (uint32_t i = plane->first_piece[index]; i < plane->first_piece[index + 1]; i++)
		for (uint32_t j = 0; j < plane->pieces[i].run_count; j++) {
			struct run run = plane->runs.items[plane->pieces[i].runs + j];

			if (!fuel_use(facts->analysis->fuel, run.hi - run.lo))
				return;
			for (uint32_t atom = run.lo; atom < run.hi; atom++) {
				uint32_t first = pass->first[atom];
				struct witness flow;

				if (!pass->active[atom] || first >= plane->piece_count ||
				    (analysis_pass_refused(&pass->base, atom) &&
				     analysis_pass_action(&pass->base, 0, first) == POLICY_ALLOW))
					continue;
				if (is_found(facts, index) && analysis_pass_action(&pass->base, 0, first) == own)
					continue;
				flow = facts_pass_witness(pass, atom);
				note(facts, index, plane->rule_of[first], analysis_pass_action(&pass->base, 0, first),
				     &flow);
				if (facts->rules[index].shadowing_opposes)
					return;
			}
		}
}

/* An atom that can be bound whose first match is exactly this piece */
static uint32_t atom_of(const struct facts_pass *pass, uint32_t piece)
{
	uint32_t atom = 0;

	while (pass->first[atom] != piece || !pass->active[atom] || !pass->facts->plane->bindable[atom])
		atom++;
	return atom;
}

static void note_bound(struct facts_pass *pass, uint32_t index, uint32_t class, uint32_t atom, uint32_t piece)
{
	struct witness flow = facts_pass_witness(pass, atom);

	flow.bound[0] = name_classes_at(pass->facts->analysis->names, class)->member;
	note(pass->facts, index, pass->facts->plane->rule_of[piece], analysis_pass_action(&pass->base, 0, piece),
	     &flow);
}

/* Flows bound to a class of the rule: the first rule by that name, or the first by address before it */
static void look_at_class(struct facts_pass *pass, uint32_t index, uint32_t class)
{
	const struct analysis_plane *plane = pass->facts->plane;
	uint32_t first = pass->first[analysis_pass_bound(&pass->base, class)];

	if (!plane->resolvable[class] || first == ANALYSIS_NONE)
		return;
	if (facts_pass_find_matches(pass))
		for (int action = 0; action < 2; action++) {
			uint32_t top = piece_set_next(&pass->bindable.by_action[action], 0);

			if (top < first && top < plane->piece_count)
				note_bound(pass, index, class, atom_of(pass, top), top);
		}
	if (pass->bindable.max > first && plane->rule_of[first] != index)
		note_bound(pass, index, class, facts_pass_find_atom(pass, true, first), first);
}

static void look_at_names(struct facts_pass *pass, uint32_t index)
{
	struct facts *facts = pass->facts;
	size_t count;
	const struct run *runs = name_classes_rule_runs(facts->analysis->names, 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = runs[i].lo; class < runs[i].hi && analysis_takes_part(facts->analysis, 0, index);
		     class ++)
			if (!fuel_use(facts->analysis->fuel, 1) || facts->rules[index].shadowing_opposes)
				return;
			else
				look_at_class(pass, index, class);
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct facts_pass *pass = tree->self;
	const struct shadowed *shadowed = pass->base.self;
	const struct analysis_plane *plane = pass->facts->plane;

	facts_pass_start(pass, interval);
	for (size_t i = 0; i < shadowed->rules.count && fuel_use(tree->fuel, 1); i++) {
		uint32_t index = shadowed->rules.items[i];

		if (pass->facts->rules[index].shadowing_opposes ||
		    !policy_rule_fits(&plane->policy->rules.items[index], pass->base.direction, pass->base.proto) ||
		    !has_port(plane, index, interval->lo))
			continue;
		look_at_addresses(pass, index);
		look_at_names(pass, index);
	}
}

static void look_at_connections(struct facts *facts, struct shadowed *shadowed, enum policy_direction direction,
				enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct facts_pass pass;

	facts_pass_init(&pass, facts, arena, direction, proto, 0);
	analysis_pass_add_names(&pass.base);
	pass.base.tree->visit = visit;
	pass.base.self = shadowed;
	port_tree_visit(pass.base.tree);
	arena_free(arena);
}

/* ---- queries ---- */

static void look_at_query(struct facts *facts, uint32_t index, const char *name)
{
	const struct eval_context context = { .policy = facts->plane->policy, .gateway = facts->analysis->gateway };
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];

	for (int t = FLOW_DNS_UDP; name && t <= FLOW_DNS_DOT; t++) {
		struct witness flow = { .kind = FLOW_DNS, .name = name, .transport = (enum flow_transport)t };
		struct eval_verdict verdict;

		if (!fuel_use(facts->analysis->fuel, index))
			return;
		if (!eval_rule_matches_query(rule, name, flow.transport))
			continue;
		verdict = eval_dns(&context, name, flow.transport);
		if (verdict.by.kind == DECIDER_RULE)
			note(facts, index, (uint32_t)verdict.by.rule, verdict.action, &flow);
	}
}

/* Queries that the rule would judge, were it not for an earlier one: for its names, and for any name */
static void look_at_queries(struct facts *facts, uint32_t index)
{
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];
	const struct name_classes *names = facts->analysis->names;

	if (!(rule->directions & POLICY_EGRESS))
		return;
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (policy_target_is_name(target))
			look_at_query(
				facts, index,
				name_classes_at(names, name_classes_of_pattern(names, target->kind == TARGET_SUFFIX,
									       target->name))
					->member);
	}
	look_at_query(facts, index, name_classes_at(names, 0)->member);
}

void facts_find_shadowing(struct facts *facts)
{
	struct analysis *analysis = facts->analysis;
	struct shadowed shadowed = { .rules = { NULL, 0, 0 } };

	for (uint32_t i = 0; i < facts->plane->policy->rules.count; i++)
		if (!facts->rules[i].decides && facts->rules[i].matches)
			*arena_push(analysis->arena, &shadowed.rules) = i;
	for (uint32_t zone = 0; shadowed.rules.count && !analysis->fuel->out && zone < analysis_zone_count(analysis);
	     zone++) {
		analysis_enter_zone(analysis, zone);
		for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
			for (size_t i = 0; i < POLICY_PROTOS && !analysis->fuel->out; i++)
				look_at_connections(facts, &shadowed, (enum policy_direction)direction,
						    policy_protos[i]);
	}
	for (size_t i = 0; i < shadowed.rules.count && !analysis->fuel->out; i++)
		look_at_queries(facts, shadowed.rules.items[i]);
}
