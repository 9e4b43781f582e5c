/* An operator's floors: policies that every flow has to pass besides the policy itself. A floor is read as a policy is,
 * from a file of its own; what it says that is no matter of flows is an error, unless it forbids something. */
#include "policy/resolve_state.h"
#include "policy/policy_facts.h"

#include <string.h>

/* Of a policy that does as it is told */
static const char *const obeys[FORBID_COUNT] = { [FORBID_PUBLISH] = "publishes no ports",
						 [FORBID_NAMESERVER] = "chooses no nameservers",
						 [FORBID_POOL] = "chooses no addresses",
						 [FORBID_REBIND_OFF] = "keeps rebind protection" };

/* ---- what a floor's file says ---- */

static const char *joined(struct resolver *r, const struct ast_statement *statement)
{
	const char *text = statement->words.count ? statement->words.items[0].text : "";

	for (size_t i = 1; i < statement->words.count; i++)
		text = arena_printf(r->arena, "%s %s", text, statement->words.items[i].text);
	return text;
}

static void apply_forbid(struct resolver *r, const struct ast_statement *statement)
{
	const char *words = joined(r, statement);

	for (size_t i = 0; i < FORBID_COUNT; i++)
		if (!strcmp(words, policy_forbid_words((enum policy_forbid)i))) {
			r->policy->forbids[i] = (struct policy_forbidden){ true, statement->span };
			return;
		}
	diag_error(r->diags, "floor", statement->span, "nothing that can be forbidden: `%s`", words)->help =
		"forbid publish, nameserver, pool or rebind-protection off";
}

/* That the network has a NAT64 prefix is a fact, and what addresses are classed by */
static bool is_setting(const struct ast_statement *statement)
{
	if (statement->kind == AST_DNS)
		return strcmp(statement->words.items[0].text, "nat64-prefix") != 0;
	return statement->kind == AST_LIMIT || statement->kind == AST_TLS || statement->kind == AST_PUBLISH;
}

void resolver_apply_forbids(struct resolver *r)
{
	for (size_t i = 0; i < r->statements.count; i++) {
		const struct ast_statement *statement = r->statements.items[i];

		if (statement->kind == AST_FORBID && r->policy->is_floor)
			apply_forbid(r, statement);
		else if (statement->kind == AST_FORBID)
			diag_error(r->diags, "floor", statement->span, "only a floor forbids what a policy may say")
				->help = "give the file as --floor FILE, or remove the line";
		else if (r->policy->is_floor && is_setting(statement))
			diag_error(r->diags, "floor", statement->span, "a floor sets nothing")->help =
				"it holds rules, groups, defaults, profiles, includes, expectations and what it forbids";
	}
	if (r->policy->is_floor && !r->statements.count)
		diag_error(r->diags, "floor", SPAN_NONE, "`%s` says nothing: an empty file is no floor",
			   r->policy->name);
	for (size_t i = 0; r->policy->is_floor && i < r->policy->rules.count; i++)
		if (r->policy->rules.items[i].log)
			diag_error(r->diags, "floor", r->policy->rules.items[i].span,
				   "a floor's rule reports nothing that passes: `log` is the policy's to say");
}

/* ---- what it forbids ---- */

static void forbid(struct resolver *r, const struct policy *floor, enum policy_forbid what, struct span span)
{
	if (floor->is_tenancy)
		diag_error(r->diags, "multi-tenant", span, "a multi-tenant sandbox %s", obeys[what]);
	else
		diag_relate(
			r->diags,
			diag_error(r->diags, "forbidden", span, "the floor forbids it: a sandbox here %s", obeys[what]),
			floor->forbids[what].span, "by this line");
}

static void forbid_addresses(struct resolver *r, const struct policy *floor)
{
	const struct policy *policy = r->policy;
	const struct {
		bool set;
		struct span span;
	} chosen[] = {
		{ policy->pool4.set, policy->pool4.span },
		{ policy->pool6.set, policy->pool6.span },
		{ policy->interface.address4.set, policy->interface.address4.span },
		{ policy->interface.address6.set, policy->interface.address6.span },
		{ policy->interface.has_mac, policy->interface.mac_span },
	};

	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
		if (chosen[i].set)
			forbid(r, floor, FORBID_POOL, chosen[i].span);
}

static bool names_prefix(const struct policy *floor, struct addr_prefix prefix)
{
	for (size_t i = 0; i < floor->nat64.count; i++)
		if (addr_equal(floor->nat64.items[i].addr, prefix.addr) && floor->nat64.items[i].len == prefix.len)
			return true;
	return false;
}

/* A name that a floor judges it judges by what TLS says too, and no flag lifts that */
static void forbid_no_server_names(struct resolver *r, const struct policy *floor)
{
	for (size_t i = 0; i < floor->rules.count; i++) {
		const struct policy_rule *rule = &floor->rules.items[i];

		if (!policy_rule_has_names(rule) || !policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP))
			continue;
		struct diag *diag = diag_error(r->diags, "forbidden", r->no_server_names,
					       "the floor has rules on names, which hold for the server names in TLS");
		diag_relate(r->diags, diag, rule->span, "by this line");
		diag->help = "leave out --no-server-names";
		return;
	}
}

void resolver_check_forbidden(struct resolver *r, const struct policy *floor)
{
	const struct policy *policy = r->policy;

	for (size_t i = 0; floor->forbids[FORBID_PUBLISH].set && i < policy->publishes.count; i++)
		forbid(r, floor, FORBID_PUBLISH, policy->publishes.items[i].span);
	for (size_t i = 0; floor->forbids[FORBID_NAMESERVER].set && i < policy->nameservers.count; i++)
		forbid(r, floor, FORBID_NAMESERVER, policy->nameservers.items[i].span);
	for (size_t i = 0; !floor->is_tenancy && i < policy->nat64.count; i++)
		if (!names_prefix(floor, policy->nat64.items[i]))
			diag_error(
				r->diags, "forbidden", r->nat64[i],
				"the floor says which NAT64 prefixes the network has: they change what addresses are "
				"classed as")
				->help = "name it in the floor, or leave it out";
	if (floor->forbids[FORBID_POOL].set)
		forbid_addresses(r, floor);
	if (floor->forbids[FORBID_REBIND_OFF].set && !policy->rebind_protection)
		forbid(r, floor, FORBID_REBIND_OFF, r->given[SETTING_REBIND].span);
	if (!policy->server_names)
		forbid_no_server_names(r, floor);
}
