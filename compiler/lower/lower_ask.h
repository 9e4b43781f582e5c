/* What the ruleset and the runtime must agree on where flows that no rule decides wait for an answer: see lower_ask.c. */
#pragma once
#include "policy/policy.h"

/* The verdict map, keyed by address and port, that tells of a flow of TCP or UDP where it is by now: LOWER_CHAIN_HOLD, or
 * LOWER_CHAIN_REFUSE */
const char *lower_ask_map(enum policy_proto, enum addr_family);
/* The set that holds the guest's address while nothing more may be asked */
const char *lower_ask_full_set(enum addr_family);
