/* The relay's worker without its process: what one turn of the loop may meet. */
#include "relay/relay_worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
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
	relay_pairs_event(&loop.pairs, event_of(&events[0]), EPOLLERR);
	cr_assert_eq(loop.pair_budgets[0].count, 0);
	start(1, second); /* in the same slot */
	relay_pairs_event(&loop.pairs, event_of(&events[1]), EPOLLERR);
	cr_assert_eq(loop.pair_budgets[0].count, 1);

	cr_assert_eq(write(second[0], "x", 1), 1);
	cr_assert_eq(epoll_wait(loop.epoll, events, 1, 0), 1);
	relay_pairs_event(&loop.pairs, event_of(&events[0]), events[0].events);
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
		relay_pairs_event(&loop.pairs, event_of(&events[i]), events[i].events);
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
	relay_pairs_expire(&loop.pairs);
	cr_assert(lives(idle));
	loop.now_ms++;
	relay_pairs_expire(&loop.pairs);
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

/* ---- pipes ---- */

/* Until nobody takes any more; how many bytes */
static size_t write_all(int fd)
{
	char bytes[4096];
	size_t total = 0;

	memset(bytes, 'a', sizeof bytes);
	for (ssize_t sent; (sent = send(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0; serve())
		total += (size_t)sent;
	return total;
}

static size_t read_all(int fd)
{
	char bytes[4096];
	size_t total = 0;

	for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0; serve())
		total += (size_t)got;
	return total;
}

static size_t idle_pipes(void)
{
	return loop.pairs.pipes.usual.count + loop.pairs.pipes.wide.count;
}

Test(relay, idle_pairs_hold_no_pipe)
{
	int first[2], second[2];

	start(1, first);
	start(2, second);
	cr_assert_eq(idle_pipes(), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(write(first[i], "x", 1), 1);
		cr_assert_eq(write(second[i], "x", 1), 1);
	}
	serve();
	cr_assert_eq(idle_pipes(), 1); /* one served all four directions */
}

Test(relay, what_is_held_arrives_when_there_is_room)
{
	int outer[2];

	start(1, outer);
	serve();
	size_t sent = write_all(outer[0]);
	cr_assert_eq(idle_pipes(), 0); /* it holds bytes */
	cr_assert_eq(shutdown(outer[0], SHUT_WR), 0);
	serve();
	cr_assert_eq(read_all(outer[1]), sent);
	cr_assert_eq(recv(outer[1], &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* then the end */
	cr_assert_eq(idle_pipes(), 1);
}

Test(relay, bytes_of_an_ended_pair_reach_no_other)
{
	int outer[2], next[2];
	char bytes[8];

	start(1, outer);
	serve();
	write_all(outer[0]);
	close(outer[0]), close(outer[1]);
	serve(); /* its other end is gone while the pipe is full */
	cr_assert_eq(loop.pair_budgets[0].count, 0);
	cr_assert_eq(idle_pipes() + loop.pairs.pipes.wide_count, 0);
	start(2, next);
	cr_assert_eq(write(next[0], "x", 1), 1);
	serve();
	cr_assert_eq(recv(next[1], bytes, sizeof bytes, MSG_DONTWAIT), 1);
	cr_assert_eq(bytes[0], 'x');
}

Test(relay, wide_pipes_are_few_and_others_do_when_all_are_kept)
{
	enum { COUNT = RELAY_PIPES_WIDE + 4 };
	struct relay_pipes pipes = { 0 };
	struct relay_pipe taken[COUNT];
	int wide = 0;

	for (int i = 0; i < COUNT; i++) {
		cr_assert(relay_pipe_take(&pipes, &taken[i]));
		wide += taken[i].wide;
		cr_assert_leq(fcntl(taken[i].in, F_GETPIPE_SZ), RELAY_PIPE_BYTES);
	}
	cr_assert_leq(wide, RELAY_PIPES_WIDE);
	for (int i = 0; i < COUNT; i++)
		relay_pipe_give(&pipes, &taken[i], true);
	cr_assert_eq(taken[0].in, -1);
	cr_assert_eq(pipes.wide.count, (size_t)wide);
	cr_assert_eq(pipes.wide_count, (size_t)wide);
	relay_pipe_give(&pipes, &taken[0], true); /* none: nothing happens */
	cr_assert_eq(pipes.wide.count, (size_t)wide);
	cr_assert(relay_pipe_take(&pipes, &taken[0]));
	cr_assert_eq(taken[0].wide, wide > 0);
}

Test(relay, a_pipe_that_is_not_empty_is_closed)
{
	struct relay_pipes pipes = { 0 };
	struct relay_pipe pipe;

	cr_assert(relay_pipe_take(&pipes, &pipe));
	int in = pipe.in;
	cr_assert_eq(write(in, "x", 1), 1);
	relay_pipe_give(&pipes, &pipe, false);
	cr_assert_eq(pipes.usual.count + pipes.wide.count + pipes.wide_count, 0);
	cr_assert_eq(fcntl(in, F_GETFD), -1);
}
