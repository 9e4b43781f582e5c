/* Who decided, in words and in JSON. */
#include "explain/decision.h"
#include "base/escape.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

struct decision decision_of(struct arena *arena, const struct policy *policy, struct eval_verdict verdict,
			    enum policy_direction direction)
{
	const struct policy_rule *rule;
	const struct policy_default *fallback;
	struct eval_floor_words floor;

	switch (verdict.by.kind) {
	case DECIDER_RULE:
		rule = &policy->rules.items[verdict.by.rule];
		return (struct decision){ arena_printf(arena, "%zu", verdict.by.rule + 1),
					  span_format(arena, policy->sources, rule->span),
					  escape_text(arena, rule->text), true };
	case DECIDER_FLOOR:
		floor = eval_floor_words(policy, verdict.by, direction);
		return (struct decision){ "floor", span_format(arena, policy->sources, floor.span),
					  escape_text(arena, floor.text) };
	case DECIDER_REFUSED:
		return (struct decision){ "refused", NULL, "refused whatever the rules say" };
	case DECIDER_HIDDEN:
		rule = &policy->rules.items[verdict.by.rule];
		return (struct decision){ "refused", span_format(arena, policy->sources, rule->span),
					  arena_printf(arena, "%s: the server name that it judges is hidden",
						       escape_text(arena, rule->text)) };
	case DECIDER_REBIND:
		return (struct decision){ "reserved", NULL, "rebind protection" };
	case DECIDER_LABEL:
		return (struct decision){ "limit", span_format(arena, policy->sources, policy->dns_label.span),
					  policy_dns_limit_text(arena, policy, POLICY_DNS_LABEL) };
	case DECIDER_NODE:
		return (struct decision){ "node", NULL, EVAL_NODE_TEXT };
	default:
		fallback = policy_default_of(policy, direction);
		return (struct decision){ "default", span_format(arena, policy->sources, fallback->span),
					  escape_text(arena, fallback->text) };
	}
}

const char *decision_word(struct arena *arena, const struct decision *decision)
{
	return decision->is_rule ? arena_printf(arena, "rule %s", decision->number) : decision->number;
}

/* What is refused whatever the rules say; by its address, why */
static struct decision refused(struct arena *arena, const struct policy *policy, struct addr addr)
{
	const struct addr_gateway gateway = policy_gateway(policy, (struct addr_gateway){ .has4 = false });
	const struct eval_refused_address *address = eval_refused_address(POLICY_EGRESS, addr, &gateway);
	const char *text = "refused whatever the rules say";

	if (address)
		text = arena_printf(arena, "%s: %s %s", text, address->what, address->why);
	return (struct decision){ "refused", NULL, text };
}

struct decision decision_of_flow(struct arena *arena, const struct policy *policy, const struct flow *flow,
				 const struct eval_result *result)
{
	struct decision decision;
	struct eval_verdict verdict = result->verdict;

	if (result->no_address)
		return (struct decision){ "reserved", NULL, "no address: the family has no gateway" };
	if (verdict.by.kind == DECIDER_REFUSED && result->has_addr)
		return refused(arena, policy, result->addr);
	if (verdict.by.kind == DECIDER_HIDDEN) {
		decision = decision_of(arena, policy, verdict, flow->direction);
		decision.text = arena_printf(arena, "%s: %s would hide the server name that it judges",
					     escape_text(arena, policy->rules.items[verdict.by.rule].text),
					     flow->proto == PROTO_UDP ? "QUIC" : "ECH");
		return decision;
	}
	if (flow->kind != FLOW_ANSWER)
		return decision_of(arena, policy, verdict,
				   flow->kind == FLOW_CONNECTION ? flow->direction : POLICY_EGRESS);
	if (result->answer == EVAL_ANSWER_EXCEPTED) {
		decision = decision_of(arena, policy, verdict, POLICY_EGRESS);
		decision.number = "excepted";
		decision.is_rule = false;
		return decision;
	}
	return (struct decision){ result->answer == EVAL_ANSWER_RESERVED ? "reserved" : "not-reserved", NULL,
				  policy->rebind_protection ? "rebind protection" : "rebind protection is off" };
}

/* ---- JSON ---- */

json_t *json_text(struct arena *arena, const char *text)
{
	return text ? json_string(escape_json(arena, text)) : json_null();
}

static void add_decision(json_t *object, struct arena *arena, enum policy_action action, struct decision decision,
			 bool is_rule, size_t rule)
{
	json_object_set_new(object, "verdict", json_string(policy_action_name(action)));
	json_object_set_new(object, "rule",
			    is_rule ? json_integer((json_int_t)rule + 1) : json_string(decision.number));
	json_object_set_new(object, "place", json_text(arena, decision.place));
	json_object_set_new(object, "text", json_text(arena, decision.text));
}

void decision_verdict_json(json_t *object, struct arena *arena, const struct policy *policy,
			   struct eval_verdict verdict, enum policy_direction direction)
{
	add_decision(object, arena, verdict.action, decision_of(arena, policy, verdict, direction),
		     verdict.by.kind == DECIDER_RULE, verdict.by.rule);
	if (verdict.by.kind == DECIDER_RULE && policy->rules.items[verdict.by.rule].because)
		json_object_set_new(object, "because", json_text(arena, policy->rules.items[verdict.by.rule].because));
	if (verdict.by.kind == DECIDER_FLOOR && eval_floor_words(policy, verdict.by, direction).because)
		json_object_set_new(object, "because",
				    json_text(arena, eval_floor_words(policy, verdict.by, direction).because));
}

void decision_flow_json(json_t *object, struct arena *arena, const struct policy *policy, const struct flow *flow,
			const struct eval_result *result)
{
	static const char *const answers[] = { [EVAL_ANSWER_NOT_RESERVED] = "not-reserved",
					       [EVAL_ANSWER_EXCEPTED] = "excepted",
					       [EVAL_ANSWER_RESERVED] = "reserved" };

	if (flow->kind == FLOW_CONNECTION && !result->no_address) {
		decision_verdict_json(object, arena, policy, result->verdict, flow->direction);
	} else if (flow->kind == FLOW_DNS) {
		decision_verdict_json(object, arena, policy, result->verdict, POLICY_EGRESS);
	} else {
		add_decision(object, arena, result->verdict.action, decision_of_flow(arena, policy, flow, result),
			     result->answer == EVAL_ANSWER_EXCEPTED, result->verdict.by.rule);
		if (flow->kind == FLOW_ANSWER)
			json_object_set_new(object, "answer", json_string(answers[result->answer]));
	}
}
