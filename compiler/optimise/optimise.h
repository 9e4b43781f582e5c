/* The optimiser: a ruleset that means the same and takes the kernel less. Passes, in their order; each file says why it is safe
 * and why it is in this place. */
#pragma once
#include "ruleset/ruleset.h"

/* Level 0 leaves it as it is: a rule for each rule, family and chain, to be read. */
void optimise(struct ruleset *, int level);
/* The note of a chain that stayed rule by rule, as maps would be larger than its rules */
extern const char optimise_gave_up[];
/* Whether the ruleset has such a chain */
bool optimise_has_given_up(const struct ruleset *);
