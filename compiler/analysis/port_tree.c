/* Lays rules down over the tree of port columns and visits the columns. */
#include "analysis/port_tree.h"

#include <stdlib.h>

#define REFUSED_MAX 8 /* ports that are refused whatever the rules say */

struct undo {
	uint32_t plane, atom, first, second;
};

struct port_tree_state {
	uint32_t *starts; /* first port of each column; one past the last column: 65536 */
	uint32_t columns;
	bool *plain;    /* columns in which nothing but what is laid down at the root lies */
	uint32_t model; /* the plain column that is visited whole; ANALYSIS_NONE: all are */
	LIST_OF(struct undo) undo;
	LIST_OF(struct run) touched;
	LIST_OF(uint32_t) todo; /* items still to be laid down, a stack of lists */
};

bool fuel_use(struct fuel *fuel, uint64_t steps)
{
	if (fuel->out || steps > fuel->left) {
		fuel->out = true;
		return false;
	}
	fuel->left -= steps;
	return true;
}

/* ---- columns ---- */

static int compare_ports(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void find_columns(struct port_tree *walk)
{
	struct port_tree_state *state = walk->state;
	size_t most = 2 * walk->items.count + walk->cuts.count + 2 * REFUSED_MAX + 4, count = 0;
	uint32_t *starts = arena_alloc(walk->arena, most * sizeof *starts), kept = 0;

	starts[count++] = 0;
	for (size_t i = 0; walk->has_ports && i < walk->items.count; i++) {
		starts[count++] = walk->items.items[i].lo;
		starts[count++] = walk->items.items[i].hi + 1u;
	}
	for (size_t i = 0; walk->has_ports && i < walk->cuts.count; i++)
		starts[count++] = walk->cuts.items[i];
	for (const uint16_t *port = walk->refused; walk->has_ports && port && *port; port++) {
		starts[count++] = *port;
		starts[count++] = *port + 1u;
	}
	if (walk->has_ports && walk->apart) {
		starts[count++] = walk->apart;
		starts[count++] = walk->apart + 1u;
	}
	starts[count++] = UINT16_MAX + 1u;
	qsort(starts, count, sizeof *starts, compare_ports);
	for (size_t i = 0; i < count; i++)
		if (!kept || starts[kept - 1] != starts[i])
			starts[kept++] = starts[i];
	state->starts = starts;
	state->columns = kept - 1;
}

static uint32_t column_of(const struct port_tree_state *state, uint32_t port)
{
	uint32_t lo = 0, hi = state->columns;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (state->starts[mid] < port)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool covers_all(const struct port_tree_rect *item)
{
	return item->lo == 0 && item->hi == UINT16_MAX;
}

static bool skipped(const struct port_tree *walk, uint32_t column)
{
	const uint16_t *port = walk->refused;

	if (!port || !walk->has_ports)
		return false;
	while (*port && *port != walk->state->starts[column])
		port++;
	return *port;
}

static void find_plain(struct port_tree *walk)
{
	struct port_tree_state *state = walk->state;
	int32_t *change = arena_alloc(walk->arena, (state->columns + 1u) * sizeof *change), depth = 0;

	for (size_t i = 0; i < walk->items.count; i++) {
		const struct port_tree_rect *item = &walk->items.items[i];

		if (covers_all(item))
			continue;
		change[column_of(state, item->lo)]++;
		change[column_of(state, item->hi + 1u)]--;
	}
	state->plain = arena_alloc(walk->arena, state->columns * sizeof *state->plain);
	state->model = ANALYSIS_NONE;
	for (uint32_t i = 0; i < state->columns; i++) {
		depth += change[i];
		state->plain[i] = depth == 0;
		if (state->plain[i] && state->model == ANALYSIS_NONE && !skipped(walk, i) &&
		    !(walk->apart && state->starts[i] == walk->apart))
			state->model = i;
	}
}

/* ---- laying down ---- */

static void remember(struct port_tree *walk, uint32_t plane, uint32_t atom)
{
	const struct port_tree_plane *into = &walk->planes[plane];

	*arena_push(walk->arena, &walk->state->undo) =
		(struct undo){ plane, atom, into->first[atom], into->second[atom] };
}

static void lay(struct port_tree *walk, const struct port_tree_rect *item, struct run span, bool root)
{
	struct port_tree_plane *plane = &walk->planes[item->plane];
	uint32_t piece = item->piece, rule = plane->rule_of[piece];

	for (uint32_t atom = span.lo; atom < span.hi; atom++) {
		uint32_t first = plane->first[atom];
		bool same = first != ANALYSIS_NONE && plane->rule_of[first] == rule;

		if (piece < first) {
			if (!root)
				remember(walk, item->plane, atom);
			if (!same)
				plane->second[atom] = first;
			plane->first[atom] = piece;
		} else if (!same && piece < plane->second[atom]) {
			if (!root)
				remember(walk, item->plane, atom);
			plane->second[atom] = piece;
		}
	}
}

static bool lay_item(struct port_tree *walk, uint32_t index, bool root)
{
	const struct port_tree_rect *item = &walk->items.items[index];
	const struct port_tree_plane *plane = &walk->planes[item->plane];

	walk->fuel->policy = item->plane;
	walk->fuel->rule = plane->rule_of[item->piece];
	for (uint32_t i = 0; i < item->span_count; i++) {
		struct run span = walk->spans.items[item->spans + i];

		if (!fuel_use(walk->fuel, span.hi - span.lo))
			return false;
		lay(walk, item, span, root);
		if (!root)
			*arena_push(walk->arena, &walk->state->touched) = span;
	}
	if (item->port_item != ANALYSIS_NONE)
		plane->port_item[plane->rule_of[item->piece]] = item->port_item;
	return true;
}

static void take_away(struct port_tree *walk, size_t undo, size_t touched)
{
	struct port_tree_state *state = walk->state;

	while (state->undo.count > undo) {
		const struct undo *last = &state->undo.items[--state->undo.count];
		struct port_tree_plane *plane = &walk->planes[last->plane];

		plane->first[last->atom] = last->first;
		plane->second[last->atom] = last->second;
	}
	state->touched.count = touched;
}

/* ---- the tree ---- */

static void visit_column(struct port_tree *walk, uint32_t index)
{
	const struct port_tree_state *state = walk->state;
	struct port_interval column = {
		.lo = (uint16_t)state->starts[index],
		.hi = (uint16_t)(state->starts[index + 1] - 1),
		.whole = state->model == ANALYSIS_NONE || state->model == index ||
			 (walk->apart && state->starts[index] == walk->apart),
		.touched = state->touched.items,
		.touched_count = state->touched.count,
	};

	if (!skipped(walk, index))
		walk->visit(walk, &column);
}

static void descend(struct port_tree *walk, uint32_t lo, uint32_t hi, size_t from, size_t to);

/* The part of the list [from, to) that meets columns [lo, hi), as a list of its own, on the stack */
static void descend_half(struct port_tree *walk, uint32_t lo, uint32_t hi, size_t from, size_t to)
{
	struct port_tree_state *state = walk->state;
	size_t start = state->todo.count;

	for (size_t i = from; i < to; i++) {
		uint32_t index = state->todo.items[i];
		const struct port_tree_rect *item = &walk->items.items[index];

		if (item->lo < state->starts[hi] && item->hi >= state->starts[lo])
			*arena_push(walk->arena, &state->todo) = index;
	}
	if (fuel_use(walk->fuel, to - from + 1))
		descend(walk, lo, hi, start, state->todo.count);
	state->todo.count = start;
}

static void descend(struct port_tree *walk, uint32_t lo, uint32_t hi, size_t from, size_t to)
{
	struct port_tree_state *state = walk->state;
	bool root = lo == 0 && hi == state->columns;
	size_t undo = state->undo.count, touched = state->touched.count, start = state->todo.count;

	for (size_t i = from; i < to && !walk->fuel->out; i++) {
		uint32_t index = state->todo.items[i];
		const struct port_tree_rect *item = &walk->items.items[index];

		if (item->lo <= state->starts[lo] && item->hi + 1u >= state->starts[hi]) {
			if (!lay_item(walk, index, root))
				return;
		} else {
			*arena_push(walk->arena, &state->todo) = index;
		}
	}
	if (root && walk->root)
		walk->root(walk);
	if (hi - lo == 1) {
		visit_column(walk, lo);
	} else {
		uint32_t mid = lo + (hi - lo) / 2;
		size_t end = state->todo.count;

		descend_half(walk, lo, mid, start, end);
		if (!walk->fuel->out)
			descend_half(walk, mid, hi, start, end);
	}
	state->todo.count = start;
	take_away(walk, undo, touched);
}

void port_tree_visit(struct port_tree *walk)
{
	struct port_tree_state state = { .columns = 0 };

	walk->state = &state;
	find_columns(walk);
	find_plain(walk);
	for (uint32_t i = 0; i < walk->items.count; i++)
		*arena_push(walk->arena, &state.todo) = i;
	descend(walk, 0, state.columns, 0, state.todo.count);
	walk->state = NULL;
}
