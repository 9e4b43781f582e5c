/* What a way to a server costs beside another one: streams and connections over either, in turns, in one process.
 * usage: relay_rate serve ADDRESS PORT
 *        relay_rate in|out MIB ROUNDS WAY WAY
 *        relay_rate connect OUTSTANDING ROUNDS WAY WAY
 *        relay_rate first CONNECTIONS ROUNDS WAY WAY
 * A WAY is NETNS,ADDRESS,PORT,MARK[,NAME]: the network namespace's file, or - for this one's; the mark 0 is none; with a name each
 * connection begins as TLS does, with a ClientHello for it and the server's answer. Prints the rate of the first way (bytes or
 * connections a second; first: the median of microseconds from connect to the answer's first byte), then median and quartiles of
 * second over first, of adjacent rounds:
 *        RATE_FIRST RATE_SECOND MEDIAN LOW HIGH */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 128 << 10, OUTSTANDING_MAX = 256, CONNECTIONS_A_ROUND = 400 };

static uint8_t block[BLOCK];

static struct sockaddr_in6 at(const char *address, const char *port, socklen_t *len)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = v6.sin6_port };

	*len = sizeof v6;
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		return v6;
	if (inet_pton(AF_INET, address, &v4.sin_addr) != 1)
		errx(2, "no address: %s", address);
	*len = sizeof v4;
	memcpy(&v6, &v4, sizeof v4);
	return v6;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* false: the other end is gone */
static bool send_bytes(int fd, uint64_t count)
{
	while (count > 0) {
		ssize_t sent = send(fd, block, count < BLOCK ? count : BLOCK, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		count -= (uint64_t)sent;
	}
	return true;
}

static bool receive_bytes(int fd, uint64_t count)
{
	static _Thread_local uint8_t bytes[BLOCK];

	while (count > 0) {
		ssize_t got = recv(fd, bytes, count < BLOCK ? count : BLOCK, 0);
		if (got <= 0)
			return false;
		count -= (uint64_t)got;
	}
	return true;
}

/* ---- the beginning of TLS ---- */

enum { HELLO_MAX = 512, SERVER_HELLO = 5 + 4 + 38 };

/* Big-endian, in so many bytes */
static uint8_t *put(uint8_t *at, size_t bytes, size_t value)
{
	for (size_t i = bytes; i-- > 0;)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

/* A ClientHello as short as one may be, with a server name (RFC 8446 4.1.2, RFC 6066 3); its length */
static size_t put_client_hello(uint8_t out[static HELLO_MAX], const char *name)
{
	size_t len = strlen(name), extensions = 4 + 5 + len, body = 2 + 32 + 1 + 4 + 2 + 2 + extensions;
	uint8_t *at = out;

	at = put(at, 3, 0x160301);
	at = put(at, 2, 4 + body);
	at = put(at, 1, 1);
	at = put(at, 3, body);
	at = put(at, 2, 0x0303);
	memset(at, 7, 32);
	at = put(at + 32, 1, 0);
	at = put(at, 4, 0x00021301);
	at = put(at, 2, 0x0100);
	at = put(at, 2, extensions);
	at = put(at, 2, 0);
	at = put(at, 2, 5 + len);
	at = put(at, 2, 3 + len);
	at = put(at, 1, 0);
	at = put(at, 2, len);
	memcpy(at, name, len);
	return (size_t)(at - out) + len;
}

static void put_server_hello(uint8_t out[static SERVER_HELLO])
{
	memset(out, 7, SERVER_HELLO);
	uint8_t *at = put(out, 3, 0x160303);
	at = put(at, 2, SERVER_HELLO - 5);
	at = put(at, 1, 2);
	at = put(at, 3, SERVER_HELLO - 9);
	at = put(at, 2, 0x0303);
	put(at + 32, 4, 0x00130100); /* no session, TLS_AES_128_GCM_SHA256, no compression */
}

/* ---- server ---- */

/* What is asked: so many bytes in (then it answers one), or out */
struct request {
	uint64_t count;
	char kind;
};

static void *serve_streams(void *context)
{
	int fd = (int)(intptr_t)context;
	struct request request;

	while (recv(fd, &request, sizeof request, MSG_WAITALL) == sizeof request)
		if (request.kind == 'i' ? !receive_bytes(fd, request.count) || !send_bytes(fd, 1) :
					  !send_bytes(fd, request.count))
			break;
	close(fd);
	return NULL;
}

/* A ClientHello, in one piece; what follows begins anew */
static void answer_hello(int fd)
{
	uint8_t hello[HELLO_MAX], answer[SERVER_HELLO];

	put_server_hello(answer);
	if (recv(fd, hello, 5, MSG_WAITALL) == 5)
		recv(fd, hello, (size_t)hello[3] << 8 | hello[4], MSG_WAITALL);
	send(fd, answer, sizeof answer, MSG_NOSIGNAL);
}

/* A ClientHello is answered, and there is more; a first byte 'c' is answered, and the connection over; else it is streams' */
static void serve_first(int epoll, int fd)
{
	char kind;
	pthread_t thread;
	ssize_t got = recv(fd, &kind, 1, MSG_PEEK);

	if (got == 1 && kind == 0x16) {
		answer_hello(fd);
		return;
	}
	if (got == 1 && kind != 'c') {
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
		if (pthread_create(&thread, NULL, serve_streams, (void *)(intptr_t)fd))
			err(3, "pthread_create");
		pthread_detach(thread);
		return;
	}
	if (recv(fd, &kind, 1, 0) == 1)
		send(fd, "c", 1, MSG_NOSIGNAL);
	close(fd);
}

static void serve(const char *address, const char *port)
{
	socklen_t len;
	struct sockaddr_in6 here = at(address, port, &len);
	int listener = socket(here.sin6_family, SOCK_STREAM, 0), epoll = epoll_create1(0), on = 1;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&here, len) || listen(listener, 1024) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		err(3, "cannot listen on %s port %s", address, port);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd != listener) {
				serve_first(epoll, events[i].data.fd);
				continue;
			}
			event.data.fd = accept(listener, NULL, NULL);
			if (event.data.fd >= 0)
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}

/* ---- client ---- */

struct way {
	int netns; /* -1: where we are */
	unsigned mark;
	struct sockaddr_in6 to;
	socklen_t len;
	int stream;
	uint8_t hello[HELLO_MAX];
	size_t hello_len; /* 0: none is sent */
};

static int home;

static struct way parse_way(char *text)
{
	struct way way = { .netns = -1, .stream = -1 };
	const char *netns = strtok(text, ","), *address = strtok(NULL, ","), *port = strtok(NULL, ","),
		   *mark = strtok(NULL, ","), *name = mark ? strtok(NULL, ",") : NULL;

	if (!mark || (name && strlen(name) > 255))
		errx(2, "a way is NETNS,ADDRESS,PORT,MARK[,NAME]");
	way.hello_len = name ? put_client_hello(way.hello, name) : 0;
	if (strcmp(netns, "-") != 0 && (way.netns = open(netns, O_RDONLY | O_CLOEXEC)) < 0)
		err(2, "%s", netns);
	way.to = at(address, port, &way.len);
	way.mark = (unsigned)strtoul(mark, NULL, 0);
	return way;
}

static int dial(const struct way *way, int flags)
{
	if (way->netns >= 0 && setns(way->netns, CLONE_NEWNET))
		err(3, "setns");
	int fd = socket(way->to.sin6_family, SOCK_STREAM | flags, 0);
	if (fd < 0 || (way->netns >= 0 && setns(home, CLONE_NEWNET)))
		err(3, "socket");
	if (way->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &way->mark, sizeof way->mark))
		err(3, "SO_MARK");
	if (connect(fd, (const struct sockaddr *)&way->to, way->len) && errno != EINPROGRESS)
		err(3, "connect");
	return fd;
}

static void begin_tls(const struct way *way, int fd)
{
	uint8_t answer[SERVER_HELLO];

	if (way->hello_len && (send(fd, way->hello, way->hello_len, MSG_NOSIGNAL) != (ssize_t)way->hello_len ||
			       recv(fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer))
		err(3, "no ServerHello");
}

static double stream_round(struct way *way, char kind, uint64_t count)
{
	struct request request;

	memset(&request, 0, sizeof request);
	request.count = count;
	request.kind = kind;
	if (way->stream < 0) {
		way->stream = dial(way, 0);
		begin_tls(way, way->stream);
	}
	double start = seconds();
	if (send(way->stream, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
		err(3, "send");
	if (kind == 'i' ? !send_bytes(way->stream, count) || !receive_bytes(way->stream, 1) :
			  !receive_bytes(way->stream, count))
		errx(3, "the stream has ended");
	return (double)count / (seconds() - start);
}

static void begin(const struct way *way, int epoll)
{
	struct epoll_event event = { .events = EPOLLOUT };

	event.data.fd = dial(way, SOCK_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
}

static void ask(const struct way *way, int fd)
{
	const void *question = way->hello_len ? (const void *)way->hello : "c";
	size_t len = way->hello_len ? way->hello_len : 1;

	if (send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len)
		err(3, "a connection failed");
}

/* Connected: asks. Answered: whether it is over */
static bool go_on(const struct way *way, int epoll, const struct epoll_event *event)
{
	struct epoll_event next = { .events = EPOLLIN, .data.fd = event->data.fd };
	char answer[SERVER_HELLO];

	if (event->events & EPOLLOUT) {
		ask(way, event->data.fd);
		epoll_ctl(epoll, EPOLL_CTL_MOD, event->data.fd, &next);
		return false;
	}
	if (recv(event->data.fd, answer, sizeof answer, 0) <= 0)
		err(3, "no answer");
	close(event->data.fd);
	return true;
}

static double connect_round(const struct way *way, unsigned outstanding)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned begun = 0, done = 0;
	double start = seconds();

	for (; begun < outstanding; begun++)
		begin(way, epoll);
	while (done < CONNECTIONS_A_ROUND) {
		struct epoll_event events[OUTSTANDING_MAX];
		int count = epoll_wait(epoll, events, OUTSTANDING_MAX, 10000);
		if (count <= 0)
			errx(3, "%u of %d connections, then none", done, CONNECTIONS_A_ROUND);
		for (int i = 0; i < count; i++) {
			if (!go_on(way, epoll, &events[i]))
				continue;
			done++;
			for (; begun < CONNECTIONS_A_ROUND && begun < done + outstanding; begun++)
				begin(way, epoll);
		}
	}
	close(epoll);
	return CONNECTIONS_A_ROUND / (seconds() - start);
}

static int by_value(const void *a, const void *b);

/* The median of microseconds from connect to the answer's first byte */
static double first_round(const struct way *way, unsigned connections)
{
	double *times = calloc(connections, sizeof *times);

	for (unsigned i = 0; i < connections; i++) {
		char answer[SERVER_HELLO];
		double start = seconds();
		int fd = dial(way, 0);

		ask(way, fd);
		if (recv(fd, answer, sizeof answer, 0) <= 0)
			err(3, "no answer");
		times[i] = (seconds() - start) * 1e6;
		close(fd);
	}
	qsort(times, connections, sizeof *times, by_value);
	double median = times[connections / 2];
	free(times);
	return median;
}

static double one_round(const char *what, struct way *way, unsigned size)
{
	switch (what[0]) {
	case 'c':
		return connect_round(way, size);
	case 'f':
		return first_round(way, size);
	default:
		return stream_round(way, what[0], (uint64_t)size << 20);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void compare(const char *what, unsigned size, unsigned rounds, struct way ways[static 2])
{
	double *rates[2] = { calloc(rounds, sizeof(double)), calloc(rounds, sizeof(double)) };
	double *ratios = calloc(rounds, sizeof *ratios);

	for (unsigned i = 0; i < rounds + 1; i++) /* the first warms up */
		for (int way = 0; way < 2; way++) {
			double rate = one_round(what, &ways[way], size);
			if (i > 0)
				rates[way][i - 1] = rate;
		}
	for (unsigned i = 0; i < rounds; i++)
		ratios[i] = rates[1][i] / rates[0][i];
	qsort(ratios, rounds, sizeof *ratios, by_value);
	for (int way = 0; way < 2; way++)
		qsort(rates[way], rounds, sizeof(double), by_value);
	printf("%.0f %.0f %.3f %.3f %.3f\n", rates[0][rounds / 2], rates[1][rounds / 2], ratios[rounds / 2],
	       ratios[rounds / 4], ratios[rounds * 3 / 4]);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argv[3]);
	if (argc != 6 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 ||
	    (argv[1][0] == 'c' && atoi(argv[2]) > OUTSTANDING_MAX))
		errx(2, "usage: relay_rate serve ADDRESS PORT | in|out|connect|first SIZE ROUNDS WAY WAY");
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct way ways[2] = { parse_way(argv[4]), parse_way(argv[5]) };
	compare(argv[1], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), ways);
	return 0;
}
