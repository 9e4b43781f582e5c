/* Where the host has no route to: the sandbox refuses that itself, at once. The host's errors would do, if they came: there the
 * kernel sends one a second, and for IPv6 only where the host has an address to send it from. */
#pragma once
#include "netlink/nft_install.h"
#include "netlink/rtnl.h"

#define UNROUTED_TABLE "msb_routes"
#define UNROUTED_LOG_GROUP 3 /* nflog group of the TCP packets that are refused so; nobody need listen */

/* What no route of the host's, of any table, covers; routes to sandboxes aside. Nothing where there are too many to say.
 * 0 or -errno. */
int unrouted_read(struct nl *host, struct arena *, enum addr_family, struct addr_set *);
/* The table for the VM's namespace: behind the policy, new flows to there are refused as a router does without a route. */
struct ruleset *unrouted_rules(struct arena *, const struct addr_set *v4, const struct addr_set *v6);
