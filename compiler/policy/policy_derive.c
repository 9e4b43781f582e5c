/* What a stage adds to a policy of its own accord: a built-in rule has no place in any source. */
#include "policy/policy_derive.h"

struct policy *policy_derive(struct arena *arena, const struct policy *from)
{
	struct policy *policy = arena_alloc(arena, sizeof *policy);

	*policy = *from;
	policy->index = NULL;
	policy->rules.items = NULL;
	policy->rules.count = policy->rules.cap = 0;
	return policy;
}

struct policy_rule *policy_derive_rule(struct arena *arena, struct policy *policy, enum policy_action action,
				       struct policy_target target)
{
	struct policy_rule *rule = arena_push(arena, &policy->rules);

	*rule = (struct policy_rule){ .action = action,
				      .directions = POLICY_EGRESS,
				      .until_span = SPAN_NONE,
				      .origin = ORIGIN_BUILTIN,
				      .span = SPAN_NONE };
	*arena_push(arena, &rule->targets) = target;
	return rule;
}
