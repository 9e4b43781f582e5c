/* What the DNS proxy, the relays and who asks tell of: refused where it is nothing of the packet filter's. */
#include "base/escape.h"
#include "eval/audit.h"
#include "lower/sandbox_net.h"
#include "policy/flow.h"
#include "report/denials_state.h"
#include "report/hello_words.h"
#include "report/learning.h"
#include "report/search_domain.h"

static const char *const hello_texts[DENIAL_HELLO_COUNT] = {
	[DENIAL_NAME] = HELLO_NAME, [DENIAL_MALFORMED] = "malformed hello",
	[DENIAL_SLOW] = "too slow", [DENIAL_RENAMED] = "second hello names another",
	[DENIAL_ECH] = "ECH",
};

static void deny(struct denials *denials, const struct denial_flow *flow, bool spared)
{
	struct arena *arena = arena_new();
	struct event event = denials_event_on(denials, arena, denials_kind(spared), flow->connection, flow->verdict,
					      reason_of(denials->reasons, flow->verdict, flow->connection->direction));

	event.source_port = flow->source_port;
	event.suggest = denials_offer(denials, arena, flow->connection, flow->verdict, NULL);
	denials_report(denials, arena, &event);
}

void denials_dns(struct denials *denials, const char *name, enum flow_transport transport, struct eval_verdict verdict)
{
	struct arena *arena = arena_new();
	struct suggestion *suggestion = arena_alloc(arena, sizeof *suggestion);
	const char *search = search_domain_of(&denials->config->dns_search, name);
	if (search || !suggest_query(arena, &denials->context, name, transport, verdict, suggestion))
		suggestion = NULL;
	struct event event = {
		.kind = denials_kind(audit_spares_query(denials->config->spared, &denials->context, name, transport)),
		.flow = flow_format_query(arena, name, transport),
		.verdict = verdict,
		.reason = reason_of(denials->reasons, verdict, POLICY_EGRESS),
		.question = flow_name_text(arena, name),
		.search = search,
		.protocol = policy_proto_name(flow_transport_proto(transport)),
		.suggest = suggestion,
	};
	denials_report(denials, arena, &event);
}

void denials_resolver(struct denials *denials, struct addr addr, enum flow_transport transport,
		      struct eval_verdict verdict, bool spared)
{
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = flow_transport_proto(transport),
		.addr = addr,
		.has_port = true,
		.port = LOWER_DNS_PORT,
	};
	deny(denials, &(struct denial_flow){ .connection = &connection, .verdict = verdict }, spared);
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
		.class = asked->connection ? denials_class(denials, asked->connection->addr) : NULL,
		.question = question,
		.protocol = question ? policy_proto_name(PROTO_UDP) : NULL,
		.name = question ? NULL : asked->name,
		.suggest = &offer,
	};

	events_write(denials->events, &event);
	denials_lines_flow(
		&denials->lines, arena, "asks", &event,
		arena_printf(arena, "msb-ctl answer %s %u allow (%s)", denials->config->name, asked->id, asked->rule));
	arena_free(arena);
}

void denials_answer(struct denials *denials, const char *name, struct addr addr)
{
	static const struct reason rebind = { .text = "rebind protection", .note = "" };
	struct arena *arena = arena_new();
	char text[ADDR_TEXT_MAX];
	struct event event = {
		.kind = audit_spares_answer(denials->config->spared, &denials->context, name, addr) ?
				denials_kind(true) :
				"rebind",
		.flow = arena_printf(arena, "answer@%s", addr_format_bracketed(addr, text)),
		.verdict = { POLICY_DENY, { DECIDER_REBIND, 0 } },
		.reason = &rebind,
		.question = flow_name_text(arena, name),
		.answer = &addr,
		.class = denials_class(denials, addr),
		.name = name,
	};
	denials_report(denials, arena, &event);
}

void denials_ingress(struct denials *denials, const struct denial_flow *flow)
{
	deny(denials, flow, false);
}

/* No rule lets pass what no name was read of, nor one of two names */
static const struct suggestion *offer_server_name(const struct denials *denials, struct arena *arena,
						  const struct eval_connection *connection, struct eval_verdict verdict,
						  enum denial_hello why)
{
	return why == DENIAL_NAME && connection->sni ? denials_offer(denials, arena, connection, verdict, NULL) : NULL;
}

void denials_server_name(struct denials *denials, const struct denial_flow *flow, enum denial_hello why, bool spared)
{
	const struct eval_connection *connection = flow->connection;
	struct eval_verdict verdict = flow->verdict;
	struct arena *arena = arena_new();
	if (verdict.action == POLICY_ALLOW)
		learning_named(denials->learning, connection);
	struct event event =
		denials_event_on(denials, arena, verdict.action == POLICY_ALLOW ? "allow" : denials_kind(spared),
				 connection, verdict, reason_of(denials->reasons, verdict, connection->direction));
	event.source_port = flow->source_port;
	event.name = flow->name;
	event.hello = hello_texts[why];
	event.sni = connection->sni ? escape_text(arena, connection->sni) : NULL;
	event.suggest = offer_server_name(denials, arena, connection, verdict, why);
	denials_report(denials, arena, &event);
}
