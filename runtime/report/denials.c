/* What was refused: the evaluator finds the rule, each kind is printed once. */
#include "report/denials.h"
#include "base/escape.h"
#include "base/units.h"
#include "core/clock.h"
#include "core/log.h"
#include "eval/audit.h"
#include "lower/sandbox_net.h"
#include "netlink/nflog.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "learn/learn_bound.h"
#include "report/events.h"
#include "report/learning.h"
#include "report/meters.h"
#include "report/reason.h"
#include "report/suggestions.h"
#include "report/unreported.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 10
#define KNOWN_MAX 16384 /* different denials told apart; a power of two */

struct denials {
	const struct run_config *config;
	struct eval_context context;
	struct arena *arena;
	struct reasons *reasons;
	struct nl *nflog, *host_log; /* of the two namespaces */
	struct unreported *unreported;
	struct limit_numbers limits;
	bool limit_known[OVER_COUNT]; /* has been printed */
	struct meters meters;
	bool dns_limit_known[POLICY_DNS_LIMITS];
	struct events *events;
	denials_ended *ended;
	const void *ended_self;
	bool waits; /* lines wait for the end: standard input is a terminal, which may show an editor */
	struct {
		char *denial, *hint; /* the hint may be NULL */
	} lines[LINES_MAX + OVER_COUNT + POLICY_DNS_LIMITS];
	size_t line_count, flow_lines;
	struct suggestions *suggestions; /* NULL: not wanted */
	struct learning *learning;       /* NULL: not wanted */
	size_t total, different;
	struct hits hits;
	size_t audited, audited_different; /* what would have been denied */
	uint64_t started_ms;
	uint64_t known[KNOWN_MAX]; /* hashes of what was printed; 0: free */
};

static bool open_events(struct denials *denials)
{
	const struct run_config *config = denials->config;
	struct events_start start = {
		.sandbox = config->name,
		.sinks = config->events,
		.file_limit = config->events_size,
		.keep = config->events_keep ? config->events_keep : EVENT_KEEP_DEFAULT,
	};
	const char *failed;

	denials->events = events_open(&start, &failed);
	if (!denials->events)
		log_error("--events %s: %s", failed ? failed : "-", event_sink_error(failed, errno));
	return denials->events != NULL;
}

void denials_use_policy(struct denials *denials, const struct policy *policy)
{
	if (denials->unreported)
		unreported_begin_anew(denials->unreported);
	hits_free(&denials->hits); /* the rules that they are of may be gone */
	arena_free(denials->arena);
	denials->arena = arena_new();
	denials->reasons = reasons_new(denials->arena, policy);
	denials->context.policy = policy;
	denials->meters = (struct meters){ .anew = false }; /* it may leave more: what is used up is told again */
}

struct denials *denials_open(const struct run_config *config, const struct addr_gateway *gateway, struct nl *host,
			     const struct limit_numbers *limits)
{
	struct denials *denials = calloc(1, sizeof *denials);
	if (!denials)
		return NULL;
	denials->host_log = host;
	denials->limits = *limits;
	denials->config = config;
	denials->context = (struct eval_context){ config->policy, *gateway, EVAL_NO_BINDINGS };
	denials_use_policy(denials, config->policy);
	denials->waits = isatty(STDIN_FILENO);
	denials->started_ms = clock_ms();
	denials->nflog = nflog_open();
	denials->unreported = denials->nflog ? unreported_open() : NULL;
	denials->learning = learning_open(config, gateway);
	denials->suggestions = config->suggest ? suggestions_new() : NULL;
	bool opened = denials->unreported && (denials->suggestions || !config->suggest);
	if (!opened)
		log_error("cannot read the log of refused packets: %s", strerror(errno));
	else
		opened = open_events(denials);
	if (opened)
		return denials;
	int saved = errno;
	denials_close(denials);
	errno = saved;
	return NULL;
}

void denials_subscribe(struct denials *denials, void (*sink)(void *self, const char *line, size_t len, size_t tells),
		       void *self)
{
	events_subscribe(denials->events, sink, self);
}

void denials_ask_ended(struct denials *denials, denials_ended *ended, const void *self)
{
	denials->ended = ended;
	denials->ended_self = self;
}

struct learning *denials_learning(struct denials *denials)
{
	return denials ? denials->learning : NULL;
}

int denials_fd(const struct denials *denials)
{
	return nl_fd(denials->nflog);
}

int denials_host_fd(const struct denials *denials)
{
	return nl_fd(denials->host_log);
}

void denials_close(struct denials *denials)
{
	if (!denials)
		return;
	for (size_t i = 0; i < denials->line_count; i++) {
		free(denials->lines[i].denial);
		free(denials->lines[i].hint);
	}
	suggestions_free(denials->suggestions);
	learning_close(denials->learning);
	unreported_close(denials->unreported);
	nl_close(denials->nflog);
	nl_close(denials->host_log);
	events_close(denials->events);
	hits_free(&denials->hits);
	arena_free(denials->arena);
	free(denials);
}

/* ---- printing it once ---- */

static const char *const hello_texts[DENIAL_HELLO_COUNT] = {
	[DENIAL_NAME] = "name",     [DENIAL_MALFORMED] = "malformed hello",
	[DENIAL_SLOW] = "too slow", [DENIAL_RENAMED] = "second hello names another",
	[DENIAL_ECH] = "ECH",
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	while (*text++);
	return hash;
}

static uint64_t hash_event(const struct event *event)
{
	uint64_t hash = hash_text(0xcbf29ce484222325ull, event->flow);

	hash = hash_text(hash_text(hash, place_or_dash(event->reason->place)), event->reason->text);
	if (event->hello)
		hash = hash_text(hash_text(hash, event->hello), event->sni ? event->sni : "");
	return hash | 1;
}

/* Whether this is the first of its kind. Where there are more kinds than fit, no further one counts as first. */
static bool is_new(struct denials *denials, const struct event *event)
{
	uint64_t hash = hash_event(event);
	for (size_t i = 0; i < KNOWN_MAX / 2; i++) {
		uint64_t *known = &denials->known[(hash / 2 + i) % KNOWN_MAX];
		if (*known == hash)
			return false;
		if (*known == 0) {
			if (denials->different >= KNOWN_MAX / 2)
				return false;
			*known = hash;
			return true;
		}
	}
	return false;
}

/* Of a datagram that is refused for what it may be */
static const char hidden_by_quic[] = "QUIC";

/* In quotation marks where it might pass for words of the line */
static const char *server_name_text(struct arena *arena, const char *sni)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	return sni[0] && !sni[strspn(sni, plain)] ? sni : arena_printf(arena, "\"%s\"", sni);
}

/* "TLS to evil.example", "TLS: malformed hello", behind two blanks; "" where no server name was looked at. What sends none
 * need not be TLS. */
static const char *hello_words(struct arena *arena, const struct event *event)
{
	if (!event->hello)
		return "";
	if (event->hello == hidden_by_quic)
		return "  QUIC hides the server name, which is judged over TCP";
	const char *to = event->sni ? arena_printf(arena, " to %s", server_name_text(arena, event->sni)) : "";
	if (strcmp(event->hello, hello_texts[DENIAL_NAME]) != 0)
		return arena_printf(arena, "  TLS%s: %s", to, event->hello);
	return event->sni ? arena_printf(arena, "  TLS%s", to) : "  no server name";
}

/* "denied FLOW   RULE (PLACE) "REASON"  NAME  TLS to SNI", in columns that a person can read down */
static const char *line_of(struct arena *arena, const char *what, const struct event *event)
{
	const struct reason *reason = event->reason;
	bool placed = reason->place;
	const char *because = reason->because ? arena_printf(arena, " \"%s\"", reason->because) : "";
	const char *name = event->name ? arena_printf(arena, "  %s", event->name) : "";
	if (event->ended)
		name = arena_printf(arena, "%s, whose binding ended %" PRIu64 " s ago", name,
				    event->ended_ago_ms / 1000);
	return arena_printf(arena, "%s %-29s   %s%s%s%s%s%s%s", what, event->flow, reason->text, placed ? " (" : "",
			    placed ? reason->place : "", placed ? ")" : "", because, name, hello_words(arena, event));
}

static void print_now(const char *line, const char *hint)
{
	log_line("%s", line);
	if (hint)
		log_more("to allow: %s", hint);
}

static void print(struct denials *denials, const char *line, const char *hint, bool limit)
{
	if (denials->config->quiet || (!limit && denials->flow_lines >= LINES_MAX))
		return;
	denials->flow_lines += !limit; /* each limit's line is printed, beside those */
	if (denials->waits) {
		denials->lines[denials->line_count].denial = strdup(line);
		denials->lines[denials->line_count].hint = hint ? strdup(hint) : NULL;
	} else {
		print_now(line, hint);
	}
	denials->line_count++;
}

static bool is_lookup(const struct event *event)
{
	return !strncmp(event->flow, "dns@", 4);
}

static enum policy_direction direction_of(const struct event *event)
{
	return strncmp(event->flow, "ingress@", 8) ? POLICY_EGRESS : POLICY_INGRESS;
}

static const char audit_kind[] = "audit";

static const char *denied_kind(bool spared)
{
	return spared ? audit_kind : "deny";
}

static bool is_spared(const struct denials *denials, const struct eval_connection *connection)
{
	return audit_spares_connection(denials->config->spared, &denials->context, connection);
}

/* Of a run that learns every rule logs: what its bound would not have reported is told to nobody else, and what is said of rules
 * is said of the bound's. */
static bool is_learnt_alone(const struct denials *denials, struct event *event)
{
	const struct policy *bound = denials->config->bound;
	size_t *rule = &event->verdict.by.rule;

	if (!bound || (event->verdict.by.kind != DECIDER_RULE && event->verdict.by.kind != DECIDER_HIDDEN))
		return false;
	*rule -= *rule < LEARN_RULES_IN_FRONT ? *rule : LEARN_RULES_IN_FRONT;
	if (*rule >= bound->rules.count)
		event->verdict.by = decided_by(DECIDER_DEFAULT);
	bool passed = !strcmp(event->kind, "allow") || event->traffic;
	return passed && !denials->config->events_all &&
	       (*rule >= bound->rules.count || !bound->rules.items[*rule].log);
}

/* Frees the arena, which has the event's texts. */
static void report(struct denials *denials, struct arena *arena, struct event *event)
{
	if (is_learnt_alone(denials, event)) {
		arena_free(arena);
		return;
	}
	bool first = is_new(denials, event);
	bool allowed = !strcmp(event->kind, "allow"), audited = !strcmp(event->kind, audit_kind);
	bool denied = !allowed && !audited;
	if (denied)
		learning_denied(denials->learning, event->flow);
	denials->total += denied;
	denials->different += denied && first;
	hits_add(&denials->hits, denials->context.policy, event->verdict, direction_of(event), is_lookup(event));
	denials->audited += audited;
	denials->audited_different += audited && first;
	events_write(denials->events, event);
	if (first && !allowed)
		suggestions_add(denials->suggestions, event->suggest);
	if (first)
		print(denials,
		      line_of(arena,
			      allowed ? "allowed" :
			      audited ? "would deny" :
					"denied",
			      event),
		      event->suggest ? event->suggest->rule : NULL, false);
	arena_free(arena);
}

static const struct suggestion *offer_connection(const struct denials *denials, struct arena *arena,
						 const struct eval_connection *connection, struct eval_verdict verdict,
						 const char *name)
{
	struct suggestion *suggestion = arena_alloc(arena, sizeof *suggestion);

	return suggest_connection(arena, &denials->context, connection, verdict, name, suggestion) ? suggestion : NULL;
}

static const char *class_of(const struct denials *denials, struct addr addr)
{
	return addr_class_name(addr_classify(addr, &denials->context.gateway));
}

/* An event of that kind on a connection, as far as the connection tells */
static struct event event_on(const struct denials *denials, struct arena *arena, const char *kind,
			     const struct eval_connection *connection, struct eval_verdict verdict,
			     const struct reason *reason)
{
	return (struct event){
		.kind = kind,
		.flow = flow_format_connection(arena, connection->direction, connection->addr, connection->proto,
					       connection->has_port, connection->port),
		.verdict = verdict,
		.reason = reason,
		.connection = connection,
		.class = class_of(denials, connection->addr),
	};
}

static void deny(struct denials *denials, struct arena *arena, bool spared, const struct eval_connection *connection,
		 struct eval_verdict verdict)
{
	struct event event = event_on(denials, arena, denied_kind(spared), connection, verdict,
				      reason_of(denials->reasons, verdict, connection->direction));

	event.suggest = offer_connection(denials, arena, connection, verdict, NULL);
	report(denials, arena, &event);
}

/* ---- flows that the kernel, or a relay, let pass ---- */

static const char *const end_texts[DENIAL_END_COUNT] = {
	[DENIAL_END_CLOSED] = "closed",   [DENIAL_END_RESET] = "reset", [DENIAL_END_TIMEOUT] = "timeout",
	[DENIAL_END_REVOKED] = "revoked", [DENIAL_END_LIMIT] = "limit", [DENIAL_END_STOP] = "stop",
};

static struct event event_on_flow(const struct denials *denials, struct arena *arena, const char *kind,
				  const struct denial_flow *flow)
{
	const struct eval_connection *connection = flow->connection;
	struct event event = event_on(denials, arena, kind, connection, flow->verdict,
				      reason_of(denials->reasons, flow->verdict, connection->direction));

	event.source_port = flow->source_port;
	event.name = flow->name;
	event.sni = connection->sni ? escape_text(arena, connection->sni) : NULL;
	return event;
}

void denials_flow_begin(struct denials *denials, const struct denial_flow *flow)
{
	struct arena *arena = arena_new();
	struct event event = event_on_flow(denials, arena, "allow", flow);

	if (!is_learnt_alone(denials, &event))
		events_write(denials->events, &event);
	arena_free(arena);
}

void denials_flow_end(struct denials *denials, const struct denial_flow *flow)
{
	struct arena *arena = arena_new();
	struct event event = event_on_flow(denials, arena, "flow-end", flow);
	const struct event_traffic traffic = {
		.bytes_known = flow->bytes_known,
		.packets_known = flow->packets_known,
		.bytes_sent = flow->bytes_sent,
		.bytes_received = flow->bytes_received,
		.packets_sent = flow->packets_sent,
		.packets_received = flow->packets_received,
		.duration_ms = flow->duration_ms,
		.end = end_texts[flow->end],
	};

	event.traffic = &traffic;
	if (!is_learnt_alone(denials, &event))
		events_write(denials->events, &event);
	arena_free(arena);
}

void denials_flows_lost(struct denials *denials, size_t count)
{
	events_lost(denials->events, EVENTS_LOST_FLOWS, count);
}

bool denials_tells_all(const struct denials *denials)
{
	return denials && denials->config->events_all;
}

bool denials_wants(const struct denials *denials, struct eval_verdict verdict)
{
	return denials_tells_all(denials) ||
	       (verdict.by.kind == DECIDER_RULE && denials->context.policy->rules.items[verdict.by.rule].log);
}

/* ---- where it comes from ---- */

struct found_name {
	struct arena *arena;
	const char *name;
};

static bool take_name(const char *name, void *context)
{
	struct found_name *found = context;
	found->name = arena_strdup(found->arena, name);
	return true;
}

static struct eval_connection connection_of(const struct nflog_packet *packet)
{
	return (struct eval_connection){
		.direction = POLICY_EGRESS,
		.proto = packet->proto,
		.addr = packet->destination,
		.has_port = packet->has_port,
		.port = packet->port,
	};
}

/* A limit decides by number, not by flow: each is printed once, with the first flow that met it. */
static void report_limit(struct denials *denials, const struct nflog_packet *packet, enum limit limit, bool host)
{
	struct arena *arena = arena_new();
	const struct limit_text text = limit_text(arena, limit, denials->config->policy, &denials->limits, host);
	const struct reason reason = { .text = text.text, .note = "" };
	const struct eval_connection connection = connection_of(packet);
	struct event event =
		event_on(denials, arena, limit == OVER_EGRESS_BYTES || limit == OVER_INGRESS_BYTES ? "quota" : "limit",
			 &connection, (struct eval_verdict){ POLICY_DENY, { DECIDER_NONE, 0 } }, &reason);
	event.source_port = packet->source_port;
	event.option = text.option;
	event.value = text.value;
	denials->total++;
	denials->different += !denials->limit_known[limit];
	events_write(denials->events, &event);
	if (!denials->limit_known[limit])
		print(denials, arena_printf(arena, "%s: %s and maybe more; %s", text.text, event.flow, text.raise),
		      NULL, true);
	denials->limit_known[limit] = true;
	arena_free(arena);
}

/* "all of `bytes 1M` of allow@pypi.org is used up" */
static struct reason meter_reason(struct denials *denials, struct arena *arena, struct eval_verdict verdict,
				  uint64_t bytes)
{
	if (verdict.by.kind != DECIDER_RULE) /* which a reload has taken away since */
		return (struct reason){ .text = "a rule's limit of bytes is used up", .note = "" };
	struct reason reason = *reason_of(denials->reasons, verdict, POLICY_EGRESS);
	reason.text =
		arena_printf(arena, "all of `bytes %s` of %s is used up", units_size_format(arena, bytes), reason.text);
	return reason;
}

/* Likewise of a rule's own limit: it is one for both directions, and the rule is known */
static void report_meter(struct denials *denials, const struct eval_connection *connection, uint16_t source_port,
			 uint32_t meter)
{
	struct arena *arena = arena_new();
	const struct policy *policy = denials->context.policy;
	long rule = meters_rule(policy, meter);
	uint64_t bytes = rule < 0 ? 0 : policy->rules.items[rule].bytes;
	struct eval_verdict verdict = { POLICY_DENY,
					rule < 0 ? decided_by(DECIDER_NONE) : decided_by_rule((size_t)rule) };
	const struct reason reason = meter_reason(denials, arena, verdict, bytes);
	struct event event = event_on(denials, arena, "quota", connection, verdict, &reason);
	event.source_port = source_port;
	event.value = bytes;
	bool first = meters_note(&denials->meters, meter);

	denials->total++;
	denials->different += first;
	events_write(denials->events, &event);
	if (first)
		print(denials,
		      arena_printf(
			      arena,
			      "%s%s%s%s: %s and maybe more; a larger size raises it, at the next start or by a reload",
			      reason.text, reason.place ? " (" : "", reason.place ? reason.place : "",
			      reason.place ? ")" : "", event.flow),
		      NULL, true);
	arena_free(arena);
}

/* Of an answer the far end is the source. */
static void report_metered_packet(struct denials *denials, const struct nflog_packet *packet, uint32_t meter)
{
	bool v4 = packet->destination.family == ADDR_V4;
	const struct addr_gateway *gateway = &denials->context.gateway;
	bool answer = addr_equal(packet->destination, lower_guest_addr(v4 ? gateway->v4 : gateway->v6));
	const struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = packet->proto,
		.addr = answer ? packet->source : packet->destination,
		.has_port = packet->has_port,
		.port = answer ? packet->source_port : packet->port,
	};

	report_meter(denials, &connection, answer ? packet->port : packet->source_port, meter);
}

bool denials_is_spent(const struct denials *denials, const struct policy_rule *rule)
{
	return denials && meters_is_spent(&denials->meters, rule->meter);
}

bool denials_spent_anew(struct denials *denials)
{
	bool anew = denials->meters.anew;

	denials->meters.anew = false;
	return anew;
}

void denials_spent_flow(struct denials *denials, const struct eval_connection *connection, size_t rule)
{
	report_meter(denials, connection, 0, denials->context.policy->rules.items[rule].meter);
}

static const struct reason by_filter = { .text = "refused by the packet filter", .note = "" };

/* An answer of a published UDP port's to a peer that the relay does not keep any more is no flow of the guest's own. */
static bool is_late_answer(const struct denials *denials, const struct nflog_packet *packet)
{
	const struct policy *policy = denials->config->policy;
	if (packet->group != LOWER_LOG_GROUP || packet->proto != PROTO_UDP || packet->port < LOWER_LOCAL_PORT_FIRST ||
	    !addr_gateway_has(&denials->context.gateway, packet->destination))
		return false;
	for (size_t i = 0; i < policy->publishes.count; i++)
		if (policy->publishes.items[i].proto == PROTO_UDP &&
		    policy->publishes.items[i].guest_port == packet->source_port)
			return true;
	return false;
}

static void report_packet(struct denials *denials, const struct nflog_packet *packet, bool host)
{
	enum limit limit;
	uint32_t meter;
	if (!host && meters_by_prefix(packet->prefix, &meter)) {
		report_metered_packet(denials, packet, meter);
		return;
	}
	if (limit_by_name(packet->prefix, &limit)) {
		report_limit(denials, packet, limit, host);
		return;
	}
	struct arena *arena = arena_new();
	const struct eval_connection connection = connection_of(packet);
	struct eval_verdict verdict = eval_connection(&denials->context, &connection);
	bool passed = packet->group == LOWER_ALLOW_LOG_GROUP;
	bool spared = passed && verdict.action == POLICY_DENY && is_spared(denials, &connection);
	bool allowed = passed && !spared;
	if (allowed)
		learning_flow(denials->learning, &connection);
	struct found_name found = { .arena = arena };
	if (denials->context.bindings.any_name)
		denials->context.bindings.any_name(denials->context.bindings.self, packet->destination, take_name,
						   &found);
	/* the kernel refused what the policy allows: a limit, or a binding that has ended since */
	bool agree = (verdict.action == POLICY_ALLOW) == allowed;
	struct event event = event_on(denials, arena, allowed ? "allow" : denied_kind(spared), &connection, verdict,
				      agree ? reason_of(denials->reasons, verdict, POLICY_EGRESS) : &by_filter);
	event.source_port = packet->source_port;
	event.name = found.name;
	event.hello = verdict.by.kind == DECIDER_HIDDEN && agree && !allowed ? hidden_by_quic : NULL;
	event.suggest = agree && !allowed ? offer_connection(denials, arena, &connection, verdict, found.name) : NULL;
	if (!event.name && !allowed && denials->ended)
		event.ended =
			denials->ended(denials->ended_self, packet->destination, &event.name, &event.ended_ago_ms);
	report(denials, arena, &event);
}

/* What found no room in the queue */
static void lose(struct denials *denials, struct nl *nflog)
{
	uint32_t dropped = nl_dropped(nflog);

	learning_lost(denials->learning, dropped);
	events_lost(denials->events, EVENTS_LOST_KERNEL, dropped);
}

static void tell_unreported(struct denials *denials, struct unreported_counts counts)
{
	events_lost(denials->events, EVENTS_LOST_LOG, counts.refused);
	events_lost(denials->events, EVENTS_LOST_LOGGED, counts.allowed);
	events_lost(denials->events, EVENTS_LOST_METERS, counts.meters);
	for (size_t i = 0; i < OVER_COUNT; i++)
		events_lost(denials->events, EVENTS_LOST_OVER + i, counts.over[i]);
}

void denials_settle(struct denials *denials)
{
	tell_unreported(denials, unreported_look(denials->unreported, denials->context.policy));
	events_settle(denials->events);
}

int denials_wait(const struct denials *denials)
{
	int look = unreported_wait(denials->unreported), lines = events_wait(denials->events);

	return look < 0 || (lines >= 0 && lines < look) ? lines : look;
}

static void read_log(struct denials *denials, struct nl *nflog)
{
	struct nflog_packet packet;
	int error;
	/* bounded: the rest comes with the next turn of the caller's loop */
	for (int i = 0; i < 256; i++) {
		error = nflog_next(nflog, &packet);
		if (error == 0)
			unreported_expect(denials->unreported);
		if (error == 0 && !is_late_answer(denials, &packet))
			report_packet(denials, &packet, nflog == denials->host_log);
		else if (error == -ENOBUFS)
			lose(denials, nflog);
		else if (error != 0)
			break;
	}
}

void denials_read(struct denials *denials, struct eval_bindings bindings)
{
	denials->context.bindings = bindings;
	read_log(denials, denials->nflog);
	read_log(denials, denials->host_log);
	denials->context.bindings = EVAL_NO_BINDINGS;
}

void denials_read_all(struct denials *denials, struct eval_bindings bindings)
{
	denials_read(denials, bindings);
	tell_unreported(denials, unreported_look_now(denials->unreported, denials->context.policy));
}

void denials_dns(struct denials *denials, const char *name, enum flow_transport transport, struct eval_verdict verdict)
{
	struct arena *arena = arena_new();
	const char *flow = arena_printf(arena, "dns@%s:%s", flow_name_text(arena, name),
					transport == FLOW_DNS_UDP ? "udp" : "tcp");
	struct suggestion *suggestion = arena_alloc(arena, sizeof *suggestion);
	if (!suggest_query(arena, &denials->context, name, transport, verdict, suggestion))
		suggestion = NULL;
	struct event event = {
		.kind = denied_kind(audit_spares_query(denials->config->spared, &denials->context, name, transport)),
		.flow = flow,
		.verdict = verdict,
		.reason = reason_of(denials->reasons, verdict, POLICY_EGRESS),
		.question = flow_name_text(arena, name),
		.protocol = policy_proto_name(flow_transport_proto(transport)),
		.suggest = suggestion,
	};
	report(denials, arena, &event);
}

/* As of the other limits: it decides by number, and is printed once */
void denials_dns_limit(struct denials *denials, const char *name, enum flow_transport transport,
		       enum policy_dns_limit which)
{
	static const char *const options[POLICY_DNS_LIMITS] = { "--dns-max-label", "--dns-max-names",
								"--dns-max-rate" };
	struct arena *arena = arena_new();
	const struct policy *policy = denials->context.policy;
	bool spared = denials->config->spared, first = !denials->dns_limit_known[which];
	const struct event event = {
		.kind = spared ? audit_kind : "limit",
		.flow = arena_printf(arena, "dns@%s:%s", flow_name_text(arena, name),
				     transport == FLOW_DNS_UDP ? "udp" : "tcp"),
		.verdict = { POLICY_DENY, { DECIDER_NONE, 0 } },
		.reason = reason_of_dns_limit(denials->reasons, which),
		.question = flow_name_text(arena, name),
		.protocol = policy_proto_name(flow_transport_proto(transport)),
		.option = options[which],
		.value = policy_dns_limit(policy, which)->size,
	};

	*(spared ? &denials->audited : &denials->total) += 1;
	*(spared ? &denials->audited_different : &denials->different) += first;
	events_write(denials->events, &event);
	if (first)
		print(denials,
		      arena_printf(arena, "%s by %s%s%s%s: %s and maybe more", spared ? "would be refused" : "refused",
				   event.reason->text, event.reason->place ? " (" : "",
				   event.reason->place ? event.reason->place : "", event.reason->place ? ")" : "",
				   event.flow),
		      NULL, true);
	denials->dns_limit_known[which] = true;
	arena_free(arena);
}

void denials_resolver(struct denials *denials, struct addr addr, enum flow_transport transport,
		      struct eval_verdict verdict, bool spared)
{
	struct arena *arena = arena_new();
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = flow_transport_proto(transport),
		.addr = addr,
		.has_port = true,
		.port = LOWER_DNS_PORT,
	};
	deny(denials, arena, spared, &connection, verdict);
}

void denials_asked(struct denials *denials, const struct denial_asked *asked)
{
	struct arena *arena = arena_new();
	const struct suggestion offer = { .rule = asked->rule };
	const char *question = asked->connection ? NULL : flow_name_text(arena, asked->name);
	struct event event = {
		.kind = "ask",
		.flow = asked->flow,
		.verdict = asked->verdict,
		.reason = reason_of(denials->reasons, asked->verdict, POLICY_EGRESS),
		.connection = asked->connection,
		.class = asked->connection ? class_of(denials, asked->connection->addr) : NULL,
		.question = question,
		.protocol = question ? policy_proto_name(PROTO_UDP) : NULL,
		.name = question ? NULL : asked->name,
		.suggest = &offer,
	};

	events_write(denials->events, &event);
	print(denials, line_of(arena, "asks", &event),
	      arena_printf(arena, "msb-ctl answer %s %u allow (%s)", denials->config->name, asked->id, asked->rule),
	      false);
	arena_free(arena);
}

void denials_answer(struct denials *denials, const char *name, struct addr addr)
{
	static const struct reason rebind = { .text = "rebind protection", .note = "" };
	struct arena *arena = arena_new();
	char text[ADDR_TEXT_MAX];
	struct event event = {
		.kind = audit_spares_answer(denials->config->spared, &denials->context, name, addr) ? audit_kind :
												      "rebind",
		.flow = arena_printf(arena, "answer@%s", addr_format_bracketed(addr, text)),
		.verdict = { POLICY_DENY, { DECIDER_REBIND, 0 } },
		.reason = &rebind,
		.question = flow_name_text(arena, name),
		.answer = &addr,
		.class = class_of(denials, addr),
		.name = name,
	};
	report(denials, arena, &event);
}

void denials_ingress(struct denials *denials, struct addr peer, enum policy_proto proto, uint16_t guest_port,
		     struct eval_verdict verdict)
{
	struct arena *arena = arena_new();
	struct eval_connection connection = {
		.direction = POLICY_INGRESS, .proto = proto, .addr = peer, .has_port = true, .port = guest_port
	};
	deny(denials, arena, false, &connection, verdict);
}

/* No rule lets pass what no name was read of, nor one of two names */
static const struct suggestion *offer_server_name(const struct denials *denials, struct arena *arena,
						  const struct eval_connection *connection, struct eval_verdict verdict,
						  enum denial_hello why)
{
	return why == DENIAL_NAME && connection->sni ? offer_connection(denials, arena, connection, verdict, NULL) :
						       NULL;
}

void denials_server_name(struct denials *denials, const struct eval_connection *connection, struct eval_verdict verdict,
			 enum denial_hello why, bool spared)
{
	struct arena *arena = arena_new();
	if (verdict.action == POLICY_ALLOW)
		learning_named(denials->learning, connection);
	struct event event = event_on(denials, arena, verdict.action == POLICY_ALLOW ? "allow" : denied_kind(spared),
				      connection, verdict, reason_of(denials->reasons, verdict, connection->direction));
	event.hello = hello_texts[why];
	event.sni = connection->sni ? escape_text(arena, connection->sni) : NULL;
	event.suggest = offer_server_name(denials, arena, connection, verdict, why);
	report(denials, arena, &event);
}

static void say_audited(const struct denials *denials)
{
	log_line("%s: audit: the policy was not enforced, and would have denied %zu, %zu different",
		 denials->config->name, denials->audited, denials->audited_different);
}

void denials_finish(struct denials *denials, int learnt)
{
	const struct policy *policy = denials->config->policy;
	for (size_t i = 0; denials->waits && i < denials->line_count; i++)
		if (denials->lines[i].denial)
			print_now(denials->lines[i].denial, denials->lines[i].hint);
	learning_finish(denials->learning, learnt);
	if (denials->config->audit)
		say_audited(denials);
	if (denials->suggestions && denials->total + denials->audited)
		suggestions_print(denials->suggestions);
	if (denials->total == 0 || denials->config->quiet)
		return;
	double seconds = (double)(clock_ms() - denials->started_ms) / 1000;
	bool file = strcmp(policy->name, "command line") != 0;
	log_line("%s: %zu denial%s, %zu different, in %.1f s; why: msb-policyc explain %s FLOW", denials->config->name,
		 denials->total, denials->total == 1 ? "" : "s", denials->different, seconds,
		 file ? policy->name : "[the same options]");
}

void denials_lookup(struct denials *denials, struct eval_verdict verdict)
{
	hits_add(&denials->hits, denials->context.policy, verdict, POLICY_EGRESS, true);
}

const struct hits *denials_hits(const struct denials *denials)
{
	return &denials->hits;
}

size_t denials_total(const struct denials *denials)
{
	return denials->total;
}

struct events *denials_stream(struct denials *denials)
{
	return denials->events;
}

void denials_events(const struct denials *denials, struct events_counted *out)
{
	*out = events_counted(denials->events);
}
