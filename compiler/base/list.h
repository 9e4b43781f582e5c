/* A growing list as a member or variable: items[0] to items[count - 1] are in use, there is room for cap. All zero
 * is the empty list; arena_push() adds to it. Each use is a type of its own, so a list that is assigned or handed
 * to functions is a named struct with the same three members instead. */
#pragma once
#include <stddef.h>

#define LIST_OF(type)              \
	struct {                   \
		type *items;       \
		size_t count, cap; \
	}
