/* What of the guest's may be judged at all, and which of it goes to a proxy: chain prerouting, ahead of conntrack, and where
 * it goes on. There is one base chain for all of it, for each costs every packet. */
#include "lower/lower_state.h"
#include "eval/builtin.h"

enum { RAW_PRIORITY = -300 };
/* Broadcasts to the DHCP server; a client sends some in an hour */
#define DHCP_RATE 20
#define DHCP_BURST 40
enum { HEADER_WORDS = 5 }; /* of an IPv4 header without options */
enum { FIB_BROADCAST = 3, FIB_ANYCAST = 4, FIB_MULTICAST = 5 };
#define PREFIX4(value, len) rs_prefix((struct addr_prefix){ { ADDR_V4, value }, len })
#define PREFIX6(value, len) rs_prefix((struct addr_prefix){ { ADDR_V6, value }, len })

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
	lower_match_dns_ports(lowering, rule);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
	lower_relayed_from_guest(lowering, chain);
	rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_GOTO, "proxies");
}

/* What the router will not forward, its TTL being over, must not change what conntrack knows of a flow: a reset would end it here
 * and nowhere else. The router answers for it all the same. */
static void leave_last_hop(struct lowering *lowering, struct rs_chain *chain, enum rs_field ttl, enum rs_field daddr,
			   struct addr gateway)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "ends at this hop");

	rs_match(lowering->ruleset, rule, ttl, rs_range(0, 1));
	rs_match(lowering->ruleset, rule, daddr, rs_number(gateway.value))->negate = true;
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
}

static void guest4_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(
		lowering, "from_guest4", "IPv4 of the guest's: its own address, and a destination that is one host");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP_SADDR, rs_number(lowering->guest4.value))->negate = true;
	rs_verdict(rs, rule, RS_GOTO, "unaddressed4");

	rule = lower_rule(lowering, chain, "DHCP, to any server, for more of a lease");
	lower_match(lowering, rule, RS_IP_DADDR, UINT32_MAX);
	lower_match_dhcp(lowering, rule, 68, 67);
	rs_limit(rs, rule, DHCP_RATE, RS_SECOND, DHCP_BURST);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, "loopback, multicast, broadcast");
	struct rs_expr *to = rs_match(rs, rule, RS_IP_DADDR, PREFIX4(0x7f000000, 8));
	rs_or(rs, to, PREFIX4(0xe0000000, 4));
	rs_or(rs, to, PREFIX4(0xffffffff, 32));
	lower_verdict(lowering, rule, RS_DROP, NULL);

	rule = lower_rule(lowering, chain,
			  "options: source routes, and what a router drops after conntrack has seen it");
	rs_match(rs, rule, RS_IP_HDRLENGTH, rs_number(HEADER_WORDS))->negate = true;
	lower_verdict(lowering, rule, RS_DROP, NULL);
	leave_last_hop(lowering, chain, RS_IP_TTL, RS_IP_DADDR, lowering->gateway.v4);
	guest_passes(lowering, chain);

	chain = lower_chain(lowering, "unaddressed4", "DHCP, or a forged source");
	rule = lower_rule(lowering, chain, "DHCP");
	lower_match(lowering, rule, RS_IP_SADDR, 0);
	lower_match(lowering, rule, RS_IP_DADDR, UINT32_MAX);
	lower_match_dhcp(lowering, rule, 68, 67);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "forged source"), RS_DROP, NULL);
}

/* What eval refuses as malformed: a translator might take it for another address than the rules do. */
static void drop_malformed(struct lowering *lowering, struct rs_chain *chain)
{
	const struct addr_nat64 *nat64 = &lowering->gateway.nat64;

	for (size_t i = 0; i < nat64->count; i++) {
		if (nat64->items[i].len >= 96)
			continue;
		struct rs_rule *rule = lower_rule(lowering, chain, "NAT64, malformed (RFC 6052)");
		rs_match(lowering->ruleset, rule, RS_IP6_DADDR, rs_prefix(nat64->items[i]));
		rs_match(lowering->ruleset, rule, RS_IP6_DADDR_U, rs_number(0))->negate = true;
		lower_verdict(lowering, rule, RS_DROP, NULL);
	}
}

/* The IPv6 addresses that carry an IPv4 one which is refused whatever the rules say */
static void or_carrying(struct lowering *lowering, struct rs_expr *to)
{
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];

	for (size_t i = 0; i < EVAL_REFUSED_ADDRESSES; i++) {
		const struct addr_prefix prefix = eval_refused_addresses[i].prefix;
		size_t count = prefix.addr.family == ADDR_V4 ?
				       addr_embedding_prefixes(prefix, &lowering->gateway.nat64, carrying) :
				       0;

		for (size_t j = 0; j < count; j++)
			rs_or(lowering->ruleset, to, rs_prefix(carrying[j]));
	}
}

static void guest6_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(
		lowering, "from_guest6", "IPv6 of the guest's: its own address, and a destination that is one host");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP6_SADDR, rs_number(lowering->guest6.value))->negate = true;
	rs_verdict(rs, rule, RS_GOTO, "on_link6");
	rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_IP6_DADDR, PREFIX6((u128)0xff << 120, 8));
	rs_verdict(rs, rule, RS_GOTO, "on_link6");

	rule = lower_rule(lowering, chain, "loopback, IPv4-mapped; what carries IPv4 loopback, multicast, broadcast");
	struct rs_expr *to = rs_match(rs, rule, RS_IP6_DADDR, PREFIX6(0, 127));
	or_carrying(lowering, to);
	rs_or(rs, to, PREFIX6((u128)0xffff << 32, 96));
	lower_verdict(lowering, rule, RS_DROP, NULL);
	drop_malformed(lowering, chain);

	rule = lower_rule(lowering, chain, "source routing");
	lower_match(lowering, rule, RS_IP6_ROUTING, 1);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	leave_last_hop(lowering, chain, RS_IP6_HOPLIMIT, RS_IP6_DADDR, lowering->gateway.v6);
	guest_passes(lowering, chain);

	chain = lower_chain(lowering, "on_link6", "neighbour discovery and DHCPv6, or nothing");
	rule = lower_rule(lowering, chain, "neighbour discovery");
	lower_match_neighbours(lowering, rule);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, "DHCPv6");
	lower_match_dhcp(lowering, rule, 546, 547);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "forged source, multicast"), RS_DROP, NULL);
}

static void prerouting_family(struct lowering *lowering, struct rs_chain *chain, unsigned nfproto, bool has,
			      const char *to)
{
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, has ? NULL : "no gateway of this family");

	lower_match(lowering, rule, RS_META_NFPROTO, nfproto);
	if (has)
		rs_verdict(lowering->ruleset, rule, RS_GOTO, to);
	else
		lower_verdict(lowering, rule, RS_DROP, NULL);
}

static void prerouting_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_hook_chain(lowering, "prerouting", RS_PREROUTING, RAW_PRIORITY, RS_ACCEPT,
						  "before conntrack: the guest speaks for itself, to one host");

	lower_shortcuts(lowering, chain);
	prerouting_family(lowering, chain, AF_INET, lowering->gateway.has4, "from_guest4");
	prerouting_family(lowering, chain, AF_INET6, lowering->gateway.has6, "from_guest6");
	lower_verdict(lowering, lower_rule(lowering, chain, "no other link"), RS_DROP, NULL);
}

static void dns_family(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "to the DNS proxy");

	lower_match(lowering, rule, RS_META_NFPROTO, family == ADDR_V4 ? AF_INET : AF_INET6);
	lower_match_dns_ports(lowering, rule);
	rs_do(lowering->ruleset, rule, RS_COUNTER);
	rs_tproxy(lowering->ruleset, rule, family, LOWER_DNS_PORT);
	rs_mark_set(lowering->ruleset, rule, LOWER_DNS_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

/* To the relay of the host's own services; the input chain judges the flow all the same. */
static void host_family(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	bool v4 = family == ADDR_V4;
	struct rs_rule *rule = lower_rule(lowering, chain, v4 ? "to the DHCP server" : "to the DHCPv6 server");

	lower_match_dhcp(lowering, rule, v4 ? 68 : 546, v4 ? 67 : 547);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	if (lowering->gateway.pod) /* whose gateway is the node, on the other side */
		return;
	rule = lower_rule(lowering, chain, "to the relay of the host's services");
	lower_match(lowering, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR,
		    v4 ? lowering->gateway.v4.value : lowering->gateway.v6.value);
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_tproxy(lowering->ruleset, rule, family, LOWER_HOST_PORT);
}

static void proxies_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_chain(
		lowering, "proxies", "all of port 53 reaches the DNS proxy; without a socket nothing matches here");
	struct rs_rule *rule = lower_rule(lowering, chain, "a network's broadcast is nobody's resolver");

	lower_match_dns_ports(lowering, rule);
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

void lower_guest_chains(struct lowering *lowering)
{
	lowering->egress_rate = lower_rate_chain(lowering, &lowering->policy->egress_ops, "egress_rate");
	prerouting_chain(lowering);
	if (lowering->gateway.has4)
		guest4_chains(lowering);
	if (lowering->gateway.has6)
		guest6_chains(lowering);
	proxies_chain(lowering);
}
