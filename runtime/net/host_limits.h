/* How many entries of the host's conntrack a sandbox may hold. They are counted in the host's table, on the host's own
 * entries: a guest can make its own namespace's conntrack forget a flow that the host goes on knowing for days.
 *
 *   forward     the first packet of a flow from the sandbox: TCP, UDP, all else, the DNS proxy's questions each count for
 *               themselves, and together where they could come to more than one sandbox's share of the host's table. Of
 *               TCP and UDP by a grant (flow_grants.h) where the rate of new flows leaves the time to renew it: a count by
 *               the kernel walks all flows that are open
 *   prerouting  the first packet of a flow from any sandbox, against the share of all. Each sandbox's table sees it. Two
 *               of them count, those there longest (but not what has a reservation, whose table counts nobody either): when the oldest goes, the next knows every flow. Whether it has been
 *               counted stands in the packet's link-layer type, which is put back before anybody else can see it. */
#pragma once
#include "base/address.h"
#include "lower/limits.h"

struct host_limits {
	uint32_t tcp, udp, other, questions; /* at once; 0: no bound */
	uint32_t share, all; /* one sandbox's and all sandboxes' of the host's table; 0: it has no end */
	uint32_t
		reservable; /* what all reservations together may come to (flow_reserve.h), which do not count against `all` */
	bool reserved; /* all that it may hold is */
	bool grant_tcp, grant_udp;
	bool relayed;        /* TCP of the guest's may come from the gateway, by the name relay */
	uint32_t question_s; /* how long a question of the DNS proxy's is waited for */
	uint16_t log_group;
	bool silent;
	bool timeouts; /* the kernel can keep single flows for times of their own */
};

/* `table` is net.netfilter.nf_conntrack_max, 0 where conntrack has no end. log_group, silent, timeouts stay. */
void host_limits_make(const struct policy *, uint64_t table, struct host_limits *);
/* The same in the host's namespace as it is now; 0, or -errno with a line on standard error */
int host_limits_read(const struct policy *, struct host_limits *);

/* How many flows a sandbox can hold by these bounds */
uint64_t host_limits_most(const struct host_limits *);

/* The chains, into the sandbox's table in the host's namespace */
void host_limits_add(struct ruleset *, struct rs_table *, uint32_t link, const struct addr_gateway *,
		     const struct host_limits *);
