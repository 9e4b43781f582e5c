/* A sandbox's bound on its flows of TCP or UDP at once, as a grant: so many new flows the host's table lets pass, and no more until
 * the table owner has counted the sandbox's entries in the host's conntrack and the supervisor has granted what is missing to the bound. Between
 * two counts a new flow costs the kernel the same however many are open.
 *
 * What is open can be no more than the bound: what was counted, what of the old grant may have passed since it was read, and the new
 * grant are the bound together, and what ends in the meantime only makes it less. Where either of them is slow, or stopped, nothing is
 * granted, and no new flow passes once the last grant is used up. Entries count by the guest's address, and only what has
 * that goes by a grant. The VM's namespace has no say in any of it. */
#pragma once
#include "base/address.h"
#include "lower/limits.h"
#include "netlink/conntrack.h"
#include "netlink/nft_install.h"

struct flow_grant {
	enum limit limit;
	uint32_t bound, granted; /* bound 0: not by a grant */
	uint64_t refused;        /* of this grant, when last looked at */
	uint32_t left;           /* of this grant, when the count that goes on was asked for */
	bool due;                /* for what that count says */
};
struct flow_grants {
	struct nl *nl; /* nfnetlink, in the host's namespace */
	struct nft *nft;
	const char *table; /* of family inet, which nft owns */
	struct addr guests[2];
	size_t guest_count;    /* IPv4 first */
	struct addr relays[2]; /* of their TCP too: the gateway, where the name relay connects */
	size_t relay_count;
	struct flow_grant of[2];
	uint64_t looked_ms, rest_ms; /* when last; not to count before */
	uint64_t asked_ms;           /* for the count that goes on; 0: none does */
	bool said;                   /* that it takes too long */
	unsigned idle;               /* looks since the last count */
	unsigned failures;           /* looks in a row */
};

/* Whether a guest that may open `rate` new flows a second finds that a grant lasts from one look to the next; 0: no bound */
bool flow_grants_fit(uint32_t bound, uint32_t rate);
const char *flow_grants_chain(enum limit);
/* The chain that those flows go through, with a first grant: none is open yet */
void flow_grants_add(struct ruleset *, struct rs_table *, enum limit, uint32_t bound);

/* Of a table that was installed with the first grants, each .limit and .bound in `of`. The sockets and the name stay the caller's. */
void flow_grants_open(struct flow_grants *, struct nl *, struct nft *, const char *table, const struct addr_gateway *,
		      bool relayed);
/* Every second: whether the guests' entries are to be counted now, and flow_grants_counted() called with what that gave. What goes wrong
 * is said on standard error, and means no new grant. */
bool flow_grants_look(struct flow_grants *);
void flow_grants_counted(struct flow_grants *, int error, const struct conntrack_flows *);
