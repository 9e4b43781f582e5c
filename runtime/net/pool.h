/* The sandbox's subnets: a /30 and a /64 that the host does not route yet, claimed by adding their route, which the
 * kernel gives to one claimant only. The gateway has the first address, the guest the second. */
#pragma once
#include "netlink/rtnl.h"
#include "policy/policy.h"

#define POOL_LEN4 30
#define POOL_LEN6 64
/* Next hops of the link between host and sandbox: on no other link, and never resolved (the neighbour entries are
 * permanent), so neither end needs an address there. */
struct addr pool_host_hop(enum addr_family);    /* the host, seen from the sandbox */
struct addr pool_sandbox_hop(enum addr_family); /* the sandbox, seen from the host */

/* Claims a subnet of the policy's pool (or the default one) in the host's namespace, behind host link `link`, which
 * must be up. *gateway is the subnet's first address. 0 or -errno with a line on standard error. */
int pool_claim(struct nl *host, const struct policy *, enum addr_family, uint32_t link, struct addr *gateway);
