/* Ethernet frames of a guest, complete with checksums (conntrack drops packets whose sums are wrong), and what
 * each carries at its end so that it is known again where it arrives. */
#pragma once
#include "policy/policy.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

enum { PACKET_MAX = 256, PROTO_EXPERIMENTAL = 253 /* RFC 3692 */ };

struct packet_tag {
	uint32_t magic, id;
};
#define PACKET_MAGIC 0x6f726163u

struct packet_ends {
	uint8_t source_mac[6], gateway_mac[6];
	struct addr source;
};

/* How a packet is sent: whole, or as two fragments, of which the first holds little more than the ports */
enum packet_form { PACKET_WHOLE, PACKET_FRAGMENTS, PACKET_FRAGMENTS_REVERSED, PACKET_LAST_FRAGMENT };

/* The first packet of a flow, what answers it, and what follows then */
enum packet_stage { PACKET_FIRST, PACKET_ANSWER, PACKET_LATER };
enum { PACKET_ANSWER_SEQ = 1000 };

/* What may be wrong with a packet of the guest's, whatever flow it belongs to */
enum packet_twist { PACKET_PLAIN, PACKET_LAST_HOP, PACKET_SOURCE_ROUTE, PACKET_FORGED_MAC, PACKET_FORGED_SOURCE };
#define PACKET_TWISTS 5

struct packet_flow {
	struct addr to;
	uint8_t proto; /* IPPROTO_… */
	uint16_t source_port, port;
	bool options;   /* IPv6: a header of destination options in front … */
	bool every_hop; /* … or, of a whole packet, of options for every hop */
	enum packet_form form;
	enum packet_stage stage;
	enum packet_twist twist;
	uint32_t id, first; /* first: the id of the flow's first packet, of the stages after it */
};

/* What rules call the protocol */
static inline enum policy_proto packet_policy_proto(uint8_t proto)
{
	return proto == IPPROTO_TCP    ? PROTO_TCP :
	       proto == IPPROTO_UDP    ? PROTO_UDP :
	       proto == IPPROTO_ICMP   ? PROTO_ICMPV4 :
	       proto == IPPROTO_ICMPV6 ? PROTO_ICMPV6 :
					 PROTO_OTHER;
}

static inline uint32_t sum_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return len & 1 ? sum + (uint32_t)(bytes[len - 1] << 8) : sum;
}

static inline uint16_t sum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Numbers that conntrack takes for the same connection's; `carried`: bytes behind the header */
static inline void put_tcp_stage(struct tcphdr *tcp, const struct packet_flow *flow, uint32_t carried)
{
	switch (flow->stage) {
	case PACKET_FIRST:
		tcp->syn = 1;
		tcp->seq = htonl(flow->id);
		break;
	case PACKET_ANSWER:
		tcp->syn = tcp->ack = 1;
		tcp->seq = htonl(PACKET_ANSWER_SEQ);
		tcp->ack_seq = htonl(flow->first + 1 + carried);
		break;
	case PACKET_LATER:
		tcp->ack = 1;
		tcp->seq = htonl(flow->first + 1 + carried);
		tcp->ack_seq = htonl(PACKET_ANSWER_SEQ + 1 + carried);
		break;
	}
}

/* The transport header with its tag as payload; returns its length */
static inline size_t put_transport(uint8_t *at, const struct packet_flow *flow, uint32_t pseudo)
{
	struct packet_tag tag = { PACKET_MAGIC, flow->id };
	size_t header = flow->proto == IPPROTO_TCP ? sizeof(struct tcphdr) : 8, len = header + sizeof tag;

	memset(at, 0, header);
	memcpy(at + header, &tag, sizeof tag);
	pseudo += (uint32_t)len + flow->proto;
	if (flow->proto == IPPROTO_TCP) {
		struct tcphdr tcp = {
			.source = htons(flow->source_port), .dest = htons(flow->port), .doff = 5, .window = htons(1024)
		};
		put_tcp_stage(&tcp, flow, sizeof tag);
		memcpy(at, &tcp, sizeof tcp);
		tcp.check = sum_finish(sum_words(pseudo, at, len));
		memcpy(at, &tcp, sizeof tcp);
	} else if (flow->proto == IPPROTO_UDP) {
		struct udphdr udp = { .source = htons(flow->source_port),
				      .dest = htons(flow->port),
				      .len = htons((uint16_t)len) };
		memcpy(at, &udp, sizeof udp);
		udp.check = sum_finish(sum_words(pseudo, at, len));
		udp.check = udp.check ? udp.check : 0xffff;
		memcpy(at, &udp, sizeof udp);
	} else if (flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6) {
		bool answer = flow->stage == PACKET_ANSWER;
		struct icmphdr icmp = { .type = flow->proto == IPPROTO_ICMP ? (answer ? ICMP_ECHOREPLY : ICMP_ECHO) :
						answer                      ? ICMP6_ECHO_REPLY :
									      ICMP6_ECHO_REQUEST };
		icmp.un.echo.id = htons(flow->source_port);
		memcpy(at, &icmp, sizeof icmp);
		icmp.checksum = sum_finish(sum_words(flow->proto == IPPROTO_ICMP ? 0 : pseudo, at, len));
		memcpy(at, &icmp, sizeof icmp);
	}
	return len;
}

static inline size_t put_ipv4(uint8_t *at, const struct packet_ends *ends, const struct packet_flow *flow)
{
	bool routed = flow->twist == PACKET_SOURCE_ROUTE;
	struct iphdr ip = { .version = 4,
			    .ihl = routed ? 6 : 5,
			    .ttl = flow->twist == PACKET_LAST_HOP ? 1 : 64,
			    .protocol = flow->proto,
			    .saddr = htonl((uint32_t)ends->source.value),
			    .daddr = htonl((uint32_t)flow->to.value) };
	size_t header = ip.ihl * 4u;
	size_t len = header + put_transport(at + header, flow, sum_words(0, &ip.saddr, 8));

	ip.tot_len = htons((uint16_t)len);
	memcpy(at, &ip, sizeof ip);
	memset(at + sizeof ip, IPOPT_NOOP, header - sizeof ip);
	ip.check = sum_finish(sum_words(0, at, header));
	memcpy(at, &ip, sizeof ip);
	return len;
}

static inline size_t put_ipv6(uint8_t *at, const struct packet_ends *ends, const struct packet_flow *flow)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6u << 28),
			      .ip6_hlim = flow->twist == PACKET_LAST_HOP ? 1 : 64,
			      .ip6_nxt = flow->proto };
	bool routed = flow->twist == PACKET_SOURCE_ROUTE;
	size_t extra = flow->options || flow->every_hop || routed ? 8 : 0;

	addr_to_bytes(ends->source, ip.ip6_src.s6_addr);
	addr_to_bytes(flow->to, ip.ip6_dst.s6_addr);
	if (extra) {
		/* a PadN of 6 bytes; or a routing header of an unknown type with nowhere left to go */
		const uint8_t options[8] = { flow->proto, 0, 1, 4 }, routing[8] = { flow->proto, 0, 253, 0 };
		memcpy(at + sizeof ip, routed ? routing : options, sizeof options);
		ip.ip6_nxt = routed ? IPPROTO_ROUTING : flow->every_hop ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS;
	}
	size_t len = extra + put_transport(at + sizeof ip + extra, flow, sum_words(0, &ip.ip6_src, 32));
	ip.ip6_plen = htons((uint16_t)len);
	memcpy(at, &ip, sizeof ip);
	return sizeof ip + len;
}

/* The frame's length */
static inline size_t packet_build(uint8_t out[static PACKET_MAX], const struct packet_ends *ends,
				  const struct packet_flow *flow)
{
	bool v4 = flow->to.family == ADDR_V4;
	struct ether_header ether = { .ether_type = htons(v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6) };

	memcpy(ether.ether_dhost, ends->gateway_mac, 6);
	memcpy(ether.ether_shost, ends->source_mac, 6);
	struct packet_ends from = *ends;
	ether.ether_shost[5] ^= flow->twist == PACKET_FORGED_MAC;
	from.source.value ^= flow->twist == PACKET_FORGED_SOURCE ? 2 : 0;
	memcpy(out, &ether, sizeof ether);
	return sizeof ether + (v4 ? put_ipv4 : put_ipv6)(out + sizeof ether, &from, flow);
}

enum { FRAGMENT_CUT = 8 };

static inline size_t fragment_ipv4(const uint8_t *ip, size_t len, bool last, uint16_t ident, uint8_t *out)
{
	struct iphdr head;
	size_t from = last ? FRAGMENT_CUT : 0, size = last ? len - sizeof head - FRAGMENT_CUT : FRAGMENT_CUT;

	memcpy(&head, ip, sizeof head);
	head.id = htons(ident);
	head.frag_off = htons(last ? FRAGMENT_CUT / 8 : IP_MF);
	head.tot_len = htons((uint16_t)(sizeof head + size));
	head.check = 0;
	head.check = sum_finish(sum_words(0, &head, sizeof head));
	memcpy(out, &head, sizeof head);
	memcpy(out + sizeof head, ip + sizeof head + from, size);
	return sizeof head + size;
}

static inline size_t fragment_ipv6(const uint8_t *ip, size_t len, bool last, uint32_t ident, uint8_t *out)
{
	struct ip6_hdr head;

	memcpy(&head, ip, sizeof head);
	/* All headers stand in the first fragment (RFC 7112), the kernel drops it otherwise */
	bool options = head.ip6_nxt == IPPROTO_DSTOPTS;
	uint8_t upper = options ? ip[sizeof head] : head.ip6_nxt;
	size_t cut = (upper == IPPROTO_TCP ? 24 : 8) + (options ? 8 : 0);
	size_t from = last ? cut : 0, size = last ? len - sizeof head - cut : cut;
	struct ip6_frag fragment = { .ip6f_nxt = head.ip6_nxt,
				     .ip6f_ident = htonl(ident),
				     .ip6f_offlg = last ? htons((uint16_t)cut) : IP6F_MORE_FRAG };
	head.ip6_nxt = IPPROTO_FRAGMENT;
	head.ip6_plen = htons((uint16_t)(sizeof fragment + size));
	memcpy(out, &head, sizeof head);
	memcpy(out + sizeof head, &fragment, sizeof fragment);
	memcpy(out + sizeof head + sizeof fragment, ip + sizeof head + from, size);
	return sizeof head + sizeof fragment + size;
}

/* The first or the last of the two fragments of a frame made by packet_build() */
static inline size_t packet_fragment(const uint8_t *frame, size_t len, bool last, uint32_t ident,
				     uint8_t out[static PACKET_MAX])
{
	const size_t ether = sizeof(struct ether_header);
	bool v4 = frame[12] == ETHERTYPE_IP >> 8;

	memcpy(out, frame, ether);
	return ether + (v4 ? fragment_ipv4(frame + ether, len - ether, last, (uint16_t)ident, out + ether) :
			     fragment_ipv6(frame + ether, len - ether, last, ident, out + ether));
}

/* The id of a tagged packet, or 0 */
static inline uint32_t packet_id(const uint8_t *bytes, size_t len)
{
	struct packet_tag tag;

	if (len < sizeof tag)
		return 0;
	memcpy(&tag, bytes + len - sizeof tag, sizeof tag);
	return tag.magic == PACKET_MAGIC ? tag.id : 0;
}
