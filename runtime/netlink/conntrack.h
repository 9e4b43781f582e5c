/* Entries of the kernel's table of connections (conntrack), by ctnetlink. */
#pragma once
#include "base/address.h"
#include "netlink/netlink.h"

/* Deletes the entries whose first packet came from one of these addresses, in the network namespace of the socket (of
 * NETLINK_NETFILTER): listed, compared here, then deleted one by one, by tuple and id. A deletion by filter is never
 * asked for: a kernel that does not know the filter empties the whole table. Sources of IPv4 come before those of IPv6. 0 with
 * the number in *deleted, or -errno; -EAGAIN where entries keep coming. */
int conntrack_forget(struct nl *, const struct addr *sources, size_t count, size_t *deleted);

/* How many flows that have not ended those entries are; of TCP, what waits after its end is none, as for nf_tables' ct count. What
 * begins or ends meanwhile may be counted or not. Sources as above; 0 or -errno. */
struct conntrack_flows {
	uint32_t tcp, udp;
};
int conntrack_count(struct nl *, const struct addr *sources, size_t count, struct conntrack_flows *);
