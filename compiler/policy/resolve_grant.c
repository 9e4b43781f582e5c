/* A grant: one rule in front of all others, given to a sandbox while it runs, for a time. What a moment's permission must
 * not reach is refused here: floors hold by themselves, cloud metadata has none in most policies. */
#include "policy/policy_facts.h"
#include "policy/resolve_state.h"
#include "syntax/parse.h"

#include <string.h>

static struct addr_set set_of(struct resolver *r, const struct policy_target *target, enum addr_family family)
{
	const struct addr_gateway none = { .nat64 = r->policy->nat64 };
	struct addr_set set = addr_set_empty(family);

	if (target->kind == TARGET_ANY)
		return addr_set_all(r->arena, family);
	if (target->kind == TARGET_GROUP)
		return addr_group_set(r->arena, target->group, false, family, &none);
	if (target->kind == TARGET_CIDR && target->prefix.addr.family == family)
		addr_set_add(r->arena, &set, addr_prefix_range(target->prefix));
	return set;
}

/* Those that carry its IPv4 address in IPv6 are metadata, too */
static bool target_meets_metadata(struct resolver *r, const struct policy_target *target)
{
	static const enum addr_family families[] = { ADDR_V4, ADDR_V6 };
	const struct addr_gateway none = { .nat64 = r->policy->nat64 };

	for (size_t i = 0; i < 2; i++) {
		struct addr_set meta = addr_group_set(r->arena, ADDR_CLASS_META, true, families[i], &none);
		struct addr_set own = set_of(r, target, families[i]);
		if (addr_set_intersect(r->arena, &meta, &own).count)
			return true;
	}
	return false;
}

static void refuse_metadata(struct resolver *r, struct span span)
{
	diag_error(r->diags, "usage", span, "a grant never reaches cloud metadata, which this takes in")->help =
		"allow@public, or the addresses that are meant";
}

/* By name it matches nowhere that is metadata: see policy_rule_places() */
static void check_targets(struct resolver *r, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (target_meets_metadata(r, &rule->targets.items[i])) {
			refuse_metadata(r, rule->targets.items[i].span);
			return;
		}
	for (size_t i = 0; i < rule->within.count; i++)
		if (target_meets_metadata(r, &rule->within.items[i])) {
			refuse_metadata(r, rule->within.items[i].span);
			return;
		}
	if (policy_rule_has_names(rule) && !rule->within.count && !r->policy->rebind_protection)
		diag_error(r->diags, "usage", rule->span,
			   "a grant by name could reach cloud metadata: the policy has rebind protection off")
			->help = "allow@NAME:… in the networks that are meant";
}

void resolver_add_grant(struct resolver *r, uint32_t id, const char *rule)
{
	uint32_t source =
		sources_add(r->diags->sources, SOURCE_ARG, arena_printf(r->arena, "grant:%u", id), rule, strlen(rule));
	size_t wrong = r->diags->errors;
	const struct ast_file *list = parse_rule_list(r->diags, source);

	if (list->statements.count == 1)
		resolver_add_rule(r, list->statements.items[0].rule, ORIGIN_GRANT);
	else if (list->statements.count)
		diag_error(r->diags, "usage", (struct span){ source, 0, (uint32_t)strlen(rule) },
			   "a grant is one rule, these are %zu", list->statements.count)
			->help = "grant them one by one";
	else if (r->diags->errors == wrong)
		diag_error(r->diags, "usage", (struct span){ source, 0, 0 }, "a grant is one rule, this is none");
}

void resolver_check_grants(struct resolver *r)
{
	for (size_t i = 0; i < r->policy->rules.count; i++) {
		const struct policy_rule *rule = &r->policy->rules.items[i];
		if (rule->origin == ORIGIN_GRANT && rule->action == POLICY_ALLOW)
			check_targets(r, rule);
	}
}
