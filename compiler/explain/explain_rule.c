/* One rule alone: compares the policy with itself without the rule. What differs is what only this rule
 * decides; where nothing does, the regions say what it decides, and who would decide it alike. */
#include "explain/explain_rule.h"

static struct policy *without(struct arena *arena, const struct policy *policy, size_t rule)
{
	struct policy *copy = arena_alloc(arena, sizeof *copy);

	*copy = *policy;
	copy->rules.items = NULL;
	copy->rules.count = copy->rules.cap = 0;
	for (size_t i = 0; i < policy->rules.count; i++)
		if (i != rule)
			*arena_push(arena, &copy->rules) = policy->rules.items[i];
	return copy;
}

/* Who decides the flow once the rule is gone, numbered as if it were still there */
static size_t next_decider(const struct policy *policy, const struct policy *rest, size_t rule,
			   const struct addr_gateway *gateway, const struct witness *flow)
{
	struct eval_context context = { .policy = rest, .gateway = *gateway };
	struct eval_verdict verdict = witness_eval(&context, flow);

	if (verdict.by.kind != DECIDER_RULE)
		return policy->rules.count;
	return verdict.by.rule + (verdict.by.rule >= rule);
}

struct rule_explanation *explain_rule(struct arena *arena, const struct policy *policy, size_t rule,
				      const struct addr_gateway *gateway, struct fuel *fuel)
{
	struct rule_explanation *explanation = arena_alloc(arena, sizeof *explanation);
	struct policy *rest = without(arena, policy, rule);
	struct analysis *analysis;

	explanation->policy = policy;
	explanation->rule = rule;
	explanation->only = diff_policies(arena, policy, rest, gateway, fuel);
	if (fuel->out || explanation->only->regions.count)
		return fuel->out ? NULL : explanation;
	analysis = analysis_new(arena, policy, gateway, fuel);
	if (fuel->out)
		return NULL;
	explanation->facts = analysis_rule_facts(analysis, rule);
	explanation->taker = explanation->facts->taker;
	if (explanation->facts->decides) {
		explanation->example = witness_format(arena, policy, &explanation->facts->example);
		explanation->taker = next_decider(policy, rest, rule, gateway, &explanation->facts->example);
	} else if (explanation->facts->matches && explanation->taker < policy->rules.count) {
		explanation->example = witness_format(arena, policy, &explanation->facts->taken);
	}
	return explanation;
}
