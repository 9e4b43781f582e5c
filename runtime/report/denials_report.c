/* What becomes an event: counted, told to who learns, suggests and follows, and printed where it is the first of its kind. */
#include "learn/learn_bound.h"
#include "netlink/nflog.h"
#include "policy/flow.h"
#include "report/denials_state.h"
#include "report/learning.h"
#include "report/suggestions.h"

#include <string.h>

static const char audit_kind[] = "audit";

const char *denials_kind(bool spared)
{
	return spared ? audit_kind : "deny";
}

bool denials_is_audit(const struct event *event)
{
	return !strcmp(event->kind, audit_kind);
}

static bool is_lookup(const struct event *event)
{
	return !strncmp(event->flow, "dns@", 4);
}

static enum policy_direction direction_of(const struct event *event)
{
	return strncmp(event->flow, "ingress@", 8) ? POLICY_EGRESS : POLICY_INGRESS;
}

/* Every rule of a run that learns logs: what its bound would not have reported is told to nobody else, and what is said of rules is
 * said of the bound's. */
bool denials_is_learnt_alone(const struct denials *denials, struct event *event)
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

static void count(struct denials_count *count, bool first)
{
	count->total++;
	count->different += first;
}

void denials_report(struct denials *denials, struct arena *arena, struct event *event)
{
	const struct eval_verdict enforced = event->verdict;

	if (denials_is_learnt_alone(denials, event)) {
		arena_free(arena);
		return;
	}
	bool first = denials_lines_is_first(&denials->lines, event);
	bool allowed = !strcmp(event->kind, "allow"), audited = denials_is_audit(event);
	if (!allowed && !audited && !event->search)
		learning_denied(denials->learning, event->flow);
	if (!allowed)
		count(audited ? &denials->audited : &denials->denied, first);
	hits_add(&denials->hits, denials->context.policy, enforced, direction_of(event), is_lookup(event));
	events_write(denials->events, event);
	if (first && !allowed)
		suggestions_add(denials->suggestions, event->suggest);
	if (first)
		denials_lines_flow(&denials->lines, arena,
				   allowed ? "allowed" :
				   audited ? "would deny" :
					     "denied",
				   event, event->suggest ? event->suggest->rule : NULL);
	arena_free(arena);
}

void denials_report_limit(struct denials *denials, struct arena *arena, const struct event *event, bool first,
			  const char *what, const char *raise)
{
	count(denials_is_audit(event) ? &denials->audited : &denials->denied, first);
	events_write(denials->events, event);
	if (first)
		denials_lines_limit(&denials->lines, arena_printf(arena, "%s: %s and maybe more%s%s", what, event->flow,
								  raise ? "; " : "", raise ? raise : ""));
	arena_free(arena);
}

const struct suggestion *denials_offer(const struct denials *denials, struct arena *arena,
				       const struct eval_connection *connection, struct eval_verdict verdict,
				       const char *name)
{
	struct suggestion *suggestion = arena_alloc(arena, sizeof *suggestion);

	return suggest_connection(arena, &denials->context, connection, verdict, name, suggestion) ? suggestion : NULL;
}

const char *denials_class(const struct denials *denials, struct addr addr)
{
	return addr_class_name(addr_classify(addr, &denials->context.gateway));
}

struct event denials_event_on(const struct denials *denials, struct arena *arena, const char *kind,
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
		.class = denials_class(denials, connection->addr),
	};
}

struct eval_connection denials_connection(const struct nflog_packet *packet)
{
	return (struct eval_connection){
		.direction = POLICY_EGRESS,
		.proto = packet->proto,
		.addr = packet->destination,
		.has_port = packet->has_port,
		.port = packet->port,
	};
}
