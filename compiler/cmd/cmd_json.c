/* JSON documents of the commands: strings and verdicts. */
#include "cmd/cmd_json.h"

#include "base/escape.h"

json_t *json_text(struct arena *arena, const char *text)
{
	return text ? json_string(escape_json(arena, text)) : json_null();
}

static void add_decision(json_t *object, struct arena *arena, enum policy_action action, struct cmd_decision decision,
			 bool is_rule, size_t rule)
{
	json_object_set_new(object, "verdict", json_string(policy_action_name(action)));
	json_object_set_new(object, "rule",
			    is_rule ? json_integer((json_int_t)rule + 1) : json_string(decision.number));
	json_object_set_new(object, "place", json_text(arena, decision.place));
	json_object_set_new(object, "text", json_text(arena, decision.text));
}

void cmd_verdict_json(json_t *object, struct arena *arena, const struct policy *policy, struct eval_verdict verdict,
		      enum policy_direction direction)
{
	add_decision(object, arena, verdict.action, cmd_decision(arena, policy, verdict, direction),
		     verdict.by.kind == DECIDER_RULE, verdict.by.rule);
	if (verdict.by.kind == DECIDER_RULE && policy->rules.items[verdict.by.rule].because)
		json_object_set_new(object, "because", json_text(arena, policy->rules.items[verdict.by.rule].because));
	if (verdict.by.kind == DECIDER_FLOOR && eval_floor_words(policy, verdict.by, direction).because)
		json_object_set_new(object, "because",
				    json_text(arena, eval_floor_words(policy, verdict.by, direction).because));
}

void cmd_decision_json(json_t *object, struct arena *arena, const struct policy *policy, const struct flow *flow,
		       const struct eval_result *result)
{
	static const char *const answers[] = { [EVAL_ANSWER_NOT_RESERVED] = "not-reserved",
					       [EVAL_ANSWER_EXCEPTED] = "excepted",
					       [EVAL_ANSWER_RESERVED] = "reserved" };

	if (flow->kind == FLOW_CONNECTION && !result->no_address) {
		cmd_verdict_json(object, arena, policy, result->verdict, flow->direction);
	} else if (flow->kind == FLOW_DNS) {
		cmd_verdict_json(object, arena, policy, result->verdict, POLICY_EGRESS);
	} else {
		add_decision(object, arena, result->verdict.action, cmd_flow_decision(arena, policy, flow, result),
			     result->answer == EVAL_ANSWER_EXCEPTED, result->verdict.by.rule);
		if (flow->kind == FLOW_ANSWER)
			json_object_set_new(object, "answer", json_string(answers[result->answer]));
	}
}
