/* Changes of the bindings put into the kernel's table msb. */
#pragma once
#include "dns/bindings.h"
#include "netlink/nft_install.h"

struct nft_element bindings_element(const struct bindings_change *);
/* In one transaction, so that packets find the one or the other. 0; or -errno, and nothing has changed in the kernel, nor has
 * what the bindings take it to have. Chains that nothing leads to any more are deleted on the way, some at a time. */
int bindings_install(struct nft *, struct bindings *, const struct bindings_changes *, uint64_t now_ms);
