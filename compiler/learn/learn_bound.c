/* Every rule logs; a default that allows is a rule, so that it can. A denial of a name that nobody has (RFC 6761, 6.4) makes
 * all TCP wait for its server name (lower/lower_defer.c). */
#include "learn/learn_bound.h"
#include "policy/policy_derive.h"

#define NOBODYS_NAME "learn.invalid"

struct policy *learn_bound(struct arena *arena, const struct policy *bound)
{
	struct policy *policy = policy_derive(arena, bound);
	struct policy_rule *rule;

	rule = policy_derive_rule(
		arena, policy, POLICY_DENY,
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
	rule = policy_derive_rule(arena, policy, POLICY_ALLOW,
				  (struct policy_target){ .kind = TARGET_ANY, .span = SPAN_NONE });
	rule->log = true;
	rule->text = bound->egress.text;
	return policy;
}
