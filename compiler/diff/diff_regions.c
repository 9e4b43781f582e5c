/* The list of regions. */
#include "diff/diff_state.h"

struct diff_region *diff_add(struct diff *diff, enum diff_kind kind, enum policy_direction direction,
			     enum policy_action was, const struct decider by[static 2])
{
	struct diff_region *region = arena_push(diff->arena, &diff->regions);

	region->kind = kind;
	region->direction = direction;
	region->was = was;
	region->by[0] = by[0];
	region->by[1] = by[1];
	return region;
}

enum policy_action diff_now(const struct diff_region *region)
{
	return region->was == POLICY_ALLOW ? POLICY_DENY : POLICY_ALLOW;
}

size_t diff_count_regions(const struct diff *diff, enum policy_action now)
{
	size_t count = 0;

	for (size_t i = 0; i < diff->regions.count; i++)
		count += diff_now(&diff->regions.items[i]) == now;
	return count;
}

size_t diff_count_publishes(const struct diff *diff, bool added)
{
	size_t count = 0;

	for (size_t i = 0; i < diff->publishes.count; i++)
		count += diff->publishes.items[i].added == added;
	return count;
}

size_t diff_opens(const struct diff *diff)
{
	return diff_count_regions(diff, POLICY_ALLOW) + diff_count_publishes(diff, true) +
	       diff_count_settings(diff, DIFF_OPENS);
}

size_t diff_closes(const struct diff *diff)
{
	return diff_count_regions(diff, POLICY_DENY) + diff_count_publishes(diff, false) +
	       diff_count_settings(diff, DIFF_CLOSES);
}
