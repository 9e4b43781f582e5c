/* Links, addresses, routes, rules and neighbours by rtnetlink: what `ip` would do, without `ip`.
 * Every function returns 0 (or as described) or -errno, and acts in the network namespace its socket was opened in. */
#pragma once
#include "base/address.h"
#include "netlink/netlink.h"

#include <net/if.h>
#include <stdbool.h>

/* What sandboxes note on a link of the host's: alternative names, which live exactly as long as the link and its switches,
 * and which `ip link` shows. */
#define RTNL_NOTE "msb-"
#define RTNL_NOTES_MAX 256

struct rtnl_link {
	uint32_t index;
	uint32_t peer;  /* of a veth: the other end's index, in its own namespace */
	int peer_netns; /* that one's rtnl_netns_number(); -1: the same one */
	char name[IFNAMSIZ];
	char kind[16];  /* "veth"; "" of hardware */
	unsigned flags; /* IFF_ */
	uint8_t mac[6]; /* 0 where it has none, or another kind of address */
	uint32_t mtu;
	uint32_t group;
	uint8_t operstate;          /* IF_OPER_ */
	char alias[256];            /* read by people and by other sandboxes; IFALIASZ */
	char notes[RTNL_NOTES_MAX]; /* alternative names that begin with RTNL_NOTE, a blank after each */
};

/* One end of a veth pair. */
struct rtnl_end {
	const char *name; /* "msb%d": the kernel chooses the number */
	const uint8_t *mac;
};
/* `near` is made in the socket's namespace, `far` in that of the descriptor. Both stay down. */
int rtnl_veth_add(struct nl *, struct rtnl_end near, struct rtnl_end far, int far_netns);
/* A bridge without spanning tree and without multicast snooping, down. */
int rtnl_bridge_add(struct nl *, struct rtnl_end);
/* A tap that ends with its descriptor, which is returned, in the calling thread's namespace. It carries bare
 * Ethernet frames: -EPROTO where the kernel put a virtio-net header before them, which could rewrite a packet
 * after the filter has passed it. */
int rtnl_tap_open(const char *name);
/* Lets that tap have what network cards do themselves done later: checksums and segments. For taps whose frames the kernel hands on */
int rtnl_tap_offload(int tap);

/* By which number the socket's namespace knows another, or -errno; -ENOENT where it knows it not */
int rtnl_netns_number(struct nl *, int netns);

int rtnl_link_by_name(struct nl *, const char *name, struct rtnl_link *out);
int rtnl_link_by_index(struct nl *, uint32_t index, struct rtnl_link *out);
/* What a link has counted since it was made. -ENODATA where the kernel does not tell */
struct rtnl_counted {
	uint64_t received_bytes, received_packets, sent_bytes, sent_packets;
};
int rtnl_link_counted(struct nl *, uint32_t index, struct rtnl_counted *out);
/* Every link; `each` ends it early with a value other than 0 */
int rtnl_links(struct nl *, int (*each)(const struct rtnl_link *, void *), void *context);
int rtnl_link_up(struct nl *, uint32_t index);
int rtnl_link_down(struct nl *, uint32_t index);
int rtnl_link_set_mtu(struct nl *, uint32_t index, uint32_t mtu);
int rtnl_link_set_mac(struct nl *, uint32_t index, const uint8_t mac[static 6]);
int rtnl_link_set_group(struct nl *, uint32_t index, uint32_t group);
int rtnl_link_set_alias(struct nl *, uint32_t index, const char *alias);
/* -EEXIST where any link has that name already, or a name is taken from a link that has it not */
int rtnl_link_note(struct nl *, uint32_t index, const char *note);
int rtnl_link_forget(struct nl *, uint32_t index, const char *note);
int rtnl_link_set_master(struct nl *, uint32_t index, uint32_t master);
/* To the network namespace of that descriptor, by another name; it is down there, and has no address any more */
int rtnl_link_move(struct nl *, uint32_t index, int netns, const char *name);
int rtnl_link_delete(struct nl *, uint32_t index);
/* Until packets can pass both ways over it; -ETIMEDOUT where the kernel takes too long */
int rtnl_link_wait(struct nl *, uint32_t index);

/* Without duplicate address detection: we alone give out addresses there. */
int rtnl_address_add(struct nl *, uint32_t index, struct addr_prefix);
/* Every address of that link, or of every link where it is 0, with its length; `each` ends it early with a value other than 0 */
int rtnl_addresses(struct nl *, uint32_t index, int (*each)(struct addr_prefix, void *), void *context);
/* The entry never ages: it is never asked for, so no other can answer. */
int rtnl_neighbour_add(struct nl *, uint32_t index, struct addr, const uint8_t mac[static 6]);
/* The same in place of one that the kernel made while it looked for the address in vain */
int rtnl_neighbour_replace(struct nl *, uint32_t index, struct addr, const uint8_t mac[static 6]);
/* The link answers neighbour discovery for an address that is on another */
int rtnl_neighbour_proxy(struct nl *, uint32_t index, struct addr);

struct rtnl_route {
	struct addr_prefix destination; /* len 0: the default route */
	const struct addr *via;         /* NULL: on the link itself. It need not be in any subnet of the link. */
	const struct addr *source;      /* which own sockets have on that way; NULL: the kernel's choice */
	uint32_t link;
	uint32_t table; /* 0: main */
	bool local;     /* delivers to this host, for TPROXY */
};
/* -EEXIST where the table has a route to the same destination: of two callers one gets it. */
int rtnl_route_add(struct nl *, const struct rtnl_route *);
int rtnl_route_delete(struct nl *, const struct rtnl_route *);
/* Packets with that mark are routed by that table. */
int rtnl_rule_add(struct nl *, enum addr_family, uint32_t mark, uint32_t table);

/* A route as the kernel lists it. */
struct rtnl_listed {
	struct addr_prefix destination;
	uint32_t link, table; /* link 0: none, or that of a next hop object */
	uint8_t type;         /* RTN_ */
	bool dead;            /* its link is down: it is not used */
	bool routed;          /* by another router, or by a next hop object, which may be one */
	struct addr via;      /* that router, where it is one of the same family; else unspecified */
};
/* Every route of that family, of every table; `each` ends it early with a value other than 0 */
int rtnl_routes(struct nl *, enum addr_family, int (*each)(const struct rtnl_listed *, void *), void *context);
/* The link of every next hop object */
int rtnl_next_hops(struct nl *, int (*each)(uint32_t link, void *), void *context);
