/* From statements to a policy: rules with what follows them, expectations, and at the end the defaults,
 * the rules that profiles bring, and what a multi-tenant host forbids. */
#include "policy/resolve_help.h"
#include "policy/expectation.h"
#include "policy/policy_facts.h"
#include "base/units.h"

#include <string.h>

/* ---- because, until, log ---- */

void resolver_check_until(struct resolver *r, const struct policy_rule *rule)
{
	long days = r->input->today.year ? date_days(r->input->today) - date_days(rule->until) : 0;

	if (days > 0)
		diag_error(r->diags, "expired", rule->until_span, "expired %ld day%s ago", days, days == 1 ? "" : "s")
			->help = "remove the rule, or give it a new date";
}

static void resolve_until(struct resolver *r, const struct ast_attribute *attribute, struct policy_rule *rule)
{
	const char *text = attribute->value.text ? attribute->value.text : "";

	if (!date_parse(text, &rule->until)) {
		struct diag *diag = diag_error(r->diags, "bad-date", attribute->value.span, "no date: `%s`", text);
		if (attribute->value.text)
			resolver_suggest_date(r, diag, &attribute->value);
		return;
	}
	rule->until_span = attribute->span;
	resolver_check_until(r, rule);
}

bool resolver_check_no_ech(struct resolver *r, const struct policy_rule *rule, struct span span)
{
	const char *why = rule->action != POLICY_ALLOW ? "rules that allow: `tls ech deny` is for those that deny" :
			  !policy_rule_has_names(rule) ? "rules on names: no other rule looks at TLS" :
			  !policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP) ? "egress rules that take in TCP" :
									      NULL;

	if (why)
		diag_error(r->diags, "bad-no-ech", span, "`no-ech` is for %s", why);
	return !why;
}

static void resolve_attributes(struct resolver *r, const struct ast_rule *ast, struct policy_rule *rule)
{
	for (size_t i = 0; i < ast->attributes.count; i++) {
		const struct ast_attribute *attribute = &ast->attributes.items[i];
		if (attribute->kind == AST_BECAUSE)
			rule->because = attribute->value.text;
		else if (attribute->kind == AST_UNTIL)
			resolve_until(r, attribute, rule);
		else if (attribute->kind == AST_NO_ECH)
			rule->no_ech = resolver_check_no_ech(r, rule, attribute->span);
		else if (attribute->kind == AST_BYTES)
			resolver_take_bytes(r, attribute, rule);
		else if (attribute->kind == AST_LOG)
			rule->log = true;
	}
}

void resolver_add_rule(struct resolver *r, const struct ast_rule *ast, enum policy_origin origin)
{
	struct rule_scope scope = { r->arena, r->diags, r->policy, &r->budget, ast };
	struct policy_rule rule;

	if (!rule_resolve(&scope, &rule))
		return;
	rule.origin = origin;
	resolve_attributes(r, ast, &rule);
	*arena_push(r->arena, &r->policy->rules) = rule;
}

void resolver_add_rules(struct resolver *r)
{
	arena_reserve(r->arena, &r->policy->rules, r->statements.count);
	for (size_t i = 0; i < r->statements.count; i++)
		if (r->statements.items[i]->kind == AST_RULE)
			resolver_add_rule(r, r->statements.items[i]->rule, ORIGIN_FILE);
}

void resolver_add_expects(struct resolver *r)
{
	struct rule_scope scope = { r->arena, r->diags, r->policy, &r->budget, NULL };

	for (size_t i = 0; i < r->statements.count; i++) {
		const struct ast_statement *statement = r->statements.items[i];
		struct policy_expect expect = { .span = statement->span };
		if (statement->kind != AST_EXPECT)
			continue;
		const struct ast_word *action = &statement->words.items[0];
		if (!resolver_parse_action(action->text, &expect.action))
			resolver_suggest_expect(
				r,
				diag_error(r->diags, "bad-action", action->span, "no such action: `%s`", action->text),
				statement);
		else if (expectation_resolve(&scope, expect.action, statement->flow, &expect))
			*arena_push(r->arena, &r->policy->expects) = expect;
	}
}

/* ---- what follows all rules ---- */

static void add_group_rule(struct resolver *r, enum addr_class group, bool dns, enum policy_origin origin,
			   struct span span)
{
	struct policy_rule rule = {
		.action = POLICY_ALLOW,
		.directions = POLICY_EGRESS,
		.until_span = SPAN_NONE,
		.origin = origin,
		.span = span,
		.text = arena_printf(r->arena, "allow@%s", dns ? "dns" : addr_class_name(group)),
	};

	*arena_push(r->arena, &rule.targets) =
		(struct policy_target){ .kind = TARGET_GROUP, .group = group, .span = span };
	if (dns) {
		rule.protos = PROTO_UDP | PROTO_TCP;
		*arena_push(r->arena, &rule.ports) = (struct policy_port_range){ FLOW_DNS_PORT, FLOW_DNS_PORT, span };
	}
	*arena_push(r->arena, &r->policy->rules) = rule;
}

static void add_profile_rules(struct resolver *r)
{
	static const enum addr_class groups[3] = { ADDR_CLASS_PUBLIC, ADDR_CLASS_PRIVATE, ADDR_CLASS_HOST };

	add_group_rule(r, ADDR_CLASS_HOST, true, ORIGIN_PROFILE, r->profiles.first);
	for (size_t i = 0; i < 3; i++)
		if (r->profiles.has[i])
			add_group_rule(r, groups[i], false, ORIGIN_PROFILE, r->profiles.spans[i]);
}

/* A default that is not written, with the place of what implies it */
static void imply(struct resolver *r, struct policy_default *target, const char *direction, enum policy_action action,
		  struct span span)
{
	if (target->text)
		return;
	*target = (struct policy_default){
		action, span, arena_printf(r->arena, "default %s %s", direction, policy_action_name(action))
	};
}

static void apply_profiles(struct resolver *r)
{
	struct policy *policy = r->policy;
	bool all = r->profiles.kind == PROFILES_ALL;

	if (policy->egress.text) {
		diag_relate(r->diags,
			    diag_error(r->diags, "conflict", policy->egress.span,
				       "`default egress` beside a profile, which brings its own"),
			    r->profiles.first, "the profile");
		return;
	}
	if (r->profiles.kind == PROFILES_SOME) {
		add_profile_rules(r);
		imply(r, &policy->egress, "egress", POLICY_DENY, r->profiles.first);
		return;
	}
	imply(r, &policy->egress, "egress", all ? POLICY_ALLOW : POLICY_DENY, r->profiles.first);
	imply(r, &policy->ingress, "ingress", all ? POLICY_ALLOW : POLICY_DENY, r->profiles.first);
}

/* What a host shared by tenants asks of them beside its floor */
static void check_tenancy(struct resolver *r)
{
	struct policy *policy = r->policy;
	static const char id[] = "multi-tenant";

	if (!policy->multi_tenant)
		return;
	for (size_t i = 0; i < policy->nat64.count; i++) {
		struct addr_nat64 alone = { .count = 0 };
		if (addr_nat64_find(&alone, policy->nat64.items[i]))
			diag_error(r->diags, id, r->nat64[i],
				   "a multi-tenant sandbox's NAT64 prefix lies in what is public without it");
	}
	const struct policy_bound *bounds[] = { &policy->max_tcp, &policy->max_udp, &policy->connection_rate };
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
		/* max-connections sets two at once */
		if (!bounds[i]->most && (i == 0 || bounds[i]->specific || bounds[i - 1]->most))
			diag_error(r->diags, id, bounds[i]->span,
				   "a multi-tenant sandbox keeps a bound on its connections");
}

void resolver_finish(struct resolver *r)
{
	if (r->profiles.kind != PROFILES_NONE) {
		apply_profiles(r);
	} else if (!r->policy->egress.text) {
		add_group_rule(r, ADDR_CLASS_HOST, true, ORIGIN_BUILTIN, SPAN_NONE);
		add_group_rule(r, ADDR_CLASS_PUBLIC, false, ORIGIN_BUILTIN, SPAN_NONE);
	}
	imply(r, &r->policy->egress, "egress", POLICY_DENY, SPAN_NONE);
	imply(r, &r->policy->ingress, "ingress", POLICY_ALLOW, SPAN_NONE);
	check_tenancy(r);
	resolver_finish_bytes(r);
	resolver_check_interface(r);
}
