/* Every rule logs; a default that allows is a rule, so that it can. A denial of a name that nobody has (RFC 6761, 6.4) makes
 * all TCP wait for its server name (lower/lower_defer.c). */
#include "learn/learn_bound.h"

#define NOBODYS_NAME "learn.invalid"

static struct policy_rule *push_rule(struct arena *arena, struct policy *policy, enum policy_action action,
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

struct policy *learn_bound(struct arena *arena, const struct policy *bound)
{
	struct policy *policy = arena_alloc(arena, sizeof *policy);
	struct policy_rule *rule;

	*policy = *bound;
	policy->index = NULL;
	policy->rules.items = NULL;
	policy->rules.count = policy->rules.cap = 0;
	rule = push_rule(arena, policy, POLICY_DENY,
			 (struct policy_target){ .kind = TARGET_DOMAIN, .name = NOBODYS_NAME, .span = SPAN_NONE });
	rule->protos = PROTO_TCP;
	rule->text = policy_rule_format(arena, rule);
	for (size_t i = 0; i < bound->rules.count; i++) {
		rule = arena_push(arena, &policy->rules);
		*rule = bound->rules.items[i];
		rule->log = true;
	}
	if (policy->egress.action != POLICY_ALLOW)
		return policy;
	rule = push_rule(arena, policy, POLICY_ALLOW, (struct policy_target){ .kind = TARGET_ANY, .span = SPAN_NONE });
	rule->log = true;
	rule->text = bound->egress.text;
	return policy;
}
