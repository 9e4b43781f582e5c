/* Each flow as the evaluator writes flows, judged by the policy in force with the names of when it began. */
#include "sandbox/answers_flows.h"
#include "base/escape.h"
#include "core/clock.h"
#include "policy/flow.h"
#include "report/reason.h"
#include "sandbox/answers_rules.h"
#include "sandbox/setup.h"

#define FLOWS_TOLD 1000 /* of more the number is told */

struct flow_list {
	const struct sandbox *sandbox;
	struct arena *arena;
	const struct reasons *reasons;
	json_t *list;
	size_t more;
};

static const char *name_of(const struct flows_flow *flow)
{
	return flow->connection.sni ? flow->connection.sni : eval_first_name(&flow->names, flow->connection.addr);
}

static void add_counters(json_t *out, const struct flows_flow *flow)
{
	const struct {
		const char *key;
		uint64_t value;
	} counters[] = { { "bytes_out", flow->bytes_out },
			 { "bytes_in", flow->bytes_in },
			 { "packets_out", flow->packets_out },
			 { "packets_in", flow->packets_in } };

	for (size_t i = 0; flow->counted && i < sizeof counters / sizeof *counters; i++)
		json_object_set_new(out, counters[i].key, json_integer((json_int_t)counters[i].value));
}

static json_t *rule_json(const struct sandbox *sandbox, struct eval_verdict verdict)
{
	size_t number = verdict.by.kind == DECIDER_RULE ? answer_rule_number(sandbox, verdict.by.rule) : 0;

	return number ? json_integer((json_int_t)number) : json_null();
}

static json_t *flow_json(const struct flow_list *list, const struct flows_flow *flow)
{
	const struct eval_connection *connection = &flow->connection;
	const struct reason *reason = reason_of(list->reasons, flow->verdict, connection->direction);
	const char *name = name_of(flow);
	json_t *out = json_object();

	json_object_set_new(
		out, "flow",
		json_string(flow_format_connection(list->arena, connection->direction, connection->addr,
						   connection->proto, connection->has_port, connection->port)));
	json_object_set_new(out, "kind", json_string(flows_kind_name(flow->kind)));
	if (flow->near_port)
		json_object_set_new(out, "near_port", json_integer(flow->near_port));
	if (name)
		json_object_set_new(out, "name", json_string(escape_json(list->arena, name)));
	json_object_set_new(out, "rule", rule_json(list->sandbox, flow->verdict));
	json_object_set_new(out, "text", json_string(escape_json(list->arena, reason->text)));
	add_counters(out, flow);
	if (flow->has_began)
		json_object_set_new(out, "open_ms", json_integer((json_int_t)(clock_ms() - flow->began_ms)));
	return out;
}

static int add_flow(const struct flows_flow *flow, void *context)
{
	struct flow_list *list = context;

	if (json_array_size(list->list) < FLOWS_TOLD)
		json_array_append_new(list->list, flow_json(list, flow));
	else
		list->more++;
	return 0;
}

void answer_add_flows(const struct sandbox *sandbox, json_t *answer)
{
	const struct policy *policy = sandbox->start->config->policy;
	struct flow_list list = { .sandbox = sandbox, .arena = arena_new(), .list = json_array() };

	list.reasons = reasons_new(list.arena, policy);
	flows_list(sandbox->flows, policy, dns_bindings(sandbox->dns), add_flow, &list);
	json_object_set_new(answer, "flows", list.list);
	json_object_set_new(answer, "flows_more", json_integer((json_int_t)list.more));
	arena_free(list.arena);
}
