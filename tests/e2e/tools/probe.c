/* Opens one flow and says in one line how it fared and in how many milliseconds; linked statically, so that it
 * runs inside the guest too. Standard library only.
 *
 *	probe tcp ADDRESS PORT [TIMEOUT_MS]      connected | refused | unreachable | prohibited | timeout
 *	probe udp ADDRESS PORT [TIMEOUT_MS]      answered | refused | unreachable | prohibited | timeout
 *	probe burst-tcp|burst-udp ADDRESS PORT N [TIMEOUT_MS]   N flows at once: how many of each, one a line
 *	probe dns NAME SERVER [TIMEOUT_MS]       the first A record | NXDOMAIN | NODATA | rcode N | timeout
 *
 * Exit status: 0 connected, answered, an address; 1 anything else; 2 usage. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum outcome { PENDING, CONNECTED, ANSWERED, REFUSED, PROHIBITED, UNREACHABLE, TIMEOUT, OTHER, OUTCOMES };
static const char *const outcome_names[] = { "pending",    "connected",   "answered", "refused",
					     "prohibited", "unreachable", "timeout",  "failed" };
_Static_assert(sizeof outcome_names / sizeof *outcome_names == OUTCOMES, "a name for each");

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static long now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static socklen_t parse_address(const char *text, const char *port, union address *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)atoi(port));
		return sizeof out->v4;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)atoi(port));
		return sizeof out->v6;
	}
	fprintf(stderr, "probe: no address: %s\n", text);
	exit(2);
}

static enum outcome outcome_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return REFUSED;
	case EACCES:       /* IPv6, administratively prohibited */
	case EHOSTUNREACH: /* IPv4, the same */
		return PROHIBITED;
	case ENETUNREACH:
		return UNREACHABLE;
	case ETIMEDOUT:
		return TIMEOUT;
	default:
		return OTHER;
	}
}

struct flow {
	int fd;
	enum outcome outcome;
	int error;
};

/* A non-blocking connect; of UDP, with one datagram sent */
static void flow_open(struct flow *flow, int type, const union address *to, socklen_t len)
{
	flow->outcome = PENDING;
	flow->fd = socket(to->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (flow->fd < 0 || (connect(flow->fd, &to->any, len) < 0 && errno != EINPROGRESS) ||
	    (type == SOCK_DGRAM && send(flow->fd, "probe\n", 6, MSG_NOSIGNAL) < 0)) {
		flow->error = errno;
		flow->outcome = outcome_of(errno);
	}
}

static void flow_settle(struct flow *flow, int type)
{
	char answer[64];
	socklen_t len = sizeof flow->error;

	if (type == SOCK_STREAM)
		getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &flow->error, &len);
	else
		flow->error = recv(flow->fd, answer, sizeof answer, 0) < 0 ? errno : 0;
	if (flow->error == EAGAIN)
		return;
	flow->outcome = flow->error ? outcome_of(flow->error) : type == SOCK_STREAM ? CONNECTED : ANSWERED;
}

static void flows_await(struct flow *flows, size_t count, int type, int timeout_ms)
{
	long deadline = now_us() + timeout_ms * 1000L;
	struct pollfd *polls = calloc(count, sizeof *polls);

	if (!polls)
		abort();
	for (;;) {
		size_t pending = 0;
		for (size_t i = 0; i < count; i++) {
			polls[i].fd = flows[i].outcome == PENDING ? flows[i].fd : -1;
			polls[i].events = type == SOCK_STREAM ? POLLOUT : POLLIN;
			pending += flows[i].outcome == PENDING;
		}
		long left = (deadline - now_us()) / 1000;
		if (!pending || left <= 0 || poll(polls, count, (int)left) <= 0)
			break;
		for (size_t i = 0; i < count; i++)
			if (polls[i].fd >= 0 && polls[i].revents)
				flow_settle(&flows[i], type);
	}
	for (size_t i = 0; i < count; i++)
		if (flows[i].outcome == PENDING)
			flows[i].outcome = TIMEOUT;
	free(polls);
}

static int probe_one(int type, char **args)
{
	union address to;
	socklen_t len = parse_address(args[0], args[1], &to);
	struct flow flow = { .fd = -1 };
	long start = now_us();

	flow_open(&flow, type, &to, len);
	flows_await(&flow, 1, type, args[2] ? atoi(args[2]) : 3000);
	printf("%s %ld ms", outcome_names[flow.outcome], (now_us() - start + 500) / 1000);
	puts(flow.outcome == OTHER ? strerror(flow.error) : "");
	return flow.outcome != CONNECTED && flow.outcome != ANSWERED;
}

static int probe_burst(int type, char **args)
{
	union address to;
	socklen_t len = parse_address(args[0], args[1], &to);
	size_t count = args[2] ? (size_t)atoi(args[2]) : 0, totals[OUTCOMES] = { 0 };
	struct flow *flows = calloc(count + 1, sizeof *flows);
	struct rlimit files = { count + 64, count + 64 };
	long start = now_us();

	if (!flows || !count)
		return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < count; i++)
		flow_open(&flows[i], type, &to, len);
	flows_await(flows, count, type, args[3] ? atoi(args[3]) : 3000);
	for (size_t i = 0; i < count; i++)
		totals[flows[i].outcome]++;
	for (size_t i = 0; i < OUTCOMES; i++)
		if (totals[i])
			printf("%s %zu\n", outcome_names[i], totals[i]);
	fprintf(stderr, "in %ld ms\n", (now_us() - start) / 1000);
	free(flows);
	return totals[CONNECTED] + totals[ANSWERED] != count;
}

/* An A question for `name` with a random id; 0 where a label does not fit */
static size_t dns_question(const char *name, unsigned char *out, size_t size)
{
	size_t at = 12;

	memset(out, 0, 12);
	if (getrandom(out, 2, 0) != 2)
		return 0;
	out[2] = 1; /* recursion desired */
	out[5] = 1; /* one question */
	while (*name) {
		size_t label = strcspn(name, ".");
		if (!label || label > 63 || at + label + 6 > size)
			return 0;
		out[at++] = (unsigned char)label;
		memcpy(out + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	memcpy(out + at, "\0\0\1\0\1", 5);
	return at + 5;
}

/* Where the name at `at` ends; n where it does not */
static size_t dns_skip_name(const unsigned char *packet, size_t at, size_t n)
{
	while (at < n && packet[at] && packet[at] < 0xc0)
		at += 1u + packet[at];
	return at >= n ? n : packet[at] ? at + 2 : at + 1;
}

static int dns_print(const unsigned char *packet, size_t n, long ms)
{
	size_t at = dns_skip_name(packet, 12, n) + 4;
	int answers = packet[6] << 8 | packet[7];
	char text[INET_ADDRSTRLEN];

	if (packet[3] & 15) {
		if ((packet[3] & 15) == 3)
			printf("NXDOMAIN %ld ms\n", ms);
		else
			printf("rcode %d %ld ms\n", packet[3] & 15, ms);
		return 1;
	}
	while (answers-- > 0) {
		at = dns_skip_name(packet, at, n);
		if (at + 10 > n)
			break;
		size_t length = (size_t)packet[at + 8] << 8 | packet[at + 9];
		if (packet[at] == 0 && packet[at + 1] == 1 && length == 4 && at + 14 <= n) {
			printf("%s %ld ms\n", inet_ntop(AF_INET, packet + at + 10, text, sizeof text), ms);
			return 0;
		}
		at += 10 + length;
	}
	printf("NODATA %ld ms\n", ms);
	return 1;
}

static int probe_dns(char **args)
{
	unsigned char question[300], answer[4096];
	union address to;
	socklen_t len = parse_address(args[1], "53", &to);
	size_t size = dns_question(args[0], question, sizeof question);
	long start = now_us();
	struct pollfd wait = { .fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN };

	if (!size || wait.fd < 0 || connect(wait.fd, &to.any, len) < 0)
		return 2;
	if (send(wait.fd, question, size, 0) >= 0 && poll(&wait, 1, args[2] ? atoi(args[2]) : 6000) == 1) {
		ssize_t n = recv(wait.fd, answer, sizeof answer, 0);
		if (n >= 12 && !memcmp(question, answer, 2))
			return dns_print(answer, (size_t)n, (now_us() - start + 500) / 1000);
		printf("%s %ld ms\n", n < 0 ? outcome_names[outcome_of(errno)] : "malformed",
		       (now_us() - start + 500) / 1000);
		return 1;
	}
	printf("timeout %ld ms\n", (now_us() - start + 500) / 1000);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc >= 4) {
		if (!strcmp(argv[1], "tcp"))
			return probe_one(SOCK_STREAM, argv + 2);
		if (!strcmp(argv[1], "udp"))
			return probe_one(SOCK_DGRAM, argv + 2);
		if (!strcmp(argv[1], "burst-tcp"))
			return probe_burst(SOCK_STREAM, argv + 2);
		if (!strcmp(argv[1], "burst-udp"))
			return probe_burst(SOCK_DGRAM, argv + 2);
		if (!strcmp(argv[1], "dns"))
			return probe_dns(argv + 2);
	}
	fprintf(stderr, "usage: probe tcp|udp ADDRESS PORT [MS], burst-tcp|burst-udp ADDRESS PORT N [MS], dns "
			"NAME SERVER [MS]\n");
	return 2;
}
