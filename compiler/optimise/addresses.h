/* Pass 2: the destination's address leads to the rules on it. */
#pragma once
#include "ruleset/ruleset.h"

/* Of every subject, the policy and its floors: its chain of addresses, or, without one, its chain. */
void optimise_addresses(struct ruleset *);
