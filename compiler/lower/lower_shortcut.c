/* The shortcuts at the head of chain prerouting: a packet that no later rule of the chain would touch passes at once. Each is
 * taken by what is provably such a packet and by no other; what is left out (a packet that is not taken and would have been
 * alike) costs time and nothing else, for it goes through all the rules.
 *
 * Why what is taken here is what the rules let pass untouched, rule by rule (chains from_guest4 and from_guest6, proxies):
 *   source            the guest's own, as they want it
 *   IPv4 destinations none of 127/8, 224/4 and 255.255.255.255, to which the DHCP rule belongs too
 *   IPv6 destinations in 2000::/3, less 6to4 and the network's own NAT64 prefixes in it. Of what they drop (multicast,
 *                     loopback, IPv4-mapped, what carries a refused IPv4 address, malformed NAT64) all else is outside
 *   options           IPv4: a header of five words has none. IPv6: what begins with TCP or UDP has no header to look
 *                     for, routing or other. Fragments are whole again by now: conntrack puts them together at -400
 *   last hop          a TTL of more than 1
 *   packets a second  the rate's own chain is the shortcut's end, which passes the packet or drops it, as there
 *   port 53           another destination port. Without ports (what is neither TCP nor UDP) the two bytes in their place
 *                     decide, and a packet without these bytes is not taken
 *   the gateway       another destination, so neither the relay of the host's services, nor that of published ports, whose
 *                     sockets are bound to the gateway's address: the guest's answers are sent there
 *   DHCP to a server  is only let pass there
 * From the uplink nothing is looked at. */
#include "lower/lower_state.h"

/* The first byte of an IPv4 header without options: version 4, which the stack has seen to, and five words */
enum { PLAIN_HEADER = 0x45 };
#define PREFIX4(value, len) rs_prefix((struct addr_prefix){ { ADDR_V4, value }, len })
#define GLOBAL_UNICAST ((struct addr_prefix){ { ADDR_V6, (u128)0x2000 << 112 }, 3 })
#define SIX_TO_FOUR ((struct addr_prefix){ { ADDR_V6, (u128)0x2002 << 112 }, 16 })

static void match_not(struct lowering *lowering, struct rs_rule *rule, enum rs_field field, struct rs_value value)
{
	rs_match(lowering->ruleset, rule, field, value)->negate = true;
}

static void pass(struct lowering *lowering, struct rs_rule *rule)
{
	match_not(lowering, rule, RS_TH_DPORT, rs_number(LOWER_DNS_PORT));
	if (lowering->egress_rate)
		rs_verdict(lowering->ruleset, rule, RS_GOTO, lowering->egress_rate);
	else
		rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

static void from_guest4(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, "what no rule below would touch");

	lower_match(lowering, rule, RS_IP_SADDR, lowering->guest4.value);
	match_not(lowering, rule, RS_IP_DADDR, rs_number(lowering->gateway.v4.value));
	rs_match(lowering->ruleset, rule, RS_IP_DADDR, rs_range(0, 0xdfffffff));
	match_not(lowering, rule, RS_IP_DADDR, PREFIX4(0x7f000000, 8));
	lower_match(lowering, rule, RS_IP_FIRST_BYTE, PLAIN_HEADER);
	match_not(lowering, rule, RS_IP_TTL, rs_range(0, 1));
	pass(lowering, rule);
}

static bool overlap(struct addr_prefix a, struct addr_prefix b)
{
	struct addr_range left = addr_prefix_range(a), right = addr_prefix_range(b);

	return left.lo <= right.hi && right.lo <= left.hi;
}

/* Destinations that have no gateway, and carry no IPv4 address */
static void match_plain_destinations(struct lowering *lowering, struct rs_rule *rule)
{
	const struct addr_nat64 *nat64 = &lowering->gateway.nat64;
	struct addr_prefix gateway = { lowering->gateway.v6, 128 };

	rs_match(lowering->ruleset, rule, RS_IP6_DADDR, rs_prefix(GLOBAL_UNICAST));
	match_not(lowering, rule, RS_IP6_DADDR, rs_prefix(SIX_TO_FOUR));
	for (size_t i = 0; i < nat64->count; i++)
		if (overlap(nat64->items[i], GLOBAL_UNICAST))
			match_not(lowering, rule, RS_IP6_DADDR, rs_prefix(nat64->items[i]));
	if (overlap(gateway, GLOBAL_UNICAST))
		match_not(lowering, rule, RS_IP6_DADDR, rs_number(gateway.addr.value));
}

static void from_guest6(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, "what no rule below would touch");

	lower_match(lowering, rule, RS_IP6_SADDR, lowering->guest6.value);
	match_plain_destinations(lowering, rule);
	LOWER_MATCH_ANY(lowering, rule, RS_IP6_NEXTHDR, IPPROTO_TCP, IPPROTO_UDP);
	match_not(lowering, rule, RS_IP6_HOPLIMIT, rs_range(0, 1));
	pass(lowering, rule);
}

void lower_shortcuts(struct lowering *lowering, struct rs_chain *chain)
{
	if (lowering->gateway.has4 && !lowering->options->plain)
		from_guest4(lowering, chain);
	rs_verdict(lowering->ruleset, lower_rule_from(lowering, chain, LOWER_UPLINK, NULL), RS_ACCEPT, NULL);
	if (lowering->gateway.has6 && !lowering->options->plain)
		from_guest6(lowering, chain);
}
