/* Where the meaning of a policy changes: the first and last address and port of everything it names, and those beside them. A
 * mistake of one in a bound, or a part that is forgotten, shows there and nowhere else. */
#pragma once
#include "policy/policy.h"

struct flow_edges {
	LIST_OF(struct addr) addrs;       /* those of the rules; of what carries a denied IPv4 address too */
	LIST_OF(struct addr) class_addrs; /* those of the groups that rules name, of all that is refused, the gateway */
	LIST_OF(uint16_t) ports;
};

/* Floors included; into the arena */
struct flow_edges flow_edges_of(struct arena *, const struct policy *, const struct addr_gateway *);
