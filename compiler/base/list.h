/* A growing list as a member or variable: items[0] to items[count - 1] are in use, there is room for cap. All zero
 * is the empty list; arena_push() adds to it. Each use is a type of its own, so a list that is assigned or handed
 * to functions is a named struct with the same three members instead. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LIST_OF(type)              \
	struct {                   \
		type *items;       \
		size_t count, cap; \
	}

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
