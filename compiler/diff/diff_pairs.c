/* Changes that it takes two names to show. Both bound: by one the old policy decides, by the other the new.
 * One bound and another sent: rules that take both. They are looked for where neither name shows anything by
 * itself, and only among rules that have no counterpart in the other policy: the others come to the same. */
#include "diff/diff_pass.h"
#include "analysis/pass.h"

#include <stdlib.h>

#define PAIRS_MAX 400000
#define STEPS_PER_USE 100 /* bounds their memory */

/* ---- both bound ---- */

/* `a` decides in the old policy and `b` in the new, each before the other's rule, and not alike */
static bool may_show(const struct diff_pass *pass, const struct diff_view *a, const struct diff_view *b,
		     struct diff_view *both)
{
	*both = *a;
	both->partner = b->class;
	both->first[1] = b->first[1];
	both->same = false;
	for (int side = 0; side < 2; side++) {
		both->possible[side] = a->possible[side] && b->possible[side];
		if (a->possible[side])
			both->lookup[side] = b->lookup[side];
	}
	return a->first[0] < b->first[0] && b->first[1] < a->first[1] && (both->possible[0] || both->possible[1]) &&
	       diff_action(pass->diff, 0, pass->direction, a->first[0]) !=
		       diff_action(pass->diff, 1, pass->direction, b->first[1]);
}

bool diff_may_show(const struct diff_pass *pass, const struct diff_view *a, const struct diff_view *b)
{
	struct diff_view both;

	return may_show(pass, a, b, &both);
}

struct bound {
	struct diff_view view;
	uint32_t *value;
};

/* The rule that decides before, last first */
static int compare_bounds(const void *a, const void *b)
{
	const struct bound *x = a, *y = b;

	if (x->view.first[0] != y->view.first[0])
		return x->view.first[0] > y->view.first[0] ? -1 : 1;
	return x->view.class < y->view.class ? -1 : x->view.class > y->view.class;
}

#define KINDS 8 /* by action after, by which lookups are allowed */

/* Classes from the one whose rule before is last on: of those behind, the one of each kind whose rule after is
 * first is the best partner there is. */
static void pair_bounds(struct diff_pass *pass, struct bound *bounds, size_t count)
{
	const struct diff_view *best[KINDS] = { NULL };

	for (size_t i = 0; i < count && fuel_use(pass->fuel, KINDS); i++) {
		const struct diff_view *view = &bounds[i].view;
		struct diff_findings findings = { .count = 0 };
		struct diff_view both;
		unsigned kind;

		for (int j = 0; j < KINDS && view->first[0] != ANALYSIS_NONE; j++)
			if (best[j] && may_show(pass, view, best[j], &both))
				diff_look_at_combos(pass, &both, &findings);
		if (findings.count)
			*bounds[i].value = diff_findings_key(pass, &findings);
		if (view->first[1] == ANALYSIS_NONE)
			continue;
		kind = view->possible[0] | (unsigned)view->possible[1] << 1 |
		       (unsigned)diff_action(pass->diff, 1, pass->direction, view->first[1]) << 2;
		if (!best[kind] || view->first[1] < best[kind]->first[1])
			best[kind] = view;
	}
}

void diff_bound_pairs(struct diff_pass *pass, const struct diff_memo *memos, size_t count)
{
	struct arena *arena = arena_new();
	struct bound *bounds = arena_alloc(arena, (count + 1) * sizeof *bounds);
	size_t open = 0;

	for (size_t i = 0; i < count && fuel_use(pass->fuel, 4); i++) {
		struct diff_view view = diff_view_class(pass, memos[i].class, false);

		if (!*memos[i].value && !name_classes_at(pass->diff->names, memos[i].class)->alias &&
		    (view.possible[0] || view.possible[1]))
			bounds[open++] = (struct bound){ view, memos[i].value };
	}
	qsort(bounds, open, sizeof *bounds, compare_bounds);
	pair_bounds(pass, bounds, open);
	arena_free(arena);
}

/* ---- one bound, one sent ---- */

static bool add_pair(struct diff_pass *pass, uint32_t sent, uint32_t bound)
{
	const struct name_classes *names = pass->diff->names;

	if (sent == bound || !name_classes_at(names, sent)->member || name_classes_at(names, bound)->alias ||
	    (!pass->state->resolvable[0][bound] && !pass->state->resolvable[1][bound]))
		return true;
	if (pass->pairs.count == PAIRS_MAX) {
		pass->fuel->out = true;
		return false;
	}
	*arena_push(pass->arena, &pass->pairs) = (struct diff_pair){ sent, bound };
	return true;
}

static bool pair_with(struct diff_pass *pass, uint32_t sent, uint32_t side, uint32_t rule)
{
	size_t count;
	const struct run *spans = name_classes_rule_runs(pass->diff->names, side, rule, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (!add_pair(pass, sent, class))
				return false;
	return true;
}

/* With every class that shares an allow rule, of either policy, with the name sent */
static void pair_sharing(struct diff_pass *pass, uint32_t sent)
{
	for (uint32_t class = sent; class; class = name_classes_at(pass->diff->names, class)->parent)
		for (uint32_t side = 0; side < 2; side++) {
			const struct name_class *item = name_classes_at(pass->diff->names, class);

			for (uint32_t i = 0; i < item->rule_count[side]; i++)
				if (pass->diff->policies[side]->rules.items[item->rules[side][i]].action ==
					    POLICY_ALLOW &&
				    !pair_with(pass, sent, side, item->rules[side][i]))
					return;
		}
}

static void pair_rule(struct diff_pass *pass, uint32_t side, uint32_t index)
{
	size_t count;
	const struct run *spans = name_classes_rule_runs(pass->diff->names, side, index, &count);

	pass->fuel->policy = side;
	pass->fuel->rule = index;
	for (size_t i = 0; i < count; i++)
		for (uint32_t sent = spans[i].lo; sent < spans[i].hi && !pass->fuel->out; sent++)
			if (pass->diff->policies[side]->rules.items[index].action == POLICY_ALLOW)
				pair_with(pass, sent, side, index);
			else
				pair_sharing(pass, sent);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct diff_pair *x = a, *y = b;

	if (x->sent != y->sent)
		return x->sent < y->sent ? -1 : 1;
	return x->bound < y->bound ? -1 : x->bound > y->bound;
}

void diff_find_pairs(struct diff_pass *pass)
{
	size_t kept = 0;

	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < pass->diff->policies[side]->rules.count && !pass->fuel->out; i++)
			if (pass->state->match[side][i] == ANALYSIS_NONE &&
			    policy_rule_fits(&pass->diff->policies[side]->rules.items[i], pass->direction, pass->proto))
				pair_rule(pass, side, i);
	if (pass->pairs.count)
		qsort(pass->pairs.items, pass->pairs.count, sizeof *pass->pairs.items, compare_pairs);
	for (size_t i = 0; i < pass->pairs.count; i++)
		if (!kept || compare_pairs(&pass->pairs.items[kept - 1], &pass->pairs.items[i]))
			pass->pairs.items[kept++] = pass->pairs.items[i];
	pass->pairs.count = kept;
}

struct use {
	uint32_t side, rule, pair;
};

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->side != y->side)
		return x->side < y->side ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return x->pair < y->pair ? -1 : x->pair > y->pair;
}

struct uses {
	struct use *items;
	size_t count, cap;
};

/* The rules that match where the pair's one name is sent and the other bound: denies on the first, allows on both */
static void add_uses(struct diff_pass *pass, struct uses *uses, uint32_t index)
{
	const struct diff_pair pair = pass->pairs.items[index];
	const struct name_classes *names = pass->diff->names;

	for (uint32_t class = pair.sent; class; class = name_classes_at(names, class)->parent)
		for (uint32_t side = 0; side < 2; side++) {
			const struct name_class *item = name_classes_at(names, class);

			for (uint32_t i = 0; i < item->rule_count[side] && fuel_use(pass->fuel, STEPS_PER_USE); i++) {
				uint32_t rule = item->rules[side][i];

				if (pass->diff->policies[side]->rules.items[rule].action == POLICY_DENY ||
				    name_classes_rule_takes(names, side, rule, pair.bound))
					*arena_push(pass->arena, uses) = (struct use){ side, rule, index };
			}
		}
}

void diff_add_pairs(struct diff_pass *pass)
{
	uint32_t offset = pass->atom_count + 2 * pass->class_count;
	struct uses uses = { NULL, 0, 0 };

	for (uint32_t i = 0; i < pass->pairs.count && !pass->fuel->out; i++)
		add_uses(pass, &uses, i);
	if (uses.count)
		qsort(uses.items, uses.count, sizeof *uses.items, compare_uses);
	for (size_t i = 0, end; i < uses.count; i = end) {
		const struct use *use = &uses.items[i];
		const struct policy_rule *rule = &pass->diff->policies[use->side]->rules.items[use->rule];
		size_t start = pass->walk->spans.count;

		for (end = i;
		     end < uses.count && uses.items[end].side == use->side && uses.items[end].rule == use->rule; end++)
			*arena_push(pass->walk->arena, &pass->walk->spans) =
				(struct run){ offset + uses.items[end].pair, offset + uses.items[end].pair + 1 };
		if (policy_rule_fits(rule, pass->direction, pass->proto))
			diff_add_rects(pass->walk, use->side, use->rule, rule, start);
		else
			pass->walk->spans.count = start;
	}
}

static uint32_t pair_key(struct diff_pass *pass, uint32_t index)
{
	const struct diff_pair pair = pass->pairs.items[index];
	struct diff_view view = diff_view_class(pass, pair.bound, false);
	struct diff_findings findings = { .count = 0 };
	uint32_t at = pass->atom_count + 2 * pass->class_count + index;

	if (diff_class_shows(pass, pair.bound) || diff_class_shows(pass, pair.sent))
		return 0;
	view.first[0] = pass->walk->planes[0].first[at];
	view.first[1] = pass->walk->planes[1].first[at];
	view.same = diff_corresponds(pass, view.first[0], view.first[1]);
	view.partner = pair.bound;
	diff_look_at_combos(pass, &view, &findings);
	for (size_t i = 0; i < findings.count; i++)
		findings.items[i].sent = true;
	return diff_findings_key(pass, &findings);
}

void diff_pairs_column(struct diff_pass *pass, bool base)
{
	for (uint32_t i = 0; i < pass->pairs.count && fuel_use(pass->fuel, 4); i++) {
		uint32_t key = pair_key(pass, i);

		if (base)
			pass->paired.base[i] = key;
		else
			cells_set(&pass->paired, pass->fuel, i, key);
	}
}

static void pair_regions(void *self, const struct cell_group *group)
{
	struct diff_pass *pass = self;
	uint32_t *classes = arena_alloc(pass->arena, (group->count + 1) * sizeof *classes);

	for (size_t i = 0; i < group->count; i++)
		classes[i] = pass->pairs.items[group->items[i]].sent;
	diff_add_findings(pass, group, classes);
}

void diff_pairs_regions(struct diff_pass *pass)
{
	cells_group(&pass->paired, pass->walk->has_ports, pair_regions, pass);
}
