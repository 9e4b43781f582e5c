/* What options tell of the network around the sandbox: groups of its networks (--net-group), and where the names below a
 * domain are (--dns-cluster). The latter is `in NETWORKS` behind each rule that allows nothing but such names, so that
 * every stage knows it as that. */
#include "policy/policy_facts.h"
#include "policy/resolve_state.h"
#include "base/name.h"

#include <string.h>

/* A part of the option's value */
static struct ast_word part(struct resolver *r, struct span whole, const char *value, size_t start, size_t len)
{
	return (struct ast_word){ .span = { whole.source, (uint32_t)start, (uint32_t)(start + len) },
				  .text = arena_strndup(r->arena, value + start, len) };
}

/* `WORD=NETWORK,NETWORK` into words; false: an error was reported */
static bool split(struct resolver *r, struct span span, const char *value, struct ast_words *out)
{
	size_t start = strcspn(value, "=");

	if (!value[start]) {
		diag_error(r->diags, "usage", span, "no networks: `%s`", value)->label = "NAME=NETWORK,NETWORK";
		return false;
	}
	*arena_push(r->nodes, out) = part(r, span, value, 0, start);
	do {
		size_t len = strcspn(value + ++start, ",");
		*arena_push(r->nodes, out) = part(r, span, value, start, len);
		start += len;
	} while (value[start]);
	return true;
}

/* The words behind the first, to *out */
static bool parse_networks(struct resolver *r, const struct ast_words *words, struct policy_targets *out)
{
	struct rule_scope scope = { r->arena, r->diags, r->policy, &r->budget, NULL };

	for (size_t i = 1; i < words->count; i++)
		if (!rule_parse_cidr(&scope, &words->items[i], arena_push(r->arena, out)))
			return false;
	return true;
}

void resolver_add_network_group(struct resolver *r, struct span span, const char *value)
{
	struct ast_statement *statement = arena_alloc(r->nodes, sizeof *statement);
	struct policy_targets networks = { 0 };

	*statement = (struct ast_statement){ .kind = AST_GROUP, .span = span };
	if (split(r, span, value, &statement->words) && parse_networks(r, &statement->words, &networks))
		*arena_push(r->nodes, &r->statements) = statement;
}

void resolver_add_cluster(struct resolver *r, struct span span, const char *value)
{
	struct rule_scope scope = { r->arena, r->diags, r->policy, &r->budget, NULL };
	struct resolver_cluster cluster = { .networks = { 0 } };
	struct policy_targets networks = { 0 };
	struct ast_words words = { 0 };
	struct policy_target domain;

	if (!split(r, span, value, &words) || !rule_parse_suffix(&scope, &words.items[0], &domain) ||
	    !parse_networks(r, &words, &networks))
		return;
	if (name_is_public_suffix(domain.name)) {
		diag_error(r->diags, "bad-in", words.items[0].span,
			   "anybody can have a name under `%s`, and could lead it into the network", domain.name);
		return;
	}
	cluster.domain = domain.name;
	for (size_t i = 0; i < networks.count; i++)
		if (!rule_add_network(&scope, &networks.items[i], &cluster.networks))
			return;
	*arena_push(r->arena, &r->clusters) = cluster;
}

/* Whether the rule allows names below the domain and nothing else. The host's own name is on the gateway. */
static bool is_of_cluster(const struct policy_rule *rule, const struct resolver_cluster *cluster)
{
	if (rule->action != POLICY_ALLOW || rule->directions != POLICY_EGRESS || rule->within.count)
		return false;
	for (size_t i = 0; i < rule->targets.count; i++)
		if (!policy_target_is_name(&rule->targets.items[i]) ||
		    !name_has_suffix(rule->targets.items[i].name, cluster->domain) ||
		    name_equal(rule->targets.items[i].name, NAME_HOST_ALIAS))
			return false;
	return rule->targets.count > 0;
}

void resolver_place_cluster_names(struct resolver *r)
{
	for (size_t i = 0; i < r->policy->rules.count; i++)
		for (size_t k = 0; k < r->clusters.count; k++) {
			struct policy_rule *rule = &r->policy->rules.items[i];
			if (!is_of_cluster(rule, &r->clusters.items[k]))
				continue;
			rule->within = r->clusters.items[k].networks;
			rule->text = arena_printf(r->arena, "%s%s", rule->text, policy_within_format(r->arena, rule));
		}
}
