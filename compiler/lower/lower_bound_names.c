/* How the maps of bound addresses and the chains of name rules are called: see lower_bound.h. */
#include "lower/lower_bound.h"
#include "lower/lower_state.h"

#include <string.h>

const char *lower_bound_map(struct arena *arena, size_t number, enum addr_family family)
{
	return number ? arena_printf(arena, LOWER_CHAIN_FLOOR "%zu_" LOWER_BOUND_MAP "%d", number, (int)family) :
			arena_printf(arena, LOWER_BOUND_MAP "%d", (int)family);
}

bool lower_bound_jumps(size_t number)
{
	return number == 0;
}

const char *lower_bound_rule_chain(struct arena *arena, const struct policy *policy, size_t number, size_t rule,
				   enum addr_family family)
{
	return number ? lower_floor_binding_set(arena, policy, number - 1, rule, family) :
			lower_binding_set(arena, policy, rule, family);
}

static bool has_map(const struct rs_table *table, const char *name)
{
	for (size_t i = 0; i < table->sets.count; i++)
		if (table->sets.items[i].map && !strcmp(table->sets.items[i].name, name))
			return true;
	return false;
}

struct lower_maps lower_bound_maps(const struct ruleset *ruleset)
{
	const struct rs_table *table = &ruleset->tables.items[0];
	struct arena *arena = arena_new();
	struct lower_maps maps = { 0, 0 };

	for (size_t i = 0; i <= POLICY_FLOORS_MAX; i++) {
		if (has_map(table, lower_bound_map(arena, i, ADDR_V4)))
			maps.v4 |= UINT32_C(1) << i;
		if (has_map(table, lower_bound_map(arena, i, ADDR_V6)))
			maps.v6 |= UINT32_C(1) << i;
	}
	arena_free(arena);
	return maps;
}

bool lower_maps_has(struct lower_maps maps, size_t number, enum addr_family family)
{
	return (family == ADDR_V4 ? maps.v4 : maps.v6) >> number & 1;
}
