/* The relay's worker without its process: what one turn of the loop may meet. */
#include "relay/relay_worker.h"

#include <criterion/criterion.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct relay_loop loop;

static void setup(void)
{
	loop = (struct relay_loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .control = -1 };
	cr_assert(loop.epoll >= 0 && pairs_init(&loop) && flows_init(&loop));
}

TestSuite(relay, .init = setup);

/* A pair whose outer ends are ours */
static void start(int outer[2])
{
	int near[2], far[2];

	cr_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, near) &&
		  !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, far));
	outer[0] = near[1], outer[1] = far[1];
	pair_start(&loop, near[0], far[0]);
}

static union relay_event event_of(const struct epoll_event *event)
{
	return (union relay_event){ .u64 = event->data.u64 };
}

Test(relay, event_of_an_ended_pair_is_not_the_next_ones)
{
	int first[2], second[2];
	struct epoll_event events[8];
	char byte = 0;

	start(first);
	cr_assert_eq(epoll_wait(loop.epoll, events, 8, 0), 2); /* one of each end, fetched in one batch */
	pair_event(&loop, event_of(&events[0]), EPOLLERR);
	cr_assert_eq(loop.pair_count, 0);
	start(second); /* in the same slot */
	pair_event(&loop, event_of(&events[1]), EPOLLERR);
	cr_assert_eq(loop.pair_count, 1);

	cr_assert_eq(write(second[0], "x", 1), 1);
	cr_assert_eq(epoll_wait(loop.epoll, events, 1, 0), 1);
	pair_event(&loop, event_of(&events[0]), events[0].events);
	cr_assert_eq(read(second[1], &byte, 1), 1);
	cr_assert_eq(byte, 'x');
}
