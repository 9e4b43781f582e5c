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
	relay_pairs_start(&loop->pairs, message->to_host, &message->client, a, b);
}
