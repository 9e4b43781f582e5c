/* The DNS worker's connections without its process: what one turn of the loop may meet. */
#include "dns/dns_proxy.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (const struct sockaddr *)to, sizeof *to), 0);
	return fd;
}

Test(dns_events, event_of_a_closed_connection_is_not_the_next_ones)
{
	struct proxy *proxy = calloc(1, sizeof *proxy);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct epoll_event event;
	char byte;

	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	cr_assert(proxy->epoll >= 0 && clients_init(proxy));
	cr_assert(!bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 8));
	cr_assert(!getsockname(listener, (struct sockaddr *)&at, &len));

	int first = dial(&at);
	clients_accept(proxy, listener);
	cr_assert_eq(write(first, "x", 1), 1);
	cr_assert_eq(epoll_wait(proxy->epoll, &event, 1, 1000), 1);
	union proxy_event fetched = { .u64 = event.data.u64 };
	clients_event(proxy, fetched, EPOLLERR);
	cr_assert_leq(read(first, &byte, 1), 0);
	int second = dial(&at); /* in the same slot */
	clients_accept(proxy, listener);
	clients_event(proxy, fetched, EPOLLERR);
	cr_assert_eq(recv(second, &byte, 1, MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
	clients_free(proxy);
	free(proxy);
}
