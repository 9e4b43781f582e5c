/* What the quotas of a table have counted. */
#pragma once
#include "netlink/netlink.h"

#include <stdint.h>

/* Of all quotas of that inet table; `name` is valid during the call. 0 or -errno; -EINTR: the table changed meanwhile */
typedef void nft_quota_seen(void *self, const char *name, uint64_t bytes, uint64_t used);
int nft_quotas_read(struct nl *, const char *table, nft_quota_seen *, void *self);
