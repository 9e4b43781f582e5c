/* TCP of published ports and host services: pairs that each move as soon as they are there, in a budget each of the two. */
#include "relay/relay_worker.h"

#include <stddef.h>

static void ended(struct relay_pairs *pairs, struct relay_pair *pair)
{
	struct relay_loop *loop = (struct relay_loop *)((char *)pairs - offsetof(struct relay_loop, pairs));
	uint32_t *serial = &loop->pair_serials[pair - pairs->items];

	if (*serial) {
		const struct relay_half *halves = pair->halves;
		struct relay_moved moved = { .orderly = halves[0].passed && halves[1].passed,
					     .bytes = { halves[0].passed_on, halves[1].passed_on } };
		ended_note(loop, (struct relay_serial){ *serial, true, moved });
	}
	*serial = 0;
}

bool pairs_init(struct relay_loop *loop)
{
	loop->pairs = (struct relay_pairs){ .epoll = loop->epoll,
					    .now_ms = &loop->now_ms,
					    .slots = loop->slots,
					    .budgets = loop->pair_budgets,
					    .budget_count = 2,
					    .ended = ended };
	return ended_init(loop) && relay_pairs_init(&loop->pairs);
}

void pair_start(struct relay_loop *loop, const struct relay_message *message, int a, int b)
{
	struct relay_pair *pair = relay_pairs_start(&loop->pairs, message->to_host, &message->client, a, b);

	if (pair)
		pair->listener = message->client.listener;
	if (pair)
		loop->pair_serials[pair - loop->pairs.items] = message->serial;
	else if (message->serial)
		ended_note(loop, (struct relay_serial){ .serial = message->serial, .pair = true });
}

void pair_stop(struct relay_loop *loop, uint32_t serial)
{
	for (size_t i = 0; serial && i < loop->slots; i++)
		if (loop->pair_serials[i] == serial)
			relay_pairs_break(&loop->pairs, &loop->pairs.items[i]);
}

void pairs_end(struct relay_loop *loop, uint32_t listener)
{
	for (size_t i = 0; i < loop->pairs.slots; i++) {
		struct relay_pair *pair = &loop->pairs.items[i];
		if (pair->used && !pair->budget && pair->listener == listener)
			relay_pairs_break(&loop->pairs, pair);
	}
}
