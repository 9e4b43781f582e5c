/* Inserts the rules at the nodes of the tree, and visits its leaves: the intervals of ports. */
#include "analysis/port_tree.h"

#include <stdlib.h>
#include <string.h>

/* What a run of places held before a rule was inserted there: its first and second rules, on the stack `saved` */
struct undo {
	uint32_t plane;
	struct run run;
};

#define WIDE 8 /* places */
struct wide {
	uint32_t plane;
	struct run run;
	bool inserted;
	unsigned rules; /* that were inserted all over it */
};

struct port_tree_state {
	uint32_t *starts; /* first port of each interval; behind the last one 65536 */
	uint32_t intervals;
	bool *below;             /* by interval: a floor's rules differ there */
	uint32_t representative; /* an interval without rules on ports; ANALYSIS_NONE: each is visited whole */
	LIST_OF(struct undo) undo;
	LIST_OF(uint32_t) saved;
	LIST_OF(struct wide) wide;
	size_t node; /* the first of the current node in `wide` */
	LIST_OF(struct run) touched;
	LIST_OF(uint32_t) todo; /* rects still to be inserted, a stack of lists */
};

/* ---- intervals ---- */

static void find_intervals(struct port_tree *tree)
{
	struct port_tree_state *state = tree->state;
	size_t most = 2 * tree->rects.count + tree->cuts.count + 2 * tree->refused.count + 4, count = 0;
	uint32_t *starts = arena_alloc(tree->arena, most * sizeof *starts);

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
	state->starts = starts;
	state->intervals = (uint32_t)sort_once_uint32(starts, count) - 1;
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
	int32_t *floor_change = arena_alloc(tree->arena, (state->intervals + 1u) * sizeof *floor_change), floors = 0;

	state->below = arena_alloc(tree->arena, state->intervals + 1u);
	for (size_t i = 0; i < tree->rects.count; i++) {
		const struct port_tree_rect *rect = &tree->rects.items[i];

		if (covers_all(rect))
			continue;
		uint32_t lo = interval_at(state, rect->lo), end = interval_at(state, rect->hi + 1u);

		change[lo]++;
		change[end]--;
		floor_change[lo] += rect->plane >= tree->floors;
		floor_change[end] -= rect->plane >= tree->floors;
	}
	state->representative = ANALYSIS_NONE;
	for (uint32_t i = 0; i < state->intervals; i++) {
		depth += change[i];
		floors += floor_change[i];
		state->below[i] = floors > 0;
		if (state->representative == ANALYSIS_NONE && !depth && !is_refused(tree, i))
			state->representative = i;
	}
}

/* ---- inserting ---- */

static void save(struct port_tree *tree, uint32_t plane, struct run run)
{
	struct port_tree_state *state = tree->state;
	const struct port_tree_plane *of = &tree->planes[plane];
	uint32_t len = run.hi - run.lo;

	if (state->saved.cap - state->saved.count < 2u * len)
		arena_reserve(tree->arena, &state->saved, state->saved.count + 2u * len);
	memcpy(state->saved.items + state->saved.count, of->first + run.lo, len * sizeof *of->first);
	memcpy(state->saved.items + state->saved.count + len, of->second + run.lo, len * sizeof *of->second);
	state->saved.count += 2u * len;
	*arena_push(tree->arena, &state->undo) = (struct undo){ plane, run };
}

static void restore(struct port_tree *tree, const struct undo *undo)
{
	struct port_tree_state *state = tree->state;
	const struct port_tree_plane *of = &tree->planes[undo->plane];
	uint32_t len = undo->run.hi - undo->run.lo;

	state->saved.count -= 2u * len;
	memcpy(of->first + undo->run.lo, state->saved.items + state->saved.count, len * sizeof *of->first);
	memcpy(of->second + undo->run.lo, state->saved.items + state->saved.count + len, len * sizeof *of->second);
}

/* A piece that is all of its rule: no place has another piece of that rule. A loop without branches, since a rule on a
 * group has many places. */
static void insert_whole_rule(const struct port_tree_plane *plane, uint32_t piece, struct run run)
{
	for (uint32_t place = run.lo; place < run.hi; place++) {
		uint32_t first = plane->first[place], second = plane->second[place];
		uint32_t later = first > piece ? first : piece;

		plane->first[place] = first < piece ? first : piece;
		plane->second[place] = second < later ? second : later;
	}
}

static void insert_part(const struct port_tree_plane *plane, uint32_t piece, struct run run)
{
	uint32_t rule = plane->rule_of[piece];

	for (uint32_t place = run.lo; place < run.hi; place++) {
		uint32_t first = plane->first[place];
		bool same = first != ANALYSIS_NONE && plane->rule_of[first] == rule;

		if (piece < first) {
			if (!same)
				plane->second[place] = first;
			plane->first[place] = piece;
		} else if (!same && piece < plane->second[place]) {
			plane->second[place] = piece;
		}
	}
}

static bool is_whole_rule(const struct port_tree_plane *plane, uint32_t piece)
{
	uint32_t rule = plane->rule_of[piece];

	return plane->rule_of[piece + 1] != rule && (!piece || plane->rule_of[piece - 1] != rule);
}

/* The wide run among those of this node; a new one where it is not yet */
static struct wide *find_wide(struct port_tree *tree, uint32_t plane, struct run run)
{
	struct port_tree_state *state = tree->state;

	for (size_t i = state->node; i < state->wide.count; i++)
		if (state->wide.items[i].plane == plane && state->wide.items[i].run.lo == run.lo &&
		    state->wide.items[i].run.hi == run.hi)
			return &state->wide.items[i];
	*arena_push(tree->arena, &state->wide) = (struct wide){ .plane = plane, .run = run };
	return &state->wide.items[state->wide.count - 1];
}

/* Pieces come to a node in their order, so where two rules have been inserted all over a run at this node, a third changes
 * nothing. Rules on groups share their runs; narrow ones are not worth the search. */
static bool insert_run(struct port_tree *tree, const struct port_tree_rect *rect, struct run run, bool root)
{
	const struct port_tree_plane *plane = &tree->planes[rect->plane];
	bool whole = is_whole_rule(plane, rect->piece), saved = false;

	if (run.hi - run.lo >= WIDE) {
		struct wide *wide = find_wide(tree, rect->plane, run);

		if (wide->rules == 2)
			return true;
		saved = wide->inserted;
		wide->inserted = true;
		wide->rules += whole;
	}
	if (!fuel_use(tree->fuel, run.hi - run.lo))
		return false;
	if (!root && !saved)
		save(tree, rect->plane, run);
	(whole ? insert_whole_rule : insert_part)(plane, rect->piece, run);
	if (!root && !saved)
		*arena_push(tree->arena, &tree->state->touched) = run;
	return true;
}

static bool insert_rect(struct port_tree *tree, uint32_t index, bool root)
{
	const struct port_tree_rect *rect = &tree->rects.items[index];
	const struct port_tree_plane *plane = &tree->planes[rect->plane];

	tree->fuel->policy = rect->plane;
	tree->fuel->rule = plane->rule_of[rect->piece];
	for (uint32_t i = 0; i < rect->run_count; i++)
		if (!insert_run(tree, rect, tree->runs.items[rect->runs + i], root))
			return false;
	if (rect->port_item != ANALYSIS_NONE)
		plane->port_item[plane->rule_of[rect->piece]] = rect->port_item;
	return true;
}

static void roll_back(struct port_tree *tree, size_t undo, size_t touched)
{
	struct port_tree_state *state = tree->state;

	while (state->undo.count > undo)
		restore(tree, &state->undo.items[--state->undo.count]);
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
	size_t node = state->node, wide = state->wide.count;

	state->node = wide;

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
	state->wide.count = wide;
	state->node = node;
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
