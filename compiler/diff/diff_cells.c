/* Cells into rectangles: items that have one key in the same columns. */
#include "diff/diff_pass.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_PER_EXCEPTION 250 /* bounds their memory */

void cells_init(struct cells *cells, struct arena *arena, uint32_t items)
{
	*cells = (struct cells){ .arena = arena, .items = items };
	cells->base = arena_alloc(arena, (items + 1) * sizeof *cells->base);
	cells->stamp = arena_alloc(arena, (items + 1) * sizeof *cells->stamp);
}

void cells_add_column(struct cells *cells, uint16_t lo, uint16_t hi)
{
	*arena_push(cells->arena, &cells->columns) = (struct policy_port_range){ .lo = lo, .hi = hi };
}

void cells_set(struct cells *cells, struct fuel *fuel, uint32_t item, uint32_t key)
{
	uint32_t column = (uint32_t)cells->columns.count - 1;

	if (key == cells->base[item] || cells->stamp[item] == column + 1 || !fuel_use(fuel, STEPS_PER_EXCEPTION))
		return;
	cells->stamp[item] = column + 1;
	*arena_push(cells->arena, &cells->exceptions) = (struct cell_exception){ item, column, key };
}

/* ---- grouping ---- */

/* One item's columns for one key: a run of the sorted exceptions, or for the base all but the item's */
struct part {
	uint32_t item, key;
	bool all_but;
	const uint32_t *columns;
	size_t count;
	size_t order; /* of the item, so that groups keep it */
};

static int compare_exceptions(const void *a, const void *b)
{
	const struct cell_exception *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

static int compare_columns(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->all_but != y->all_but)
		return x->all_but ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	order = x->count ? memcmp(x->columns, y->columns, x->count * sizeof *x->columns) : 0;
	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool same_columns(const struct part *a, const struct part *b)
{
	return a->key == b->key && a->all_but == b->all_but && a->count == b->count &&
	       (!a->count || !memcmp(a->columns, b->columns, a->count * sizeof *a->columns));
}

struct parts {
	struct part *items;
	size_t count, cap;
};

static void add_parts(struct cells *cells, struct parts *parts, uint32_t item, size_t from, size_t to)
{
	const struct cell_exception *exceptions = cells->exceptions.items;
	uint32_t *columns = arena_alloc(cells->arena, (2 * (to - from) + 1) * sizeof *columns), *all;

	all = columns + (to - from);
	for (size_t i = from; i < to; i++)
		columns[i - from] = all[i - from] = exceptions[i].column;
	qsort(all, to - from, sizeof *all, compare_columns);
	if (cells->base[item])
		*arena_push(cells->arena, parts) = (struct part){ item, cells->base[item], true, all, to - from, item };
	for (size_t i = from, end; i < to; i = end) {
		for (end = i; end < to && exceptions[end].key == exceptions[i].key; end++)
			;
		if (exceptions[i].key)
			*arena_push(cells->arena, parts) =
				(struct part){ item, exceptions[i].key, false, columns + (i - from), end - i, item };
	}
}

/* Columns as runs of ports; ports between two columns of a run that were not visited belong to it. */
static void ports_of(struct cells *cells, const struct part *part, struct cell_group *group)
{
	LIST_OF(struct policy_port_range) ports = { NULL, 0, 0 };
	size_t next = 0, all = cells->columns.count;
	bool joined = false;

	if (part->all_but && !part->count)
		return;
	for (size_t i = 0; i < all; i++) {
		bool listed = next < part->count && part->columns[next] == i;

		next += listed;
		if (listed == part->all_but) {
			joined = false;
			continue;
		}
		if (joined)
			ports.items[ports.count - 1].hi = cells->columns.items[i].hi;
		else
			*arena_push(cells->arena, &ports) = cells->columns.items[i];
		joined = true;
	}
	group->ports = ports.items;
	group->port_count = ports.count;
	if (ports.count == 1 && ports.items[0].lo == cells->columns.items[0].lo &&
	    ports.items[0].hi == cells->columns.items[all - 1].hi)
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

		for (end = i; end < parts.count && same_columns(&parts.items[i], &parts.items[end]); end++)
			;
		items = arena_alloc(cells->arena, (end - i) * sizeof *items);
		for (size_t j = i; j < end; j++)
			items[j - i] = parts.items[j].item;
		group.items = items;
		group.count = end - i;
		if (has_ports)
			ports_of(cells, &parts.items[i], &group);
		if (!parts.items[i].all_but || parts.items[i].count < cells->columns.count)
			each(self, &group);
	}
}

/* ---- keys ---- */

void keys_init(struct keys *keys, struct arena *arena)
{
	*keys = (struct keys){ .arena = arena, .bucket_count = 4096 };
	keys->buckets = arena_alloc(arena, keys->bucket_count * sizeof *keys->buckets);
	arena_push(arena, &keys->list); /* 0: nothing */
}

static size_t hash_words(const uint64_t *words, size_t count)
{
	size_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 31;
}

static void keys_insert(struct keys *keys, uint32_t key)
{
	size_t at = hash_words(keys->list.items[key].words, keys->list.items[key].count);

	while (keys->buckets[at & (keys->bucket_count - 1)])
		at++;
	keys->buckets[at & (keys->bucket_count - 1)] = key;
}

static void keys_grow(struct keys *keys)
{
	keys->bucket_count *= 2;
	keys->buckets = arena_alloc(keys->arena, keys->bucket_count * sizeof *keys->buckets);
	for (uint32_t i = 1; i < keys->list.count; i++)
		keys_insert(keys, i);
}

uint32_t keys_intern(struct keys *keys, const uint64_t *words, size_t count)
{
	size_t at = hash_words(words, count);
	struct key *added;

	if (!count)
		return 0;
	for (uint32_t key; (key = keys->buckets[at & (keys->bucket_count - 1)]); at++)
		if (keys->list.items[key].count == count &&
		    !memcmp(keys->list.items[key].words, words, count * sizeof *words))
			return key;
	added = arena_push(keys->arena, &keys->list);
	added->words = arena_alloc(keys->arena, count * sizeof *words);
	memcpy(added->words, words, count * sizeof *words);
	added->count = count;
	if (keys->list.count * 2 > keys->bucket_count)
		keys_grow(keys);
	else
		keys_insert(keys, (uint32_t)(keys->list.count - 1));
	return (uint32_t)(keys->list.count - 1);
}

const struct key *keys_get(const struct keys *keys, uint32_t key)
{
	return &keys->list.items[key];
}
