/* Names to sets and chains, by hash; sets of one part are sorted and searched, concatenations are walked. */
#include "ruleset_run_state.h"

#include <stdlib.h>
#include <string.h>

static size_t name_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32);
}

static struct run_name *slot_of(struct run_names *names, const char *name)
{
	size_t at = name_hash(name) & (names->room - 1);

	while (names->slots[at].name && strcmp(names->slots[at].name, name))
		at = (at + 1) & (names->room - 1);
	return &names->slots[at];
}

struct run_name *run_name_find(struct run_names *names, const char *name)
{
	struct run_name *slot = names->room ? slot_of(names, name) : NULL;

	return slot && slot->name ? slot : NULL;
}

struct run_name *run_name_add(struct arena *arena, struct run_names *names, const char *name)
{
	struct run_name *slot;

	if (names->used * 2 >= names->room) {
		struct run_names larger = { .room = names->room ? names->room * 2 : 64, .used = names->used };
		larger.slots = arena_alloc(arena, larger.room * sizeof *larger.slots);
		for (size_t i = 0; i < names->room; i++)
			if (names->slots[i].name)
				*slot_of(&larger, names->slots[i].name) = names->slots[i];
		*names = larger;
	}
	slot = slot_of(names, name);
	names->used += !slot->name;
	slot->name = name;
	return slot;
}

static int compare_elements(const void *a, const void *b)
{
	const struct run_element *x = a, *y = b;

	return x->lo[0] < y->lo[0] ? -1 : x->lo[0] > y->lo[0];
}

struct run_set *run_set_new(struct arena *arena, const struct rs_set *set)
{
	struct run_set *out = arena_alloc(arena, sizeof *out);

	out->name = set->name;
	out->set = set;
	while (out->parts < RS_KEY_PARTS && set->type[out->parts])
		out->parts++;
	for (size_t i = 0; i < set->elements.count; i++) {
		const struct rs_element *element = &set->elements.items[i];
		struct run_element *to = arena_push(arena, &out->elements);
		for (size_t part = 0; part < out->parts; part++) {
			to->lo[part] = element->key[part].lo;
			to->hi[part] = element->key[part].hi;
		}
		to->verdict = element->verdict;
		to->comment = element->comment;
		to->until_ms = element->timeout_ms ? element->timeout_ms : UINT64_MAX;
	}
	if (out->elements.count)
		qsort(out->elements.items, out->elements.count, sizeof(struct run_element), compare_elements);
	return out;
}

static bool element_fits(const struct run_set *set, const struct run_element *element, const u128 *key)
{
	for (size_t part = 0; part < set->parts; part++)
		if (key[part] < element->lo[part] || key[part] > element->hi[part])
			return false;
	return true;
}

/* How many elements begin at or before `value` */
static size_t position(const struct run_set *set, u128 value)
{
	size_t lo = 0, hi = set->elements.count;

	while (lo < hi) {
		size_t middle = (lo + hi) / 2;
		if (set->elements.items[middle].lo[0] <= value)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

const struct run_element *run_set_find(const struct run_set *set, const u128 *key)
{
	size_t before = position(set, key[0]);

	/* of several parts any that begins no later may fit */
	for (size_t i = before; i > 0; i--) {
		if (element_fits(set, &set->elements.items[i - 1], key))
			return &set->elements.items[i - 1];
		if (set->parts == 1)
			break;
	}
	return NULL;
}

void run_set_take(struct run_set *set, const u128 *key)
{
	struct run_element *element = (struct run_element *)run_set_find(set, key);

	if (!element)
		return;
	size_t at = (size_t)(element - set->elements.items);
	memmove(element, element + 1, (set->elements.count - at - 1) * sizeof *element);
	set->elements.count--;
}

void run_set_put(struct arena *arena, struct run_set *set, const struct run_element *element)
{
	run_set_take(set, element->lo);
	size_t at = position(set, element->lo[0]);
	arena_push(arena, &set->elements);
	struct run_element *to = set->elements.items + at;
	memmove(to + 1, to, (set->elements.count - at - 1) * sizeof *to);
	*to = *element;
}
