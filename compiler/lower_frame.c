/* The chains around the policy, the same for every policy: what of the guest's may be judged at all, DNS to the
 * proxy, what the namespace itself may send and receive, and how a refusal looks.
 *
 *   prerouting  source and destination checks, before conntrack sees a packet
 *   proxies     port 53 to the DNS proxy's socket, whatever its address; the gateway's ports to the relay of the host's
 *   input       to the gateway: DNS, replies, neighbour discovery; the rest goes to outbound
 *   forward     replies and their errors; new flows from the guest go to outbound
 *   outbound    refusals no rule can lift, then chains floor and egress
 *   new_flows   behind forward and input: how many of the flows that the policy allows
 *   output      what the gateway, the proxy and the relay may send */
#include "lowering.h"

enum { RAW_PRIORITY = -300, MANGLE_PRIORITY = -150, FILTER_PRIORITY = 0 };
enum { CT_INVALID = 1, CT_ESTABLISHED = 2, CT_RELATED = 4, CT_NEW = 8 };
enum { FIB_BROADCAST = 3, FIB_ANYCAST = 4, FIB_MULTICAST = 5 };
enum { ND_ROUTER_SOLICIT = 133, ND_NEIGHBOR_SOLICIT = 135, ND_NEIGHBOR_ADVERT = 136 };
#define REPORT_RATE 100 /* refused packets a second that are reported */
#define REPORT_BURST 200
#define PREFIX4(value, len) rs_prefix((struct addr_prefix){ { ADDR_V4, value }, len })
#define PREFIX6(value, len) rs_prefix((struct addr_prefix){ { ADDR_V6, value }, len })

static struct rs_chain *plain_chain(struct lowering *lowering, const char *name, const char *note)
{
	struct rs_chain *chain = rs_chain_add(lowering->ruleset, lowering->table, name);

	chain->note = note;
	return chain;
}

static struct rs_chain *hook_chain(struct lowering *lowering, const char *name, enum rs_hook hook, int priority,
				   enum rs_verdict_kind policy, const char *note)
{
	struct rs_chain *chain = rs_base_chain_add(lowering->ruleset, lowering->table, name, RS_FILTER, hook,
						   priority, policy);

	chain->note = note;
	return chain;
}

static void match_number(struct lowering *lowering, struct rs_rule *rule, enum rs_field field, u128 number)
{
	rs_match(lowering->ruleset, rule, field, rs_number(number));
}

static struct rs_rule *rule_from(struct lowering *lowering, struct rs_chain *chain, const char *link, const char *comment)
{
	struct rs_rule *rule = lower_rule(lowering, chain, comment);

	rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(link));
	return rule;
}

/* Neighbour discovery; only a neighbour's packets still have hop limit 255 (RFC 4861) */
static void match_neighbours(struct lowering *lowering, struct rs_rule *rule)
{
	match_number(lowering, rule, RS_IP6_HOPLIMIT, 255);
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT);
}

static void match_dns_ports(struct lowering *lowering, struct rs_rule *rule)
{
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	match_number(lowering, rule, RS_TH_DPORT, LOWER_DNS_PORT);
}

static void match_dhcp(struct lowering *lowering, struct rs_rule *rule, unsigned client, unsigned server)
{
	match_number(lowering, rule, RS_UDP_SPORT, client);
	match_number(lowering, rule, RS_UDP_DPORT, server);
}

/* ---- what of the guest's may be judged at all ---- */

/* What is left of the guest's packets: within its rate, and DNS without conntrack, whose table a flood of questions
 * would fill */
static void guest_passes(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule;

	if (lowering->egress_rate) {
		rule = lower_rule(lowering, chain, NULL);
		rs_verdict(lowering->ruleset, rule, RS_JUMP, lowering->egress_rate);
	}
	rule = lower_rule(lowering, chain, NULL);
	match_dns_ports(lowering, rule);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
}

static void guest4_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = plain_chain(lowering, "from_guest4", "IPv4 of the guest's: its own address, and a destination "
					     "that is one host");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP_SADDR, rs_number(lowering->guest4.value))->negate = true;
	rs_verdict(rs, rule, RS_GOTO, "unaddressed4");

	rule = lower_rule(lowering, chain, "loopback, multicast, broadcast");
	struct rs_expr *to = rs_match(rs, rule, RS_IP_DADDR, PREFIX4(0x7f000000, 8));
	rs_or(rs, to, PREFIX4(0xe0000000, 4));
	rs_or(rs, to, PREFIX4(0xffffffff, 32));
	lower_verdict(lowering, rule, RS_DROP, NULL);

	rule = lower_rule(lowering, chain, "source routing");
	match_number(lowering, rule, RS_IP_OPTION_LSRR, 1);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	rule = lower_rule(lowering, chain, "source routing");
	match_number(lowering, rule, RS_IP_OPTION_SSRR, 1);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	guest_passes(lowering, chain);

	chain = plain_chain(lowering, "unaddressed4", "DHCP, or a forged source");
	rule = lower_rule(lowering, chain, "DHCP");
	match_number(lowering, rule, RS_IP_SADDR, 0);
	match_number(lowering, rule, RS_IP_DADDR, UINT32_MAX);
	match_dhcp(lowering, rule, 68, 67);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "forged source"), RS_DROP, NULL);
}

static void guest6_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = plain_chain(lowering, "from_guest6", "IPv6 of the guest's: its own address, and a destination "
					     "that is one host");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP6_SADDR, rs_number(lowering->guest6.value))->negate = true;
	rs_verdict(rs, rule, RS_GOTO, "on_link6");
	rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP6_DADDR, PREFIX6((u128)0xff << 120, 8));
	rs_verdict(rs, rule, RS_GOTO, "on_link6");

	rule = lower_rule(lowering, chain, "loopback, IPv4-mapped");
	struct rs_expr *to = rs_match(rs, rule, RS_IP6_DADDR, PREFIX6(0, 127));
	rs_or(rs, to, PREFIX6((u128)0xffff << 32, 96));
	lower_verdict(lowering, rule, RS_DROP, NULL);

	rule = lower_rule(lowering, chain, "source routing");
	match_number(lowering, rule, RS_IP6_ROUTING, 1);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	guest_passes(lowering, chain);

	chain = plain_chain(lowering, "on_link6", "neighbour discovery and DHCPv6, or nothing");
	rule = lower_rule(lowering, chain, "neighbour discovery");
	match_neighbours(lowering, rule);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, "DHCPv6");
	match_dhcp(lowering, rule, 546, 547);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "forged source, multicast"), RS_DROP, NULL);
}

static void prerouting_family(struct lowering *lowering, struct rs_chain *chain, unsigned nfproto, bool has, const char *to)
{
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, has ? NULL : "no gateway of this family");

	match_number(lowering, rule, RS_META_NFPROTO, nfproto);
	if (has)
		rs_verdict(lowering->ruleset, rule, RS_GOTO, to);
	else
		lower_verdict(lowering, rule, RS_DROP, NULL);
}

static void prerouting_chain(struct lowering *lowering)
{
	struct rs_chain *chain = hook_chain(lowering, "prerouting", RS_PREROUTING, RAW_PRIORITY, RS_ACCEPT,
					    "before conntrack: the guest speaks for itself, to one host");

	prerouting_family(lowering, chain, AF_INET, lowering->gateway.has4, "from_guest4");
	prerouting_family(lowering, chain, AF_INET6, lowering->gateway.has6, "from_guest6");
	struct rs_rule *rule = lower_rule(lowering, chain, "no other link");
	struct rs_expr *links = rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE));
	rs_or(lowering->ruleset, links, rs_name(LOWER_UPLINK));
	links->negate = true;
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

/* ---- DNS ---- */

static void dns_family(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, "to the DNS proxy");

	match_number(lowering, rule, RS_META_NFPROTO, family == ADDR_V4 ? AF_INET : AF_INET6);
	match_dns_ports(lowering, rule);
	rs_do(lowering->ruleset, rule, RS_COUNTER);
	rs_tproxy(lowering->ruleset, rule, family, LOWER_DNS_PORT);
	rs_mark_set(lowering->ruleset, rule, LOWER_DNS_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

/* To the relay of the host's own services; the input chain judges the flow all the same. */
static void host_family(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	bool v4 = family == ADDR_V4;
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, "to the relay of the host's services");

	match_number(lowering, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR,
		     v4 ? lowering->gateway.v4.value : lowering->gateway.v6.value);
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_tproxy(lowering->ruleset, rule, family, LOWER_HOST_PORT);
}

static void proxies_chain(struct lowering *lowering)
{
	struct rs_chain *chain = hook_chain(lowering, "proxies", RS_PREROUTING, MANGLE_PRIORITY, RS_ACCEPT,
					    "all of port 53 reaches the DNS proxy; without a socket nothing matches here");
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, "a network's broadcast is nobody's resolver");

	match_dns_ports(lowering, rule);
	LOWER_MATCH_ANY(lowering, rule, RS_FIB_DADDR_TYPE, FIB_BROADCAST, FIB_ANYCAST, FIB_MULTICAST);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	if (lowering->gateway.has4)
		dns_family(lowering, chain, ADDR_V4);
	if (lowering->gateway.has6)
		dns_family(lowering, chain, ADDR_V6);
	if (lowering->gateway.has4)
		host_family(lowering, chain, ADDR_V4);
	if (lowering->gateway.has6)
		host_family(lowering, chain, ADDR_V6);
}

/* ---- refusals ---- */

static void refusal_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = plain_chain(lowering, "report", "refused packets of the guest's, to msb-run");
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, NULL);
	rs_limit(rs, rule, REPORT_RATE, RS_SECOND, REPORT_BURST);
	rs_log(rs, rule, LOWER_LOG_GROUP, LOWER_LOG_SNAPLEN);

	chain = plain_chain(lowering, "silence", NULL);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, "report");
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_DROP, NULL);

	chain = plain_chain(lowering, LOWER_CHAIN_REFUSE, lowering->options->silent ? "without a word" : "at once, and said");
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, "report");
	if (lowering->options->silent) {
		rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
	} else {
		rule = lower_rule(lowering, chain, NULL);
		match_number(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP);
		rs_do(rs, rule, RS_REJECT_RESET);
		rs_do(rs, lower_rule(lowering, chain, NULL), RS_REJECT_ADMIN);
	}
}

static void logged_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = plain_chain(lowering, LOWER_CHAIN_LOGGED, "let pass by a rule with `log`");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_limit(rs, rule, REPORT_RATE, RS_SECOND, REPORT_BURST);
	rs_log(rs, rule, LOWER_ALLOW_LOG_GROUP, LOWER_LOG_SNAPLEN);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_ACCEPT, NULL);
}

/* ---- new flows ---- */

/* An error or redirect belongs to a flow, and then is related, or to nobody: no rule lets it pass. */
static void drop_lone_errors(struct lowering *lowering, struct rs_chain *chain)
{
	struct ruleset *rs = lowering->ruleset;
	static const char errors[] = "ICMP errors and redirects of no flow";
	static const char errors6[] = "ICMPv6 errors, neighbour discovery, multicast listeners";
	struct rs_rule *rule = lower_rule(lowering, chain, errors);

	LOWER_MATCH_ANY(lowering, rule, RS_ICMP_TYPE, 3, 4, 5, 11, 12);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	rule = lower_rule(lowering, chain, errors6);
	struct rs_expr *types = rs_match(rs, rule, RS_ICMPV6_TYPE, rs_range(0, 127));
	rs_or(rs, types, rs_range(130, 137));
	rs_or(rs, types, rs_number(143));
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

static void outbound_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = plain_chain(lowering, "outbound", "a new flow of the guest's: what no rule can allow, then the rules");

	drop_lone_errors(lowering, chain);
	struct rs_rule *rule = lower_rule(lowering, chain, "refused whatever the rules say: NetBIOS, DoQ, mDNS, LLMNR");
	LOWER_MATCH_ANY(lowering, rule, RS_UDP_DPORT, 137, 853, 5353, 5355);
	lower_verdict(lowering, rule, RS_JUMP, "silence");
	rule = lower_rule(lowering, chain, "refused whatever the rules say: DoT");
	match_number(lowering, rule, RS_TCP_DPORT, 853);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
	rule = lower_rule(lowering, chain, "DNS goes to the proxy or nowhere");
	match_dns_ports(lowering, rule);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
	if (lowering->policy->multi_tenant)
		rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, LOWER_CHAIN_FLOOR);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, LOWER_CHAIN_EGRESS);
}

/* Of what conntrack calls related only the errors that a transport needs */
static void related_chain(struct lowering *lowering)
{
	struct rs_chain *chain = plain_chain(lowering, "related", "errors about a known flow");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	LOWER_MATCH_ANY(lowering, rule, RS_ICMP_TYPE, 3, 11, 12);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, NULL);
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, 1, 2, 3, 4);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
}

static void match_ct(struct lowering *lowering, struct rs_rule *rule, unsigned state)
{
	match_number(lowering, rule, RS_CT_STATE, state);
}

static void known_flows(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_ct(lowering, rule, CT_ESTABLISHED);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, NULL);
	match_ct(lowering, rule, CT_RELATED);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, "related");
}

static void drop_invalid(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_ct(lowering, rule, CT_INVALID);
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

static void forward_chain(struct lowering *lowering)
{
	struct rs_chain *chain = hook_chain(lowering, "forward", RS_FORWARD, FILTER_PRIORITY, RS_DROP,
					    "between guest and host: nothing new comes in");

	drop_invalid(lowering, chain);
	known_flows(lowering, chain);
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, NULL);
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	rs_verdict(lowering->ruleset, rule, RS_GOTO, "outbound");
	lower_verdict(lowering, lower_rule(lowering, chain, "new flows from outside"), RS_DROP, NULL);
}

/* ---- the gateway's own ---- */

static void to_gateway_family(struct lowering *lowering, struct rs_chain *chain, enum rs_field daddr, u128 gateway)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_number(lowering, rule, daddr, gateway);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, "outbound");
}

static void to_gateway_chain(struct lowering *lowering)
{
	struct rs_chain *chain = plain_chain(lowering, "to_gateway", "the guest to this namespace");
	struct rs_rule *rule;

	if (lowering->gateway.has6) {
		rule = lower_rule(lowering, chain, "neighbour discovery");
		match_neighbours(lowering, rule);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
		rule = lower_rule(lowering, chain, "DHCPv6");
		match_dhcp(lowering, rule, 546, 547);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	}
	if (lowering->gateway.has4) {
		rule = lower_rule(lowering, chain, "DHCP");
		match_dhcp(lowering, rule, 68, 67);
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
		to_gateway_family(lowering, chain, RS_IP_DADDR, lowering->gateway.v4.value);
	}
	if (lowering->gateway.has6)
		to_gateway_family(lowering, chain, RS_IP6_DADDR, lowering->gateway.v6.value);
	lower_verdict(lowering, lower_rule(lowering, chain, "no other address of this namespace"), RS_JUMP,
		      LOWER_CHAIN_REFUSE);
}

static void input_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = hook_chain(lowering, "input", RS_INPUT, FILTER_PRIORITY, RS_DROP,
					    "to the gateway itself");

	drop_invalid(lowering, chain);
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, "handed to the DNS proxy");
	match_number(lowering, rule, RS_META_MARK, LOWER_DNS_MARK);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	known_flows(lowering, chain);
	rule = rule_from(lowering, chain, LOWER_UPLINK, "neighbour discovery with the host");
	match_neighbours(lowering, rule);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	rule = rule_from(lowering, chain, LOWER_BRIDGE, NULL);
	rs_verdict(rs, rule, RS_GOTO, "to_gateway");
	lower_verdict(lowering, lower_rule(lowering, chain, "new flows from outside"), RS_DROP, NULL);
}

static struct rs_rule *upstream_rule(struct lowering *lowering, struct rs_chain *chain, const char *comment)
{
	struct rs_rule *rule = lower_rule(lowering, chain, comment);

	match_number(lowering, rule, RS_META_MARK, LOWER_UPSTREAM_MARK);
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
	struct rs_chain *chain = plain_chain(lowering, "upstream", "to the host: the DNS proxy's questions, and nothing else of our own");
	known_flows(lowering, chain);
	struct rs_rule *rule = lower_rule(lowering, chain, "neighbour discovery with the host");
	match_neighbours(lowering, rule);
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	upstream_family(lowering, chain, LOWER_UPSTREAM_SET4, RS_IP_DADDR);
	upstream_family(lowering, chain, LOWER_UPSTREAM_SET6, RS_IP6_DADDR);
	if (lowering->policy->multi_tenant) {
		rule = upstream_rule(lowering, chain, "a resolver the guest chose");
		match_dns_ports(lowering, rule);
		rs_verdict(rs, rule, RS_JUMP, LOWER_CHAIN_FLOOR);
	}
	rule = upstream_rule(lowering, chain, "a resolver the guest chose");
	match_dns_ports(lowering, rule);
	rs_verdict(rs, rule, RS_GOTO, LOWER_CHAIN_EGRESS);
	lower_verdict(lowering, lower_rule(lowering, chain, "no other flow leaves by itself"), RS_DROP, NULL);
}

static void output_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = hook_chain(lowering, "output", RS_OUTPUT, FILTER_PRIORITY, RS_DROP,
					    "from the gateway itself: anything to the guest, questions to nameservers");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_match(rs, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	rs_verdict(rs, rule, RS_GOTO, "upstream");
	lower_verdict(lowering, lower_rule(lowering, chain, "no other link"), RS_DROP, NULL);
}

/* Runs for what the chain before it accepted, so that refused flows count for nothing */
static void new_flows_chain(struct lowering *lowering, const char *name, enum rs_hook hook)
{
	struct rs_chain *chain = hook_chain(lowering, name, hook, FILTER_PRIORITY + 1, RS_ACCEPT,
					    "what the policy has allowed, within bounds");
	struct rs_rule *rule = rule_from(lowering, chain, LOWER_BRIDGE, NULL);

	match_ct(lowering, rule, CT_NEW);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_ADMIT);
}

/* The proxy's answers, which belong to questions that conntrack has not seen */
static void answers_chain(struct lowering *lowering)
{
	struct rs_chain *chain = hook_chain(lowering, "answers", RS_OUTPUT, RAW_PRIORITY, RS_ACCEPT,
					    "the DNS proxy's answers, as the questions, without conntrack");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	match_number(lowering, rule, RS_TH_SPORT, LOWER_DNS_PORT);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
}

static void to_guest_chain(struct lowering *lowering)
{
	const char *rate = lower_rate_chain(lowering, &lowering->policy->ingress_ops, "ingress_rate");

	if (!rate)
		return;
	struct rs_chain *chain = hook_chain(lowering, "to_guest", RS_POSTROUTING, FILTER_PRIORITY, RS_ACCEPT,
					    "everything to the guest, within its rate");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(lowering->ruleset, rule, RS_JUMP, rate);
}

void lower_inet_frame(struct lowering *lowering)
{
	lowering->egress_rate = lower_rate_chain(lowering, &lowering->policy->egress_ops, "egress_rate");
	outbound_chain(lowering);
	refusal_chains(lowering);
	logged_chain(lowering);
	prerouting_chain(lowering);
	if (lowering->gateway.has4)
		guest4_chains(lowering);
	if (lowering->gateway.has6)
		guest6_chains(lowering);
	proxies_chain(lowering);
	forward_chain(lowering);
	related_chain(lowering);
	input_chain(lowering);
	to_gateway_chain(lowering);
	output_chain(lowering);
	upstream_chain(lowering);
	new_flows_chain(lowering, "new_flows", RS_FORWARD);
	new_flows_chain(lowering, "new_flows_here", RS_INPUT);
	lower_admit_chain(lowering);
	answers_chain(lowering);
	to_guest_chain(lowering);
}
