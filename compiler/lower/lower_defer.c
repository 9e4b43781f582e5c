/* Flows whose server name decides, where a policy has such (policy_defers()); of others nothing is made here.
 *
 * A new TCP flow of the guest's is walked once, before routing (chain names), since only there it can be given to a socket:
 *
 *   let pass    LOWER_PASSED_MARK, which forward and to_gateway trust; they let no other new TCP pass
 *   refused     at once
 *   deferred    the flow gets LOWER_DIVERTED_CT, and with it each packet of it from then on goes to the name relay's
 *               transparent listener, or its connection's socket, or nowhere (chain divert). Routing is told by
 *               LOWER_DIVERT_MARK that it is local. Chain divert is another base chain since tproxy may only be where no
 *               other hook leads, which the walk's chains are not
 *
 * What the guest sends on those addresses and ports is never forwarded, the relay there or not: chain forward drops what has
 * the flow's mark before it looks whether the flow is established. When conntrack has forgotten the flow, what follows is
 * invalid without a SYN (nf_conntrack_tcp_loose is off; were it on, it would be walked anew), and what the relay sends gets the
 * mark again. A packet whose TTL is over is not tracked, so it is neither diverted nor forwarded.
 *
 * A flow defers where, by rules in order and the address alone, an allow ends it and a denial of names before has its port
 * (known beforehand: the allow's own rule goes to chain defer), or a denial ends it and an allow before has its port whose name
 * is bound (LOWER_NAMED_MARK on its way, which chains undecided and refuse_unnamed look at). The relay's own way out is walked in
 * output: what defers passes there, the server name having been judged. */
#include "lower/lower_state.h"

#include <string.h>

enum { WALK_PRIORITY = -150, DIVERT_PRIORITY = -149 };
enum { FIB_LOCAL = 2, FIB_BROADCAST = 3, FIB_ANYCAST = 4, FIB_MULTICAST = 5 };

static bool has_allowed_names(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].action == POLICY_ALLOW && policy_rule_defers(&policy->rules.items[i]))
			return true;
	return false;
}

/* ---- before routing ---- */

static void names_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_hook_chain(lowering, "names", RS_PREROUTING, WALK_PRIORITY, RS_ACCEPT,
				 "new TCP of the guest's is judged here, where it can still be diverted");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	/* what most packets fail first */
	lower_match_new(lowering, rule);
	lower_match_tcp(lowering, rule);
	rs_match(rs, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE));
	rs_match(rs, rule, RS_CT_MARK, rs_number(LOWER_DIVERTED_CT))->negate = true;
	rs_verdict(rs, rule, RS_GOTO, LOWER_CHAIN_OUTBOUND);
}

/* Before routing, so it may yet be for the gateway: chain to_gateway counts it. */
static void pass(struct lowering *lowering, struct rs_rule *rule)
{
	rs_mark_set(lowering->ruleset, rule, LOWER_PASSED_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

static void admit_tcp_chain(struct lowering *lowering)
{
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_ADMIT_TCP, "judged before routing: what is let pass is marked");

	lower_defer_for_floor(lowering, chain);
	if (lowering->named_logs) {
		struct rs_rule *rule = lower_rule(lowering, chain, "a rule on names with `log` was before");
		lower_match(lowering, rule, RS_META_MARK, LOWER_NAMED_LOGGED_MARK);
		lower_log_allowed(lowering, rule);
	}
	pass(lowering, lower_confirmed_rule(lowering, chain));
	lower_share_rate(lowering, chain);
	pass(lowering, lower_rule(lowering, chain, NULL));
}

static void to_listener(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match(lowering, rule, RS_META_NFPROTO, family == ADDR_V4 ? AF_INET : AF_INET6);
	lower_match_tcp(lowering, rule);
	rs_tproxy(lowering->ruleset, rule, family, LOWER_NAMES_PORT);
	rs_mark_set(lowering->ruleset, rule, LOWER_DIVERT_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

static void divert_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_hook_chain(lowering, "divert", RS_PREROUTING, DIVERT_PRIORITY, RS_ACCEPT,
						  "flows whose server name decides go to the name relay, with all that "
						  "follows");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match(lowering, rule, RS_CT_MARK, LOWER_DIVERTED_CT);
	rs_match(rs, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(rs, rule, RS_GOTO, "diverted");
	chain = lower_chain(lowering, "diverted", "to the relay's socket, or nowhere");
	if (lowering->gateway.has4)
		to_listener(lowering, chain, ADDR_V4);
	if (lowering->gateway.has6)
		to_listener(lowering, chain, ADDR_V6);
	rule = lower_rule(lowering, chain, "errors about the flow, to the same socket");
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_ICMP, IPPROTO_ICMPV6);
	rs_mark_set(rs, rule, LOWER_DIVERT_MARK);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "no socket of the name relay's"), RS_DROP, NULL);
}

/* The namespace's own addresses but the gateway's are nobody's to dial, the relay's least. */
static void refuse_own(struct lowering *lowering, struct rs_chain *chain, enum rs_field daddr, u128 gateway)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "no other address of this namespace");

	rs_match(lowering->ruleset, rule, daddr, rs_number(gateway))->negate = true;
	LOWER_MATCH_ANY(lowering, rule, RS_FIB_DADDR_TYPE, FIB_LOCAL, FIB_BROADCAST, FIB_ANYCAST, FIB_MULTICAST);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
}

/* What no router takes further: without the relay it would end in chain forward. */
static void refuse_link_local(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "for one link, never forwarded");

	rs_match(lowering->ruleset, rule, RS_IP6_DADDR, rs_number(lowering->gateway.v6.value))->negate = true;
	rs_match(lowering->ruleset, rule, RS_IP6_DADDR,
		 rs_prefix((struct addr_prefix){ { ADDR_V6, (u128)0xfe80 << 112 }, 10 }));
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
}

static void defer_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_DEFER,
			    "its server name decides: to the name relay, which opens the flow as its own");
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay's, of a name that was judged");

	rs_match(rs, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE))->negate = true;
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	if (lowering->gateway.has4)
		refuse_own(lowering, chain, RS_IP_DADDR, lowering->gateway.v4.value);
	if (lowering->gateway.has6)
		refuse_own(lowering, chain, RS_IP6_DADDR, lowering->gateway.v6.value);
	if (lowering->gateway.has6)
		refuse_link_local(lowering, chain);
	lower_share_rate(lowering, chain);
	rule = lower_rule(lowering, chain, NULL);
	rs_ct_mark_set(rs, rule, LOWER_DIVERTED_CT);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
}

/* Looks at the marks that allows of bound names have set */
static void unnamed_chain(struct lowering *lowering, const char *name, const char *defer, const char *refuse)
{
	struct rs_chain *chain =
		lower_chain(lowering, name, "denied by address, unless an allow before it is of a bound name");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	LOWER_MATCH_ANY(lowering, rule, RS_META_MARK, LOWER_NAMED_MARK, LOWER_NAMED_LOGGED_MARK);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, defer);
	rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_GOTO, refuse);
}

/* A floor whose answer is in the server name leaves it to the policy whether the flow is refused before that. */
static void floor_defer_chain(struct lowering *lowering)
{
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_FLOOR_DEFER,
			    "the floor waits for the server name: the policy may still refuse at once");
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, NULL);

	rs_ct_mark_set(lowering->ruleset, rule, LOWER_DIVERTED_CT);
}

static bool floors_allow_names(const struct lowering *lowering)
{
	for (size_t i = 0; i < lowering->policy->floors.count; i++)
		if (has_allowed_names(lowering->policy->floors.items[i]))
			return true;
	return false;
}

/* What one floor has noted of a flow's names is nothing to the next, nor to the policy. */
static void judged_chain(struct lowering *lowering)
{
	struct rs_chain *chain;

	if (strcmp(lower_judged_chain(lowering), LOWER_CHAIN_JUDGED) != 0)
		return;
	chain = lower_chain(lowering, LOWER_CHAIN_JUDGED, "the floors, then the policy");
	for (size_t i = 0; i < lowering->policy->floors.count; i++) {
		rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_JUMP,
			   lower_floor_chain(lowering, i + 1));
		if (has_allowed_names(lowering->policy->floors.items[i]))
			rs_mark_set(lowering->ruleset, lower_rule(lowering, chain, NULL), 0);
	}
	rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_EGRESS);
}

/* ---- in forward ---- */

static void new_chain(struct lowering *lowering)
{
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_NEW, "of TCP what was let pass before routing, no other");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	lower_match(lowering, rule, RS_META_MARK, LOWER_PASSED_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, "not judged");
	lower_match_tcp(lowering, rule);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
	rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_OUTBOUND);
}

void lower_defer_chains(struct lowering *lowering)
{
	if (!lowering->defers)
		return;
	names_chain(lowering);
	admit_tcp_chain(lowering);
	divert_chain(lowering);
	defer_chain(lowering);
	if (lowering->denies_unnamed)
		unnamed_chain(lowering, LOWER_CHAIN_UNNAMED, LOWER_CHAIN_DEFER, lower_denied_chain(lowering));
	if (lowering->floors_defer)
		floor_defer_chain(lowering);
	if (floors_allow_names(lowering))
		unnamed_chain(lowering, LOWER_CHAIN_FLOOR_UNNAMED, LOWER_CHAIN_FLOOR_DEFER, LOWER_CHAIN_REFUSE);
	judged_chain(lowering);
	new_chain(lowering);
}
