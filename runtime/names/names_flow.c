/* One flow from its first byte until it is open, or refused: the moves between the stages of names_worker.h. */
#include "names/names_worker.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TO_SERVER, TO_CLIENT }; /* a pair's halves */

static struct names_loop *loop_of(struct relay_pairs *pairs)
{
	return (struct names_loop *)((char *)pairs - offsetof(struct names_loop, pairs));
}

static size_t slot_of(const struct names_loop *loop, const struct names_held *flow)
{
	return (size_t)(flow - loop->flows);
}

static struct relay_pair *pair_of(const struct names_loop *loop, const struct names_held *flow)
{
	return &loop->pairs.items[slot_of(loop, flow)];
}

static uint64_t token_of(const struct names_loop *loop, const struct names_held *flow)
{
	return relay_event(RELAY_EVENT_PAIR, 2 * slot_of(loop, flow), pair_of(loop, flow)->generation);
}

/* ---- moves. Each says whether the flow may live ---- */

/* The worker ends the flow itself: the serial is the supervisor's again with that. */
static bool refuse(struct names_loop *loop, struct names_held *flow, enum names_saw saw, const struct hello *hello)
{
	if (names_tell(loop, flow, saw, hello, 0))
		flow->serial = NAMES_NO_SERIAL;
	return false;
}

static bool open_flow(struct names_loop *loop, struct names_held *flow)
{
	struct relay_half *halves = pair_of(loop, flow)->halves;

	flow->stage = NAMES_OPEN;
	timer_stop(&flow->patience);
	halves[TO_SERVER].limit = halves[TO_CLIENT].limit = RELAY_UNLIMITED;
	return true;
}

/* The hello may pass, and nothing behind it; a flow that began otherwise is open. */
static void go_on(struct names_loop *loop, struct names_held *flow)
{
	struct relay_half *halves = pair_of(loop, flow)->halves;

	if (!flow->tls) {
		open_flow(loop, flow);
		return;
	}
	flow->stage = NAMES_ANSWER;
	halves[TO_SERVER].limit = flow->hello.consumed;
	halves[TO_CLIENT].limit = 0;
}

static bool is_foreseen(const struct names_held *flow)
{
	const struct hello *hello = &flow->hello;

	return flow->foreseen_len && hello->has_name && !hello->ech && hello->name_len == flow->foreseen_len &&
	       memcmp(hello->name, flow->foreseen, flow->foreseen_len) == 0;
}

static bool ask(struct names_loop *loop, struct names_held *flow, bool tls)
{
	flow->stage = NAMES_ASKED;
	flow->tls = tls;
	timer_stop(&flow->patience);
	if (tls && is_foreseen(flow)) {
		go_on(loop, flow);
		return true;
	}
	return names_tell(loop, flow, NAMES_SAW_START, tls ? &flow->hello : NULL, token_of(loop, flow));
}

/* ---- what an end has to say, without taking it ---- */

static uint8_t peeked[HELLO_MAX];

/* How many bytes; 0: it says no more; -EAGAIN: not yet; or another -errno */
static ssize_t peek(struct relay_half *half, size_t most)
{
	ssize_t got = recv(half->from, peeked, most, MSG_PEEK | MSG_DONTWAIT);

	if (got >= 0)
		return got;
	half->readable &= errno != EAGAIN; /* until its event comes */
	return errno == EINTR ? -EAGAIN : -errno;
}

/* recv() leaves an urgent byte out, which is there for a server that reads it in line: what was peeked is not what it reads. A
 * byte that has arrived does not become urgent later. */
static bool has_urgent(const struct relay_half *half)
{
	char byte;
	ssize_t got = recv(half->from, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT);

	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* The rest is to come soon, or not at all. */
static bool wait_for_rest(struct names_loop *loop, struct names_held *flow, const struct relay_half *half)
{
	if (half->closing)
		return refuse(loop, flow, NAMES_SAW_MALFORMED, NULL);
	if (!timer_runs(&flow->patience))
		timer_start(&loop->patience, &flow->patience, loop->now_ms);
	return true;
}

/* ---- stages ---- */

/* A server that has ended the connection without a word: a client that keeps it for later has to know */
static void show_end(struct relay_half *server)
{
	if (server->closing && server->readable && peek(server, 1) == 0)
		server->limit = RELAY_UNLIMITED;
}

static bool look_for_hello(struct names_loop *loop, struct names_held *flow, struct relay_half *client,
			   struct relay_half *server)
{
	ssize_t len = client->readable ? peek(client, HELLO_MAX) : -EAGAIN;

	if (len == -EAGAIN)
		show_end(server);
	if (len < 0)
		return len == -EAGAIN;
	if (len == 0) /* it only listens */
		return ask(loop, flow, false);
	if (has_urgent(client))
		return refuse(loop, flow, NAMES_SAW_MALFORMED, NULL);
	switch (hello_client(peeked, (size_t)len, &flow->hello)) {
	case HELLO_MORE:
		return wait_for_rest(loop, flow, client);
	case HELLO_NOT_TLS:
		return ask(loop, flow, false);
	case HELLO_DONE:
		return ask(loop, flow, true);
	case HELLO_SKIP:
	case HELLO_MALFORMED:
		break;
	}
	return refuse(loop, flow, NAMES_SAW_MALFORMED, NULL);
}

/* Whether all that may pass has passed; *sound: the connection is not broken */
static bool has_passed(struct names_loop *loop, struct relay_half *half, bool *sound)
{
	if (half->limit > 0 || half->held > 0)
		*sound = relay_half_move(half, &loop->pairs.pipes) >= 0;
	return *sound && half->limit == 0 && half->held == 0;
}

#define SKIPS_A_TURN 16 /* records before a second hello: a client may send them without end */

static bool look_for_second(struct names_loop *loop, struct names_held *flow, struct relay_half *client)
{
	struct hello second;
	bool sound = true;
	int turns = 0;

	while (has_passed(loop, client, &sound)) {
		if (turns++ == SKIPS_A_TURN) {
			relay_pairs_again(&loop->pairs, pair_of(loop, flow));
			break;
		}
		ssize_t len = client->readable ? peek(client, HELLO_MAX) : -EAGAIN;
		if (len < 0)
			return len == -EAGAIN;
		if (len == 0)
			return open_flow(loop, flow);
		if (has_urgent(client))
			return refuse(loop, flow, NAMES_SAW_MALFORMED, NULL);
		switch (hello_second(peeked, (size_t)len, flow->hello.early_data, &second)) {
		case HELLO_MORE:
			return wait_for_rest(loop, flow, client);
		case HELLO_SKIP:
			client->limit = second.consumed;
			continue;
		case HELLO_DONE:
			return hello_same(&flow->hello, &second) ? open_flow(loop, flow) :
								   refuse(loop, flow, NAMES_SAW_RENAMED, &second);
		case HELLO_NOT_TLS:
		case HELLO_MALFORMED:
			return refuse(loop, flow, NAMES_SAW_MALFORMED, NULL);
		}
	}
	return sound;
}

static bool look_for_answer(struct names_loop *loop, struct names_held *flow, struct relay_half *client,
			    struct relay_half *server)
{
	bool sound = true;

	if (!has_passed(loop, client, &sound))
		return sound;
	/* some servers wait for the end, behind which no second hello comes */
	if (client->closing && peek(client, 1) == 0)
		return open_flow(loop, flow);
	if (!server->readable)
		return true;
	ssize_t len = peek(server, HELLO_SERVER_MAX);
	if (len < 0)
		return len == -EAGAIN;
	switch (hello_server(peeked, (size_t)len)) {
	case HELLO_SERVER_MORE:
		return len > 0 && !server->closing ? true : open_flow(loop, flow);
	case HELLO_SERVER_OTHER:
		return open_flow(loop, flow);
	case HELLO_SERVER_RETRY:
		break;
	}
	flow->stage = NAMES_SECOND;
	server->limit = RELAY_UNLIMITED;
	return look_for_second(loop, flow, client);
}

static bool look(struct relay_pairs *pairs, struct relay_pair *pair)
{
	struct names_loop *loop = loop_of(pairs);
	struct names_held *flow = &loop->flows[pair - pairs->items];
	struct relay_half *client = &pair->halves[TO_SERVER], *server = &pair->halves[TO_CLIENT];

	switch (flow->stage) {
	case NAMES_OPEN:
	case NAMES_ASKED:
		return true;
	case NAMES_HELLO:
		if (!look_for_hello(loop, flow, client, server))
			return false;
		/* its end may have come with it, and no event of the client's is to come */
		return flow->stage != NAMES_ANSWER || look_for_answer(loop, flow, client, server);
	case NAMES_ANSWER:
		return look_for_answer(loop, flow, client, server);
	case NAMES_SECOND:
		return look_for_second(loop, flow, client);
	}
	return false;
}

static void ended(struct relay_pairs *pairs, struct relay_pair *pair)
{
	struct names_loop *loop = loop_of(pairs);
	struct names_held *flow = &loop->flows[pair - pairs->items];

	timer_stop(&flow->patience);
	names_give_back(loop, flow);
}

/* ---- for the loop ---- */

bool names_flows_init(struct names_loop *loop, size_t room)
{
	loop->pairs = (struct relay_pairs){ .epoll = loop->epoll,
					    .now_ms = &loop->now_ms,
					    .slots = room,
					    .budgets = &loop->budget,
					    .budget_count = 1,
					    .keep_used = true,
					    .look = look,
					    .ended = ended };
	timers_init(&loop->patience, NAMES_HELLO_MS);
	loop->given_back_most = 2 * room;
	loop->flows = calloc(room, sizeof *loop->flows);
	loop->given_back = calloc(loop->given_back_most, sizeof *loop->given_back);
	return relay_pairs_init(&loop->pairs) && loop->flows && loop->given_back;
}

/* What the client has sent already is looked at without waiting for its event. */
void names_flow_start(struct names_loop *loop, const struct names_message *message, int client, int server)
{
	static const struct relay_client guest = { 0 }; /* all flows are its own */
	struct relay_pair *pair = relay_pairs_start(&loop->pairs, 0, &guest, client, server);
	struct names_held none = { .serial = message->serial };
	struct names_held *flow = pair ? &loop->flows[pair - loop->pairs.items] : &none;

	if (!pair) {
		names_give_back(loop, &none);
		names_tell_full(loop);
		return;
	}
	flow->serial = message->serial;
	flow->foreseen_len = message->foreseen_len;
	memcpy(flow->foreseen, message->foreseen, message->foreseen_len);
	flow->stage = NAMES_OPEN;
	if (message->judged) {
		flow->stage = NAMES_HELLO;
		pair->halves[TO_SERVER].limit = 0;
		pair->halves[TO_CLIENT].limit = message->server_first ? RELAY_UNLIMITED : 0;
	}
	pair->halves[TO_SERVER].readable = true;
	pair->halves[TO_SERVER].writable = false; /* until it is connected */
	relay_pairs_move(&loop->pairs, pair);
}

void names_flows_anew(struct names_loop *loop)
{
	for (size_t i = 0; i < loop->pairs.slots; i++)
		loop->flows[i].foreseen_len = 0;
}

void names_flow_verdict(struct names_loop *loop, const struct names_message *message)
{
	union relay_event of = { .u64 = message->token };
	struct relay_pair *pair = &loop->pairs.items[of.index / 2];
	struct names_held *flow = &loop->flows[of.index / 2];

	loop->asked -= loop->asked > 0;
	if (!pair->used || pair->generation != of.generation || flow->stage != NAMES_ASKED)
		return; /* it has ended since */
	if (message->allowed) {
		go_on(loop, flow);
		relay_pairs_move(&loop->pairs, pair);
		return;
	}
	flow->serial = NAMES_NO_SERIAL;
	relay_pairs_break(&loop->pairs, pair);
}

void names_flows_expire(struct names_loop *loop)
{
	for (struct timer *timer; (timer = timers_ended(&loop->patience, loop->now_ms));) {
		struct names_held *flow = timer_of(timer, struct names_held, patience);
		refuse(loop, flow, NAMES_SAW_SLOW, NULL);
		relay_pairs_break(&loop->pairs, pair_of(loop, flow));
	}
	relay_pairs_expire(&loop->pairs);
}

void names_flow_stop(struct names_loop *loop, uint32_t serial)
{
	for (size_t i = 0; serial != NAMES_NO_SERIAL && i < loop->pairs.slots; i++)
		if (loop->pairs.items[i].used && loop->flows[i].serial == serial)
			relay_pairs_break(&loop->pairs, &loop->pairs.items[i]);
	names_give_all_back(loop);
}

int names_flows_wait(const struct names_loop *loop)
{
	int wait = loop->given_back_count ? NAMES_GIVEN_BACK_MS : -1;

	return relay_pairs_wait(&loop->pairs, timers_wait(&loop->patience, loop->now_ms, wait));
}
