/* The optimiser's passes, in their order. */
#include "optimise/optimise.h"
#include "optimise/addresses.h"
#include "optimise/merge.h"
#include "optimise/names.h"
#include "optimise/shared_sets.h"
#include "optimise/unused_sets.h"

static const struct pass {
	int number;
	const char *name;
	bool at[OPTIMISE_MOST + 1]; /* the levels that have it */
	void (*run)(struct ruleset *);
} passes[] = {
	{ 1, "names", { false, false, true }, optimise_names },
	{ 2, "addresses", { false, false, true }, optimise_addresses },
	{ 3, "merge", { false, true, true }, optimise_merge },
	{ 4, "unused sets", { false, true, true }, optimise_unused_sets },
	{ 5, "shared sets", { false, false, true }, optimise_shared_sets },
};

void optimise_watched(struct ruleset *ruleset, int level, optimise_seen *seen, void *context)
{
	for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
		if (!passes[i].at[level])
			continue;
		passes[i].run(ruleset);
		if (seen)
			seen(context, ruleset, passes[i].number, passes[i].name);
	}
}

void optimise(struct ruleset *ruleset, int level)
{
	optimise_watched(ruleset, level, NULL, NULL);
}

bool optimise_has_given_up(const struct ruleset *ruleset)
{
	const struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->chains.count; i++)
		if (table->chains.items[i].note == optimise_gave_up)
			return true;
	return false;
}
