/* Another policy while the sandbox runs: published ports come and go. A port that both publish stays bound all the time, even
 * where it leads to another port of the guest. */
#include "core/fd.h"
#include "relay/relay_state.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct relay_change {
	const struct policy *policy;
	struct listener *kept[RELAY_LISTENERS_MAX];  /* the one that serves that port already; NULL: see below */
	struct listener opened[RELAY_LISTENERS_MAX]; /* of the policy's ports, by their place in it */
};

static bool is_same_port(const struct listener *listener, const struct policy_publish *publish)
{
	const struct policy_publish *now = &listener->publish;

	return listener->used && !listener->to_host && now->proto == publish->proto &&
	       now->host_port == publish->host_port && addr_equal(now->bind, publish->bind) &&
	       (publish->host_port || now->guest_port == publish->guest_port);
}

static bool is_kept(const struct relay_change *change, const struct listener *listener)
{
	for (size_t i = 0; i < change->policy->publishes.count; i++)
		if (change->kept[i] == listener)
			return true;
	return false;
}

static struct listener *find_kept(struct relay *relay, const struct relay_change *change,
				  const struct policy_publish *publish)
{
	for (size_t i = 0; i < relay->count; i++)
		if (is_same_port(&relay->listeners[i], publish) && !is_kept(change, &relay->listeners[i]))
			return &relay->listeners[i];
	return NULL;
}

int relay_policy_prepare(struct relay *relay, const struct policy *policy, struct relay_change **out,
			 const struct policy_publish **failed)
{
	struct relay_change *change = calloc(1, sizeof *change);
	int error = change ? 0 : -ENOMEM;

	*failed = NULL;
	for (size_t i = 0; change && i < RELAY_LISTENERS_MAX; i++)
		change->opened[i].fd = -1;
	if (change)
		change->policy = policy;
	for (size_t i = 0; error == 0 && i < policy->publishes.count; i++) {
		change->kept[i] = find_kept(relay, change, &policy->publishes.items[i]);
		if (!change->kept[i])
			error = relay_publish(relay, &policy->publishes.items[i], &change->opened[i]);
		if (error < 0)
			*failed = &policy->publishes.items[i];
	}
	if (error == 0)
		*out = change;
	else
		relay_policy_drop(change);
	return error;
}

void relay_policy_drop(struct relay_change *change)
{
	for (size_t i = 0; change && i < RELAY_LISTENERS_MAX; i++)
		fd_closep(&change->opened[i].fd);
	free(change);
}

/* ---- taking it ---- */

static int tell(struct relay *relay, enum relay_kind kind, uint32_t listener, int fd)
{
	struct relay_message message = { .kind = kind, .listener = listener };

	return relay_hand_on(relay, &message, &fd, fd >= 0);
}

static int end_pairs(struct relay *relay, const struct listener *listener)
{
	return tell(relay, RELAY_END_PAIRS, (uint32_t)(listener - relay->listeners), -1);
}

static int end_listener(struct relay *relay, struct listener *listener)
{
	int error = listener->tcp ? end_pairs(relay, listener) : tell(relay, RELAY_UNLISTEN, listener->at, -1);

	fd_closep(&listener->fd);
	*listener = (struct listener){ .fd = -1 };
	return error;
}

static bool is_taken(const struct relay *relay, uint32_t at)
{
	for (size_t i = 0; i < relay->count; i++)
		if (relay->listeners[i].used && !relay->listeners[i].tcp && relay->listeners[i].at == at)
			return true;
	return false;
}

/* There is a place: together with the gateway's own there are never more ports than that */
static int begin_listener(struct relay *relay, struct listener *opened)
{
	size_t place = 0;

	while (place < relay->count && relay->listeners[place].used)
		place++;
	if (place == RELAY_LISTENERS_MAX)
		return -E2BIG;
	struct listener *listener = &relay->listeners[place];
	while (!opened->tcp && is_taken(relay, opened->at))
		opened->at++;
	*listener = *opened;
	listener->used = true;
	opened->fd = -1;
	if (place == relay->count)
		relay->count++;
	if (listener->tcp)
		return relay_watch(relay, place);
	int error = tell(relay, RELAY_LISTEN, listener->at, listener->fd);
	fd_closep(&listener->fd);
	return error;
}

/* Flows to the port that it led to before were to a port that is published no more */
static int lead_elsewhere(struct relay *relay, struct listener *listener, const struct policy_publish *publish)
{
	bool same = listener->guest_port == publish->guest_port;

	listener->guest_port = publish->guest_port;
	listener->publish = *publish;
	if (same)
		return 0;
	return listener->tcp ? end_pairs(relay, listener) : tell(relay, RELAY_END_FLOWS, listener->at, -1);
}

int relay_policy_take(struct relay *relay, struct relay_change *change)
{
	int error = 0;

	relay->changed = true;
	for (size_t i = 0; error == 0 && i < relay->count; i++)
		if (relay->listeners[i].used && !relay->listeners[i].to_host && !is_kept(change, &relay->listeners[i]))
			error = end_listener(relay, &relay->listeners[i]);
	for (size_t i = 0; error == 0 && i < change->policy->publishes.count; i++)
		error = change->kept[i] ? lead_elsewhere(relay, change->kept[i], &change->policy->publishes.items[i]) :
					  begin_listener(relay, &change->opened[i]);
	relay->start.policy = relay->context.policy = change->policy;
	if (error == 0)
		error = tell(relay, RELAY_ANEW, 0, -1);
	relay_policy_drop(change);
	return error;
}
