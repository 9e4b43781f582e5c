/* TCP: two connected sockets, and a pipe for each direction. Bytes go from socket to pipe to socket without being copied to
 * us. A direction reads no further while its pipe is full, so a peer that does not read stops the other end only.
 * The end of one direction is passed on as the end of that direction. */
#include "core/socket.h"
#include "relay/relay_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define BUDGET (1u << 20) /* bytes of one direction in one turn */

struct half {
	int from, to, pipe[2];
	size_t held; /* in the pipe */
	bool moved;  /* bytes, since it was last asked */
	bool ended;  /* FIN came from `from` */
	bool passed; /* and went to `to` */
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

static void close_all(const struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		const struct half *half = &pair->halves[i];
		close(half->from);
		for (int end = 0; end < 2; end++)
			if (half->pipe[end] >= 0)
				close(half->pipe[end]);
	}
}

/* `orderly`: both directions saw FIN; otherwise both ends get RST */
static void pair_end(struct relay_loop *loop, struct pair *pair, bool orderly)
{
	for (int i = 0; orderly && i < 2; i++)
		socket_set_reset(pair->halves[i].from, false);
	close_all(pair);
	budget_leave(&loop->pair_budgets[pair->to_host], &pair->member);
	pair->used = false;
}

static bool pair_watch(struct relay_loop *loop, const struct pair *pair)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				     .data.u64 = relay_event(RELAY_EVENT_PAIR, (size_t)(pair - loop->pairs),
							     pair->generation) };
	for (int i = 0; i < 2; i++)
		if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, pair->halves[i].from, &event) < 0)
			return false;
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
	*pair = (struct pair){ .used = true,
			       .generation = pair->generation + 1,
			       .queued = pair->queued,
			       .to_host = message->to_host,
			       .next_ready = pair->next_ready,
			       .halves = { { a, b, { -1, -1 } }, { b, a, { -1, -1 } } } };
	budget_join(&loop->pair_budgets[pair->to_host], &pair->member, &message->client, true, loop->now_ms);
	if (pipe2(pair->halves[0].pipe, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    pipe2(pair->halves[1].pipe, O_NONBLOCK | O_CLOEXEC) < 0 || !pair_watch(loop, pair))
		pair_end(loop, pair, false);
}

/* From the socket into the pipe. 1: something moved, 0: nothing could, -1: the connection is broken */
static int fill(struct half *half)
{
	if (half->ended)
		return 0;
	ssize_t got = splice(half->from, NULL, half->pipe[1], NULL, CHUNK, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got > 0)
		half->held += (size_t)got;
	half->moved |= got > 0;
	half->ended = got == 0;
	return got >= 0 ? 1 : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static int drain(struct half *half)
{
	if (half->held == 0)
		return 0;
	ssize_t sent = splice(half->pipe[0], NULL, half->to, NULL, half->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (sent > 0)
		half->held -= (size_t)sent;
	half->moved |= sent > 0;
	return sent > 0 ? 1 : sent == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* Moves what can be moved. 1: there is more, the budget is spent; 0: it waits for an event; -1: broken */
static int move(struct half *half)
{
	for (size_t budget = BUDGET / CHUNK; budget > 0; budget--) {
		int filled = fill(half), drained = filled < 0 ? -1 : drain(half);
		if (filled < 0 || drained < 0)
			return -1;
		if (half->ended && half->held == 0 && !half->passed) {
			half->passed = true;
			return shutdown(half->to, SHUT_WR) < 0 && errno != ENOTCONN ? -1 : 0;
		}
		if (!filled && !drained)
			return 0;
	}
	return 1;
}

static void pair_move(struct relay_loop *loop, struct pair *pair)
{
	int first = move(&pair->halves[0]), second = first < 0 ? -1 : move(&pair->halves[1]);
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
	struct pair *pair = &loop->pairs[event.index];
	if (!pair->used || pair->generation != event.generation)
		return; /* fetched before the pair ended */
	if (events & EPOLLERR)
		pair_end(loop, pair, false);
	else
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
