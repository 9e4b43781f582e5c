/* The questions, and what the packet filter holds of them. */
#include "ask/ask.h"
#include "core/clock.h"
#include "core/log.h"
#include "eval/suggest.h"
#include "lower/lower.h"
#include "lower/lower_ask.h"
#include "lower/sandbox_net.h"
#include "netlink/nflog.h"
#include "policy/flow.h"
#include "report/denials.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define PACKETS_A_TURN 256
#define REFUSED_MS 10000 /* a flow that may not be asked about: its next packet is refused, and no element stays */
#define NAME_PORT 443    /* of a name that was looked up: what it is wanted for is not known yet */
#define AGAIN_MS 1000    /* the packet filter has not taken something */

struct ask {
	struct eval_context context;
	struct nft *nft;
	struct denials *denials;
	struct nl *log;
	struct questions questions;
	bool full; /* the packet filter has been told so */
	uint64_t again_ms;
};

struct ask *ask_open(const struct ask_start *start)
{
	struct ask *ask = arena_must(calloc(1, sizeof *ask));

	ask->context = (struct eval_context){ start->policy, start->gateway, EVAL_NO_BINDINGS };
	ask->nft = start->nft;
	ask->denials = start->denials;
	ask->log = nflog_open_group(LOWER_ASK_LOG_GROUP);
	if (ask->log)
		return ask;
	int saved = errno;
	log_error("cannot read the log of flows that wait: %s", strerror(saved));
	free(ask);
	errno = saved;
	return NULL;
}

void ask_close(struct ask *ask)
{
	if (!ask)
		return;
	nl_close(ask->log);
	questions_free(&ask->questions);
	free(ask);
}

int ask_fd(const struct ask *ask)
{
	return nl_fd(ask->log);
}

/* ---- the packet filter ---- */

static struct nft_element element(const struct question *question, const char *chain, const char *before)
{
	return (struct nft_element){ .set = lower_ask_map(question->proto, question->addr.family),
				     .addr = question->addr,
				     .has_port = true,
				     .port = question->port,
				     .chain = chain,
				     .before = before };
}

static const char *where(const struct question *question)
{
	return question->refused ? LOWER_CHAIN_REFUSE : LOWER_CHAIN_HOLD;
}

static struct nft_element removed(const struct question *question)
{
	struct nft_element gone = element(question, NULL, where(question));

	gone.remove = true;
	return gone;
}

/* The guest's own addresses in the sets that say so, or out of them */
static size_t full_elements(const struct ask *ask, bool full, struct nft_element out[static 2])
{
	const struct addr_gateway *gateway = &ask->context.gateway;
	size_t count = 0;

	if (gateway->has4)
		out[count++] = (struct nft_element){ .set = lower_ask_full_set(ADDR_V4),
						     .addr = lower_guest(gateway, ADDR_V4),
						     .remove = !full };
	if (gateway->has6)
		out[count++] = (struct nft_element){ .set = lower_ask_full_set(ADDR_V6),
						     .addr = lower_guest(gateway, ADDR_V6),
						     .remove = !full };
	return count;
}

/* With the word that there is room for more questions, or none. What is not taken is so for now: packets are dropped all the same. */
static void change(struct ask *ask, struct nft_element *elements, size_t count)
{
	bool full = ask->questions.count == QUESTIONS_MAX;

	if (full != ask->full)
		count += full_elements(ask, full, elements + count);
	if (count == 0)
		return;
	int error = nft_elements(ask->nft, elements, count);
	if (error == 0)
		ask->full = full;
	else
		ask->again_ms = clock_ms() + AGAIN_MS;
	if (error < 0)
		log_error("the packet filter does not take what waits for an answer: %s", strerror(-error));
}

/* ---- flows ---- */

static struct eval_connection connection_of(const struct question *question)
{
	return (struct eval_connection){ .direction = POLICY_EGRESS,
					 .proto = question->proto,
					 .addr = question->addr,
					 .has_port = true,
					 .port = question->port };
}

const char *ask_flow_text(struct arena *arena, const struct question *question)
{
	if (question->is_name)
		return flow_format_query(arena, question->name, FLOW_DNS_UDP);
	return flow_format_connection(arena, POLICY_EGRESS, question->addr, question->proto, true, question->port);
}

static bool is_asked(struct eval_verdict verdict)
{
	return verdict.action == POLICY_DENY && verdict.by.kind == DECIDER_DEFAULT;
}

static void tell(struct ask *ask, struct arena *arena, const struct question *question, struct eval_verdict verdict)
{
	const struct eval_connection connection = connection_of(question);
	const struct denial_asked asked = {
		.flow = ask_flow_text(arena, question),
		.connection = question->is_name ? NULL : &connection,
		.name = *question->name ? question->name : NULL,
		.verdict = verdict,
		.rule = question->rule,
		.id = question->id,
	};

	if (ask->denials)
		denials_asked(ask->denials, &asked);
}

/* The question of a flow that no rule decides: joined, or made; NULL: it may not be asked about */
static struct question *flow_question(struct ask *ask, const struct nflog_packet *packet, struct eval_verdict verdict,
				      const struct eval_connection *connection, bool *fresh)
{
	struct question *question =
		questions_flow(&ask->questions, packet->destination, packet->proto, packet->port, clock_ms(), fresh);
	struct suggestion offer;

	if (!question || !*fresh)
		return question;
	const char *name = eval_first_name(&ask->context.bindings, question->addr);
	if (name)
		snprintf(question->name, sizeof question->name, "%s", name);
	struct arena *arena = arena_new();
	bool offered = suggest_connection(arena, &ask->context, connection, verdict, name, &offer);
	if (offered)
		question->rule = arena_must(strdup(offer.rule));
	if (offered)
		tell(ask, arena, question, verdict);
	else
		questions_drop(&ask->questions, question);
	arena_free(arena);
	return offered ? question : NULL;
}

/* What to do about a packet that was dropped: 1: *out is an element to put in */
static size_t take_packet(struct ask *ask, const struct nflog_packet *packet, struct nft_element *out)
{
	struct question flow = { .addr = packet->destination, .proto = packet->proto, .port = packet->port };
	struct eval_connection connection = connection_of(&flow);
	bool fresh = false;

	if (!packet->has_port || (packet->proto != PROTO_TCP && packet->proto != PROTO_UDP) ||
	    eval_syn(&ask->context, &connection) != EVAL_SYN_DENY)
		return 0; /* a name was bound meanwhile: its next packet passes */
	struct eval_verdict verdict = eval_connection(&ask->context, &connection);
	struct question *question = is_asked(verdict) ? flow_question(ask, packet, verdict, &connection, &fresh) : NULL;
	if (question && !fresh)
		return 0;
	/* of one that was not to be asked about before an element may be left, for its time */
	*out = question ? element(question, LOWER_CHAIN_HOLD, LOWER_CHAIN_REFUSE) :
			  element(&flow, LOWER_CHAIN_REFUSE, NULL);
	out->timeout_ms = question ? 0 : REFUSED_MS;
	return 1;
}

void ask_read(struct ask *ask, struct eval_bindings bindings)
{
	struct nft_element elements[PACKETS_A_TURN + 2];
	struct nflog_packet packet;
	size_t count = 0;
	int error = 0;

	ask->context.bindings = bindings;
	for (int i = 0; i < PACKETS_A_TURN && (error == 0 || error == -ENOBUFS); i++) {
		error = nflog_next(ask->log, &packet);
		if (error == 0)
			count += take_packet(ask, &packet, &elements[count]);
	}
	ask->context.bindings = EVAL_NO_BINDINGS;
	change(ask, elements, count);
}

/* ---- names ---- */

/* The least rule by which what most lookups are for gets through; else the lookup alone */
static char *rule_for_name(const struct ask *ask, struct arena *arena, const char *name, struct eval_verdict verdict)
{
	const struct eval_connection https = {
		.direction = POLICY_EGRESS,
		.proto = PROTO_TCP,
		.addr = eval_unnamed_public(ask->context.policy, ask->context.gateway.has4 ? ADDR_V4 : ADDR_V6),
		.has_port = true,
		.port = NAME_PORT,
		.sni = name,
	};
	struct suggestion offer;

	if (!suggest_connection(arena, &ask->context, &https, verdict, NULL, &offer) &&
	    !suggest_query(arena, &ask->context, name, FLOW_DNS_UDP, verdict, &offer))
		return NULL;
	return arena_must(strdup(offer.rule));
}

bool ask_name(struct ask *ask, const char *name, uint64_t tries)
{
	struct eval_verdict verdict = eval_dns(&ask->context, name, FLOW_DNS_UDP);
	struct nft_element elements[2];
	bool fresh;

	if (!is_asked(verdict))
		return false;
	struct question *question = questions_name(&ask->questions, name, tries, clock_ms(), &fresh);
	if (!question || !fresh)
		return question;
	struct arena *arena = arena_new();
	question->rule = rule_for_name(ask, arena, name, verdict);
	bool offered = question->rule;
	if (offered)
		tell(ask, arena, question, verdict);
	else
		questions_drop(&ask->questions, question);
	arena_free(arena);
	change(ask, elements, 0);
	return offered;
}

/* ---- ends ---- */

static void refuse_overdue(struct ask *ask, uint64_t now)
{
	struct nft_element refused[2];
	struct question *question;

	while ((question = questions_overdue(&ask->questions, now))) {
		refused[0] = element(question, LOWER_CHAIN_REFUSE, LOWER_CHAIN_HOLD);
		int error = nft_elements(ask->nft, refused, 1);
		if (error < 0) {
			log_error("a flow that waits cannot be refused: %s", strerror(-error));
			ask->again_ms = now + AGAIN_MS;
			return;
		}
		question->refused = true;
	}
}

static void forget(struct ask *ask, struct question *question)
{
	struct nft_element elements[3];
	size_t count = 0;

	if (!question->is_name)
		elements[count++] = removed(question);
	questions_drop(&ask->questions, question);
	change(ask, elements, count);
}

void ask_settle(struct ask *ask)
{
	uint64_t now = clock_ms();
	struct nft_element elements[2];
	struct question *question;

	if (!ask || now < ask->again_ms)
		return;
	refuse_overdue(ask, now);
	while ((question = questions_over(&ask->questions, now))) {
		if (question->is_name && ask->denials)
			denials_dns(ask->denials, question->name, FLOW_DNS_UDP,
				    eval_dns(&ask->context, question->name, FLOW_DNS_UDP));
		forget(ask, question);
	}
	change(ask, elements, 0);
}

int ask_wait(const struct ask *ask)
{
	uint64_t at = ask ? questions_next_ms(&ask->questions) : UINT64_MAX, now = clock_ms();

	if (ask && ask->full != (ask->questions.count == QUESTIONS_MAX))
		at = now;
	if (at == UINT64_MAX)
		return -1;
	if (at < ask->again_ms)
		at = ask->again_ms;
	return at <= now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

/* ---- answers ---- */

const struct question *ask_find(struct ask *ask, uint32_t id)
{
	return questions_find(&ask->questions, id);
}

const struct question *ask_next(const struct ask *ask, uint32_t after)
{
	const struct question *next = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		const struct question *at = &ask->questions.items[i];
		if (at->id > after && (!next || at->id < next->id))
			next = at;
	}
	return next;
}

struct eval_verdict ask_judge(const struct ask *ask, const struct question *question, struct eval_bindings bindings)
{
	struct eval_context context = ask->context;
	struct eval_connection connection = connection_of(question);

	context.bindings = bindings;
	if (question->is_name)
		return eval_dns(&context, question->name, FLOW_DNS_UDP);
	struct eval_verdict verdict = eval_connection(&context, &connection);
	if (eval_syn(&context, &connection) != EVAL_SYN_DENY)
		verdict.action = POLICY_ALLOW;
	return verdict;
}

size_t ask_elements(const struct ask *ask, struct nft_element *out)
{
	size_t count = ask && ask->full ? full_elements(ask, true, out) : 0;

	for (size_t i = 0; ask && i < QUESTIONS_MAX; i++) {
		const struct question *question = &ask->questions.items[i];
		if (question->id && !question->is_name)
			out[count++] = element(question, where(question), NULL);
	}
	return count;
}

void ask_use_policy(struct ask *ask, const struct policy *policy, struct eval_bindings bindings)
{
	if (!ask)
		return;
	ask->context.policy = policy;
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *question = &ask->questions.items[i];
		if (question->id && !is_asked(ask_judge(ask, question, bindings)))
			forget(ask, question);
	}
}
