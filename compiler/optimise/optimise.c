/* The optimiser's passes, in their order. */
#include "optimise/optimise.h"
#include "optimise/addresses.h"
#include "optimise/names.h"
#include "optimise/shared_sets.h"

void optimise(struct ruleset *ruleset, int level)
{
	if (level >= 2) {
		optimise_names(ruleset);
		optimise_addresses(ruleset);
		optimise_shared_sets(ruleset);
	}
}

bool optimise_has_given_up(const struct ruleset *ruleset)
{
	const struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->chains.count; i++)
		if (table->chains.items[i].note == optimise_gave_up)
			return true;
	return false;
}
