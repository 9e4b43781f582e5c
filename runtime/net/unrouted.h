/* Where the host has no route to: the sandbox refuses that itself, at once. The host's errors would do, if they came: there the
 * kernel sends one a second, and for IPv6 only where the host has an address to send it from. */
#pragma once
#include "lower/sandbox_net.h"
#include "lower/limits.h"
#include "netlink/nft_install.h"
#include "netlink/rtnl.h"

#define UNROUTED_TABLE LOWER_ROUTES_TABLE
#define UNROUTED_LOG_GROUP 3 /* nflog group of the TCP packets that are refused so; nobody need listen */

/* Of one family; routes to sandboxes aside. Nothing where there are too many to say. */
struct reach {
	struct addr_set none;   /* what no route of the host's, of any table, covers */
	struct addr_set linked; /* where the host looks for each address on the link */
};
/* 0 or -errno */
int unrouted_read(struct nl *host, struct arena *, enum addr_family, struct reach *);
/* The table for the VM's namespace, behind the policy: new flows to where there is no route are refused as a router does.
 * Of those to where the host looks for addresses on a link so many a second pass (0: all): each address that does not answer
 * takes one of the 1,024 places that the kernel has for the neighbours of all namespaces, for three seconds. */
struct ruleset *unrouted_rules(struct arena *, const struct reach *v4, const struct reach *v6, uint32_t neighbours,
			       bool silent);
