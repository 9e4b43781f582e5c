/* The gateway's own: what reaches the namespace itself, and what it, the DNS proxy and the relays may send. */
#include "lower/lower_state.h"

enum { RAW_PRIORITY = -300, FILTER_PRIORITY = 0, SOURCE_NAT_PRIORITY = 100 };

static void to_gateway_family(struct lowering *lowering, struct rs_chain *chain, enum rs_field daddr, u128 gateway)
{
	lower_defer_to_gateway(lowering, chain, daddr, gateway);
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	lower_match(lowering, rule, daddr, gateway);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_OUTBOUND);
}

static void to_gateway_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_chain(lowering, "to_gateway", "the guest to this namespace");
	struct rs_rule *rule;

	if (lowering->gateway.has6) {
		rule = lower_rule(lowering, chain, "neighbour discovery");
		lower_match_neighbours(lowering, rule);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
		rule = lower_rule(lowering, chain, "DHCPv6");
		lower_match_dhcp(lowering, rule, 546, 547);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	}
	if (lowering->gateway.has4) {
		rule = lower_rule(lowering, chain, "DHCP");
		lower_match_dhcp(lowering, rule, 68, 67);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
		to_gateway_family(lowering, chain, RS_IP_DADDR, lowering->gateway.v4.value);
	}
	if (lowering->gateway.has6)
		to_gateway_family(lowering, chain, RS_IP6_DADDR, lowering->gateway.v6.value);
	lower_defer_last_hop(lowering, chain);
	lower_verdict(lowering, lower_rule(lowering, chain, "no other address of this namespace"), RS_JUMP,
		      LOWER_CHAIN_REFUSE);
}

static void input_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_hook_chain(lowering, "input", RS_INPUT, FILTER_PRIORITY, RS_DROP, "to the gateway itself");

	lower_drop_invalid(lowering, chain);
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, "handed to the DNS proxy");
	lower_match(lowering, rule, RS_META_MARK, LOWER_DNS_MARK);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	lower_relayed_input(lowering, chain);
	lower_known_flows(lowering, chain);
	lower_defer_input(lowering, chain);
	rule = lower_rule_from(lowering, chain, LOWER_UPLINK, "neighbour discovery with the host");
	lower_match_neighbours(lowering, rule);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, NULL);
	rs_verdict(rs, rule, RS_GOTO, "to_gateway");
	lower_verdict(lowering, lower_rule(lowering, chain, "new flows from outside"), RS_DROP, NULL);
}

static struct rs_rule *upstream_rule(struct lowering *lowering, struct rs_chain *chain, const char *comment)
{
	struct rs_rule *rule = lower_rule(lowering, chain, comment);

	lower_match(lowering, rule, RS_META_MARK, LOWER_UPSTREAM_MARK);
	return rule;
}

static void upstream_family(struct lowering *lowering, struct rs_chain *chain, const char *set, enum rs_field daddr)
{
	struct rs_rule *rule = upstream_rule(lowering, chain, "the nameservers");

	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_lookup_pair(lowering->ruleset, rule, set, daddr, RS_TH_DPORT);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
}

static void upstream_set(struct lowering *lowering, const char *name, enum rs_type type)
{
	struct rs_set *set = rs_set_add(lowering->ruleset, lowering->table, name, type);

	set->type[1] = RS_TYPE_PORT;
	set->runtime = true;
	set->note = "the nameservers, filled at start";
}

/* Where the proxy's upstream sockets may go. The namespace reaches nameservers in either family, whichever the guest
 * has. A resolver that the guest chose is judged by the policy as the guest's own flow would be. */
static void upstream_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;

	upstream_set(lowering, LOWER_UPSTREAM_SET4, RS_TYPE_IPV4);
	upstream_set(lowering, LOWER_UPSTREAM_SET6, RS_TYPE_IPV6);
	struct rs_chain *chain = lower_chain(lowering, "upstream",
					     "to the host: the DNS proxy's questions, and nothing else of our own");
	lower_known_flows(lowering, chain);
	struct rs_rule *rule = lower_rule(lowering, chain, "neighbour discovery with the host");
	lower_match_neighbours(lowering, rule);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	upstream_family(lowering, chain, LOWER_UPSTREAM_SET4, RS_IP_DADDR);
	upstream_family(lowering, chain, LOWER_UPSTREAM_SET6, RS_IP6_DADDR);
	if (!lowering->defers)
		lower_jump_to_floors(lowering, chain, true);
	lower_defer_upstream(lowering, chain);
	rule = upstream_rule(lowering, chain, "a resolver the guest chose");
	lower_match_dns_ports(lowering, rule);
	rs_verdict(rs, rule, RS_GOTO, lower_judged_chain(lowering));
	lower_verdict(lowering, lower_rule(lowering, chain, "no other flow leaves by itself"), RS_DROP, NULL);
}

static void output_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_hook_chain(lowering, "output", RS_OUTPUT, FILTER_PRIORITY, RS_DROP,
				 "from the gateway itself: anything to the guest, questions to nameservers");
	lower_defer_output(lowering, chain);
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_match(rs, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	rs_verdict(rs, rule, RS_GOTO, "upstream");
	lower_verdict(lowering, lower_rule(lowering, chain, "no other link"), RS_DROP, NULL);
}

/* The proxy's answers, which belong to questions that conntrack has not seen, and the relay's packets, whose answers it
 * does not see either */
static void answers_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_hook_chain(lowering, "answers", RS_OUTPUT, RAW_PRIORITY, RS_ACCEPT,
						  "the DNS proxy's answers, as the questions, without conntrack");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	lower_match(lowering, rule, RS_TH_SPORT, LOWER_DNS_PORT);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
	lower_relayed_to_guest(lowering, chain);
}

static void to_guest_chain(struct lowering *lowering)
{
	const char *rate = lower_rate_chain(lowering, &lowering->policy->ingress_ops, "ingress_rate");

	if (!rate)
		return;
	struct rs_chain *chain = lower_hook_chain(lowering, "to_guest", RS_POSTROUTING, FILTER_PRIORITY, RS_ACCEPT,
						  "everything to the guest, within its rate");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(lowering->ruleset, rule, RS_JUMP, rate);
}

static void pod_source(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	struct addr own = lower_own(&lowering->gateway, family);

	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	lower_match(lowering, rule, family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR, own.value);
	rs_do(lowering->ruleset, rule, RS_SNAT)->source = lower_guest(&lowering->gateway, family);
}

/* Of a pod's namespace the outside knows no address but the pod's. */
static void pod_sources(struct lowering *lowering)
{
	struct rs_chain *chain = rs_base_chain_add(lowering->ruleset, lowering->table, "own_flows", RS_NAT,
						   RS_POSTROUTING, SOURCE_NAT_PRIORITY, RS_ACCEPT);

	chain->note = "the proxies' flows leave from the pod's address";
	if (lowering->gateway.has4)
		pod_source(lowering, chain, ADDR_V4);
	if (lowering->gateway.has6)
		pod_source(lowering, chain, ADDR_V6);
}

void lower_gateway_chains(struct lowering *lowering)
{
	input_chain(lowering);
	to_gateway_chain(lowering);
	output_chain(lowering);
	upstream_chain(lowering);
	answers_chain(lowering);
	to_guest_chain(lowering);
	if (lowering->gateway.pod)
		pod_sources(lowering);
}
