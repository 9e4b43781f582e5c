/* Bounds on a sandbox's flows: in its own namespace the rate of new ones and those to the gateway, in the host's all that
 * the host's conntrack has entries for. What a bound refuses is logged with the bound's name, and reported as that. */
#pragma once
#include "policy/policy_facts.h"
#include "ruleset/ruleset.h"

enum limit {
	OVER_TCP,          /* --max-tcp-connections */
	OVER_UDP,          /* --max-udp-connections */
	OVER_OTHER,        /* of all other protocols */
	OVER_RATE,         /* --max-connection-rate */
	OVER_NEIGHBOURS,   /* the part of it for where the host looks for addresses on a link */
	OVER_QUESTIONS,    /* the DNS proxy's own */
	OVER_SHARE,        /* one sandbox's share of the host's table */
	OVER_ALL,          /* all sandboxes' share of it */
	OVER_EGRESS_BYTES, /* --net-egress-bytes: all that the guest may send */
	OVER_INGRESS_BYTES,
	OVER_COUNT
};

/* The prefix of its log entries; false where `prefix` is none */
const char *limit_name(enum limit);
const char *limit_chain(enum limit); /* "over_tcp" */
bool limit_by_name(const char *prefix, enum limit *out);

/* New flows a second to where the host looks for each address on a link; 0: no bound */
uint32_t limit_neighbours(const struct policy *);

/* Where the chains are, and how they refuse */
struct limit_chains {
	struct ruleset *ruleset;
	struct rs_table *table;
	uint16_t log_group;
	bool silent;
};
/* Chain over_NAME: reports, then refuses, TCP by a reset; a flow over a rate is dropped, so that it is tried again. */
void limit_refusal_chain(const struct limit_chains *, enum limit);
/* The same of another name, which is logged with that prefix */
void limit_named_refusal_chain(const struct limit_chains *, const char *chain, const char *prefix);
/* A rule: more than `most` at once of what reaches it go there. 0: no rule. */
void limit_count(const struct limit_chains *, struct rs_chain *, enum limit, uint32_t most);
/* The three for TCP, UDP and all else. */
void limit_count_protocols(const struct limit_chains *, struct rs_chain *, uint32_t tcp, uint32_t udp, uint32_t other);
