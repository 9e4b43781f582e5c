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
