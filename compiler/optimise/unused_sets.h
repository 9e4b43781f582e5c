/* Pass 4, see unused_sets.c */
#pragma once
#include "ruleset/ruleset.h"

void optimise_unused_sets(struct ruleset *);
