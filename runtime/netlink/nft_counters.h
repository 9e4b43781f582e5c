/* What rules and elements have counted, by their comments: a rule of a policy may stand in several chains, or in a map, and its comment
 * names it in each. */
#pragma once
#include "netlink/netlink.h"

#include <stdint.h>

/* Of all counters of that inet table that have a comment; the same comment may come again. `comment` is valid during the call. 0 or
 * -errno; -EINTR: the table changed meanwhile, and what was given may be neither as before nor as after. */
typedef void nft_counted(void *self, const char *comment, uint64_t packets, uint64_t bytes);
int nft_counters(struct nl *, const char *table, nft_counted *, void *self);
