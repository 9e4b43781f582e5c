/* Slots of pairs, and what an event means to one. */
#include "relay/relay_pairs.h"
#include "core/socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct relay_pair *pair_of(struct budget_member *member)
{
	return (struct relay_pair *)((char *)member - offsetof(struct relay_pair, member));
}

bool relay_pairs_init(struct relay_pairs *pairs)
{
	pairs->items = calloc(pairs->slots, sizeof *pairs->items);
	for (size_t i = 0; i < pairs->budget_count; i++)
		if (!budget_init(&pairs->budgets[i], pairs->slots / pairs->budget_count, RELAY_TCP_IDLE_MS,
				 RELAY_TCP_SETTLED_MS))
			return false;
	return pairs->items != NULL;
}

static void close_all(struct relay_pairs *pairs, struct relay_pair *pair)
{
	for (int i = 0; i < 2; i++) {
		close(pair->halves[i].from);
		relay_pipe_give(&pairs->pipes, &pair->halves[i].pipe, pair->halves[i].held == 0);
	}
}

/* `orderly`: both directions saw FIN; otherwise both ends get RST */
static void pair_end(struct relay_pairs *pairs, struct relay_pair *pair, bool orderly)
{
	size_t slot = (size_t)(pair - pairs->items);

	for (int i = 0; orderly && i < 2; i++)
		socket_set_reset(pair->halves[i].from, false);
	close_all(pairs, pair);
	budget_leave(&pairs->budgets[pair->budget], &pair->member);
	pair->used = false;
	if (slot < pairs->first_free)
		pairs->first_free = slot;
	if (pairs->ended)
		pairs->ended(pairs, pair);
}

void relay_pairs_break(struct relay_pairs *pairs, struct relay_pair *pair)
{
	pair_end(pairs, pair, false);
}

static bool pair_watch(struct relay_pairs *pairs, const struct relay_pair *pair)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET };

	for (size_t end = 0; end < 2; end++) {
		event.data.u64 =
			relay_event(RELAY_EVENT_PAIR, 2 * (size_t)(pair - pairs->items) + end, pair->generation);
		if (epoll_ctl(pairs->epoll, EPOLL_CTL_ADD, pair->halves[end].from, &event) < 0)
			return false;
	}
	return true;
}

/* A free slot; NULL where no pair may give way for this client's */
static struct relay_pair *pair_take(struct relay_pairs *pairs, size_t of, const struct relay_client *client)
{
	struct budget *budget = &pairs->budgets[of];

	if (budget->count == budget->most) {
		struct budget_member *victim = budget_victim(budget, client, *pairs->now_ms);
		if (!victim || (pairs->keep_used && !victim->silent))
			return NULL;
		pair_end(pairs, pair_of(victim), false);
	}
	while (pairs->items[pairs->first_free].used)
		pairs->first_free++;
	return &pairs->items[pairs->first_free];
}

struct relay_pair *relay_pairs_start(struct relay_pairs *pairs, size_t budget, const struct relay_client *client,
				     int first, int second)
{
	struct relay_pair *pair = pair_take(pairs, budget, client);

	if (!pair) {
		close(first);
		close(second);
		return NULL;
	}
	*pair = (struct relay_pair){ .used = true,
				     .generation = pair->generation + 1,
				     .queued = pair->queued,
				     .budget = (uint8_t)budget,
				     .next_ready = pair->next_ready,
				     .halves = { relay_half_between(first, second),
						 relay_half_between(second, first) } };
	budget_join(&pairs->budgets[budget], &pair->member, client, true, *pairs->now_ms);
	if (pair_watch(pairs, pair))
		return pair;
	pair_end(pairs, pair, false);
	return NULL;
}

void relay_pairs_again(struct relay_pairs *pairs, struct relay_pair *pair)
{
	if (pair->queued)
		return;
	pair->queued = true;
	pair->next_ready = pairs->ready;
	pairs->ready = pair;
}

void relay_pairs_move(struct relay_pairs *pairs, struct relay_pair *pair)
{
	struct relay_half *halves = pair->halves;
	bool sound = !pairs->look || pairs->look(pairs, pair);
	int first = sound ? relay_half_move(&halves[0], &pairs->pipes) : -1;
	int second = first < 0 ? -1 : relay_half_move(&halves[1], &pairs->pipes);

	if (first < 0 || second < 0) {
		pair_end(pairs, pair, false);
		return;
	}
	if (halves[0].passed && halves[1].passed) {
		pair_end(pairs, pair, true);
		return;
	}
	if (halves[0].moved || halves[1].moved) {
		halves[0].moved = halves[1].moved = false;
		budget_touch(&pairs->budgets[pair->budget], &pair->member, *pairs->now_ms);
	}
	if (first || second)
		relay_pairs_again(pairs, pair);
}

void relay_pairs_event(struct relay_pairs *pairs, union relay_event event, uint32_t events)
{
	struct relay_pair *pair = &pairs->items[event.index / 2];
	size_t end = event.index % 2;

	if (!pair->used || pair->generation != event.generation)
		return; /* fetched before the pair ended */
	if (events & EPOLLERR) {
		pair_end(pairs, pair, false);
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
	relay_pairs_move(pairs, pair);
}

void relay_pairs_expire(struct relay_pairs *pairs)
{
	for (size_t i = 0; i < pairs->budget_count; i++)
		for (struct timer *timer; (timer = timers_ended(&pairs->budgets[i].idle, *pairs->now_ms));)
			pair_end(pairs, pair_of(timer_of(timer, struct budget_member, idle)), false);
}

int relay_pairs_wait(const struct relay_pairs *pairs, int most)
{
	for (size_t i = 0; i < pairs->budget_count; i++)
		most = timers_wait(&pairs->budgets[i].idle, *pairs->now_ms, most);
	return most;
}

bool relay_pairs_ready(struct relay_pairs *pairs)
{
	struct relay_pair *pair = pairs->ready;

	pairs->ready = NULL;
	while (pair) {
		struct relay_pair *next = pair->next_ready;
		pair->queued = false;
		if (pair->used)
			relay_pairs_move(pairs, pair);
		pair = next;
	}
	return pairs->ready != NULL;
}
