/* TCP: two connected sockets. Bytes go from socket to pipe to socket without being copied to us. A direction reads no
 * further before what it has read is with the other end, so a peer that does not read stops the other end only.
 * The end of one direction is passed on as the end of that direction.
 *
 * Events are edges: an end counts as readable, or writable, from its event until a call says that it is not.
 *
 * splice() stops in front of an urgent byte (tcp(7), MSG_OOB) and never gets past it: that one is passed on by itself. */
#include "core/socket.h"
#include "relay/relay_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUDGET RELAY_PIPE_BYTES /* bytes of one direction in one turn */
#define TRIES 16                /* and how often it is looked whether there are more */

struct half {
	int from, to;
	struct relay_pipe pipe; /* none where nothing is held */
	size_t held;            /* in the pipe */
	bool readable, writable;
	bool urgent;  /* `from` has an urgent byte, now or soon to be read */
	bool closing; /* FIN has arrived behind what is still to be read */
	bool moved;   /* bytes, since it was last asked */
	bool ended;   /* FIN came from `from` */
	bool passed;  /* and went to `to` */
};

struct pair {
	bool used, queued, to_host;
	uint32_t generation;
	struct half halves[2];
	struct pair *next_ready;
	struct budget_member member;
};

static struct pair *pair_of(struct budget_member *member)
{
	return (struct pair *)((char *)member - offsetof(struct pair, member));
}

bool pairs_init(struct relay_loop *loop)
{
	loop->pairs = calloc(loop->slots, sizeof *loop->pairs);
	for (int to_host = 0; to_host < 2; to_host++)
		if (!budget_init(&loop->pair_budgets[to_host], loop->slots / 2, RELAY_TCP_IDLE_MS,
				 RELAY_TCP_SETTLED_MS))
			return false;
	return loop->pairs != NULL;
}

static void close_all(struct relay_loop *loop, struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		close(pair->halves[i].from);
		relay_pipe_give(&loop->pipes, &pair->halves[i].pipe, pair->halves[i].held == 0);
	}
}

/* `orderly`: both directions saw FIN; otherwise both ends get RST */
static void pair_end(struct relay_loop *loop, struct pair *pair, bool orderly)
{
	for (int i = 0; orderly && i < 2; i++)
		socket_set_reset(pair->halves[i].from, false);
	close_all(loop, pair);
	budget_leave(&loop->pair_budgets[pair->to_host], &pair->member);
	pair->used = false;
}

static bool pair_watch(struct relay_loop *loop, const struct pair *pair)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET };
	for (size_t end = 0; end < 2; end++) {
		event.data.u64 =
			relay_event(RELAY_EVENT_PAIR, 2 * (size_t)(pair - loop->pairs) + end, pair->generation);
		if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, pair->halves[end].from, &event) < 0)
			return false;
	}
	return true;
}

/* A free slot; NULL where no pair may give way for this client's */
static struct pair *pair_take(struct relay_loop *loop, const struct relay_message *message)
{
	struct budget *budget = &loop->pair_budgets[message->to_host];
	struct pair *pair = loop->pairs;
	if (budget->count == budget->most) {
		struct budget_member *victim = budget_victim(budget, &message->client, loop->now_ms);
		if (!victim)
			return NULL;
		pair_end(loop, pair_of(victim), false);
	}
	while (pair->used)
		pair++;
	return pair;
}

void pair_start(struct relay_loop *loop, const struct relay_message *message, int a, int b)
{
	struct pair *pair = pair_take(loop, message);
	if (!pair) {
		close(a);
		close(b);
		return;
	}
	/* a socket takes bytes unless it says otherwise; that there are some is told by its event */
	*pair = (struct pair){ .used = true,
			       .generation = pair->generation + 1,
			       .queued = pair->queued,
			       .to_host = message->to_host,
			       .next_ready = pair->next_ready,
			       .halves = { { a, b, RELAY_PIPE_NONE, .writable = true },
					   { b, a, RELAY_PIPE_NONE, .writable = true } } };
	budget_join(&loop->pair_budgets[pair->to_host], &pair->member, &message->client, true, loop->now_ms);
	if (!pair_watch(loop, pair))
		pair_end(loop, pair, false);
}

/* Past the mark: recv() leaves the urgent byte out, and takes the one behind it where there is one; that goes into the pipe */
static ssize_t pass_mark(struct half *half)
{
	char behind;
	ssize_t got = recv(half->from, &behind, 1, MSG_DONTWAIT);

	half->urgent = false;
	half->moved = true;
	half->ended = got == 0;
	if (got <= 0)
		return got == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
	half->held = 1;
	return write(half->pipe.in, &behind, 1);
}

/* All before the urgent byte is with the other end. As fill() */
static ssize_t pass_urgent(struct half *half)
{
	int at_mark = 0;
	char urgent;

	if (ioctl(half->from, SIOCATMARK, &at_mark) < 0 || !at_mark ||
	    recv(half->from, &urgent, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return 0; /* not yet: its event comes */
	half->readable = true;
	if (send(half->to, &urgent, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		return pass_mark(half);
	half->writable = false;
	return errno == EAGAIN ? 0 : -1;
}

/* From the socket into the empty pipe; how many bytes, or -1: the connection is broken */
static ssize_t fill(struct half *half)
{
	if (half->ended || !half->readable || half->held > 0)
		return 0;
	ssize_t got =
		splice(half->from, NULL, half->pipe.in, NULL, RELAY_PIPE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got < 0) {
		half->readable = errno != EAGAIN;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		return half->urgent ? pass_urgent(half) : 0;
	}
	half->held = (size_t)got;
	half->moved |= got > 0;
	half->ended = got == 0;
	return got;
}

/* What is followed by the end goes in one packet with it, and wakes the other end once: pass_end() comes soon, since nothing
 * is left to wait for but room. */
static bool drain(struct half *half)
{
	unsigned flags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (half->closing ? SPLICE_F_MORE : 0);
	while (half->held > 0 && half->writable) {
		ssize_t sent = splice(half->pipe.out, NULL, half->to, NULL, half->held, flags);
		if (sent > 0) {
			half->held -= (size_t)sent;
			half->moved = true;
			continue;
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		half->writable = sent < 0 && errno == EINTR;
	}
	return true;
}

static bool pass_end(struct half *half)
{
	if (!half->ended || half->held > 0 || half->passed)
		return true;
	half->passed = true;
	return shutdown(half->to, SHUT_WR) == 0 || errno == ENOTCONN;
}

/* Whether something can be done without waiting for an event */
static bool can_move(const struct half *half)
{
	if (half->held > 0)
		return half->writable;
	return half->readable && !half->ended && (half->writable || !half->urgent);
}

static bool move_bytes(struct half *half)
{
	size_t budget = BUDGET;

	for (int tries = 0; can_move(half) && budget > 0 && tries < TRIES; tries++) {
		ssize_t got = fill(half);
		if (got < 0 || !drain(half))
			return false;
		budget -= (size_t)got < budget ? (size_t)got : budget;
	}
	return pass_end(half);
}

/* Moves what can be moved. 1: there is more, the budget is spent; 0: it waits for an event; -1: broken */
static int move(struct relay_loop *loop, struct half *half)
{
	if (!can_move(half))
		return 0;
	if (half->pipe.in < 0 && !relay_pipe_take(&loop->pipes, &half->pipe))
		return -1;
	if (!move_bytes(half))
		return -1;
	if (half->held == 0)
		relay_pipe_give(&loop->pipes, &half->pipe, true);
	return can_move(half);
}

static void pair_move(struct relay_loop *loop, struct pair *pair)
{
	int first = move(loop, &pair->halves[0]), second = first < 0 ? -1 : move(loop, &pair->halves[1]);
	if (first < 0 || second < 0) {
		pair_end(loop, pair, false);
		return;
	}
	if (pair->halves[0].passed && pair->halves[1].passed) {
		pair_end(loop, pair, true);
		return;
	}
	if (pair->halves[0].moved || pair->halves[1].moved) {
		pair->halves[0].moved = pair->halves[1].moved = false;
		budget_touch(&loop->pair_budgets[pair->to_host], &pair->member, loop->now_ms);
	}
	if ((first || second) && !pair->queued) {
		pair->queued = true;
		pair->next_ready = loop->ready;
		loop->ready = pair;
	}
}

void pair_event(struct relay_loop *loop, union relay_event event, uint32_t events)
{
	struct pair *pair = &loop->pairs[event.index / 2];
	size_t end = event.index % 2;
	if (!pair->used || pair->generation != event.generation)
		return; /* fetched before the pair ended */
	if (events & EPOLLERR) {
		pair_end(loop, pair, false);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		pair->halves[end].readable = true;
	if (events & EPOLLPRI)
		pair->halves[end].readable = pair->halves[end].urgent = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		pair->halves[end].closing = true;
	if (events & (EPOLLOUT | EPOLLHUP))
		pair->halves[!end].writable = true;
	pair_move(loop, pair);
}

void pairs_expire(struct relay_loop *loop)
{
	for (int to_host = 0; to_host < 2; to_host++)
		for (struct timer *timer; (timer = timers_ended(&loop->pair_budgets[to_host].idle, loop->now_ms));)
			pair_end(loop, pair_of(timer_of(timer, struct budget_member, idle)), false);
}

bool pairs_ready(struct relay_loop *loop)
{
	struct pair *pair = loop->ready;
	loop->ready = NULL;
	while (pair) {
		struct pair *next = pair->next_ready;
		pair->queued = false;
		if (pair->used)
			pair_move(loop, pair);
		pair = next;
	}
	return loop->ready != NULL;
}
