/* The optimiser's passes, in their order. */
#include "optimise/optimise.h"
#include "optimise/names.h"

void optimise(struct ruleset *ruleset, int level)
{
	if (level >= 2)
		optimise_names(ruleset);
}
