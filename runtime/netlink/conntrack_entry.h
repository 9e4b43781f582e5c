/* Single entries of conntrack's table, as ctnetlink tells of them: all there is to know of a flow, listed; its mark changed; deleted by
 * its tuple. The kernel's messages are bounded here, field by field: what is not whole is left out. */
#pragma once
#include "base/address.h"
#include "netlink/netlink.h"

/* As a packet of that direction has them; ports are 0 where the protocol has none (of ICMP: the identifier in `sport`, type << 8 |
 * code in `dport`). Addresses of both ends are of one family. */
struct conntrack_tuple {
	struct addr src, dst;
	uint16_t sport, dport;
	uint8_t proto; /* IPPROTO_… */
};

struct conntrack_entry {
	struct conntrack_tuple original, reply;
	uint8_t tcp_state;         /* TCP_CONNTRACK_…; of TCP */
	uint32_t mark, id, status; /* IPS_… */
	bool has_id;
	bool counted;                  /* nf_conntrack_acct was on when it began: what follows is known */
	uint64_t packets[2], bytes[2]; /* of the original direction, and of the reply's */
	uint64_t began_ns;             /* CLOCK_REALTIME; 0: nf_conntrack_timestamp was off when it began */
	uint64_t ended_ns;             /* of one that is gone; else 0 */
};

/* Listed, or told of by an event; false: not one that can be used */
bool conntrack_entry_read(const struct nlmsghdr *, struct conntrack_entry *out);
/* All entries of both families in the network namespace of the socket (of NETLINK_NETFILTER), those with this mark where mark_mask is not
 * 0. `each` ends it early with a value other than 0, which is then the result; else 0 or -errno. */
int conntrack_entries(struct nl *, uint32_t mark, uint32_t mark_mask,
		      int (*each)(const struct conntrack_entry *, void *), void *context);
/* The one whose first packet had this tuple, as it is now: 0 or -errno, -ENOENT where there is none */
int conntrack_entry_get(struct nl *, const struct conntrack_tuple *original, struct conntrack_entry *out);
/* 0, or -errno: -ENOENT where it has ended since. The mark is set by tuple; what is deleted is known by its id as well, where it has
 * one: another flow with this tuple is left alone. */
int conntrack_entry_set_mark(struct nl *, const struct conntrack_entry *, uint32_t mark);
int conntrack_entry_delete(struct nl *, const struct conntrack_entry *);
/* The same of another namespace's entry whose first packet had this tuple; what its id is, is not known here */
int conntrack_tuple_delete(struct nl *, const struct conntrack_tuple *original);
