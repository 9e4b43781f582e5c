/* Sets of addresses as sorted, disjoint, inclusive ranges with a gap between neighbours, so that equal sets
 * have equal items. Every operation is one walk over its arguments. */
#include "base/address.h"

#include <stdlib.h>
#include <string.h>

static u128 family_max(enum addr_family family)
{
	return family == ADDR_V4 ? (u128)UINT32_MAX : ~(u128)0;
}

struct addr_range addr_prefix_range(struct addr_prefix prefix)
{
	unsigned bits = prefix.addr.family == ADDR_V4 ? 32 : 128;
	u128 host = prefix.len == 0 ? family_max(prefix.addr.family) : ((u128)1 << (bits - prefix.len)) - 1;

	return (struct addr_range){ prefix.addr.value & ~host, prefix.addr.value | host };
}

struct addr_set addr_set_empty(enum addr_family family)
{
	return (struct addr_set){ .family = family };
}

struct addr_set addr_set_all(struct arena *arena, enum addr_family family)
{
	struct addr_set set = addr_set_empty(family);

	*arena_push(arena, &set) = (struct addr_range){ 0, family_max(family) };
	return set;
}

/* Whether `next`, which starts no earlier than `last`, overlaps or touches it */
static bool joins(struct addr_range last, u128 next_lo)
{
	return next_lo <= last.hi || next_lo - last.hi == 1;
}

/* Puts a range behind all others; ranges come in the order of lo */
static void append(struct arena *arena, struct addr_set *set, struct addr_range range)
{
	struct addr_range *last = set->count ? &set->items[set->count - 1] : NULL;

	if (!last || !joins(*last, range.lo))
		*arena_push(arena, set) = range;
	else if (range.hi > last->hi)
		last->hi = range.hi;
}

/* Index of the first range that ends at or after `value` */
static size_t first_not_below(const struct addr_set *set, u128 value)
{
	return FIND_FIRST(set->count, at, set->items[at].hi < value);
}

bool addr_set_contains(const struct addr_set *set, u128 value)
{
	size_t i = first_not_below(set, value);

	return i < set->count && set->items[i].lo <= value;
}

void addr_set_add(struct arena *arena, struct addr_set *set, struct addr_range range)
{
	size_t first = first_not_below(set, range.lo ? range.lo - 1 : 0), end = first;

	/* [first, end) are the ranges that the new one overlaps or touches: they become one */
	while (end < set->count && (set->items[end].lo <= range.hi || joins(range, set->items[end].lo))) {
		if (set->items[end].lo < range.lo)
			range.lo = set->items[end].lo;
		if (set->items[end].hi > range.hi)
			range.hi = set->items[end].hi;
		end++;
	}
	if (first == end) {
		arena_push(arena, set);
		memmove(set->items + first + 1, set->items + first, (set->count - 1 - first) * sizeof *set->items);
	} else {
		memmove(set->items + first + 1, set->items + end, (set->count - end) * sizeof *set->items);
		set->count -= end - first - 1;
	}
	set->items[first] = range;
}

static int by_lo(const void *a, const void *b)
{
	const struct addr_range *x = a, *y = b;

	return COMPARE(x->lo, y->lo);
}

struct addr_set addr_set_from_ranges(struct arena *arena, enum addr_family family, const struct addr_range *ranges,
				     size_t count)
{
	struct addr_set set = addr_set_empty(family);
	struct addr_range *sorted;

	if (!count)
		return set;
	sorted = arena_alloc(arena, count * sizeof *sorted);
	memcpy(sorted, ranges, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, by_lo);
	for (size_t i = 0; i < count; i++)
		append(arena, &set, sorted[i]);
	return set;
}

struct addr_set addr_set_union(struct arena *arena, const struct addr_set *a, const struct addr_set *b)
{
	struct addr_set set = addr_set_empty(a->family);
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		bool from_a = j == b->count || (i < a->count && a->items[i].lo <= b->items[j].lo);
		append(arena, &set, from_a ? a->items[i++] : b->items[j++]);
	}
	return set;
}

struct addr_set addr_set_intersect(struct arena *arena, const struct addr_set *a, const struct addr_set *b)
{
	struct addr_set set = addr_set_empty(a->family);
	size_t i = 0, j = 0;

	while (i < a->count && j < b->count) {
		struct addr_range x = a->items[i], y = b->items[j];
		struct addr_range both = { x.lo > y.lo ? x.lo : y.lo, x.hi < y.hi ? x.hi : y.hi };
		if (both.lo <= both.hi)
			append(arena, &set, both);
		if (x.hi < y.hi)
			i++;
		else
			j++;
	}
	return set;
}

struct addr_set addr_set_subtract(struct arena *arena, const struct addr_set *a, const struct addr_set *b)
{
	struct addr_set complement = addr_set_empty(a->family);
	u128 next = 0; /* the first address not yet looked at */
	bool open = true;

	for (size_t i = 0; i < b->count; i++) {
		if (b->items[i].lo > next)
			append(arena, &complement, (struct addr_range){ next, b->items[i].lo - 1 });
		open = b->items[i].hi < family_max(a->family);
		next = b->items[i].hi + 1;
	}
	if (open)
		append(arena, &complement, (struct addr_range){ next, family_max(a->family) });
	return addr_set_intersect(arena, a, &complement);
}

bool addr_set_equal(const struct addr_set *a, const struct addr_set *b)
{
	if (a->family != b->family || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i].lo != b->items[i].lo || a->items[i].hi != b->items[i].hi)
			return false;
	return true;
}

size_t addr_range_prefixes(enum addr_family family, struct addr_range range, struct addr_prefix *out)
{
	unsigned bits = family == ADDR_V4 ? 32 : 128;
	size_t count = 0;

	for (;;) {
		unsigned host = 0; /* the widest block that starts at lo, aligned, and ends by hi */
		while (host < bits) {
			u128 mask = host + 1 == 128 ? ~(u128)0 : ((u128)1 << (host + 1)) - 1;
			if (range.lo & mask || mask > range.hi - range.lo)
				break;
			host++;
		}
		out[count++] = (struct addr_prefix){ { family, range.lo }, (uint8_t)(bits - host) };
		u128 last = range.lo + (host == 128 ? ~(u128)0 : ((u128)1 << host) - 1);
		if (last >= range.hi)
			return count;
		range.lo = last + 1;
	}
}
