/* Pass 3, see merge.c */
#pragma once
#include "ruleset/ruleset.h"

void optimise_merge(struct ruleset *);
