/* The policy that a learning run is held to: what it was given as its bound, with every flow it lets pass reported. */
#pragma once
#include "policy/policy.h"

#define LEARN_RULES_IN_FRONT 1 /* of the bound's own */
/* In the arena, sharing the bound's parts. Verdicts are the bound's; but TCP waits for the server name, which tells names of one
 * address apart, unless the bound leaves server names out. */
struct policy *learn_bound(struct arena *, const struct policy *bound);
