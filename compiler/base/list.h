/* A growing list as a member or variable: items[0] to items[count - 1] are in use, there is room for cap. All zero
 * is the empty list; arena_push() adds to it. Each use is a type of its own, so a list that is assigned or handed
 * to functions is a named struct with the same three members instead. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define LIST_OF(type)              \
	struct {                   \
		type *items;       \
		size_t count, cap; \
	}

/* For qsort(): negative, 0 or positive as a is less than b, equal to it or greater; keys of less weight after `?:` */
#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static inline int compare_uint32(const void *a, const void *b)
{
	return COMPARE(*(const uint32_t *)a, *(const uint32_t *)b);
}

/* Sorts them and leaves each once; returns how many that are. items may be NULL where there are none. */
static inline size_t sort_once_uint32(uint32_t *items, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(items, count, sizeof *items, compare_uint32);
	for (size_t i = 0; i < count; i++)
		if (!kept || items[kept - 1] != items[i])
			items[kept++] = items[i];
	return kept;
}

/* The index of the first of `count` items that `is_before`, an expression of the index `at`, does not hold of: it holds of all before
 * that one, and of none behind it. `count` where it holds of all. */
#define FIND_FIRST(count, at, is_before)                               \
	({                                                             \
		size_t find_lo = 0, find_hi = (count);                 \
		while (find_lo < find_hi) {                            \
			size_t at = find_lo + (find_hi - find_lo) / 2; \
			if (is_before)                                 \
				find_lo = at + 1;                      \
			else                                           \
				find_hi = at;                          \
		}                                                      \
		find_lo;                                               \
	})

/* The first index in [lo, hi) of an ascending array whose item is not below `value`; hi where all are */
static inline uint32_t lower_bound(const uint32_t *items, uint32_t lo, uint32_t hi, uint32_t value)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (items[mid] < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
