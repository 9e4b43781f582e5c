/* The verdict on a flow as a JSON object. */
#include "explain/flow_answer.h"
#include "eval/builtin.h"
#include "explain/decision.h"

static const char *const syn_names[] = {
	[EVAL_SYN_ALLOW] = "allow", [EVAL_SYN_DENY] = "deny", [EVAL_SYN_DEFER] = "defer"
};

static json_t *connection_json(const struct flow_answer *answer, json_t *object)
{
	char text[ADDR_TEXT_MAX];
	enum addr_class class = addr_classify(answer->result.addr, &answer->context.gateway);

	json_object_set_new(object, "address", json_string(addr_format(answer->result.addr, text)));
	json_object_set_new(object, "class", json_string(addr_class_name(class)));
	if (answer->result.has_syn && answer->flow.proto == PROTO_TCP && answer->flow.direction == POLICY_EGRESS)
		json_object_set_new(object, "syn", json_string(syn_names[answer->result.syn]));
	return object;
}

bool flow_answer_is_dns_only(const struct flow_answer *answer)
{
	const struct flow *flow = &answer->flow;

	return !answer->error && flow->kind == FLOW_CONNECTION && answer->result.verdict.action == POLICY_ALLOW &&
	       eval_is_dns_only(flow->direction, flow->proto, flow->has_port, flow->port);
}

json_t *flow_answer_json(struct arena *arena, const struct flow_answer *answer)
{
	json_t *object = json_object();

	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "flow", json_text(arena, answer->text));
	if (answer->error) {
		json_object_set_new(object, "error", json_text(arena, answer->error));
		return object;
	}
	decision_flow_json(object, arena, answer->context.policy, &answer->flow, &answer->result);
	if (flow_answer_is_dns_only(answer))
		json_object_set_new(object, "note", json_string(EVAL_DNS_ONLY));
	if (answer->flow.sni && !answer->context.policy->server_names)
		json_object_set_new(object, "serverNames", json_string("not enforced"));
	if (answer->result.has_lookup) {
		json_t *lookup = json_object();

		decision_verdict_json(lookup, arena, answer->context.policy, answer->result.lookup, POLICY_EGRESS);
		json_object_set_new(object, "lookup", lookup);
	}
	return answer->result.has_addr ? connection_json(answer, object) : object;
}
