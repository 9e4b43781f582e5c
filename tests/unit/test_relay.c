/* The relay's worker without its process: what one turn of the loop may meet. */
#include "relay/relay_worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 4

static struct relay_loop loop;

static void setup(void)
{
	loop = (struct relay_loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .control = -1, .slots = 2 * ROOM };
	cr_assert(loop.epoll >= 0 && pairs_init(&loop) && flows_init(&loop));
}

TestSuite(relay, .init = setup);

/* A pair of that user's, whose outer ends are ours */
static void start(uint32_t uid, int outer[2])
{
	int near[2], far[2];

	cr_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, near) &&
		  !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, far));
	outer[0] = near[1], outer[1] = far[1];
	pair_start(&loop, &(struct relay_message){ .kind = RELAY_PAIR, .client = { .uid = uid } }, near[0], far[0]);
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

	start(1, first);
	cr_assert_eq(epoll_wait(loop.epoll, events, 8, 0), 2); /* one of each end, fetched in one batch */
	pair_event(&loop, event_of(&events[0]), EPOLLERR);
	cr_assert_eq(loop.pair_budgets[0].count, 0);
	start(1, second); /* in the same slot */
	pair_event(&loop, event_of(&events[1]), EPOLLERR);
	cr_assert_eq(loop.pair_budgets[0].count, 1);

	cr_assert_eq(write(second[0], "x", 1), 1);
	cr_assert_eq(epoll_wait(loop.epoll, events, 1, 0), 1);
	pair_event(&loop, event_of(&events[0]), events[0].events);
	cr_assert_eq(read(second[1], &byte, 1), 1);
	cr_assert_eq(byte, 'x');
}

static bool lives(const int outer[2])
{
	char byte;

	return recv(outer[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Sends a byte through all pairs that have one */
static void serve(void)
{
	struct epoll_event events[16];

	int count = epoll_wait(loop.epoll, events, 16, 0);
	for (int i = 0; i < count; i++)
		pair_event(&loop, event_of(&events[i]), events[i].events);
}

Test(relay, who_holds_most_gives_way)
{
	int poor[2], rich[ROOM - 1][2], next[2];

	start(1, poor);
	for (int i = 0; i < ROOM - 1; i++)
		start(2, rich[i]);
	start(3, next);
	cr_assert(lives(poor) && lives(next));
	cr_assert(!lives(rich[0]) && lives(rich[1]));
	start(2, next);
	cr_assert(lives(poor) && !lives(rich[1]) && lives(next));
}

Test(relay, what_was_used_just_now_stays)
{
	int pairs[ROOM][2], next[2];

	for (int i = 0; i < ROOM; i++) {
		start(1, pairs[i]);
		cr_assert_eq(write(pairs[i][0], "x", 1), 1);
	}
	serve();
	start(1, next);
	cr_assert(!lives(next));
	loop.now_ms += RELAY_TCP_SETTLED_MS;
	start(1, next);
	cr_assert(lives(next) && !lives(pairs[0]) && lives(pairs[1]));
}

Test(relay, idle_pairs_end)
{
	int idle[2], used[2];

	start(1, idle);
	start(1, used);
	serve();
	loop.now_ms += RELAY_TCP_IDLE_MS - 1;
	cr_assert_eq(write(used[1], "x", 1), 1);
	serve();
	pairs_expire(&loop);
	cr_assert(lives(idle));
	loop.now_ms++;
	pairs_expire(&loop);
	cr_assert(!lives(idle));
	char byte;
	cr_assert_eq(recv(used[0], &byte, 1, MSG_DONTWAIT), 1);
	cr_assert(lives(used));
}

Test(relay, neighbours_of_one_prefix_are_one_client)
{
	struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_addr.s6_addr = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	struct relay_client first = relay_client_of(0, 0, &peer);

	peer.sin6_addr.s6_addr[8] = 9;
	cr_assert(addr_equal(first.addr, relay_client_of(0, 0, &peer).addr));
	peer.sin6_addr.s6_addr[7] = 9;
	cr_assert(!addr_equal(first.addr, relay_client_of(0, 0, &peer).addr));
}
