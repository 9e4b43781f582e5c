/* What a way to a server costs beside another one: streams and connections over either, in turns, in one process.
 * usage: relay_rate serve ADDRESS PORT
 *        relay_rate in|out MIB ROUNDS WAY WAY
 *        relay_rate connect OUTSTANDING ROUNDS WAY WAY
 * With hello- before the kind, each connection begins with a ClientHello, which is answered; a connect is over with that.
 * A WAY is NETNS,ADDRESS,PORT,MARK: the network namespace's file, or - for this one's; the mark 0 is none. Prints the rate of the
 * first way (bytes or connections a second), then median and quartiles of second over first, of adjacent rounds:
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

/* A ClientHello with the name cdn.example.com, as long as a browser's; no server could go on from it */
enum { HELLO = 5 + 512 };
static uint8_t hello[HELLO];
static bool with_hello;

static void make_hello(void)
{
	static const uint8_t head[] = { 22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
	static const uint8_t suites[] = { 0, 0, 2, 0x13, 1, 1, 0, 1, 0xd1 }; /* no session; 465 bytes of extensions */
	static const char name[] = "cdn.example.com";
	const uint8_t server_name[] = { 0, 0, 0, sizeof name + 4, 0, sizeof name + 2, 0, 0, sizeof name - 1 };
	uint8_t *at = hello + sizeof head + 32 + sizeof suites;

	memcpy(hello, head, sizeof head);
	memcpy(hello + sizeof head + 32, suites, sizeof suites);
	memcpy(at, server_name, sizeof server_name);
	memcpy(at + sizeof server_name, name, sizeof name - 1);
	at += sizeof server_name + sizeof name - 1;
	size_t left = (size_t)(hello + HELLO - at) - 4;
	memcpy(at, (uint8_t[]){ 0, 21, (uint8_t)(left >> 8), (uint8_t)left }, 4); /* padding */
}

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

/* A hello is answered. A first byte 'c' is, too, and the connection over; else it is streams' */
static void serve_first(int epoll, int fd)
{
	char kind = 'c';
	pthread_t thread;
	bool more = recv(fd, &kind, 1, MSG_PEEK) == 1;

	if (more && kind == 22) {
		receive_bytes(fd, HELLO);
		send(fd, "s", 1, MSG_NOSIGNAL);
		return;
	}
	if (more && kind != 'c') {
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
};

static int home;

static struct way parse_way(char *text)
{
	struct way way = { .netns = -1, .stream = -1 };
	const char *netns = strtok(text, ","), *address = strtok(NULL, ","), *port = strtok(NULL, ","),
		   *mark = strtok(NULL, ",");

	if (!mark)
		errx(2, "a way is NETNS,ADDRESS,PORT,MARK");
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

static double stream_round(struct way *way, char kind, uint64_t count)
{
	struct request request;

	memset(&request, 0, sizeof request);
	request.count = count;
	request.kind = kind;
	if (way->stream < 0) {
		way->stream = dial(way, 0);
		if (with_hello &&
		    (send(way->stream, hello, HELLO, MSG_NOSIGNAL) != HELLO || !receive_bytes(way->stream, 1)))
			errx(3, "no answer to the hello");
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

/* Connected: asks. Answered: whether it is over */
static bool go_on(int epoll, const struct epoll_event *event)
{
	struct epoll_event next = { .events = EPOLLIN, .data.fd = event->data.fd };
	char answer;

	if (event->events & EPOLLOUT) {
		size_t len = with_hello ? HELLO : 1;
		if (send(event->data.fd, with_hello ? (void *)hello : "c", len, MSG_NOSIGNAL) != (ssize_t)len)
			err(3, "a connection failed");
		epoll_ctl(epoll, EPOLL_CTL_MOD, event->data.fd, &next);
		return false;
	}
	if (recv(event->data.fd, &answer, 1, 0) != 1)
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
			if (!go_on(epoll, &events[i]))
				continue;
			done++;
			for (; begun < CONNECTIONS_A_ROUND && begun < done + outstanding; begun++)
				begin(way, epoll);
		}
	}
	close(epoll);
	return CONNECTIONS_A_ROUND / (seconds() - start);
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
			double rate = what[0] == 'c' ? connect_round(&ways[way], size) :
						       stream_round(&ways[way], what[0], (uint64_t)size << 20);
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
	make_hello();
	if (argc == 6 && strncmp(argv[1], "hello-", 6) == 0) {
		with_hello = true;
		argv[1] += 6;
	}
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argv[3]);
	if (argc != 6 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 ||
	    (argv[1][0] == 'c' && atoi(argv[2]) > OUTSTANDING_MAX))
		errx(2, "usage: relay_rate serve ADDRESS PORT | [hello-]in|out|connect SIZE ROUNDS WAY WAY");
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct way ways[2] = { parse_way(argv[4]), parse_way(argv[5]) };
	compare(argv[1], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), ways);
	return 0;
}
