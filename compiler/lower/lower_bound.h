/* What the packet filter does with an address that names are bound to, where a subject (the policy, or one of its floors)
 * looks addresses up in maps: the way of its flows to the chains of name rules, `rule<N>_v4` and so on, in front of what is
 * decided by the address alone. Pure; which names hold an address, and for how long, is the caller's to know.
 *
 * First match stays exact. A name rule gets of its service what no rule on addresses before it takes at that address: what
 * such a rule takes finds none of them, goes on to the map of addresses, and meets its first match there. */
#pragma once
#include "lower/lower.h"

/* Which subjects of a ruleset have their map of bound addresses, by family: bit 0 the policy, bit N its floor N (from 1).
 * The others have a set for each name rule. */
struct lower_maps {
	uint32_t v4, v6;
};
struct lower_maps lower_bound_maps(const struct ruleset *);
bool lower_maps_has(struct lower_maps, size_t subject, enum addr_family);
/* "bound4", "floor1_bound6": addresses to `jump` of the policy's chains, `goto` of a floor's, which a `return` has to leave */
const char *lower_bound_map(struct arena *, size_t subject, enum addr_family);
bool lower_bound_jumps(size_t subject);
/* "rule3_v4": the chain that matches a rule's service, counts and decides; what at -O0 is the name of its set */
const char *lower_bound_rule_chain(struct arena *, const struct policy *, size_t subject, size_t rule,
				   enum addr_family);

/* A subject's rules, found by address. The policy and the arena must outlive it. */
struct lower_bound;
struct lower_bound *lower_bound_new(struct arena *, const struct policy *, size_t subject, const struct addr_gateway *);

/* What of a name rule's service it decides at an address; of TCP and UDP the ports. Where rules on groups and on every address
 * take many ports before it, these are not left out of tcp or udp: the first `before` runs of ports of `wide` are. */
struct taken_wide;
struct lower_bound_part {
	size_t rule;
	bool whole;      /* all of its service; where there is no other part, what follows may be left out */
	unsigned others; /* PROTO_ bits but TCP and UDP */
	struct policy_port_list tcp, udp;
	struct taken_wide *wide;
	size_t tcp_before, udp_before;
};
#define LOWER_BOUND_SETS_MOST 10 /* that a part's rules look into */
struct lower_bound_parts {
	struct lower_bound_part *items;
	size_t count, cap;
};
/* Of these name rules (ascending, each once, all with names and for egress) at this address; those that decide nothing are
 * left out. The lists belong to the arena. Addresses of one answer mostly get the same list, the very same (items), which is
 * remembered until lower_bound_forget(): before that arena goes. */
struct lower_bound_parts lower_bound_parts(struct lower_bound *, struct arena *, struct addr, const uint32_t *rules,
					   size_t count);
void lower_bound_forget(struct lower_bound *);
/* Two lists of one subject and family are the same where this text is; of one whole rule it is short, and the rule's own
 * chain is all it takes */
const char *lower_bound_key(struct arena *, const struct lower_bound_parts *);
/* The chain for such a list, added to a table that has no other: sends each part to its rule's chain. Sets that it looks into
 * are added too, each once; they are there from then on, or lower_bound_undo() says that none since lower_bound_forget() is. */
struct rs_chain *lower_bound_chain(struct lower_bound *, struct ruleset *, struct rs_table *, const char *name,
				   enum addr_family, const struct lower_bound_parts *);
void lower_bound_undo(struct lower_bound *);
/* Ranges of ports: in all those sets, and how many more this list needs */
size_t lower_bound_weight(const struct lower_bound *);
size_t lower_bound_needs(const struct lower_bound_parts *);
