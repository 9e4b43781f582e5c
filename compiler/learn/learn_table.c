/* Open addressing, twice as many slots as texts at least. */
#include "learn/learn_table.h"
#include "base/fnv.h"

#include <string.h>

struct learn_table learn_table_new(struct arena *arena, size_t most)
{
	struct learn_table table = { .arena = arena, .most = most, .slot_count = 2 };

	while (table.slot_count < 2 * most)
		table.slot_count *= 2;
	table.slots = arena_alloc(arena, table.slot_count * sizeof *table.slots);
	return table;
}

static uint32_t *find_slot(const struct learn_table *table, const char *key)
{
	uint64_t hash = fnv_text(FNV_START, key);

	for (hash ^= hash >> 32;; hash++) {
		uint32_t *slot = &table->slots[hash & (table->slot_count - 1)];

		if (!*slot || !strcmp(table->keys[*slot - 1], key))
			return slot;
	}
}

size_t learn_table_find(const struct learn_table *table, const char *key)
{
	uint32_t slot = *find_slot(table, key);

	return slot ? slot - 1 : LEARN_NOT_THERE;
}

size_t learn_table_add(struct learn_table *table, const char *key, bool *added)
{
	uint32_t *slot = find_slot(table, key);

	*added = false;
	if (*slot)
		return *slot - 1;
	if (table->count == table->most) {
		table->more++;
		return LEARN_NOT_THERE;
	}
	*added = true;
	table->keys = arena_grow(table->arena, table->keys, table->count, &table->cap, sizeof *table->keys);
	table->keys[table->count++] = arena_strdup(table->arena, key);
	*slot = (uint32_t)table->count;
	return table->count - 1;
}
