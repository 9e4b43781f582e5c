/* Inserts the rules at the nodes of the tree, and visits its leaves: the intervals of ports. */
#include "analysis/port_tree.h"

#include <stdlib.h>

struct undo {
	uint32_t plane, atom, first, second;
};

struct port_tree_state {
	uint32_t *starts; /* first port of each interval; behind the last one 65536 */
	uint32_t intervals;
	bool *below;             /* by interval: a floor's rules differ there */
	uint32_t representative; /* an interval without rules on ports; ANALYSIS_NONE: each is visited whole */
	LIST_OF(struct undo) undo;
	LIST_OF(struct run) touched;
	LIST_OF(uint32_t) todo; /* rects still to be inserted, a stack of lists */
};

/* ---- intervals ---- */

static void find_intervals(struct port_tree *tree)
{
	struct port_tree_state *state = tree->state;
	size_t most = 2 * tree->rects.count + tree->cuts.count + 2 * tree->refused.count + 4, count = 0;
	uint32_t *starts = arena_alloc(tree->arena, most * sizeof *starts), kept = 0;

	starts[count++] = 0;
	for (size_t i = 0; tree->has_ports && i < tree->rects.count; i++) {
		starts[count++] = tree->rects.items[i].lo;
		starts[count++] = tree->rects.items[i].hi + 1u;
	}
	for (size_t i = 0; tree->has_ports && i < tree->cuts.count; i++)
		starts[count++] = tree->cuts.items[i];
	for (size_t i = 0; tree->has_ports && i < tree->refused.count; i++) {
		starts[count++] = tree->refused.items[i];
		starts[count++] = tree->refused.items[i] + 1u;
	}
	starts[count++] = UINT16_MAX + 1u;
	qsort(starts, count, sizeof *starts, compare_uint32);
	for (size_t i = 0; i < count; i++)
		if (!kept || starts[kept - 1] != starts[i])
			starts[kept++] = starts[i];
	state->starts = starts;
	state->intervals = kept - 1;
}

static uint32_t interval_at(const struct port_tree_state *state, uint32_t port)
{
	return lower_bound(state->starts, 0, state->intervals, port);
}

static bool covers_all(const struct port_tree_rect *rect)
{
	return rect->lo == 0 && rect->hi == UINT16_MAX;
}

static bool is_refused(const struct port_tree *tree, uint32_t interval)
{
	for (size_t i = 0; tree->has_ports && i < tree->refused.count; i++)
		if (tree->refused.items[i] == tree->state->starts[interval])
			return true;
	return false;
}

/* Where a floor's rules differ every place is looked at */
static bool is_apart(const struct port_tree *tree, uint32_t interval)
{
	return tree->state->below[interval];
}

static void find_representative(struct port_tree *tree)
{
	struct port_tree_state *state = tree->state;
	int32_t *change = arena_alloc(tree->arena, (state->intervals + 1u) * sizeof *change), depth = 0;

	state->below = arena_alloc(tree->arena, state->intervals + 1u);
	for (size_t i = 0; i < tree->rects.count; i++) {
		const struct port_tree_rect *rect = &tree->rects.items[i];

		if (covers_all(rect))
			continue;
		if (rect->plane >= tree->floors)
			for (uint32_t at = interval_at(state, rect->lo); at < interval_at(state, rect->hi + 1u); at++)
				state->below[at] = true;
		change[interval_at(state, rect->lo)]++;
		change[interval_at(state, rect->hi + 1u)]--;
	}
	state->representative = ANALYSIS_NONE;
	for (uint32_t i = 0; i < state->intervals && state->representative == ANALYSIS_NONE; i++) {
		depth += change[i];
		if (!depth && !is_refused(tree, i) && !is_apart(tree, i))
			state->representative = i;
	}
}

/* ---- inserting ---- */

static void remember(struct port_tree *tree, uint32_t plane, uint32_t atom)
{
	const struct port_tree_plane *into = &tree->planes[plane];

	*arena_push(tree->arena, &tree->state->undo) =
		(struct undo){ plane, atom, into->first[atom], into->second[atom] };
}

static void insert(struct port_tree *tree, const struct port_tree_rect *rect, struct run run, bool root)
{
	struct port_tree_plane *plane = &tree->planes[rect->plane];
	uint32_t piece = rect->piece, rule = plane->rule_of[piece];

	for (uint32_t atom = run.lo; atom < run.hi; atom++) {
		uint32_t first = plane->first[atom];
		bool same = first != ANALYSIS_NONE && plane->rule_of[first] == rule;

		if (piece < first) {
			if (!root)
				remember(tree, rect->plane, atom);
			if (!same)
				plane->second[atom] = first;
			plane->first[atom] = piece;
		} else if (!same && piece < plane->second[atom]) {
			if (!root)
				remember(tree, rect->plane, atom);
			plane->second[atom] = piece;
		}
	}
}

static bool insert_rect(struct port_tree *tree, uint32_t index, bool root)
{
	const struct port_tree_rect *rect = &tree->rects.items[index];
	const struct port_tree_plane *plane = &tree->planes[rect->plane];

	tree->fuel->policy = rect->plane;
	tree->fuel->rule = plane->rule_of[rect->piece];
	for (uint32_t i = 0; i < rect->run_count; i++) {
		struct run run = tree->runs.items[rect->runs + i];

		if (!fuel_use(tree->fuel, run.hi - run.lo))
			return false;
		insert(tree, rect, run, root);
		if (!root)
			*arena_push(tree->arena, &tree->state->touched) = run;
	}
	if (rect->port_item != ANALYSIS_NONE)
		plane->port_item[plane->rule_of[rect->piece]] = rect->port_item;
	return true;
}

static void roll_back(struct port_tree *tree, size_t undo, size_t touched)
{
	struct port_tree_state *state = tree->state;

	while (state->undo.count > undo) {
		const struct undo *last = &state->undo.items[--state->undo.count];
		struct port_tree_plane *plane = &tree->planes[last->plane];

		plane->first[last->atom] = last->first;
		plane->second[last->atom] = last->second;
	}
	state->touched.count = touched;
}

/* ---- the tree ---- */

static void visit_interval(struct port_tree *tree, uint32_t index)
{
	const struct port_tree_state *state = tree->state;
	struct port_interval interval = {
		.lo = (uint16_t)state->starts[index],
		.hi = (uint16_t)(state->starts[index + 1] - 1),
		.whole = state->representative == ANALYSIS_NONE || state->representative == index ||
			 is_apart(tree, index),
		.touched = state->touched.items,
		.touched_count = state->touched.count,
	};

	if (!is_refused(tree, index))
		tree->visit(tree, &interval);
}

static void descend(struct port_tree *tree, uint32_t lo, uint32_t hi, size_t from, size_t to);

/* The part of the list [from, to) that meets intervals [lo, hi), as a list of its own, on the stack */
static void descend_half(struct port_tree *tree, uint32_t lo, uint32_t hi, size_t from, size_t to)
{
	struct port_tree_state *state = tree->state;
	size_t start = state->todo.count;

	for (size_t i = from; i < to; i++) {
		uint32_t index = state->todo.items[i];
		const struct port_tree_rect *rect = &tree->rects.items[index];

		if (rect->lo < state->starts[hi] && rect->hi >= state->starts[lo])
			*arena_push(tree->arena, &state->todo) = index;
	}
	if (fuel_use(tree->fuel, to - from + 1))
		descend(tree, lo, hi, start, state->todo.count);
	state->todo.count = start;
}

static void descend(struct port_tree *tree, uint32_t lo, uint32_t hi, size_t from, size_t to)
{
	struct port_tree_state *state = tree->state;
	bool root = lo == 0 && hi == state->intervals;
	size_t undo = state->undo.count, touched = state->touched.count, start = state->todo.count;

	for (size_t i = from; i < to && !tree->fuel->out; i++) {
		uint32_t index = state->todo.items[i];
		const struct port_tree_rect *rect = &tree->rects.items[index];

		if (rect->lo <= state->starts[lo] && rect->hi + 1u >= state->starts[hi]) {
			if (!insert_rect(tree, index, root))
				return;
		} else {
			*arena_push(tree->arena, &state->todo) = index;
		}
	}
	if (root && tree->root)
		tree->root(tree);
	if (hi - lo == 1) {
		visit_interval(tree, lo);
	} else {
		uint32_t mid = lo + (hi - lo) / 2;
		size_t end = state->todo.count;

		descend_half(tree, lo, mid, start, end);
		if (!tree->fuel->out)
			descend_half(tree, mid, hi, start, end);
	}
	state->todo.count = start;
	roll_back(tree, undo, touched);
}

void port_tree_visit(struct port_tree *tree)
{
	struct port_tree_state state = { .intervals = 0 };

	tree->state = &state;
	find_intervals(tree);
	find_representative(tree);
	for (uint32_t i = 0; i < tree->rects.count; i++)
		*arena_push(tree->arena, &state.todo) = i;
	descend(tree, 0, state.intervals, 0, state.todo.count);
	tree->state = NULL;
}
