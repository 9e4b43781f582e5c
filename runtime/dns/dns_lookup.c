/* Questions under way: which server is asked, what its answer means; its addresses are bound before any client gets the
 * answer. */
#include "dns/dns_proxy.h"
#include "eval/audit.h"
#include "report/reason.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RENEWALS_MAX (PROXY_MAX_LOOKUPS / 4)

static uint8_t reply[LDNS_MAX_PACKETLEN];

static const struct dns_note no_server = { 22, "no nameserver answered" };
static const struct dns_note too_many = { 0, "this sandbox has too many names bound" };
static const struct dns_note overload = { 0, "too many queries are under way" };
static const struct dns_note malformed = { 23, "the nameserver's answer does not parse" };

static void fold(struct dns_question *question)
{
	for (size_t i = 0; i < question->name_len; i++)
		question->name[i] = (uint8_t)tolower(question->name[i]);
}

/* ---- keys ---- */

static bool key_equal(const struct lookup_key *a, const struct lookup_key *b)
{
	if (!question_equal(&a->question, &b->question) || a->direct != b->direct)
		return false;
	return !a->direct || (a->transport == b->transport && addr_equal(a->resolver, b->resolver));
}

/* ---- lives ---- */

static struct lookup **bucket(struct proxy *proxy, const struct lookup_key *key)
{
	return &proxy->buckets[question_hash(&key->question, proxy->seed) % PROXY_MAX_LOOKUPS];
}

/* `shared`: equal questions may join it. NULL where the bound is reached or memory is short. */
static struct lookup *lookup_new(struct proxy *proxy, const struct lookup_key *key, bool shared)
{
	if (proxy->lookups >= PROXY_MAX_LOOKUPS)
		return NULL;
	struct lookup *lookup = calloc(1, sizeof *lookup);
	if (!lookup)
		return NULL;
	lookup->key = *key;
	lookup->failed_rcode = LDNS_RCODE_SERVFAIL;
	lookup->failed = no_server;
	lookup->policy = proxy->policies;
	proxy->lookups++;
	if (shared) {
		lookup->next = *bucket(proxy, key);
		*bucket(proxy, key) = lookup;
	}
	return lookup;
}

static void unlink_lookup(struct proxy *proxy, struct lookup *lookup)
{
	struct lookup **at = bucket(proxy, &lookup->key);
	while (*at && *at != lookup)
		at = &(*at)->next;
	if (*at)
		*at = lookup->next;
}

void lookup_free(struct proxy *proxy, struct lookup *lookup)
{
	timer_stop(&lookup->timer);
	while (lookup->exchanges)
		exchange_free(proxy, lookup->exchanges);
	unlink_lookup(proxy, lookup);
	for (struct waiter *waiter = lookup->waiters, *next; waiter; waiter = next) {
		next = waiter->next;
		free(waiter);
		proxy->waiters--;
	}
	ldns_pkt_free(lookup->answer);
	proxy->renewals -= lookup->renewal;
	free(lookup);
	proxy->lookups--;
}

static bool wait_for(struct proxy *proxy, struct lookup *lookup, const struct dns_query *query,
		     const struct client_ref *client)
{
	struct waiter *waiter = proxy->waiters < PROXY_MAX_WAITERS ? malloc(sizeof *waiter) : NULL;
	if (!waiter)
		return false;
	*waiter = (struct waiter){ lookup->waiters, *query, *client, proxy->now_ms };
	lookup->waiters = waiter;
	proxy->waiters++;
	return true;
}

/* ---- ends ---- */

static void count_end(struct proxy *proxy, const struct lookup *lookup, const struct waiter *waiter)
{
	if (lookup->tried || lookup->key.direct)
		dns_count_wait(proxy->config.counters, proxy->now_ms - waiter->since_ms);
}

static void finish_rcode(struct proxy *proxy, struct lookup *lookup, unsigned rcode, struct dns_note note)
{
	for (struct waiter *waiter = lookup->waiters; waiter; waiter = waiter->next) {
		size_t len = dns_reply_rcode(&waiter->query, rcode, note, reply, sizeof reply);
		clients_reply(proxy, &waiter->client, reply, len);
		count_end(proxy, lookup, waiter);
		if (note.code == DNS_EDE_BLOCKED)
			dns_count_blocked(proxy->config.counters);
	}
	lookup_free(proxy, lookup);
}

static void finish_truncated(struct proxy *proxy, struct lookup *lookup)
{
	for (struct waiter *waiter = lookup->waiters; waiter; waiter = waiter->next) {
		size_t len = dns_reply_truncated(&waiter->query, LDNS_RCODE_NOERROR, reply, sizeof reply);
		clients_reply(proxy, &waiter->client, reply, len);
		count_end(proxy, lookup, waiter);
	}
	lookup_free(proxy, lookup);
}

static size_t result_for(const struct lookup *lookup, const struct waiter *waiter)
{
	size_t limit = waiter->client.tcp ? LDNS_MAX_PACKETLEN : waiter->query.udp_size;
	switch (lookup->result) {
	case RESULT_ANSWER:
		return dns_reply_answer(&waiter->query, lookup->answer, lookup->age, limit, reply, sizeof reply);
	case RESULT_ALIAS:
		return dns_reply_address(&waiter->query, lookup->alias, DNS_ALIAS_TTL, reply, sizeof reply);
	case RESULT_EMPTY:
		break;
	}
	return dns_reply_rcode(&waiter->query, LDNS_RCODE_NOERROR, DNS_NO_NOTE, reply, sizeof reply);
}

static void finish(struct proxy *proxy, struct lookup *lookup)
{
	for (struct waiter *waiter = lookup->waiters; waiter; waiter = waiter->next) {
		clients_reply(proxy, &waiter->client, reply, result_for(lookup, waiter));
		count_end(proxy, lookup, waiter);
	}
	lookup_free(proxy, lookup);
}

/* ---- the supervisor is asked, a bounded number of questions at a time ---- */

static bool send_bind(struct proxy *proxy, struct lookup *lookup)
{
	static struct dns_ask_bind ask;
	memset(&ask, 0, sizeof ask);
	ask.kind = DNS_ASK_BIND;
	ask.serial = lookup->serial;
	ask.family = lookup->key.question.type == LDNS_RR_TYPE_A ? ADDR_V4 : ADDR_V6;
	ask.count = (uint8_t)lookup->addresses.count;
	ask.renews = lookup->renewal;
	ask.ttl_ms = lookup->ttl_ms;
	for (size_t i = 0; i < lookup->addresses.count; i++)
		ask.addrs[i] = dns_wire_addr(lookup->addresses.addrs[i]);
	name_from_wire(lookup->key.question.name, lookup->key.question.name_len, ask.name);
	return send(proxy->control, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof ask;
}

static bool send_resolver(struct proxy *proxy, struct lookup *lookup)
{
	struct dns_ask_resolver ask = {
		.kind = DNS_ASK_RESOLVER,
		.serial = lookup->serial,
		.transport = (uint8_t)lookup->key.transport,
		.addr = dns_wire_addr(lookup->key.resolver),
	};
	return send(proxy->control, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof ask;
}

static void unqueue_ask(struct proxy *proxy)
{
	proxy->ask_head = proxy->ask_head->queued;
	if (!proxy->ask_head)
		proxy->ask_tail = &proxy->ask_head;
}

/* It was let begin by a policy that is not in force any more, and the one that is denies it */
static void finish_denied(struct proxy *proxy, struct lookup *lookup, struct eval_verdict verdict)
{
	const char *why = verdict.by.kind == DECIDER_REBIND ? "rebind protection" :
							      reason_of(proxy->reasons, verdict, POLICY_EGRESS)->note;
	finish_rcode(proxy, lookup, LDNS_RCODE_NXDOMAIN, (struct dns_note){ DNS_EDE_BLOCKED, why });
}

void lookup_ask_queued(struct proxy *proxy)
{
	struct eval_verdict verdict;
	while (proxy->ask_head && proxy->asks < DNS_ASKS_MAX) {
		struct lookup *lookup = proxy->ask_head;
		if (lookup->state == LOOKUP_ASK_QUEUED && !policy_still_wants(proxy, lookup, &verdict)) {
			unqueue_ask(proxy);
			finish_denied(proxy, lookup, verdict);
			continue;
		}
		while (proxy->asked[proxy->serial % DNS_ASKS_MAX])
			proxy->serial++;
		lookup->serial = proxy->serial;
		if (!(lookup->state == LOOKUP_RESOLVER ? send_resolver : send_bind)(proxy, lookup))
			return; /* the socket is full: again with the next verdict, or the next turn of the loop */
		if (lookup->state == LOOKUP_ASK_QUEUED) {
			lookup->state = LOOKUP_BIND;
			hold_asked(proxy, lookup);
		}
		proxy->asked[proxy->serial++ % DNS_ASKS_MAX] = lookup;
		proxy->asks++;
		unqueue_ask(proxy);
	}
}

static void queue_ask(struct proxy *proxy, struct lookup *lookup, enum lookup_state state)
{
	lookup->state = state;
	lookup->queued = NULL;
	*proxy->ask_tail = lookup;
	proxy->ask_tail = &lookup->queued;
}

static void ask_supervisor(struct proxy *proxy, struct lookup *lookup, enum lookup_state state)
{
	queue_ask(proxy, lookup, state);
	lookup_ask_queued(proxy);
}

/* ---- servers ---- */

#define TRIED_OF_GUEST 31

static size_t next_server(const struct proxy *proxy, const struct lookup *lookup)
{
	if (lookup->probe)
		return SERVER_NONE;
	if (lookup->key.direct)
		return lookup->tried ? SERVER_NONE : SERVER_OF_GUEST;
	return health_next(proxy, lookup->tried);
}

/* Asks one server more, if there is one that can be asked */
static void ask_next(struct proxy *proxy, struct lookup *lookup)
{
	size_t server;
	int error = -EAGAIN;
	while (error < 0 && (server = next_server(proxy, lookup)) != SERVER_NONE) {
		lookup->tried |= 1u << (server == SERVER_OF_GUEST ? TRIED_OF_GUEST : server);
		error = exchange_start(proxy, lookup, server);
		if (error == -EAGAIN || error == -ENOMEM)
			lookup->failed = overload;
		else if (error < 0)
			health_failed(proxy, server, error);
	}
	timer_stop(&lookup->timer);
	if (error == 0 && next_server(proxy, lookup) != SERVER_NONE)
		timer_start(&proxy->hedges, &lookup->timer, proxy->now_ms);
}

static void go_on(struct proxy *proxy, struct lookup *lookup)
{
	lookup->state = LOOKUP_SERVERS;
	ask_next(proxy, lookup);
	if (!lookup->exchanges)
		finish_rcode(proxy, lookup, lookup->failed_rcode, lookup->failed);
}

void lookup_untold(struct proxy *proxy, struct lookup *lookup, unsigned rcode, struct dns_note note)
{
	/* silence is worth less than any answer */
	if (note.code != no_server.code || lookup->failed.code == no_server.code) {
		lookup->failed_rcode = rcode;
		lookup->failed = note;
	}
	go_on(proxy, lookup);
}

void lookup_refuse(struct proxy *proxy, struct lookup *lookup, unsigned rcode, struct dns_note note)
{
	finish_rcode(proxy, lookup, rcode, note);
}

void lookup_truncated(struct proxy *proxy, struct lookup *lookup)
{
	finish_truncated(proxy, lookup);
}

void lookup_expire(struct proxy *proxy)
{
	for (struct timer *timer; (timer = timers_ended(&proxy->hedges, proxy->now_ms));) {
		struct lookup *lookup = timer_of(timer, struct lookup, timer);
		for (struct exchange *exchange = lookup->exchanges; exchange; exchange = exchange->next) {
			if (!exchange->overdue)
				health_overdue(proxy, exchange->server);
			exchange->overdue = true;
		}
		ask_next(proxy, lookup);
	}
}

/* Whether a dead server is alive again, a lookup of its own finds out, so that nobody waits for it */
static void probe(struct proxy *proxy, const struct lookup_key *key)
{
	size_t server = health_probe(proxy);
	struct lookup *lookup = server == SERVER_NONE ? NULL : lookup_new(proxy, key, true);
	if (!lookup)
		return;
	lookup->probe = true;
	lookup->state = LOOKUP_SERVERS;
	if (exchange_start(proxy, lookup, server) < 0)
		lookup_free(proxy, lookup);
}

/* The first in that bucket that is at SERVERS, other than the guest's own, with exchanges or without. Whatever is done to one
 * may end others: the bucket is looked at from its beginning. */
static struct lookup *find_asking(struct proxy *proxy, size_t at, bool exchanges)
{
	struct lookup *lookup = proxy->buckets[at];
	while (lookup &&
	       (lookup->state != LOOKUP_SERVERS || lookup->key.direct || (lookup->exchanges != NULL) != exchanges))
		lookup = lookup->next;
	return lookup;
}

void lookup_change_servers(struct proxy *proxy, void (*change)(struct proxy *, const void *context),
			   const void *context)
{
	struct lookup *lookup;
	pool_forget_waiting(proxy);
	for (size_t i = 0; i < PROXY_MAX_LOOKUPS; i++)
		while ((lookup = find_asking(proxy, i, true))) {
			timer_stop(&lookup->timer);
			while (lookup->exchanges)
				exchange_free(proxy, lookup->exchanges);
		}
	change(proxy, context);
	for (size_t i = 0; i < PROXY_MAX_LOOKUPS; i++)
		while ((lookup = find_asking(proxy, i, false))) {
			lookup->tried = 0;
			if (lookup->probe)
				lookup_free(proxy, lookup);
			else
				go_on(proxy, lookup);
		}
}

/* ---- answers ---- */

struct asked {
	const struct eval_context *context;
	const struct policy *spared; /* NULL: none */
	const char *name;            /* NULL: none that a rule could have */
};

static bool passes_rebind(const void *self, struct addr addr)
{
	const struct asked *asked = self;
	return eval_answer_passes_for(asked->context, asked->name, addr) ||
	       audit_spares_answer(asked->spared, asked->context, asked->name, addr);
}

static void tell_blocked(struct proxy *proxy, const struct lookup *lookup, struct addr addr)
{
	struct dns_tell tell = { .kind = DNS_TELL_ANSWER, .addr = dns_wire_addr(addr) };
	name_from_wire(lookup->key.question.name, lookup->key.question.name_len, tell.name);
	send(proxy->control, &tell, sizeof tell, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_address_type(uint16_t type)
{
	return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

/* lookup->answer has come, fresh or from the cache (left_ms > 0): hold it back, bind it, or pass it on */
static void use_answer(struct proxy *proxy, struct lookup *lookup, uint64_t left_ms)
{
	struct addr which;
	const struct dns_question *question = &lookup->key.question;
	char name[NAME_TEXT_MAX];
	struct asked asked = { &proxy->context, NULL,
			       name_from_wire(question->name, question->name_len, name) ? name : NULL };
	struct eval_verdict verdict;
	if (!policy_still_wants(proxy, lookup, &verdict)) {
		finish_denied(proxy, lookup, verdict);
		return;
	}
	enum dns_hold hold = dns_answer_check(lookup->answer, passes_rebind, &asked, &which);
	asked.spared = proxy->config.spared;
	if (hold == DNS_HOLD_BLOCKED && asked.spared) {
		struct addr would = which;
		hold = dns_answer_check(lookup->answer, passes_rebind, &asked, &which);
		if (hold == DNS_HOLD_NONE)
			tell_blocked(proxy, lookup, would);
	}
	if (hold == DNS_HOLD_MALFORMED) {
		finish_rcode(proxy, lookup, LDNS_RCODE_SERVFAIL, malformed);
		return;
	}
	if (hold == DNS_HOLD_BLOCKED) {
		char text[ADDR_TEXT_MAX + 32], addr[ADDR_TEXT_MAX];
		snprintf(text, sizeof text, "rebind protection: %s", addr_format(which, addr));
		tell_blocked(proxy, lookup, which);
		finish_rcode(proxy, lookup, LDNS_RCODE_NXDOMAIN, (struct dns_note){ DNS_EDE_BLOCKED, text });
		return;
	}
	dns_answer_addresses(lookup->answer, question, &lookup->addresses);
	bool keep = left_ms == 0 && !lookup->key.direct;
	if (left_ms == 0) {
		dns_answer_prune(lookup->answer, question, &lookup->addresses);
		if (proxy->strips_ech)
			dns_answer_strip_ech(lookup->answer);
		left_ms = lookup->addresses.ttl * 1000ull;
	}
	if (keep)
		lookup->version = ++proxy->versions;
	lookup->ttl_ms = hold_ms(proxy, left_ms);
	lookup->held_until_ms = lookup->addresses.count ? proxy->now_ms + lookup->ttl_ms : CACHED_HELD;
	lookup->result = RESULT_ANSWER;
	if (is_address_type(question->type))
		ask_supervisor(proxy, lookup, LOOKUP_ASK_QUEUED);
	if (keep) /* while the supervisor binds it */
		hold_keep(proxy, lookup, asked.name);
	if (!is_address_type(question->type))
		finish(proxy, lookup);
}

void lookup_told(struct proxy *proxy, struct lookup *lookup, ldns_pkt *answer)
{
	timer_stop(&lookup->timer);
	while (lookup->exchanges) {
		if (lookup->exchanges->overdue)
			health_overtaken(proxy, lookup->exchanges->server);
		exchange_free(proxy, lookup->exchanges);
	}
	lookup->answer = answer;
	use_answer(proxy, lookup, 0);
}

/* The rule as far as the worker can tell, which knows no bindings */
static struct dns_note resolver_denied(struct proxy *proxy, const struct lookup *lookup)
{
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = lookup->key.transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP,
		.addr = lookup->key.resolver,
		.has_port = true,
		.port = DNS_PORT,
	};
	struct eval_verdict verdict = eval_connection(&proxy->context, &connection);
	return (struct dns_note){ DNS_EDE_BLOCKED, reason_of(proxy->reasons, verdict, POLICY_EGRESS)->note };
}

int lookup_verdict(struct proxy *proxy, const struct dns_verdict *verdict)
{
	struct lookup *lookup = proxy->asked[verdict->serial % DNS_ASKS_MAX];
	if (!lookup || lookup->serial != verdict->serial)
		return -EPROTO;
	proxy->asked[verdict->serial % DNS_ASKS_MAX] = NULL;
	proxy->asks--;
	bool ok = verdict->kind == DNS_VERDICT_OK;
	struct eval_verdict denied = { POLICY_DENY, decided_by(DECIDER_DEFAULT) };
	if (lookup->state == LOOKUP_BIND && verdict->kind == DNS_VERDICT_REFUSED) {
		/* asked under a policy that the supervisor had left already */
		policy_still_wants(proxy, lookup, &denied);
		finish_denied(proxy, lookup, denied);
		return 0;
	}
	if (lookup->state == LOOKUP_BIND)
		hold_told(proxy, lookup, ok ? lookup->held_until_ms : 0);
	if (ok && lookup->state == LOOKUP_RESOLVER)
		go_on(proxy, lookup);
	else if (ok)
		finish(proxy, lookup);
	else if (verdict->kind == DNS_VERDICT_FULL)
		finish_rcode(proxy, lookup, LDNS_RCODE_SERVFAIL, too_many);
	else
		finish_rcode(proxy, lookup, LDNS_RCODE_NXDOMAIN, resolver_denied(proxy, lookup));
	return 0;
}

/* ---- beginnings ---- */

static void refuse_overload(struct proxy *proxy, const struct dns_query *query, const struct client_ref *client)
{
	size_t len = dns_reply_rcode(query, LDNS_RCODE_SERVFAIL, overload, reply, sizeof reply);
	clients_reply(proxy, client, reply, len);
}

static struct lookup *find_shared(struct proxy *proxy, const struct lookup_key *key)
{
	struct lookup *lookup = *bucket(proxy, key);
	while (lookup && (lookup->probe || !key_equal(&lookup->key, key)))
		lookup = lookup->next;
	return lookup;
}

bool lookup_leaves(struct proxy *proxy, const struct lookup_key *written)
{
	struct lookup_key key = *written;
	fold(&key.question);
	return !find_shared(proxy, &key) && (key.direct || !cache_find(proxy->cache, &key.question, proxy->now_ms));
}

void lookup_ask(struct proxy *proxy, const struct lookup_key *written, const struct dns_query *query,
		const struct client_ref *client)
{
	struct lookup_key key = *written;
	fold(&key.question);
	struct lookup *lookup = find_shared(proxy, &key);
	bool joined = lookup != NULL;
	/* answers of the guest's own resolvers are not cached: the policy judges each anew */
	struct cached *cached = joined || key.direct ? NULL : cache_find(proxy->cache, &key.question, proxy->now_ms);
	ldns_pkt *known = cached ? cached_parse(cached) : NULL;
	if (!joined)
		lookup = lookup_new(proxy, &key, true);
	if (!lookup || !wait_for(proxy, lookup, query, client)) {
		refuse_overload(proxy, query, client);
		if (lookup && !joined)
			lookup_free(proxy, lookup);
		ldns_pkt_free(known);
		return;
	}
	if (joined)
		return;
	lookup->answer = known;
	if (known) {
		dns_count_cached(proxy->config.counters);
		lookup->age = (uint32_t)((proxy->now_ms - cached->stored_ms) / 1000);
		lookup->version = cached->version;
		use_answer(proxy, lookup, cached->expires_ms - proxy->now_ms);
	} else if (key.direct)
		ask_supervisor(proxy, lookup, LOOKUP_RESOLVER);
	else {
		probe(proxy, &key);
		go_on(proxy, lookup);
	}
}

bool lookup_renew(struct proxy *proxy, struct cached *cached)
{
	struct lookup_key key = { .question = { .type = cached->type, .name_len = cached->name_len } };
	memcpy(key.question.name, cached_name(cached), cached->name_len);
	struct lookup *lookup = proxy->renewals < RENEWALS_MAX ? lookup_new(proxy, &key, false) : NULL;
	if (!lookup)
		return false;
	lookup->renewal = true;
	proxy->renewals++;
	lookup->answer = cached_parse(cached);
	if (!lookup->answer) {
		lookup_free(proxy, lookup);
		return false;
	}
	dns_answer_addresses(lookup->answer, &key.question, &lookup->addresses);
	lookup->result = RESULT_ANSWER;
	lookup->version = cached->version;
	lookup->held_until_ms = cached->needed_until_ms;
	lookup->ttl_ms = cached->needed_until_ms > proxy->now_ms ? cached->needed_until_ms - proxy->now_ms : 0;
	cached->renewing = true;
	queue_ask(proxy, lookup, LOOKUP_ASK_QUEUED);
	return true;
}

void lookup_bind(struct proxy *proxy, enum lookup_result result, struct addr alias, const struct dns_query *query,
		 const struct client_ref *client)
{
	struct lookup_key key = { .question = query->question };
	fold(&key.question);
	struct lookup *lookup = lookup_new(proxy, &key, false);
	if (!lookup || !wait_for(proxy, lookup, query, client)) {
		refuse_overload(proxy, query, client);
		if (lookup)
			lookup_free(proxy, lookup);
		return;
	}
	lookup->result = result;
	if (result == RESULT_ALIAS) {
		lookup->alias = alias;
		lookup->addresses = (struct dns_addresses){ { alias }, 1, DNS_ALIAS_TTL };
	}
	lookup->ttl_ms = DNS_ALIAS_TTL * 1000ull;
	ask_supervisor(proxy, lookup, LOOKUP_ASK_QUEUED);
}
