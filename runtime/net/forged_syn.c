/* RFC 9293, section 3.1; no options, so no timestamp that would have to fit (RFC 7323, section 5.3). */
#include "net/forged_syn.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#define TTL 64
#define WINDOW 1024

/* RFC 1071, over an even number of bytes; to be completed by checksum() */
static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* `sum`: of the pseudo header's addresses */
static struct tcphdr segment(uint16_t from, uint16_t to, uint32_t sum)
{
	struct tcphdr tcp = {
		.source = htons(from), .dest = htons(to), .doff = sizeof tcp / 4, .syn = 1, .window = htons(WINDOW)
	};

	tcp.check = checksum(add_words(sum + sizeof tcp + IPPROTO_TCP, &tcp, sizeof tcp));
	return tcp;
}

static size_t packet4(struct forged_end from, struct forged_end to, uint8_t *out)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_TCP };
	uint8_t address[16];

	addr_to_bytes(from.addr, address);
	memcpy(&ip.saddr, address, sizeof ip.saddr);
	addr_to_bytes(to.addr, address);
	memcpy(&ip.daddr, address, sizeof ip.daddr);
	struct tcphdr tcp = segment(from.port, to.port, add_words(0, &ip.saddr, 2 * sizeof ip.saddr));
	ip.tot_len = htons(sizeof ip + sizeof tcp);
	ip.check = checksum(add_words(0, &ip, sizeof ip));
	memcpy(out, &ip, sizeof ip);
	memcpy(out + sizeof ip, &tcp, sizeof tcp);
	return sizeof ip + sizeof tcp;
}

static size_t packet6(struct forged_end from, struct forged_end to, uint8_t *out)
{
	struct ip6_hdr ip = { .ip6_nxt = IPPROTO_TCP, .ip6_hlim = TTL };

	ip.ip6_vfc = 6 << 4;
	addr_to_bytes(from.addr, ip.ip6_src.s6_addr);
	addr_to_bytes(to.addr, ip.ip6_dst.s6_addr);
	struct tcphdr tcp = segment(from.port, to.port, add_words(0, &ip.ip6_src, 2 * sizeof ip.ip6_src));
	ip.ip6_plen = htons(sizeof tcp);
	memcpy(out, &ip, sizeof ip);
	memcpy(out + sizeof ip, &tcp, sizeof tcp);
	return sizeof ip + sizeof tcp;
}

size_t forged_syn(const uint8_t from_mac[static 6], const uint8_t to_mac[static 6], struct forged_end from,
		  struct forged_end to, uint8_t frame[static FORGED_SYN_MAX])
{
	bool v4 = from.addr.family == ADDR_V4;
	struct ether_header header = { .ether_type = htons(v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6) };

	memcpy(header.ether_dhost, to_mac, sizeof header.ether_dhost);
	memcpy(header.ether_shost, from_mac, sizeof header.ether_shost);
	memcpy(frame, &header, sizeof header);
	return sizeof header + (v4 ? packet4 : packet6)(from, to, frame + sizeof header);
}
