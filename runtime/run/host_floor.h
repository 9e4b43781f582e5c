/* The host's own floor: a policy that every sandbox of this host has to pass, whatever its caller says. */
#pragma once
#include "policy/options.h"

#define FLOOR_FILE "/etc/msb/floor.msb"

/* Where the host has a floor: puts it before the floors that the caller named. false: it has one that cannot be trusted,
 * which has been said, and nothing may start. */
bool host_floor_take(struct policy_options *);
/* Once resolved: whether the files that it included can be trusted too */
bool host_floor_trusted(const struct policy *);
