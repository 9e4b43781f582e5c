/* The reference meaning of a policy: policy × flow × bindings → verdict. Small, plain, without a clock;
 * everything else (kernel, optimiser, DNS proxy, explain, diff) is tested against it. */
#pragma once
#include "policy.h"

enum eval_decider { EVAL_RULE, EVAL_DEFAULT, EVAL_FLOOR, EVAL_REFUSED };

struct eval_verdict {
	enum policy_action action;
	enum eval_decider by;
	size_t rule; /* index from 0, EVAL_RULE only */
};

/* What the sandbox has resolved, in whatever form the caller keeps it. */
struct eval_bindings {
	/* Calls `each` for every name now bound to `addr` until it returns true; returns whether one did. */
	bool (*any_name)(const void *self, struct addr addr,
			 bool (*each)(const char *name, void *context), void *context);
	const void *self;
};
#define EVAL_NO_BINDINGS ((struct eval_bindings){ NULL, NULL })
/* Bindings as a flow expression's resolve= gives them */
struct eval_bindings eval_flow_bindings(const struct flow *);

struct eval_context {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct eval_bindings bindings;
};

struct eval_connection {
	enum policy_direction direction;
	enum policy_proto proto;
	struct addr addr; /* egress: the destination dialled; ingress: the peer. Mapped is taken as IPv4 */
	bool has_port;
	uint16_t port;    /* the guest-side port */
	const char *sni;  /* as sent; NULL: none seen */
};

/* Final verdict, after the first flight was seen; refused ports and the multi-tenant floor included. */
struct eval_verdict eval_connection(const struct eval_context *, const struct eval_connection *);

/* What the packet filter does at SYN time. Defer: a name rule must see the server name first. */
enum eval_syn { EVAL_SYN_ALLOW, EVAL_SYN_DENY, EVAL_SYN_DEFER };
enum eval_syn eval_syn(const struct eval_context *, const struct eval_connection *);

/* The verdict on a query for `name`; NULL: not usable as a domain name (name rules are skipped). */
struct eval_verdict eval_dns(const struct eval_context *, const char *name, enum flow_transport);

/* Where a query that passed goes: the configured nameservers, the resolver the guest addressed, or nowhere. */
enum eval_route { EVAL_ROUTE_CONFIGURED, EVAL_ROUTE_DIRECT, EVAL_ROUTE_DENIED };
enum eval_route eval_dns_route(const struct eval_context *, struct addr resolver, enum flow_transport);

/* Rebind protection on one address of an answer. */
enum eval_answer { EVAL_ANSWER_NOT_RESERVED, EVAL_ANSWER_EXCEPTED, EVAL_ANSWER_RESERVED };
enum eval_answer eval_answer(const struct eval_context *, struct addr);
bool eval_answer_passes(const struct eval_context *, struct addr); /* true too where protection is off */

/* A whole flow expression: a flow to a name is looked up, then connected by each address it was given. */
struct eval_result {
	struct eval_verdict verdict;
	struct eval_verdict lookup; /* to_name only */
	bool has_lookup;
	bool answer_blocked;        /* the address did not pass rebind protection */
	struct addr addr;           /* the address connected to, to_name only */
};
struct eval_result eval_flow(const struct eval_context *, const struct flow *);
/* A public address of that family that no rule of the policy names by CIDR: 93.184.216.34 or the next free one. */
struct addr eval_unnamed_public(const struct policy *, enum addr_family);

bool eval_rule_matches_target(const struct eval_context *, const struct policy_rule *, const struct eval_connection *);
