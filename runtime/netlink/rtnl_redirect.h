/* What `tc filter … u32 match u32 0 0 action mirred` does: frames of one link handed to another, in the kernel. */
#pragma once
#include "netlink/netlink.h"

/* What arrives at `link` arrives at `inner`, and what would be sent by `inner` is sent by `link`: nothing else has any of it. Where one
 * of them is gone the frames are dropped. Of this socket's namespace both; once for each pair. 0 or -errno */
int rtnl_redirect(struct nl *, uint32_t link, uint32_t inner);
