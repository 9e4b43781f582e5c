/* TCP of published ports and host services: pairs that each move as soon as they are there, in a budget each of the two. */
#include "relay/relay_worker.h"

bool pairs_init(struct relay_loop *loop)
{
	loop->pairs = (struct relay_pairs){ .epoll = loop->epoll,
					    .now_ms = &loop->now_ms,
					    .slots = loop->slots,
					    .budgets = loop->pair_budgets,
					    .budget_count = 2 };
	return relay_pairs_init(&loop->pairs);
}

void pair_start(struct relay_loop *loop, const struct relay_message *message, int a, int b)
{
	struct relay_pair *pair = relay_pairs_start(&loop->pairs, message->to_host, &message->client, a, b);

	if (pair)
		pair->listener = message->client.listener;
}

void pairs_end(struct relay_loop *loop, uint32_t listener)
{
	for (size_t i = 0; i < loop->pairs.slots; i++) {
		struct relay_pair *pair = &loop->pairs.items[i];
		if (pair->used && !pair->budget && pair->listener == listener)
			relay_pairs_break(&loop->pairs, pair);
	}
}
