/* Pass 4: sets that no rule looks into go.
 *
 * Why it is safe: a set is nothing by itself. Those that are filled while the sandbox runs stay: the runtime counts on them.
 *
 * Why behind the others: it is their rules that no longer look into the sets of groups and networks. */
#include "optimise/unused_sets.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void optimise_unused_sets(struct ruleset *ruleset)
{
	struct rs_table *table = &ruleset->tables.items[0];
	LIST_OF(const char *) used = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < table->chains.count; i++)
		for (size_t j = 0; j < table->chains.items[i].rules.count; j++)
			for (size_t k = 0; k < table->chains.items[i].rules.items[j].exprs.count; k++) {
				const char *name = table->chains.items[i].rules.items[j].exprs.items[k].set;
				if (name)
					*arena_push(ruleset->arena, &used) = name;
			}
	if (used.count)
		qsort(used.items, used.count, sizeof *used.items, compare_names);
	for (size_t i = 0; i < table->sets.count; i++) {
		const struct rs_set set = table->sets.items[i];
		if (set.runtime ||
		    (used.count && bsearch(&set.name, used.items, used.count, sizeof *used.items, compare_names)))
			table->sets.items[kept++] = set;
	}
	/* what is pushed later is to be zero */
	memset(table->sets.items + kept, 0, (table->sets.count - kept) * sizeof *table->sets.items);
	table->sets.count = kept;
}
