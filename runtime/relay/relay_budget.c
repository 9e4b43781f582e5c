/* Counting flows by client. There are at most some thousand, so a new one may look at all. */
#include "relay/relay_budget.h"

#include <stdlib.h>

#define PREFIX6_LEN 64

struct budget_holder {
	struct relay_client client;
	size_t count; /* 0: free */
};

struct relay_client relay_client_of(uint32_t listener, uint32_t uid, const struct sockaddr_in6 *peer)
{
	struct relay_client client = { listener, uid, addr_from_sockaddr((const struct sockaddr *)peer) };

	/* of link-local addresses, all hosts of the link share the prefix */
	if (client.addr.family == ADDR_V6 && !IN6_IS_ADDR_LINKLOCAL(&peer->sin6_addr))
		client.addr.value &= ~(u128)0 << (128 - PREFIX6_LEN);
	return client;
}

static bool same_client(const struct relay_client *a, const struct relay_client *b)
{
	return a->listener == b->listener && a->uid == b->uid && addr_equal(a->addr, b->addr);
}

bool budget_init(struct budget *budget, size_t most, uint64_t idle_ms, uint64_t settled_ms)
{
	*budget = (struct budget){ .most = most, .settled_ms = settled_ms };
	timers_init(&budget->idle, idle_ms);
	budget->holders = calloc(most, sizeof *budget->holders);
	return budget->holders != NULL;
}

void budget_free(struct budget *budget)
{
	free(budget->holders);
}

/* The client's, or a free one where it holds nothing yet; never NULL where count < most */
static struct budget_holder *find_holder(struct budget *budget, const struct relay_client *client)
{
	struct budget_holder *unused = NULL;

	for (size_t i = 0, seen = 0; i < budget->most; i++) {
		struct budget_holder *holder = &budget->holders[i];
		if (holder->count == 0 && !unused)
			unused = holder;
		if (holder->count > 0 && same_client(&holder->client, client))
			return holder;
		seen += holder->count;
		if (seen == budget->count && unused)
			break;
	}
	return unused;
}

/* How many it would hold if the client had one more */
static size_t would_hold(const struct budget_holder *holder, const struct relay_client *client)
{
	return holder->count + same_client(&holder->client, client);
}

static size_t most_held(const struct budget *budget, const struct relay_client *client)
{
	size_t most = 0;

	for (size_t i = 0; i < budget->most; i++) {
		size_t held = budget->holders[i].count ? would_hold(&budget->holders[i], client) : 0;
		if (held > most)
			most = held;
	}
	return most;
}

struct budget_member *budget_victim(struct budget *budget, const struct relay_client *client, uint64_t now_ms)
{
	struct budget_member *silent_settled = NULL, *settled = NULL, *silent = NULL;
	size_t most = most_held(budget, client);

	if (budget->count < budget->most)
		return NULL;
	for (struct timer *timer = budget->idle.head.next; timer != &budget->idle.head; timer = timer->next) {
		struct budget_member *member = timer_of(timer, struct budget_member, idle);
		bool is_settled = timer->end_ms + budget->settled_ms <= now_ms + budget->idle.length_ms;
		if (would_hold(member->holder, client) < most)
			continue;
		if (member->silent && is_settled && !silent_settled)
			silent_settled = member;
		if (is_settled && !settled)
			settled = member;
		if (member->silent && !silent)
			silent = member;
	}
	return silent_settled ? silent_settled : settled ? settled : silent;
}

void budget_join(struct budget *budget, struct budget_member *member, const struct relay_client *client, bool silent,
		 uint64_t now_ms)
{
	struct budget_holder *holder = find_holder(budget, client);

	holder->client = *client;
	holder->count++;
	budget->count++;
	member->holder = holder;
	member->silent = silent;
	timer_start(&budget->idle, &member->idle, now_ms);
}

void budget_touch(struct budget *budget, struct budget_member *member, uint64_t now_ms)
{
	member->silent = false;
	timer_start(&budget->idle, &member->idle, now_ms);
}

void budget_leave(struct budget *budget, struct budget_member *member)
{
	timer_stop(&member->idle);
	if (!member->holder)
		return;
	member->holder->count--;
	member->holder = NULL;
	budget->count--;
}
