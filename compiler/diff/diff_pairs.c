/* Changes that it takes two names to show. Both bound: by one the old policy decides, by the other the new. One bound and
 * another sent: rules that take both. They are looked for where neither name shows anything by itself, and only among
 * rules that have no counterpart in the other policy: the others come to the same. */
#include "diff/diff_state.h"

#include <stdlib.h>

#define PAIRS_MAX 400000

/* ---- both bound ---- */

/* `a` decides in the old policy and `b` in the new, each before the other's rule, and not alike */
static bool may_show(const struct diff_pass *pass, const struct diff_scenario *a, const struct diff_scenario *b,
		     struct diff_scenario *both)
{
	*both = *a;
	both->partner = b->class;
	both->first[1] = b->first[1];
	both->corresponds = false;
	for (int side = 0; side < 2; side++) {
		both->possible[side] = a->possible[side] && b->possible[side];
		both->held[side] = a->held[side] || b->held[side];
		if (a->possible[side])
			both->lookup[side] = b->lookup[side];
	}
	return a->first[0] < b->first[0] && b->first[1] < a->first[1] && (both->possible[0] || both->possible[1]) &&
	       analysis_pass_action(&pass->base, 0, a->first[0]) != analysis_pass_action(&pass->base, 1, b->first[1]);
}

bool diff_may_show(const struct diff_pass *pass, const struct diff_scenario *a, const struct diff_scenario *b)
{
	struct diff_scenario both;

	return may_show(pass, a, b, &both);
}

struct bound {
	struct diff_scenario scenario;
	uint32_t *findings;
};

/* The rule that decides before, last first */
static int compare_bounds(const void *a, const void *b)
{
	const struct diff_scenario *x = &((const struct bound *)a)->scenario, *y = &((const struct bound *)b)->scenario;

	return COMPARE(y->first[0], x->first[0]) ?: COMPARE(x->class, y->class);
}

/* Scenarios that are alike as partners: by the action after, and by which lookups are allowed */
#define PARTNERS 8
static unsigned partner_kind(const struct diff_pass *pass, const struct diff_scenario *scenario)
{
	return scenario->possible[0] + 2u * scenario->possible[1] +
	       4u * analysis_pass_action(&pass->base, 1, scenario->first[1]);
}

/* Classes from the one whose rule before is last on: of those behind, the one of each kind whose rule after is
 * first is the best partner there is. */
static void pair_bounds(struct diff_pass *pass, struct bound *bounds, size_t count)
{
	const struct diff_scenario *best[PARTNERS] = { NULL };

	for (size_t i = 0; i < count && fuel_use(pass->base.analysis->fuel, PARTNERS); i++) {
		const struct diff_scenario *scenario = &bounds[i].scenario;
		struct diff_findings findings = { .count = 0 };
		struct diff_scenario both;
		unsigned kind;

		for (int j = 0; j < PARTNERS && scenario->first[0] != ANALYSIS_NONE; j++)
			if (best[j] && may_show(pass, scenario, best[j], &both))
				diff_compare(pass, &both, &findings);
		if (findings.count)
			*bounds[i].findings = diff_findings_key(pass, &findings);
		if (scenario->first[1] == ANALYSIS_NONE)
			continue;
		kind = partner_kind(pass, scenario);
		if (!best[kind] || scenario->first[1] < best[kind]->first[1])
			best[kind] = scenario;
	}
}

void diff_bound_pairs(struct diff_pass *pass, const struct diff_class *classes, size_t count)
{
	struct arena *arena = arena_new();
	struct bound *bounds = arena_alloc(arena, (count + 1) * sizeof *bounds);
	size_t open = 0;

	for (size_t i = 0; i < count && fuel_use(pass->base.analysis->fuel, 4); i++) {
		struct diff_scenario scenario = diff_scenario_of(pass, classes[i].class, false);

		if (!*classes[i].findings && !name_classes_at(pass->diff->names, classes[i].class)->alias &&
		    (scenario.possible[0] || scenario.possible[1]))
			bounds[open++] = (struct bound){ scenario, classes[i].findings };
	}
	qsort(bounds, open, sizeof *bounds, compare_bounds);
	pair_bounds(pass, bounds, open);
	arena_free(arena);
}

/* ---- one bound, one sent ---- */

static bool may_bind(const struct analysis *analysis, uint32_t class)
{
	return !name_classes_at(analysis->names, class)->alias &&
	       (analysis->planes[0].resolvable[class] || analysis->planes[1].resolvable[class]);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct name_pair *x = a, *y = b;

	return COMPARE(x->sent, y->sent) ?: COMPARE(x->bound, y->bound);
}

void diff_find_pairs(struct diff_pass *pass)
{
	struct fuel *fuel = pass->base.analysis->fuel;
	struct name_pairs *pairs = &pass->name_pairs;
	size_t kept = 0;

	*pairs = (struct name_pairs){
		.analysis = pass->base.analysis,
		.arena = pass->arena,
		.max = PAIRS_MAX,
		.max_of_rule = PAIRS_MAX,
		.may_bind = may_bind,
	};
	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < pass->diff->policies[side]->rules.count && !fuel->out; i++) {
			if (pass->diff->match[side][i] != ANALYSIS_NONE ||
			    !policy_rule_fits(&pass->diff->policies[side]->rules.items[i], POLICY_EGRESS, PROTO_TCP))
				continue;
			fuel->policy = side;
			fuel->rule = i;
			if (!name_pairs_add_rule(pairs, side, i, 0))
				fuel->out = true;
		}
	if (pairs->list.count)
		qsort(pairs->list.items, pairs->list.count, sizeof *pairs->list.items, compare_pairs);
	for (size_t i = 0; i < pairs->list.count; i++)
		if (!kept || compare_pairs(&pairs->list.items[kept - 1], &pairs->list.items[i]))
			pairs->list.items[kept++] = pairs->list.items[i];
	pairs->list.count = kept;
}

uint32_t diff_compare_pair(struct diff_pass *pass, uint32_t index)
{
	const struct name_pair pair = pass->name_pairs.list.items[index];
	struct diff_scenario scenario = diff_scenario_of(pass, pair.bound, false);
	struct diff_findings findings = { .count = 0 };

	for (int side = 0; side < 2; side++)
		scenario.first[side] = pass->first[side][analysis_pass_pair(&pass->base, index)];
	scenario.corresponds = diff_corresponds(pass, scenario.first[0], scenario.first[1]);
	scenario.partner = pair.bound;
	diff_compare(pass, &scenario, &findings);
	for (size_t i = 0; i < findings.count; i++)
		findings.items[i].by_server_name = true;
	return diff_findings_key(pass, &findings);
}
