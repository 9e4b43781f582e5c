/* Flows that the kernel, or a relay, let pass. */
#include "base/escape.h"
#include "report/denials_state.h"

static const char *const end_texts[DENIAL_END_COUNT] = {
	[DENIAL_END_CLOSED] = "closed",   [DENIAL_END_RESET] = "reset", [DENIAL_END_TIMEOUT] = "timeout",
	[DENIAL_END_REVOKED] = "revoked", [DENIAL_END_LIMIT] = "limit", [DENIAL_END_STOP] = "stop",
};

static struct event event_on_flow(const struct denials *denials, struct arena *arena, const char *kind,
				  const struct denial_flow *flow)
{
	const struct eval_connection *connection = flow->connection;
	struct event event = denials_event_on(denials, arena, kind, connection, flow->verdict,
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

	if (!denials_is_learnt_alone(denials, &event))
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
	if (!denials_is_learnt_alone(denials, &event))
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
