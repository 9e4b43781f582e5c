/* How many packets a second guests get through, each stand (stands.sh makes them) beside the others: bursts of about a
 * millisecond, one stand after another, round after round. The frames are built beforehand, and the last namespace drops
 * and counts them where they enter it, so that what is measured is the way between and the sending itself, which is alike.
 * A burst counts only where all of it arrived. Prints `ROUND STAND PACKETS/S` a line, for ratios.py.
 *
 * usage: rates [options] STAND...
 *   namespaces of a stand, in /run/netns: STAND.guest with eth0, STAND.vm, STAND.host, and STAND.sink with sink0 and in
 *   table netdev bench a counter `arrived`
 *   --kind new|established   each packet of a flow of its own, or all of one that was answered
 *   --packets N --rounds N --warm N   of a burst; bursts of a stand; packets before each burst, not timed
 *   --pause MS               between two rounds
 *   --forget                 flows before each burst; else conntrack knows them until they time out
 *   --denied                 measures nothing: each of the flows is sent once, and the end of the way must see none
 *   --flows FILE             ADDRESS PROTO PORT a line, taken in a random order; else 93.184.216.34 udp 4433 */
#include "bench_net.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { STANDS_MAX = 32, PACKETS_MAX = 4096, FLOWS_MAX = 200000, FIRST_PORT = 1024, PORTS = 60000, REPLY_MS = 2000 };

struct frame {
	uint16_t len;
	uint8_t bytes[94];
};

struct options {
	bool established, forget, denied;
	unsigned packets, rounds, warm, pause_ms;
	const char *flows;
};

struct pool {
	struct packet_flow *flows;
	size_t count, next;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- flows ---- */

static uint8_t protocol(const char *name)
{
	return !strcmp(name, "tcp") ? IPPROTO_TCP :
	       !strcmp(name, "udp") ? IPPROTO_UDP :
				      (errx(2, "%s: tcp or udp", name), 0);
}

static void add_flow(struct pool *pool, const char *addr, const char *proto, unsigned port)
{
	struct packet_flow *flow = &pool->flows[pool->count++];

	*flow = (struct packet_flow){ .proto = protocol(proto), .port = (uint16_t)port };
	if (!addr_parse(addr, &flow->to))
		errx(2, "no address: %s", addr);
}

static void shuffle(struct pool *pool)
{
	uint64_t state = 88172645463325252u;

	for (size_t i = pool->count; i > 1; i--) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		struct packet_flow *a = &pool->flows[i - 1], *b = &pool->flows[state % i], kept = *a;
		*a = *b, *b = kept;
	}
}

static void read_flows(struct pool *pool, const char *path)
{
	char addr[64], proto[8];
	unsigned port;

	pool->flows = calloc(FLOWS_MAX, sizeof *pool->flows);
	if (!path) {
		add_flow(pool, "93.184.216.34", "udp", 4433);
		return;
	}
	FILE *file = fopen(path, "r");
	if (!file)
		err(2, "%s", path);
	while (pool->count < FLOWS_MAX && fscanf(file, "%63s %7s %u", addr, proto, &port) == 3)
		add_flow(pool, addr, proto, port);
	fclose(file);
	if (!pool->count)
		errx(2, "%s: no flows", path);
	shuffle(pool);
}

/* The same for all stands of a round. A burst's flows differ by their source ports where the pool is small. */
static void next_flows(struct pool *pool, unsigned count, struct packet_flow *out)
{
	for (unsigned i = 0; i < count; i++) {
		out[i] = pool->flows[pool->next++ % pool->count];
		out[i].source_port = (uint16_t)(FIRST_PORT + pool->next % PORTS);
	}
}

/* ---- one burst ---- */

static void build(const struct stand *stand, const struct packet_flow *flows, unsigned count, struct frame *out)
{
	uint8_t frame[PACKET_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct packet_ends ends = stand->ends;
		if (flows[i].to.family == ADDR_V6)
			ends.source = stand->source6;
		out[i].len = (uint16_t)packet_build(frame, &ends, &flows[i]);
		memcpy(out[i].bytes, frame, sizeof out[i].bytes);
	}
}

static void send_frames(int fd, const struct frame *frames, unsigned count)
{
	static struct iovec parts[PACKETS_MAX];
	static struct mmsghdr messages[PACKETS_MAX];

	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){ (void *)frames[i].bytes, frames[i].len };
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i], .msg_iovlen = 1 } };
	}
	for (unsigned done = 0; done < count;) {
		int sent = sendmmsg(fd, messages + done, count - done, 0);
		if (sent < 0)
			err(3, "sendmmsg");
		done += (unsigned)sent;
	}
}

/* The packets a second, or 0 where not all arrived; what is left to a kernel thread arrives late, and does not count either. */
static double burst(struct stand *stand, const struct frame *frames, const struct options *options)
{
	send_frames(stand->guest, frames, options->warm);
	uint64_t before = stand_arrived(stand);
	double start = seconds();
	send_frames(stand->guest, frames + options->warm, options->packets);
	double took = seconds() - start;

	uint64_t arrived = stand_arrived(stand) - before;
	if (arrived == options->packets)
		return options->packets / took;
	stand->lost++;
	stand->least = stand->least && stand->least < arrived ? stand->least : arrived;
	return 0;
}

/* One answer, so that conntrack takes the flow for established: to the guest's address, or to what the host made of it */
static void answer(struct stand *stand, const struct packet_flow *flow, const struct frame *frame)
{
	struct packet_flow back = {
		.proto = flow->proto, .source_port = flow->port, .port = flow->source_port, .id = ++stand->replies
	};
	struct packet_ends ends = { .source = flow->to };
	struct frame reply = { 0 };
	uint8_t bytes[PACKET_MAX];

	CLEANUP_FD int listener = stand_listen(stand);
	send_frames(stand->guest, frame, 1);
	memcpy(ends.gateway_mac, stand->back_mac, 6);
	memcpy(ends.source_mac, stand->sink_mac, 6);
	for (unsigned i = 0; i < 2; i++) {
		bool v6 = flow->to.family == ADDR_V6;
		back.to = i ? stand->outside : v6 ? stand->source6 : stand->ends.source;
		if (i && (v6 || addr_is_unspecified(stand->outside)))
			break;
		reply.len = (uint16_t)packet_build(bytes, &ends, &back);
		memcpy(reply.bytes, bytes, sizeof reply.bytes);
		send_frames(stand->sink, &reply, 1);
	}
	if (!stand_answered(listener, stand->replies, REPLY_MS))
		errx(3, "%s: the flow's answer does not reach the guest", stand->name);
}

static void round_of(struct stand *stands, size_t count, struct pool *pool, const struct options *options,
		     unsigned number)
{
	static struct packet_flow flows[PACKETS_MAX];
	static struct frame frames[PACKETS_MAX];
	unsigned all = options->warm + options->packets;

	next_flows(pool, all, flows);
	for (unsigned i = 1; options->established && i < all; i++)
		flows[i] = flows[0];
	for (size_t i = 0; i < count; i++) { /* each begins as often as any other */
		struct stand *stand = &stands[(i + number) % count];
		build(stand, flows, all, frames);
		if (options->forget)
			stand_forget(stand);
		if (options->established)
			answer(stand, &flows[0], &frames[0]);
		double rate = burst(stand, frames, options);
		if (rate > 0)
			printf("%u\t%s\t%.0f\n", number, stand->name, rate);
	}
}

static void expect_none(struct stand *stand, struct pool *pool)
{
	static struct packet_flow flows[PACKETS_MAX];
	static struct frame frames[PACKETS_MAX];
	uint64_t before = stand_arrived(stand);

	for (size_t sent = 0; sent < pool->count; sent += PACKETS_MAX) {
		unsigned count = (unsigned)(pool->count - sent < PACKETS_MAX ? pool->count - sent : PACKETS_MAX);
		next_flows(pool, count, flows);
		build(stand, flows, count, frames);
		send_frames(stand->guest, frames, count);
	}
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL); /* what a kernel thread has left to do */
	uint64_t arrived = stand_arrived(stand) - before;
	if (arrived)
		errx(1, "%s: %" PRIu64 " of %zu denied flows arrived", stand->name, arrived, pool->count);
}

static unsigned number_of(const char *text, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value > most)
		errx(2, "%s: a number up to %u", text, most);
	return (unsigned)value;
}

static void read_options(int argc, char **argv, struct options *options)
{
	enum { KIND = 1, PACKETS, ROUNDS, WARM, PAUSE, FLOWS, FORGET, DENIED };
	static const struct option table[] = {
		{ "kind", required_argument, NULL, KIND },
		{ "packets", required_argument, NULL, PACKETS },
		{ "rounds", required_argument, NULL, ROUNDS },
		{ "warm", required_argument, NULL, WARM },
		{ "pause", required_argument, NULL, PAUSE },
		{ "flows", required_argument, NULL, FLOWS },
		{ "forget", no_argument, NULL, FORGET },
		{ "denied", no_argument, NULL, DENIED },
		{ 0 },
	};
	int value;

	while ((value = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (value) {
		case KIND:
			options->established = !strcmp(optarg, "established");
			break;
		case PACKETS:
			options->packets = number_of(optarg, PACKETS_MAX / 2);
			break;
		case ROUNDS:
			options->rounds = number_of(optarg, 100000);
			break;
		case WARM:
			options->warm = number_of(optarg, PACKETS_MAX / 2);
			break;
		case PAUSE:
			options->pause_ms = number_of(optarg, 60000);
			break;
		case FORGET:
			options->forget = true;
			break;
		case DENIED:
			options->denied = true;
			break;
		case FLOWS:
			options->flows = optarg;
			break;
		default:
			exit(2);
		}
	}
}

static void measure(struct stand *stands, size_t count, struct pool *pool, const struct options *options)
{
	const struct timespec pause = { options->pause_ms / 1000, options->pause_ms % 1000 * 1000000 };

	for (unsigned i = 0; i < options->rounds; i++) {
		round_of(stands, count, pool, options, i);
		nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < count; i++)
		if (stands[i].lost * 5 > options->rounds)
			errx(3, "%s: %u of %u bursts did not arrive whole, %" PRIu64 " of %u packets the least",
			     stands[i].name, stands[i].lost, options->rounds, stands[i].least, options->packets);
}

int main(int argc, char **argv)
{
	static struct stand stands[STANDS_MAX];
	struct options options = { .packets = 500, .rounds = 60, .warm = 32 };
	struct pool pool = { 0 };
	size_t count = 0;

	read_options(argc, argv, &options);
	read_flows(&pool, options.flows);
	for (; optind < argc && count < STANDS_MAX; optind++)
		stand_open(&stands[count++], argv[optind]);
	if (!count)
		errx(2, "usage: rates [options] STAND...");
	one_processor_first();
	if (!options.denied)
		measure(stands, count, &pool, &options);
	for (size_t i = 0; options.denied && i < count; i++)
		expect_none(&stands[i], &pool);
	return 0;
}
