/* The least that a relay in user space does: accept, connect, splice by a pipe of 1 MiB, close. It judges nobody, bounds nothing,
 * keeps no privileges apart, and one process does it all: what it costs, any relay costs.
 * usage: null_relay ADDRESS PORT NETNS TO-ADDRESS TO-PORT MARK (IPv4; the second connection is made in that network namespace) */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, TURN = 1 << 20 };

/* By descriptor: the other end, -1 where there is none; and whether FIN came from it */
static int other[DESCRIPTORS];
static bool ended[DESCRIPTORS];
static int pipe_ends[2], epoll;

static struct sockaddr_in at(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(2, "no address: %s", address);
	return to;
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 || fd >= DESCRIPTORS)
		err(3, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_TCP, TCP_CONGESTION, "reno", 4);
	return fd;
}

static void watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		err(3, "epoll_ctl");
}

static void end(int fd)
{
	close(other[fd]);
	close(fd);
	other[other[fd]] = -1;
	other[fd] = -1;
}

/* What `fd` has, to its other end. A receiver that is full is waited for: all that is measured reads. */
static void move(int fd)
{
	ssize_t got;

	while ((got = splice(fd, NULL, pipe_ends[1], NULL, TURN, SPLICE_F_NONBLOCK)) > 0)
		while (got > 0) {
			ssize_t sent = splice(pipe_ends[0], NULL, other[fd], NULL, (size_t)got, 0);
			if (sent < 0 && errno == EAGAIN)
				sched_yield();
			else if (sent < 0)
				err(3, "splice");
			else
				got -= sent;
		}
	if (got == 0 && !ended[fd]) {
		ended[fd] = true;
		shutdown(other[fd], SHUT_WR);
		if (ended[other[fd]])
			end(fd);
	}
}

static void begin(int listener, int target_netns, const struct sockaddr_in *to, unsigned mark)
{
	static int here = -1;
	int near = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (near < 0)
		return;
	if (here < 0)
		here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(target_netns, CLONE_NEWNET))
		err(3, "setns");
	int far = new_socket();
	setsockopt(far, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
	if ((connect(far, (const struct sockaddr *)to, sizeof *to) && errno != EINPROGRESS) ||
	    setns(here, CLONE_NEWNET) || near >= DESCRIPTORS)
		err(3, "connect");
	other[near] = far;
	other[far] = near;
	ended[near] = ended[far] = false;
	watch(near, EPOLLIN | EPOLLRDHUP | EPOLLET);
	watch(far, EPOLLIN | EPOLLRDHUP | EPOLLET);
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];

	if (argc != 7)
		errx(2, "usage: null_relay ADDRESS PORT NETNS TO-ADDRESS TO-PORT MARK");
	struct sockaddr_in here = at(argv[1], argv[2]), to = at(argv[4], argv[5]);
	int netns = open(argv[3], O_RDONLY | O_CLOEXEC), listener = new_socket();
	signal(SIGPIPE, SIG_IGN);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (netns < 0 || pipe(pipe_ends) || fcntl(pipe_ends[0], F_SETPIPE_SZ, TURN) < 0 ||
	    bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024))
		err(3, "cannot start");
	watch(listener, EPOLLIN);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				begin(listener, netns, &to, (unsigned)strtoul(argv[6], NULL, 0));
			else if (other[fd] > 0)
				move(fd);
		}
	}
}
