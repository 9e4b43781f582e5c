/* `in NETWORK` behind a rule on names: the only addresses at which it matches, and which an answer for these names may
 * hold though they are private. Fixed here: what can be an error of the words; which addresses of a network are left
 * out all the same (the metadata services, the host, loopback) says policy_rule_places(). */
#include "policy/policy_facts.h"
#include "policy/rule.h"
#include "base/name.h"

#include <string.h>

static bool report(const struct rule_scope *scope, struct span span, const char *message, const char *help)
{
	diag_error(scope->diags, "bad-in", span, "%s", message)->help = help;
	return false;
}

static struct span span_of(const struct ast_rule *rule)
{
	for (size_t i = 0; i < rule->attributes.count; i++)
		if (rule->attributes.items[i].kind == AST_IN)
			return rule->attributes.items[i].span;
	return rule->span;
}

/* A name that anybody can have would let anybody point it into the network */
static bool check_name(const struct rule_scope *scope, const struct policy_target *target)
{
	if (target->kind == TARGET_SUFFIX && name_is_public_suffix(target->name)) {
		diag_error(scope->diags, "bad-in", target->span,
			   "anybody can have a name under `%s`, and `in` would let him lead it into the network",
			   target->name)
			->help = arena_printf(scope->arena, "name the site: SITE.%s", target->name);
		return false;
	}
	if (target->kind == TARGET_DOMAIN && name_equal(target->name, NAME_HOST_ALIAS))
		return report(scope, target->span, "the host's name is the sandbox's gateway and nowhere else",
			      "without `in`: " NAME_HOST_ALIAS " needs no exception");
	return true;
}

bool rule_check_within(const struct rule_scope *scope, const struct policy_rule *rule, struct span span)
{
	if (rule->action != POLICY_ALLOW)
		return report(scope, span, "`in` is for rules that allow: a deny on a name holds wherever the name is",
			      "without `in`; or deny the network itself");
	if (rule->directions != POLICY_EGRESS)
		return report(scope, span, "`in` is for egress rules: it says where a name that is looked up may be",
			      "ingress rules name the peer's network: allow:ingress@10.0.0.0/8");
	for (size_t i = 0; i < rule->targets.count; i++) {
		if (!policy_target_is_name(&rule->targets.items[i]))
			return report(scope, span, "`in` is for names, and the rule's target holds addresses",
				      "a rule of its own for the names, or the addresses without `in`");
		if (!check_name(scope, &rule->targets.items[i]))
			return false;
	}
	return true;
}

/* A network all of which stays closed. The host is known once the sandbox is. */
static bool check_network(const struct rule_scope *scope, const struct policy_target *network)
{
	static const enum addr_class closed[] = { ADDR_CLASS_META, ADDR_CLASS_LOOPBACK };
	const struct addr_range range = addr_prefix_range(network->prefix);
	bool ok = true;

	if (addr_is_mapped(network->prefix.addr) && network->prefix.len >= 96)
		return report(scope, network->span, "no packet has such an address: it is IPv4",
			      "write the IPv4 network");
	for (size_t i = 0; ok && i < sizeof closed / sizeof *closed; i++) {
		struct addr_set all = addr_class_set(scope->arena, closed[i], network->prefix.addr.family, NULL);
		struct addr_set own = addr_set_from_ranges(scope->arena, all.family, &range, 1);
		struct addr_set left = addr_set_subtract(scope->arena, &own, &all);
		if (!left.count) {
			diag_error(scope->diags, "bad-in", network->span,
				   "no name may lead to an address of group %s, whatever a rule says",
				   addr_class_name(closed[i]))
				->help = "the network in which the service is";
			ok = false;
		}
	}
	return ok;
}

bool rule_add_network(const struct rule_scope *scope, const struct policy_target *network, struct policy_targets *out)
{
	if (!check_network(scope, network))
		return false;
	*arena_push(scope->arena, out) = *network;
	return true;
}

static bool add_network(const struct rule_scope *scope, const struct ast_word *word, struct policy_targets *out)
{
	struct policy_targets found = { 0 };

	if (word->unclosed || word->bracketed || (word->text && (strchr(word->text, '/') || strchr(word->text, '.')))) {
		if (!rule_add_target(scope, word, true, &found))
			return false;
	}
	if (found.count == 1 && found.items[0].kind == TARGET_CIDR && found.items[0].prefix.addr.family == ADDR_V6 &&
	    !word->bracketed)
		return report(scope, word->span, "IPv6 stands in brackets",
			      arena_printf(scope->arena, "in [%s]", word->text));
	if (found.count != 1 || found.items[0].kind != TARGET_CIDR)
		return report(scope, word->span,
			      arena_printf(scope->arena, "no network: `%s`", word->text ? word->text : ""),
			      "in NETWORK or in {NETWORK,NETWORK}, like in 10.20.0.0/16 or in [fd00:20::/32]");
	return rule_add_network(scope, &found.items[0], out);
}

bool rule_resolve_within(const struct rule_scope *scope, struct policy_rule *rule)
{
	const struct ast_rule *ast = scope->rule;

	for (size_t i = 0; i < ast->attributes.count; i++) {
		const struct ast_words *words = &ast->attributes.items[i].values;
		if (ast->attributes.items[i].kind != AST_IN)
			continue;
		if (!words->count)
			return report(scope, words->span, "an empty list", NULL);
		for (size_t k = 0; k < words->count; k++)
			if (!add_network(scope, &words->items[k], &rule->within))
				return false;
	}
	return !rule->within.count || rule_check_within(scope, rule, span_of(ast));
}
