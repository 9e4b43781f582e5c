/* The optimiser: a ruleset that means the same and takes the kernel less. Passes, in their order; each file says why it is safe
 * and why it is in this place. */
#pragma once
#include "ruleset/ruleset.h"

/* Level 0 leaves the ruleset as it is: a rule for each rule, family and chain, to be read. Level 1 makes one of neighbours that
 * differ in their addresses alone. Level 2 is what the runtime installs: an address leads to the rules on it. */
enum { OPTIMISE_MOST = 2 };
void optimise(struct ruleset *, int level);
/* The same, with a call after each pass that the level has */
typedef void optimise_seen(void *context, const struct ruleset *, int number, const char *pass);
void optimise_watched(struct ruleset *, int level, optimise_seen *, void *context);
/* The note of a chain that stayed rule by rule, as maps would be larger than its rules */
extern const char optimise_gave_up[];
/* Whether the ruleset has such a chain */
bool optimise_has_given_up(const struct ruleset *);
