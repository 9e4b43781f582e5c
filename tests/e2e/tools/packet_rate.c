/* How many packets a second a guest gets through the namespace it is run in (_links.sh makes one): small UDP datagrams on
 * one processor, each of a flow of its own, or all of one established flow. Prints the median of five runs.
 * usage: packet_rate GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC new|established */
#include "oracle_net.h"
#include "tests/lib/packet.h"

#include <stdlib.h>
#include <time.h>

enum { BURST = 64, PACKETS = 40000, RUNS = 5, PORT = 4433 };

static struct addr parse(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	addr_parse(text, &addr);
	return addr;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Datagrams that arrived so far: reads them all away */
static size_t arrivals(int sink)
{
	uint8_t bytes[64];
	size_t count = 0;

	while (recv(sink, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		count += bytes[12] == 8 && bytes[13] == 0;
	return count;
}

static void send_all(int fd, uint8_t frames[][PACKET_MAX], size_t len, unsigned count)
{
	struct iovec parts[BURST];
	struct mmsghdr messages[BURST];

	memset(messages, 0, sizeof messages);
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){ frames[i], len };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned done = 0; done < count;) {
		int sent = sendmmsg(fd, messages + done, count - done, 0);
		if (sent < 0)
			err(3, "sendmmsg");
		done += (unsigned)sent;
	}
}

/* The flow's answer, so that conntrack takes it for established */
static void answer(int sink, const struct packet_ends *ends, const struct packet_flow *flow, const char *uplink_mac)
{
	struct packet_ends back = { .source = flow->to };
	struct packet_flow reply = {
		.to = ends->source, .proto = IPPROTO_UDP, .source_port = flow->port, .port = flow->source_port, .id = 1
	};
	uint8_t frame[1][PACKET_MAX];

	parse_mac(uplink_mac, back.gateway_mac);
	memcpy(back.source_mac, ends->source_mac, 6);
	send_all(sink, frame, packet_build(frame[0], &back, &reply), 1);
}

static double run(int guest, int sink, const struct packet_ends *ends, bool established, const char *uplink_mac)
{
	static uint8_t frames[BURST][PACKET_MAX];
	struct packet_flow flow = {
		.to = parse("93.184.216.34"), .proto = IPPROTO_UDP, .source_port = 1024, .port = PORT
	};
	size_t len = packet_build(frames[0], ends, &flow), got = 0;

	if (established) {
		send_all(guest, frames, len, 1);
		answer(sink, ends, &flow, uplink_mac);
	}
	arrivals(sink);
	double start = seconds();
	for (unsigned sent = 0; sent < PACKETS; sent += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			if (!established)
				flow.source_port = (uint16_t)(1024 + sent + i);
			packet_build(frames[i], ends, &flow);
		}
		send_all(guest, frames, len, BURST);
		got += arrivals(sink);
	}
	double took = seconds() - start;
	got += arrivals(sink);
	if (got < PACKETS * 9 / 10)
		errx(3, "only %zu of %d packets arrived", got, PACKETS);
	return (double)got / took;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct packet_ends ends = { .source = parse("172.16.0.2"), .source_mac = { 2, 0x6d, 172, 16, 0, 2 } };
	double rates[RUNS];

	if (argc != 6)
		errx(2, "usage: packet_rate GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC new|established");
	one_processor(0);
	parse_mac(argv[3], ends.gateway_mac);
	int guest = packet_socket(argv[1], "eth0"), sink = packet_socket(argv[2], "sink0");
	CLEANUP_NL struct nl *conntrack = nl_open(NETLINK_NETFILTER);
	if (!conntrack)
		err(3, "netlink");
	for (int i = 0; i < RUNS; i++) {
		conntrack_flush(conntrack);
		rates[i] = run(guest, sink, &ends, !strcmp(argv[5], "established"), argv[4]);
	}
	qsort(rates, RUNS, sizeof *rates, compare);
	printf("%.0f\n", rates[RUNS / 2]);
	return 0;
}
