/* Limits of bytes of single rules: which rules may have one, and what their bytes are counted under. */
#include "policy/resolve_state.h"
#include "base/fnv.h"
#include "base/units.h"

#include <string.h>

void resolver_take_bytes(struct resolver *r, const struct ast_attribute *attribute, struct policy_rule *rule)
{
	const char *text = attribute->value.text ? attribute->value.text : "";
	uint64_t size;

	if (!units_size(text, &size) || !size || size > INT64_MAX) {
		diag_error(r->diags, "bad-bytes", attribute->value.span, "no size: `%s`", text)->help =
			"like `bytes 1G`";
		return;
	}
	rule->bytes = size;
	rule->bytes_span = attribute->span;
}

/* FNV-1a: the same text is the same meter over reloads, whatever else changes */
static uint32_t meter_of(struct arena *arena, const struct policy_rule *rule)
{
	const char *text =
		arena_printf(arena, "%s%s", policy_rule_format(arena, rule), policy_within_format(arena, rule));
	uint64_t hash = fnv_text(FNV_START, text);

	return (uint32_t)(hash >> 32 ^ hash) | POLICY_METER_FLAG;
}

static const char *why_not(const struct policy *policy, const struct policy_rule *rule)
{
	return policy->is_floor ? "policies: a floor counts nothing" :
	       rule->action != POLICY_ALLOW ?
				  "rules that allow: what is denied moves nothing" :
	       rule->directions != POLICY_EGRESS ?
				  "egress rules: flows of published ports go past conntrack, by which a rule's "
				  "bytes are counted" :
				  NULL;
}

/* Of a rule that is refused for its direction alone */
static const char *instead(const struct policy *policy, const struct policy_rule *rule)
{
	if (policy->is_floor || rule->action != POLICY_ALLOW)
		return NULL;
	return rule->directions == POLICY_INGRESS ?
		       "`limit ingress bytes 1G` bounds what comes in by them, with all else that the guest receives" :
		       "two rules: `allow@…` with `bytes`, and `allow:ingress@…` without";
}

static const struct policy_rule *same_meter(const struct policy *policy, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (policy->rules.items[i].meter == policy->rules.items[index].meter)
			return &policy->rules.items[i];
	return NULL;
}

static void finish(struct resolver *r, size_t index)
{
	struct policy_rule *rule = &r->policy->rules.items[index];
	const char *why = why_not(r->policy, rule);

	if (why) {
		diag_error(r->diags, "bad-bytes", rule->bytes_span, "`bytes` is for %s", why)->help =
			instead(r->policy, rule);
		return;
	}
	rule->meter = meter_of(r->arena, rule);
	const struct policy_rule *other = same_meter(r->policy, index);
	if (other)
		diag_relate(r->diags,
			    diag_error(r->diags, "bad-bytes", rule->bytes_span,
				       "the same rule has a limit of bytes already"),
			    other->bytes_span, "this one");
}

void resolver_finish_bytes(struct resolver *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->policy->rules.count; i++) {
		if (!r->policy->rules.items[i].bytes)
			continue;
		if (count++ == POLICY_METERS_MAX) {
			diag_error(r->diags, "too-complex", r->policy->rules.items[i].bytes_span,
				   "more than %d rules with a limit of bytes", POLICY_METERS_MAX);
			return;
		}
		finish(r, i);
	}
}
