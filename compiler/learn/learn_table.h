/* Different texts in the order in which they came, each once, a bounded number. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>

struct learn_table {
	struct arena *arena;
	const char **keys;
	size_t count, cap, most;
	size_t more;     /* additions beyond the most */
	uint32_t *slots; /* index + 1 by hash; 0: free */
	size_t slot_count;
};
#define LEARN_NOT_THERE SIZE_MAX

struct learn_table learn_table_new(struct arena *, size_t most);
/* Its index; where it is not there it is added (copied), *added true then. LEARN_NOT_THERE: no room */
size_t learn_table_add(struct learn_table *, const char *key, bool *added);
size_t learn_table_find(const struct learn_table *, const char *key);
