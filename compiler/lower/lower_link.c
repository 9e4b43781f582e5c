/* The guest's link: frames are dropped unless they have one of the few forms a guest that speaks for itself
 * sends. The Ethernet type is read from the frame, so that a tag (VLAN 0, double tags) is no way around it. */
#include "lower/lower_state.h"

#include <net/if_arp.h>

enum { TYPE_IP = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd };
enum { ND_ROUTER_SOLICIT = 133, ND_NEIGHBOR_SOLICIT = 135, ND_NEIGHBOR_ADVERT = 136 };
/* Before anything else on that device */
#define LINK_PRIORITY (-500)
/* Neighbour discovery that does not come from the guest's own address: what a link's start needs, no more */
#define ND_RATE 20
#define ND_BURST 40
#define LINK_LOCAL ((struct addr_prefix){ { ADDR_V6, (u128)0xfe80 << 112 }, 10 })

/* A rule that starts with the guest's MAC and an Ethernet type */
static struct rs_rule *frame_rule(struct lowering *lowering, struct rs_chain *chain, unsigned type, const char *comment)
{
	struct rs_rule *rule = lower_rule(lowering, chain, comment);
	u128 mac = 0;

	for (int i = 0; i < 6; i++)
		mac = mac << 8 | lowering->guest_mac[i];
	rs_match(lowering->ruleset, rule, RS_ETHER_SADDR, rs_number(mac));
	rs_match(lowering->ruleset, rule, RS_ETHER_TYPE, rs_number(type));
	return rule;
}

static void accept_arp(struct lowering *lowering, struct rs_chain *chain)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_rule *rule = frame_rule(lowering, chain, TYPE_ARP, "ARP of the guest's own");
	u128 mac = rule->exprs.items[0].values.items[0].lo;

	rs_match(rs, rule, RS_ARP_HTYPE, rs_number(ARPHRD_ETHER));
	rs_match(rs, rule, RS_ARP_PTYPE, rs_number(TYPE_IP));
	rs_match(rs, rule, RS_ARP_HLEN, rs_number(6));
	rs_match(rs, rule, RS_ARP_PLEN, rs_number(4));
	LOWER_MATCH_ANY(lowering, rule, RS_ARP_OPERATION, ARPOP_REQUEST, ARPOP_REPLY);
	rs_match(rs, rule, RS_ARP_SADDR_ETHER, rs_number(mac));
	rs_match(rs, rule, RS_ARP_SADDR_IP, rs_number(lowering->guest4.value));
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
}

/* Nearly all there is, and so the first rules */
static void accept_own(struct lowering *lowering, struct rs_chain *chain, unsigned type, enum rs_field saddr,
		       struct addr guest, const char *comment)
{
	struct rs_rule *rule = frame_rule(lowering, chain, type, comment);

	rs_match(lowering->ruleset, rule, saddr, rs_number(guest.value));
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
}

static void accept_dhcp(struct lowering *lowering, struct rs_chain *chain)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_rule *rule = frame_rule(lowering, chain, TYPE_IP, "DHCP, before the guest has its address");

	rs_match(rs, rule, RS_IP_SADDR, rs_number(0));
	rs_match(rs, rule, RS_IP_DADDR, rs_number(UINT32_MAX));
	lower_match_dhcp(lowering, rule, 68, 67);
	rs_limit(rs, rule, ND_RATE, RS_SECOND, ND_BURST);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
}

/* What a start in IPv6 takes, before the guest has its address */
static void accept_start6(struct lowering *lowering, struct rs_chain *chain)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_rule *rule = frame_rule(lowering, chain, TYPE_IP6, "neighbour discovery from its link-local address");

	rs_match(rs, rule, RS_IP6_SADDR, rs_prefix(LINK_LOCAL));
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT);
	rs_limit(rs, rule, ND_RATE, RS_SECOND, ND_BURST);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);

	rule = frame_rule(lowering, chain, TYPE_IP6, "is an address taken (RFC 4862), and where is a router");
	rs_match(rs, rule, RS_IP6_SADDR, rs_number(0));
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT);
	rs_limit(rs, rule, ND_RATE, RS_SECOND, ND_BURST);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);

	rule = frame_rule(lowering, chain, TYPE_IP6, "DHCPv6");
	rs_match(rs, rule, RS_IP6_SADDR, rs_prefix(LINK_LOCAL));
	rs_match(rs, rule, RS_UDP_SPORT, rs_number(546));
	rs_match(rs, rule, RS_UDP_DPORT, rs_number(547));
	rs_limit(rs, rule, ND_RATE, RS_SECOND, ND_BURST);
	lower_verdict(lowering, rule, RS_ACCEPT, NULL);
}

/* A tap takes frames of any size; the router would drop them after conntrack has seen them. */
static void drop_oversized(struct lowering *lowering, struct rs_chain *chain)
{
	uint32_t mtu = lowering->policy->interface.mtu ? lowering->policy->interface.mtu : LOWER_MTU;

	if (lowering->options->segments)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "larger than the link's MTU");
	rs_match(lowering->ruleset, rule, RS_META_LENGTH, rs_range(mtu + 1, UINT32_MAX));
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

void lower_link(struct lowering *lowering)
{
	struct rs_chain *chain = rs_base_chain_add(lowering->ruleset, lowering->table, "ingress", RS_FILTER, RS_INGRESS,
						   LINK_PRIORITY, RS_DROP);

	chain->device = LOWER_TAP;
	chain->note = "what enters by the guest's link: its own MAC and addresses, untagged, or nothing";
	drop_oversized(lowering, chain);
	if (lowering->gateway.has4)
		accept_own(lowering, chain, TYPE_IP, RS_IP_SADDR, lowering->guest4, "IPv4 from the guest's address");
	if (lowering->gateway.has6)
		accept_own(lowering, chain, TYPE_IP6, RS_IP6_SADDR, lowering->guest6, "IPv6 from the guest's address");
	if (lowering->gateway.has4) {
		accept_arp(lowering, chain);
		accept_dhcp(lowering, chain);
	}
	if (lowering->gateway.has6)
		accept_start6(lowering, chain);
	lower_verdict(lowering, lower_rule(lowering, chain, "forged, tagged, or of no use here"), RS_DROP, NULL);
}
