/* Packets that the kernel refused, or let pass and logged: the evaluator finds their rule. */
#include "eval/audit.h"
#include "lower/sandbox_net.h"
#include "netlink/nflog.h"
#include "report/denials_state.h"
#include "report/hello_words.h"
#include "report/learning.h"
#include "report/unreported.h"

#include <errno.h>
#include <string.h>

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

static bool is_spared(const struct denials *denials, const struct eval_connection *connection)
{
	return audit_spares_connection(denials->config->spared, &denials->context, connection);
}

/* What comes to a pod */
static void report_shut_out(struct denials *denials, const struct nflog_packet *packet)
{
	struct arena *arena = arena_new();
	const struct eval_connection connection = { .direction = POLICY_INGRESS,
						    .proto = packet->proto,
						    .addr = packet->source,
						    .has_port = packet->has_port,
						    .port = packet->port };
	struct eval_verdict verdict = eval_connection(&denials->context, &connection);
	bool agree = verdict.action == POLICY_DENY;
	struct event event =
		denials_event_on(denials, arena, denials_kind(false), &connection, verdict,
				 agree ? reason_of(denials->reasons, verdict, POLICY_INGRESS) : &by_filter);

	event.source_port = packet->source_port;
	event.suggest = agree ? denials_offer(denials, arena, &connection, verdict, NULL) : NULL;
	denials_report(denials, arena, &event);
}

static void report_packet(struct denials *denials, const struct nflog_packet *packet, bool host)
{
	if (denials_limited_packet(denials, packet, host))
		return;
	if (!host && !strcmp(packet->prefix, LOWER_SHUT_PREFIX)) {
		report_shut_out(denials, packet);
		return;
	}
	struct arena *arena = arena_new();
	const struct eval_connection connection = denials_connection(packet);
	struct eval_verdict verdict = eval_connection(&denials->context, &connection);
	bool passed = packet->group == LOWER_ALLOW_LOG_GROUP;
	bool spared = passed && verdict.action == POLICY_DENY && is_spared(denials, &connection);
	bool allowed = passed && !spared;
	if (allowed)
		learning_flow(denials->learning, &connection);
	/* the kernel refused what the policy allows: a limit, or a binding that has ended since */
	bool agree = (verdict.action == POLICY_ALLOW) == allowed;
	struct event event =
		denials_event_on(denials, arena, allowed ? "allow" : denials_kind(spared), &connection, verdict,
				 agree ? reason_of(denials->reasons, verdict, POLICY_EGRESS) : &by_filter);
	event.source_port = packet->source_port;
	event.name = eval_first_name(&denials->context.bindings, packet->destination);
	event.hello = verdict.by.kind == DECIDER_HIDDEN && agree && !allowed ? HELLO_QUIC : NULL;
	event.suggest = agree && !allowed ? denials_offer(denials, arena, &connection, verdict, event.name) : NULL;
	if (!event.name && !allowed && denials->ended)
		event.ended =
			denials->ended(denials->ended_self, packet->destination, &event.name, &event.ended_ago_ms);
	denials_report(denials, arena, &event);
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
	if (denials->host_log)
		read_log(denials, denials->host_log);
	denials->context.bindings = EVAL_NO_BINDINGS;
}

void denials_read_all(struct denials *denials, struct eval_bindings bindings)
{
	denials_read(denials, bindings);
	tell_unreported(denials, unreported_look_now(denials->unreported, denials->context.policy));
}
