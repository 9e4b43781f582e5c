/* `--emit rpz`: the policy's verdicts on names as a response-policy zone, for unbound, BIND and Knot Resolver.
 * A zone knows exact names and wildcards, the closest of which decides, and a name that exists in it hides the
 * wildcards above from what is below: so every name has a record for itself and one for what is below it, and
 * so have the names on the way to it. */
#include "emit/emit.h"
#include "base/escape.h"
#include "base/name.h"
#include "emit/name_tree.h"
#include "base/text.h"

#include <string.h>

enum { LENGTH_MAX = 200 }; /* octets, so that the zone's own name fits behind it */

static bool refuse(struct diags *diags, const struct name_tree *tree, const struct name_node *node, const char *why)
{
	diag_error(diags, "cannot-say", name_tree_span(tree, node),
		   "`%s` cannot be written in a response-policy zone: %s", node->name, why);
	return false;
}

/* Labels that mean something else in such a zone */
static bool is_trigger(const char *name)
{
	const char *last = strrchr(name, '.');

	return !strncmp(last ? last + 1 : name, "rpz-", 4);
}

static bool can_say(struct diags *diags, const struct name_tree *tree)
{
	bool ok = true;

	for (size_t i = 0; i < tree->count; i++) {
		const struct name_node *node = &tree->items[i];
		if (!node->mentioned)
			continue;
		if (is_trigger(node->name))
			ok = refuse(diags, tree, node, "there its last label is a trigger");
		else if (strlen(node->name) > LENGTH_MAX)
			ok = refuse(diags, tree, node, "it is too long");
		else if (!strcmp(node->name, NAME_HOST_ALIAS) && name_tree_action(tree, node->self) == POLICY_ALLOW)
			ok = refuse(diags, tree, node, "only a sandbox's own DNS knows it");
	}
	return ok;
}

/* A zone cannot let one name's answers hold what those of others may not */
static bool can_say_rules(struct diags *diags, const struct policy *policy)
{
	bool ok = true;

	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].within.count) {
			diag_error(diags, "cannot-say", policy->rules.items[i].span,
				   "`in` cannot be written in a response-policy zone: it knows names, not where they "
				   "may be");
			ok = false;
		}
	return ok;
}

static void add_record(struct text *text, const struct name_tree *tree, const char *owner, struct decider by)
{
	bool allow = name_tree_action(tree, by) == POLICY_ALLOW;

	text_addf(text, "%-40s CNAME %s ; %s\n", owner, allow ? "rpz-passthru." : ".            ",
		  name_tree_reason(text->arena, tree, by));
}

const char *emit_rpz(struct arena *arena, const struct policy *policy, struct diags *diags)
{
	struct text text = { .arena = arena };
	const struct name_tree *tree = name_tree_build(arena, policy, diags);

	if (!tree || !can_say(diags, tree) || !can_say_rules(diags, policy))
		return NULL;
	text_addf(&text, "; The names that %s lets a guest look up, as a response-policy zone: CNAME . is NXDOMAIN.\n",
		  escape_nft_comment(arena, basename(policy->name)));
	emit_note_limits(&text, policy, ";");
	text_add(&text, "; The closest record decides. Not in here: rebind protection (unbound: "
			"private-address; BIND:\n"
			"; deny-answer-addresses), and host.microsandbox.internal, which only a sandbox's own "
			"DNS knows.\n"
			"$TTL 60\n"
			"@ SOA localhost. root.localhost. 1 3600 600 86400 60\n"
			"@ NS localhost.\n");
	for (size_t i = 0; i < tree->count; i++) {
		const struct name_node *node = &tree->items[i];
		add_record(&text, tree, node->name, node->self);
		add_record(&text, tree, arena_printf(arena, "*.%s", node->name), node->below);
	}
	add_record(&text, tree, "*", tree->other);
	return text_get(&text);
}
