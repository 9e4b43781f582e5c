/* Cells into groups: items that have one key in the same intervals. */
#include "diff/cells.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_PER_EXCEPTION 250 /* bounds their memory */

void cells_init(struct cells *cells, struct arena *arena, uint32_t items)
{
	*cells = (struct cells){ .arena = arena, .items = items };
	cells->base = arena_alloc(arena, (items + 1) * sizeof *cells->base);
	cells->stamp = arena_alloc(arena, (items + 1) * sizeof *cells->stamp);
}

void cells_add_interval(struct cells *cells, uint16_t lo, uint16_t hi)
{
	*arena_push(cells->arena, &cells->intervals) = (struct policy_port_range){ .lo = lo, .hi = hi };
}

void cells_set(struct cells *cells, struct fuel *fuel, uint32_t item, uint32_t key)
{
	uint32_t interval = (uint32_t)cells->intervals.count - 1;

	if (key == cells->base[item] || cells->stamp[item] == interval + 1 || !fuel_use(fuel, STEPS_PER_EXCEPTION))
		return;
	cells->stamp[item] = interval + 1;
	*arena_push(cells->arena, &cells->exceptions) = (struct cell_exception){ item, interval, key };
}

/* ---- grouping ---- */

/* One item's intervals for one key: a run of the sorted exceptions, or for the base all but the item's */
struct part {
	uint32_t item, key;
	bool all_but;
	const uint32_t *intervals;
	size_t count;
	size_t order; /* of the item, so that groups keep it */
};

static int compare_exceptions(const void *a, const void *b)
{
	const struct cell_exception *x = a, *y = b;

	return COMPARE(x->item, y->item) ?: COMPARE(x->key, y->key) ?: COMPARE(x->interval, y->interval);
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return COMPARE(x->key, y->key)                                                                      ?:
		       COMPARE(y->all_but, x->all_but)                                                      ?:
		       COMPARE(x->count, y->count)                                                          ?:
		       (x->count ? memcmp(x->intervals, y->intervals, x->count * sizeof *x->intervals) : 0) ?:
		       COMPARE(x->order, y->order);
}

static bool same_intervals(const struct part *a, const struct part *b)
{
	return a->key == b->key && a->all_but == b->all_but && a->count == b->count &&
	       (!a->count || !memcmp(a->intervals, b->intervals, a->count * sizeof *a->intervals));
}

struct parts {
	struct part *items;
	size_t count, cap;
};

static void add_parts(struct cells *cells, struct parts *parts, uint32_t item, size_t from, size_t to)
{
	const struct cell_exception *exceptions = cells->exceptions.items;
	uint32_t *intervals = arena_alloc(cells->arena, (2 * (to - from) + 1) * sizeof *intervals), *all;

	all = intervals + (to - from);
	for (size_t i = from; i < to; i++)
		intervals[i - from] = all[i - from] = exceptions[i].interval;
	qsort(all, to - from, sizeof *all, compare_uint32);
	if (cells->base[item])
		*arena_push(cells->arena, parts) = (struct part){ item, cells->base[item], true, all, to - from, item };
	for (size_t i = from, end; i < to; i = end) {
		for (end = i; end < to && exceptions[end].key == exceptions[i].key; end++)
			;
		if (exceptions[i].key)
			*arena_push(cells->arena, parts) =
				(struct part){ item, exceptions[i].key, false, intervals + (i - from), end - i, item };
	}
}

/* Intervals as ranges of ports; ports between two of a range that were not visited belong to it. */
static void ports_of(struct cells *cells, const struct part *part, struct cell_group *group)
{
	LIST_OF(struct policy_port_range) ports = { NULL, 0, 0 };
	size_t next = 0, all = cells->intervals.count;
	bool joined = false;

	if (part->all_but && !part->count)
		return;
	for (size_t i = 0; i < all; i++) {
		bool listed = next < part->count && part->intervals[next] == i;

		next += listed;
		if (listed == part->all_but) {
			joined = false;
			continue;
		}
		if (joined)
			ports.items[ports.count - 1].hi = cells->intervals.items[i].hi;
		else
			*arena_push(cells->arena, &ports) = cells->intervals.items[i];
		joined = true;
	}
	group->ports = ports.items;
	group->port_count = ports.count;
	if (ports.count == 1 && ports.items[0].lo == cells->intervals.items[0].lo &&
	    ports.items[0].hi == cells->intervals.items[all - 1].hi)
		group->port_count = 0;
}

void cells_group(struct cells *cells, bool has_ports, void (*each)(void *self, const struct cell_group *), void *self)
{
	struct parts parts = { NULL, 0, 0 };
	size_t next = 0;

	if (cells->exceptions.count)
		qsort(cells->exceptions.items, cells->exceptions.count, sizeof *cells->exceptions.items,
		      compare_exceptions);
	for (uint32_t item = 0; item < cells->items; item++) {
		size_t from = next;

		while (next < cells->exceptions.count && cells->exceptions.items[next].item == item)
			next++;
		if (next > from || cells->base[item])
			add_parts(cells, &parts, item, from, next);
	}
	if (parts.count)
		qsort(parts.items, parts.count, sizeof *parts.items, compare_parts);
	for (size_t i = 0, end; i < parts.count; i = end) {
		struct cell_group group = { .key = parts.items[i].key };
		uint32_t *items = NULL;

		for (end = i; end < parts.count && same_intervals(&parts.items[i], &parts.items[end]); end++)
			;
		items = arena_alloc(cells->arena, (end - i) * sizeof *items);
		for (size_t j = i; j < end; j++)
			items[j - i] = parts.items[j].item;
		group.items = items;
		group.count = end - i;
		if (has_ports)
			ports_of(cells, &parts.items[i], &group);
		if (!parts.items[i].all_but || parts.items[i].count < cells->intervals.count)
			each(self, &group);
	}
}
