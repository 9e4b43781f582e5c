/* Whether somebody else has changed a table: a number of what the kernel has of it. */
#pragma once
#include "netlink/netlink.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the tables of that name, whatever their family: whether they are dormant, their chains and their rules, each with its handle, so one
 * that was taken away and put back makes another number. What rules count is not in it, nor are sets' elements, nor the chains that `is_left_out`
 * names. 0 or -errno; -EINTR: the tables changed meanwhile. */
int nft_digest(struct nl *, const char *table, bool (*is_left_out)(const char *chain), uint64_t *out);
