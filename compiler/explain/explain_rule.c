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
static struct decider next_decider(const struct policy *rest, size_t rule, const struct addr_gateway *gateway,
				   const struct witness *flow)
{
	struct eval_context context = { .policy = rest, .gateway = *gateway };
	struct eval_verdict verdict = witness_eval(&context, flow);

	if (verdict.by.kind != DECIDER_RULE)
		return decided_by(DECIDER_DEFAULT);
	return decided_by_rule(verdict.by.rule + (verdict.by.rule >= rule));
}

struct rule_explanation *explain_rule(struct arena *arena, const struct policy *policy, size_t rule,
				      const struct addr_gateway *gateway, struct fuel *fuel)
{
	struct rule_explanation *explanation = arena_alloc(arena, sizeof *explanation);
	struct policy *rest = without(arena, policy, rule);
	struct facts *facts;

	explanation->policy = policy;
	explanation->rule = rule;
	explanation->only = diff_policies(arena, policy, rest, gateway, fuel);
	if (fuel->out || explanation->only->regions.count)
		return fuel->out ? NULL : explanation;
	facts = facts_find(analysis_new(arena, &policy, 1, ANALYSIS_BY_TARGET, gateway, fuel));
	if (fuel->out)
		return NULL;
	explanation->facts = facts_of_rule(facts, rule);
	explanation->instead = explanation->facts->shadowing;
	if (explanation->facts->decides) {
		explanation->example = witness_format(arena, policy, &explanation->facts->example);
		explanation->instead = next_decider(rest, rule, gateway, &explanation->facts->example);
	} else if (explanation->facts->matches && explanation->instead.kind == DECIDER_RULE) {
		explanation->example = witness_format(arena, policy, &explanation->facts->shadowed);
	}
	return explanation;
}
