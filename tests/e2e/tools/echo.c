/* The Internet's servers for the end-to-end tests, in one process: echo on port 7 (TCP and UDP), discard on 9,
 * endless bytes on 19 (RFC 862, 863, 864), on both families. Runs until it is killed. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ECHO = 7, DISCARD = 9, CHARGEN = 19 };
enum kind { LISTENER, DATAGRAMS, CONNECTION };

struct peer {
	enum kind kind;
	int fd, port;
	size_t start, end; /* what waits to be echoed */
	char buffer[16384];
};

static int epoll_fd;

static void watch(struct peer *peer, int operation, unsigned events)
{
	struct epoll_event event = { .events = events, .data.ptr = peer };
	if (epoll_ctl(epoll_fd, operation, peer->fd, &event) < 0)
		perror("epoll_ctl");
}

static struct peer *peer_new(enum kind kind, int fd, int port)
{
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		abort();
	peer->kind = kind;
	peer->fd = fd;
	peer->port = port;
	watch(peer, EPOLL_CTL_ADD, port == CHARGEN && kind == CONNECTION ? EPOLLOUT : EPOLLIN);
	return peer;
}

static void peer_free(struct peer *peer)
{
	close(peer->fd);
	free(peer);
}

static void serve(int type, int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1024) < 0)) {
		perror("echo: cannot serve");
		exit(1);
	}
	peer_new(type == SOCK_STREAM ? LISTENER : DATAGRAMS, fd, port);
}

static void accept_all(struct peer *listener)
{
	int fd;
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		peer_new(CONNECTION, fd, listener->port);
}

static void echo_datagrams(struct peer *peer)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	ssize_t n;

	while ((n = recvfrom(peer->fd, peer->buffer, sizeof peer->buffer, 0, (struct sockaddr *)&from, &len)) >= 0) {
		sendto(peer->fd, peer->buffer, (size_t)n, 0, (struct sockaddr *)&from, len);
		len = sizeof from;
	}
}

/* Reads when nothing waits, else writes what waits. False: the connection is over. */
static int converse(struct peer *peer)
{
	ssize_t n;

	if (peer->port == CHARGEN) {
		memset(peer->buffer, 'x', sizeof peer->buffer);
		n = send(peer->fd, peer->buffer, sizeof peer->buffer, MSG_NOSIGNAL);
		return n > 0 || errno == EAGAIN;
	}
	if (peer->start == peer->end) {
		n = read(peer->fd, peer->buffer, sizeof peer->buffer);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		peer->start = 0;
		peer->end = peer->port == ECHO ? (size_t)n : 0;
	}
	while (peer->start < peer->end) {
		n = send(peer->fd, peer->buffer + peer->start, peer->end - peer->start, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return 0;
		if (n < 0)
			break;
		peer->start += (size_t)n;
	}
	watch(peer, EPOLL_CTL_MOD, peer->start < peer->end ? EPOLLOUT : EPOLLIN);
	return 1;
}

int main(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	serve(SOCK_STREAM, ECHO);
	serve(SOCK_DGRAM, ECHO);
	serve(SOCK_STREAM, DISCARD);
	serve(SOCK_STREAM, CHARGEN);
	for (;;) {
		struct epoll_event event;
		if (epoll_wait(epoll_fd, &event, 1, -1) != 1)
			continue;
		struct peer *peer = event.data.ptr;
		if (peer->kind == LISTENER)
			accept_all(peer);
		else if (peer->kind == DATAGRAMS)
			echo_datagrams(peer);
		else if (!converse(peer))
			peer_free(peer);
	}
}
