/* Pairs of names: an address bound to one while TLS sends another. */
#include "analysis/pass.h"

#include <stdlib.h>

#define STEPS_PER_USE 100 /* bounds their memory */

/* ---- which pairs ---- */

static bool add_pair(struct name_pairs *pairs, size_t start, uint32_t sent, uint32_t bound)
{
	if (sent == bound || !name_classes_at(pairs->analysis->names, sent)->member ||
	    !pairs->may_bind(pairs->analysis, bound))
		return true;
	if (pairs->list.count - start >= pairs->max_of_rule || pairs->list.count >= pairs->max)
		return false;
	*arena_push(pairs->arena, &pairs->list) = (struct name_pair){ sent, bound };
	return true;
}

/* Every class of the rule bound, with `sent` sent */
static bool pair_with(struct name_pairs *pairs, size_t start, uint32_t sent, uint32_t plane, uint32_t rule)
{
	size_t count;
	const struct run *runs = name_classes_rule_runs(pairs->analysis->names, plane, rule, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = runs[i].lo; class < runs[i].hi; class ++)
			if (!add_pair(pairs, start, sent, class))
				return false;
	return true;
}

/* Every class that shares an allow rule with the name sent */
static bool pair_sharing(struct name_pairs *pairs, size_t start, uint32_t sent, uint32_t allow_from)
{
	const struct analysis *analysis = pairs->analysis;

	for (uint32_t at = sent; at; at = name_classes_at(analysis->names, at)->parent)
		for (uint32_t plane = 0; plane < analysis->policy_count; plane++) {
			const struct name_class *class = name_classes_at(analysis->names, at);

			for (uint32_t i = 0; i < class->rule_count[plane]; i++) {
				uint32_t rule = class->rules[plane][i];

				if (rule >= allow_from &&
				    analysis->planes[plane].policy->rules.items[rule].action == POLICY_ALLOW &&
				    !pair_with(pairs, start, sent, plane, rule))
					return false;
			}
		}
	return true;
}

bool name_pairs_add_rule(struct name_pairs *pairs, uint32_t plane, uint32_t rule, uint32_t allow_from)
{
	const struct analysis *analysis = pairs->analysis;
	bool allows = analysis->planes[plane].policy->rules.items[rule].action == POLICY_ALLOW;
	size_t count, start = pairs->list.count;
	const struct run *runs = name_classes_rule_runs(analysis->names, plane, rule, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t sent = runs[i].lo; sent < runs[i].hi; sent++)
			if (!(allows ? pair_with(pairs, start, sent, plane, rule) :
				       pair_sharing(pairs, start, sent, allow_from)))
				return false;
	return true;
}

/* ---- which rules match in them ---- */

struct use {
	uint32_t plane, rule, pair;
};

struct uses {
	struct use *items;
	size_t count, cap;
};

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return COMPARE(x->plane, y->plane) ?: COMPARE(x->rule, y->rule) ?: COMPARE(x->pair, y->pair);
}

/* With a server name sent, a deny matches that takes it, and an allow that takes the bound name too */
static void add_uses(struct name_pairs *pairs, struct uses *uses, uint32_t index)
{
	const struct analysis *analysis = pairs->analysis;
	const struct name_pair pair = pairs->list.items[index];

	for (uint32_t at = pair.sent; at; at = name_classes_at(analysis->names, at)->parent)
		for (uint32_t plane = 0; plane < analysis->policy_count; plane++) {
			const struct name_class *class = name_classes_at(analysis->names, at);

			for (uint32_t i = 0; i < class->rule_count[plane]; i++) {
				uint32_t rule = class->rules[plane][i];

				if (!fuel_use(analysis->fuel, STEPS_PER_USE))
					return;
				if (!analysis_takes_part(analysis, plane, rule))
					continue;
				if (analysis->planes[plane].policy->rules.items[rule].action == POLICY_DENY ||
				    name_classes_rule_takes(analysis->names, plane, rule, pair.bound))
					*arena_push(pairs->arena, uses) = (struct use){ plane, rule, index };
			}
		}
}

void name_pairs_insert(struct name_pairs *pairs, struct analysis_pass *pass)
{
	struct analysis *analysis = pairs->analysis;
	struct uses uses = { NULL, 0, 0 };
	struct run *runs;

	for (uint32_t i = 0; i < pairs->list.count; i++)
		add_uses(pairs, &uses, i);
	if (uses.count)
		qsort(uses.items, uses.count, sizeof *uses.items, compare_uses);
	runs = arena_alloc(pairs->arena, (uses.count + 1) * sizeof *runs);
	for (size_t i = 0, end; i < uses.count; i = end) {
		const struct use *use = &uses.items[i];
		const struct analysis_plane *plane = &analysis->planes[use->plane];
		size_t count = 0;

		for (end = i;
		     end < uses.count && uses.items[end].plane == use->plane && uses.items[end].rule == use->rule;
		     end++)
			if (!count || runs[count - 1].lo != uses.items[end].pair)
				runs[count++] = (struct run){ uses.items[end].pair, uses.items[end].pair + 1 };
		if (policy_rule_fits(&plane->policy->rules.items[use->rule], pass->direction, pass->proto))
			analysis_add_rects(analysis, pass->tree, use->plane, analysis_names_piece(plane, use->rule),
					   runs, count, analysis_pass_pair(pass, 0));
	}
}
