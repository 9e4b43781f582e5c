/* Pass 9: lists that many rules look into are one set. */
#pragma once
#include "ruleset/ruleset.h"

void optimise_shared_sets(struct ruleset *);
