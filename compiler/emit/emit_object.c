/* What the objects of Kubernetes that a policy is printed as share. */
#include "emit/emit_object.h"
#include "policy/policy_facts.h"

#include <stdlib.h>

bool emit_can_say(const struct policy *policy, const char *kind, const char *(*why_not)(const struct policy_rule *),
		  struct diags *diags)
{
	size_t errors = diags->errors;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const char *why = why_not(&policy->rules.items[i]);
		if (why)
			diag_error(diags, "cannot-say", policy->rules.items[i].span, "a %s cannot say `%s`: %s", kind,
				   policy->rules.items[i].text, why);
	}
	return diags->errors == errors;
}

const char *emit_object(struct arena *arena, const char *version, const char *kind, json_t *spec)
{
	json_t *object = json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", version, "kind", kind, "metadata", "name",
				   "sandbox", "spec", spec);
	char *made = arena_must(json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII));
	const char *text = arena_printf(arena, "%s\n", made);

	free(made);
	json_decref(object);
	return text;
}

const char *emit_network(struct arena *arena, const struct policy_target *target)
{
	char buf[ADDR_TEXT_MAX];
	struct addr first = target->prefix.addr;

	first.value = addr_prefix_range(target->prefix).lo;
	return arena_printf(arena, "%s/%u", addr_format(first, buf), target->prefix.len);
}

bool emit_is_dns(const struct policy_rule *rule, const struct policy_target *target)
{
	return target->kind == TARGET_GROUP && target->group == ADDR_CLASS_HOST && rule->directions == POLICY_EGRESS &&
	       rule->ports.count == 1 && rule->ports.items[0].lo == FLOW_DNS_PORT &&
	       rule->ports.items[0].hi == FLOW_DNS_PORT;
}
