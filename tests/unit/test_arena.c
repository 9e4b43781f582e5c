/* Lists in an arena. */
#include "base/arena.h"

#include <criterion/criterion.h>

Test(arena, what_is_pushed_is_zeroed_where_a_list_was_longer_before)
{
	struct arena *arena = arena_new();
	LIST_OF(uint64_t) list = { 0 };

	for (uint64_t i = 0; i < 100; i++)
		*arena_push(arena, &list) = ~i;
	list.count = 7;
	for (int i = 0; i < 200; i++)
		cr_assert_eq(*arena_push(arena, &list), 0);
	cr_assert_eq(list.items[6], ~UINT64_C(6));
	arena_free(arena);
}
