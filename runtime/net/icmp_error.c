/* RFC 792, destination unreachable: net unreachable; RFC 4443, destination unreachable: no route to destination. */
#include "net/icmp_error.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <net/ethernet.h>
#include <string.h>

#define TTL 64

/* RFC 1071, to be completed by checksum() */
static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t put_ether(const struct icmp_ends *ends, uint16_t type, uint8_t *frame)
{
	struct ether_header header = { .ether_type = htons(type) };

	memcpy(header.ether_dhost, ends->guest_mac, sizeof header.ether_dhost);
	memcpy(header.ether_shost, ends->gateway_mac, sizeof header.ether_shost);
	memcpy(frame, &header, sizeof header);
	return sizeof header;
}

static size_t no_route4(const struct icmp_ends *ends, const uint8_t *packet, size_t len, uint8_t *frame)
{
	struct icmphdr icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_NET_UNREACH };
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_ICMP };
	uint8_t source[16];

	if (len < sizeof ip + 8 || !ends->gateway.has4)
		return 0;
	addr_to_bytes(ends->gateway.v4, source);
	memcpy(&ip.saddr, source, sizeof ip.saddr);
	memcpy(&ip.daddr, packet + offsetof(struct iphdr, saddr), sizeof ip.daddr);
	ip.tot_len = htons((uint16_t)(sizeof ip + sizeof icmp + len));
	ip.check = checksum(add_words(0, &ip, sizeof ip));
	icmp.checksum = checksum(add_words(add_words(0, &icmp, sizeof icmp), packet, len));
	size_t at = put_ether(ends, ETHERTYPE_IP, frame);
	memcpy(frame + at, &ip, sizeof ip);
	memcpy(frame + at + sizeof ip, &icmp, sizeof icmp);
	memcpy(frame + at + sizeof ip + sizeof icmp, packet, len);
	return at + sizeof ip + sizeof icmp + len;
}

static size_t no_route6(const struct icmp_ends *ends, const uint8_t *packet, size_t len, uint8_t *frame)
{
	struct icmp6_hdr icmp = { .icmp6_type = ICMP6_DST_UNREACH, .icmp6_code = ICMP6_DST_UNREACH_NOROUTE };
	struct ip6_hdr ip = { .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = TTL };
	uint32_t size = (uint32_t)(sizeof icmp + len);

	if (len < sizeof ip + 8 || !ends->gateway.has6)
		return 0;
	ip.ip6_vfc = 6 << 4;
	ip.ip6_plen = htons((uint16_t)size);
	addr_to_bytes(ends->gateway.v6, ip.ip6_src.s6_addr);
	memcpy(&ip.ip6_dst, packet + offsetof(struct ip6_hdr, ip6_src), sizeof ip.ip6_dst);
	/* With the pseudo header: addresses, length, protocol */
	uint32_t sum = add_words(size + IPPROTO_ICMPV6, &ip.ip6_src, 2 * sizeof ip.ip6_src);
	icmp.icmp6_cksum = checksum(add_words(add_words(sum, &icmp, sizeof icmp), packet, len));
	size_t at = put_ether(ends, ETHERTYPE_IPV6, frame);
	memcpy(frame + at, &ip, sizeof ip);
	memcpy(frame + at + sizeof ip, &icmp, sizeof icmp);
	memcpy(frame + at + sizeof ip + sizeof icmp, packet, len);
	return at + sizeof ip + sizeof icmp + len;
}

size_t icmp_no_route(const struct icmp_ends *ends, const uint8_t *packet, size_t len,
		     uint8_t frame[static ICMP_FRAME_MAX])
{
	size_t quoted = len < ICMP_QUOTED_MAX ? len & ~(size_t)1 : ICMP_QUOTED_MAX; /* even, for the checksum */

	if (!quoted)
		return 0;
	return packet[0] >> 4 == 4 ? no_route4(ends, packet, quoted, frame) :
	       packet[0] >> 4 == 6 ? no_route6(ends, packet, quoted, frame) :
				     0;
}
