/* What the files of lowering share: one call of lower_policy(). */
#pragma once
#include "lower/lower.h"
#include "lower/lower_defer_ports.h"
#include "lower/sandbox_net.h"

/* A group's addresses in one family, and the set that holds them once a rule has asked for it */
struct lowered_group {
	bool computed;
	struct addr_set addrs;
	const char *set;
};

struct lowering {
	struct arena *arena;
	struct ruleset *ruleset;
	struct rs_table *table; /* the one being filled */
	const struct policy *policy;
	const struct policy *subject; /* whose rules are lowered: the policy's, or a floor's */
	size_t floor;                 /* of a floor: its number, from 1 */
	const struct lower_options *options;
	struct addr_gateway gateway;
	struct addr guest4, guest6; /* where the gateway has the family */
	uint8_t guest_mac[6];
	bool ingress; /* rules are lowered for what comes to a pod */
	/* Where server names decide (lower_defer.c): at all; in a floor; of allow rules on names, some log, some not */
	bool defers, floors_defer, named_logs, named_unlogged;
	bool denies_unnamed;                                 /* a rule leads to LOWER_CHAIN_UNNAMED */
	struct lower_deferred deferred;                      /* of the subject's rules so far */
	const char *egress_rate;                             /* the chain that bounds the guest's packets, or NULL */
	struct lowered_group groups[ADDR_CLASS_COUNT][2][2]; /* of rules that allow, that deny; IPv4, IPv6 */
};

/* lower_rules.c: chain egress, and a chain for each floor */
void lower_rules(struct lowering *);
/* Jumps to the floors' chains: of all packets, or of the DNS proxy's to resolvers that the guest chose */
void lower_jump_to_floors(struct lowering *, struct rs_chain *, bool resolvers);
const char *lower_floor_chain(struct lowering *, size_t floor); /* from 1 */
/* The chain that judges a flow by floors and policy, of which outbound does the floors where no server names decide */
const char *lower_judged_chain(struct lowering *);
/* lower_defer.c: the chains of policies where server names decide; lower_defer_frame.c: what the other chains have of it.
 * Nothing in other policies. */
void lower_defer_chains(struct lowering *);
void lower_defer_facts(struct lowering *);
void lower_defer_forward(struct lowering *, struct rs_chain *); /* in front of what is established */
const char *lower_new_chain(const struct lowering *);           /* where it sends new flows to the uplink */
void lower_defer_input(struct lowering *, struct rs_chain *);
void lower_defer_to_gateway(struct lowering *, struct rs_chain *, enum rs_field daddr, u128 gateway);
void lower_defer_admit(struct lowering *, struct rs_chain *);
void lower_defer_for_floor(struct lowering *, struct rs_chain *); /* what the policy lets pass */
void lower_defer_named(struct lowering *, struct rs_chain *);     /* behind an allow of a bound name */
void lower_defer_logged(struct lowering *, struct rs_chain *);
void lower_defer_last_hop(struct lowering *, struct rs_chain *);
void lower_defer_output(struct lowering *, struct rs_chain *);
void lower_defer_upstream(struct lowering *, struct rs_chain *);
/* lower_chains.c: table inet's chains around them, which no policy changes; lower_guest.c: those before routing, for what
 * the guest sends; lower_gateway.c: those of the namespace's own sockets */
void lower_chains(struct lowering *);
void lower_guest_chains(struct lowering *);
void lower_gateway_chains(struct lowering *);
/* lower_relay.c: what of the guest's and what to it belongs to the relay of published ports; nothing where none are */
void lower_relayed_from_guest(struct lowering *, struct rs_chain *);
void lower_relayed_to_guest(struct lowering *, struct rs_chain *);
void lower_relayed_input(struct lowering *, struct rs_chain *);
/* lower_shortcut.c: the rules that let pass at once what no later rule of chain prerouting would touch */
void lower_shortcuts(struct lowering *, struct rs_chain *);
/* lower_limits.c: the chain that bounds new flows; and a chain that drops what is over a policy's packet rate:
 * returns its name, or NULL where there is no limit */
void lower_share_rate(struct lowering *, struct rs_chain *); /* with chain admit's, where server names decide */
void lower_admit_chain(struct lowering *);
const char *lower_rate_chain(struct lowering *, const struct policy_limit *, const char *name);
/* lower_meters.c: where what a rule with a limit of bytes of its own lets pass goes to: its flow is marked, then it is as without */
void lower_meter_chains(struct lowering *);
const char *lower_metered_chain(struct lowering *, const struct policy_rule *);
/* lower_audit.c: the chain for what rules deny, in an audit */
void lower_audited_chain(struct lowering *);
/* lower_ask.c: the chains for what no rule decides, where somebody is asked */
void lower_ask_chains(struct lowering *);
/* lower_sets.c: the named set of a group's addresses */
const char *lower_group_set(struct lowering *, enum addr_class group, enum policy_action, enum addr_family);
/* Its addresses: rules that deny a group take in more than those that allow it, where a NAT64 prefix was found out */
struct lowered_group *lower_group(struct lowering *, enum addr_class group, enum policy_action action,
				  enum addr_family);
/* The set of the rule's names, with as many of them as a comment may hold; of its networks. They are added where they are not there */
const char *lower_add_binding_set(struct lowering *, size_t index, enum addr_family);
const char *lower_rule_network_set(struct lowering *, size_t index, const struct addr_set *);
enum rs_type lower_addr_type(enum addr_family);
/* lower_link.c: table netdev, what the guest's link lets in at all */
void lower_link(struct lowering *);

#define LOWER_CHAIN_EGRESS "egress"
#define LOWER_CHAIN_INGRESS "ingress"
#define LOWER_CHAIN_FLOOR "floor"
#define LOWER_BOUND_MAP "bound"     /* with the family: of addresses that names are bound to */
#define LOWER_ADDRESSES "addresses" /* "floor1_addresses": what is decided by the address alone */
#define LOWER_CHAIN_LOGGED "logged"
#define LOWER_CHAIN_AUDITED "audited"
#define LOWER_CHAIN_ADMIT "admit"
#define LOWER_CHAIN_JUDGED "judged"
#define LOWER_CHAIN_OUTBOUND "outbound"
#define LOWER_CHAIN_NEW "new_flow"
#define LOWER_CHAIN_ADMIT_TCP "admit_tcp"
#define LOWER_CHAIN_PASSED "passed"
#define LOWER_CHAIN_DEFER "defer"
#define LOWER_CHAIN_UNNAMED "refuse_unnamed"
#define LOWER_CHAIN_UNDECIDED "undecided"
#define LOWER_CHAIN_ASK "ask"
#define LOWER_CHAIN_FLOOR_DEFER "floor_defer"
#define LOWER_CHAIN_FLOOR_UNNAMED "floor_refuse_unnamed"

/* lower_build.c: what the files share. A note is printed above its chain. */
struct rs_chain *lower_chain(struct lowering *, const char *name, const char *note);
struct rs_chain *lower_hook_chain(struct lowering *, const char *name, enum rs_hook, int priority,
				  enum rs_verdict_kind policy, const char *note);
struct rs_rule *lower_rule_from(struct lowering *, struct rs_chain *, const char *link, const char *comment);
void lower_match(struct lowering *, struct rs_rule *, enum rs_field, u128 number);
void lower_match_tcp(struct lowering *, struct rs_rule *);
void lower_match_neighbours(struct lowering *, struct rs_rule *);
void lower_match_dns_ports(struct lowering *, struct rs_rule *);
void lower_match_dhcp(struct lowering *, struct rs_rule *, unsigned client, unsigned server);
#define LOWER_CT_UNTRACKED 64 /* as a state of conntrack's: it was not let see the packet */
void lower_match_new(struct lowering *, struct rs_rule *);
void lower_match_first(struct lowering *, struct rs_rule *); /* new, or without conntrack */
struct rs_rule *lower_confirmed_rule(struct lowering *,
				     struct rs_chain *); /* of flows of which a packet was let pass */
void lower_match_established(struct lowering *, struct rs_rule *);
/* Established flows pass, and the errors about them that chain `related` knows */
void lower_known_flows(struct lowering *, struct rs_chain *);
void lower_established(struct lowering *, struct rs_chain *);
void lower_related(struct lowering *, struct rs_chain *);
void lower_drop_invalid(struct lowering *, struct rs_chain *);
/* Where what a rule denies goes: an audit's, of the policy's own rules */
const char *lower_denied_chain(const struct lowering *);
void lower_log_allowed(struct lowering *, struct rs_rule *); /* what a rule with `log` lets pass */
/* A chain that reports to an nflog group, so many a second, and counts the others */
void lower_report_chain(struct lowering *, const char *name, const char *note, uint32_t group);
void lower_shut_chain(struct lowering *);
/* The protocols a rule can match in one family; 0: none of them */
unsigned lower_rule_protos(const struct policy_rule *, enum addr_family);

/* Helpers */
static inline struct rs_rule *lower_rule(struct lowering *lowering, struct rs_chain *chain, const char *comment)
{
	return rs_rule_add(lowering->ruleset, chain, comment);
}
/* Counts and decides */
static inline void lower_verdict(struct lowering *lowering, struct rs_rule *rule, enum rs_verdict_kind kind,
				 const char *chain)
{
	rs_do(lowering->ruleset, rule, RS_COUNTER);
	rs_verdict(lowering->ruleset, rule, kind, chain);
}
/* field == one of `count` numbers, in ascending order */
static inline struct rs_expr *lower_match_any(struct lowering *lowering, struct rs_rule *rule, enum rs_field field,
					      const unsigned *numbers, size_t count)
{
	struct rs_expr *expr = rs_match(lowering->ruleset, rule, field, rs_number(numbers[0]));

	for (size_t i = 1; i < count; i++)
		rs_or(lowering->ruleset, expr, rs_number(numbers[i]));
	return expr;
}
#define LOWER_MATCH_ANY(lowering, rule, field, ...)                               \
	lower_match_any(lowering, rule, field, (const unsigned[]){ __VA_ARGS__ }, \
			sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned))
