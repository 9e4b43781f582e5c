/* Wide rules: those on every address, on a group, or on a network that many rules name. A zone is the addresses that the
 * same of them apply to: the first that takes a port is found by one look into a map. */
#pragma once
#include "optimise/linear.h"

/* Ports that one of a zone's rules takes first */
struct zone_run {
	uint16_t lo, hi;
	uint32_t number; /* the rule's */
};

struct zone_ports {
	struct zone_run *items; /* by port, disjoint */
	size_t count, cap;
	struct zone_run *by_number; /* the same by rule */
	const char ***blocks;       /* by level: names of sets that were made of some of by_number */
	uint32_t rest;              /* the first rule on the protocol whatever the port */
};

enum { ZONE_TCP, ZONE_UDP, ZONE_ICMP, ZONE_ICMP6, ZONE_OTHER, ZONE_PROTOS };

struct zone {
	const char *chain;                /* its name; NULL until made */
	const struct linear_rule **items; /* its rules, in order */
	size_t count, cap;
	struct zone_ports ports[ZONE_PROTOS]; /* `items` of TCP and UDP only */
};

/* What the pass's files share */
struct addresses {
	struct ruleset *ruleset;
	struct arena *arena;
	struct rs_table *table;
	const char *prefix; /* of names: "", or "floor1_" */
	bool floor;         /* all ways out are gone to: see addresses.c */
	size_t zone_names;
};

/* Of its rules, which are in: who takes what first */
void zone_settle(struct addresses *, struct zone *);
/* The first rule that takes every packet: none after it counts */
uint32_t zone_end(const struct zone *);
/* Its chain's rules, in `chain` */
void zone_fill(struct addresses *, struct zone *, size_t chain);
/* Adds the rules that leave `chain` where one of the zone's that is before `rule` takes what `rule` would */
void zone_before(struct addresses *, struct zone *, size_t chain, const struct linear_rule *rule);
