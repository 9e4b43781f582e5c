/* Pass 1: name rules leave their subject's chain. */
#pragma once
#include "ruleset/ruleset.h"

/* Of every subject that has name rules, the policy (chain `egress`) and its floors. */
void optimise_names(struct ruleset *);
