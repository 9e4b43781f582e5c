/* The reference meaning of a policy: policy × flow × bindings → verdict. Small, plain, without a clock;
 * everything else (kernel, optimiser, DNS proxy, explain, diff) is tested against it. It does not fail, and allocates
 * nothing that outlives a call. */
#pragma once
#include "eval/decider.h"
#include "policy/policy.h"

struct eval_verdict {
	enum policy_action action;
	struct decider by; /* DECIDER_REBIND from eval_flow() only; of an answer that a rule excepts, that rule */
};

/* What the sandbox has resolved, in whatever form the caller keeps it. */
struct eval_bindings {
	/* Calls `each` for every name now bound to `addr` until it returns true; returns whether one did. */
	bool (*any_name)(const void *self, struct addr addr, bool (*each)(const char *name, void *context),
			 void *context);
	const void *self;
};
#define EVAL_NO_BINDINGS ((struct eval_bindings){ NULL, NULL })
/* One of the names that are bound to `addr`, to tell it by; its text is the bindings' own, and good until they change. NULL: none */
const char *eval_first_name(const struct eval_bindings *, struct addr);
/* Bindings as a flow expression's resolve= gives them */
struct eval_bindings eval_flow_bindings(const struct flow *);

struct eval_context {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct eval_bindings bindings;
};

/* The same, as one of the policy's floors sees it */
struct eval_context eval_floor_context(const struct eval_context *, size_t floor);

struct eval_connection {
	enum policy_direction direction;
	enum policy_proto proto;
	struct addr addr; /* egress: the destination dialled; ingress: the peer. Mapped is taken as IPv4 */
	bool has_port;
	uint16_t port;   /* the guest-side port */
	const char *sni; /* as sent; NULL: none seen */
	bool ech;        /* the hello has the extension that hides another name: `sni` is its outer one */
};

/* Final verdict, after the first flight was seen; refused ports and the policy's floors included. */
struct eval_verdict eval_connection(const struct eval_context *, const struct eval_connection *);

/* A flow that may be QUIC, whose server name nothing looks at; and a rule on names that refuses it for that:
 * DECIDER_HIDDEN */
#define EVAL_QUIC_PORT 443
bool eval_is_quic(const struct eval_connection *);
bool eval_rule_judges_quic(const struct policy *, const struct policy_rule *); /* whether it may refuse any */
bool eval_rule_refuses_quic(const struct eval_context *, const struct policy_rule *, const struct eval_connection *);

/* A TLS hello with ECH is judged by its outer name. A policy that denies ECH, and an allow on names that says `no-ech`, do
 * not trust that name: such an allow does not match by it; under a policy that denies ECH a deny on names refuses the
 * hello whatever the outer name is (DECIDER_HIDDEN), since the name that it would judge is hidden. */
bool eval_rule_takes_ech(const struct policy *, const struct policy_rule *);
bool eval_rule_refuses_ech(const struct eval_context *, const struct policy_rule *, const struct eval_connection *);

/* What the packet filter does at SYN time. Defer: a name rule must see the server name first. */
enum eval_syn { EVAL_SYN_ALLOW, EVAL_SYN_DENY, EVAL_SYN_DEFER };
enum eval_syn eval_syn(const struct eval_context *, const struct eval_connection *);

/* The verdict on a query for `name`; NULL: not usable as a domain name (name rules are skipped). */
struct eval_verdict eval_dns(const struct eval_context *, const char *name, enum flow_transport);

/* Whether a lookup of it is refused by `limit dns label`, which the host's alias is let off: it goes nowhere */
bool eval_label_is_too_long(const struct policy *, const char *name);

/* Where a query that passed goes: the configured nameservers, the resolver the guest addressed, or nowhere. */
enum eval_route { EVAL_ROUTE_CONFIGURED, EVAL_ROUTE_DIRECT, EVAL_ROUTE_DENIED };
enum eval_route eval_dns_route(const struct eval_context *, struct addr resolver, enum flow_transport);

/* Rebind protection on one address of an answer. */
enum eval_answer { EVAL_ANSWER_NOT_RESERVED, EVAL_ANSWER_EXCEPTED, EVAL_ANSWER_RESERVED };
enum eval_answer eval_answer(const struct eval_context *, struct addr);
/* The rule (index from 0) that makes a reserved address acceptable; false where none does. */
bool eval_answer_exception(const struct eval_context *, struct addr, size_t *rule);
bool eval_answer_passes(const struct eval_context *, struct addr); /* true too where protection is off */
/* The same of an answer for `name` (canonical; NULL: not a name), to which a rule on it that says `in` may let it pass:
 * that rule, whatever rules are before it, since a connection they judge all the same */
bool eval_answer_passes_for(const struct eval_context *, const char *name, struct addr);
bool eval_within_exception(const struct eval_context *, const char *name, struct addr, size_t *rule);

/* A whole flow expression. A flow to a name is looked up, then connected to the addresses it was given, in
 * their order, until one lets it through; without a resolve= of its own the name has one public
 * address that no rule names (the gateway, for the host alias). The flow's resolve= takes the place of the
 * context's bindings. */
struct eval_result {
	struct eval_verdict verdict;
	struct eval_verdict lookup; /* egress to a name only */
	bool has_lookup;
	bool answer_blocked;    /* an address did not pass rebind protection: NXDOMAIN */
	bool no_address;        /* the lookup passed and gave nothing to connect to */
	bool has_addr, made_up; /* made_up: addr came from eval_unnamed_public() */
	struct addr addr;       /* the address connected to, blocked, or asked about */
	bool bound;             /* addr is bound to the flow's name */
	bool has_syn;
	enum eval_syn syn;       /* what the packet filter does with the connection */
	enum eval_answer answer; /* FLOW_ANSWER only */
};
struct eval_result eval_flow(const struct eval_context *, const struct flow *);
/* A public address of that family that no rule of the policy names by CIDR: 93.184.216.34 or the next free one. */
struct addr eval_unnamed_public(const struct policy *, enum addr_family);

/* Makes the policy quick to ask, where that pays: before thousands of flows. It must not change any more. */
void eval_prepare(struct policy *);
/* The same for one that is asked now and then: from so many rules on it pays */
#define EVAL_RULES_WORTH_AN_INDEX 32
static inline void eval_prepare_if_worth(struct policy *policy)
{
	if (policy->rules.count >= EVAL_RULES_WORTH_AN_INDEX)
		eval_prepare(policy);
}
/* What of a floor decided, in its own words: its rule or default, of DECIDER_FLOOR */
struct eval_floor_words {
	const char *text, *because; /* because NULL: none */
	struct span span;
};
struct eval_floor_words eval_floor_words(const struct policy *, struct decider, enum policy_direction);

/* The steps of judging, for explanations: a rule decides a connection when its direction fits and all
 * three of these do. */
bool eval_rule_matches_proto(const struct policy_rule *, enum policy_proto);
bool eval_rule_matches_port(const struct policy_rule *, bool has_port, uint16_t port);
bool eval_rule_matches_target(const struct eval_context *, const struct policy_rule *, const struct eval_connection *);
bool eval_rule_matches_query(const struct policy_rule *, const char *name, enum flow_transport);
/* A domain or suffix target and a name, in any case, one trailing dot ignored */
bool eval_target_takes_name(const struct policy_target *, const char *name);
/* The server name that TLS sends: a deny takes one with a port behind it, too, since servers pass over that */
bool eval_target_takes_server_name(enum policy_action, const struct policy_target *, const char *sni);
/* An address target (any, group, CIDR) and an address, unmapped; the action decides about carried IPv4 */
bool eval_target_takes_addr(const struct eval_context *, enum policy_action, const struct policy_target *, struct addr);
/* Whether the connection's port is refused whatever the rules say. Exported for tests only. */
bool eval_port_refused(const struct eval_connection *);
