/* The tree of a policy's names. Names sort by their labels from the right, so that ancestors come first and
 * one walk with the parents at hand finds every deciding rule. */
#include "emit/name_tree.h"
#include "base/escape.h"
#include "eval/eval.h"
#include "policy/policy_facts.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 1000000 };

struct entry {
	const char *key; /* labels from the right, each ended by \1, which sorts before any octet of a label */
	const char *name;
	size_t rule; /* NAME_TREE_NONE: an ancestor only */
	bool is_suffix;
};

struct entries {
	struct entry *items;
	size_t count, cap;
};

static const char *key_of(struct arena *arena, const char *name)
{
	size_t len = strlen(name);
	char *key = arena_alloc(arena, len + 2), *to = key;

	for (size_t end = len; end != SIZE_MAX;) {
		size_t start = end;
		while (start && name[start - 1] != '.')
			start--;
		memcpy(to, name + start, end - start);
		to += end - start;
		*to++ = 1;
		end = start ? start - 1 : SIZE_MAX;
	}
	return key;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->key, y->key) ?: COMPARE(x->rule, y->rule);
}

/* A name and all its ancestors */
static void add(struct arena *arena, struct entries *entries, const char *name, size_t rule, bool is_suffix)
{
	*arena_push(arena, entries) = (struct entry){ key_of(arena, name), name, rule, is_suffix };
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		*arena_push(arena, entries) = (struct entry){ key_of(arena, dot + 1), dot + 1, NAME_TREE_NONE, false };
}

static bool collect(struct arena *arena, const struct policy *policy, struct diags *diags, struct entries *entries)
{
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		for (size_t k = 0; (rule->directions & POLICY_EGRESS) && k < rule->targets.count; k++) {
			const struct policy_target *target = &rule->targets.items[k];
			if (!policy_target_is_name(target))
				continue;
			if (entries->count > ENTRIES_MAX) {
				diag_error(diags, "too-complex", rule->span, "too many names for a list of them");
				return false;
			}
			add(arena, entries, target->name, i, target->kind == TARGET_SUFFIX);
		}
	}
	return true;
}

/* Rules are tried in order, and the default last */
static struct decider first_of(struct decider a, struct decider b)
{
	if (a.kind != DECIDER_RULE || b.kind != DECIDER_RULE)
		return a.kind == DECIDER_RULE ? a : b;
	return decided_by_rule(a.rule < b.rule ? a.rule : b.rule);
}

static void put(struct arena *arena, struct name_rules *rules, size_t rule)
{
	if (!rules->count || rules->items[rules->count - 1] != rule)
		*arena_push(arena, rules) = rule;
}

/* One node for each different key, with the rules of all its entries */
static void merge(struct arena *arena, const struct entries *entries, struct name_tree *tree)
{
	const char *last = NULL;

	tree->items = arena_alloc(arena, (entries->count + 1) * sizeof *tree->items);
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->items[i];
		if (!last || strcmp(last, entry->key) != 0)
			tree->items[tree->count++].name = entry->name;
		last = entry->key;
		struct name_node *node = &tree->items[tree->count - 1];
		if (entry->rule == NAME_TREE_NONE)
			continue;
		node->mentioned = true;
		put(arena, entry->is_suffix ? &node->suffix : &node->exact, entry->rule);
	}
}

static bool is_below(const char *name, const char *ancestor)
{
	size_t len = strlen(name), tail = strlen(ancestor);

	return len > tail && name[len - tail - 1] == '.' && !strcmp(name + len - tail, ancestor);
}

/* Parents, and of name rules alone which comes first: what general rules decide is put over it afterwards */
static void inherit(struct name_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct name_node *node = &tree->items[i];
		size_t parent = i ? i - 1 : NAME_TREE_NONE; /* the node before, or one of its ancestors */
		while (parent != NAME_TREE_NONE && !is_below(node->name, tree->items[parent].name))
			parent = tree->items[parent].parent;
		node->parent = parent;
		node->below = parent == NAME_TREE_NONE ? decided_by(DECIDER_DEFAULT) : tree->items[parent].below;
		if (node->suffix.count)
			node->below = first_of(node->below, decided_by_rule(node->suffix.items[0]));
		node->self =
			node->exact.count ? first_of(node->below, decided_by_rule(node->exact.items[0])) : node->below;
	}
}

/* Puts in who decides queries whatever the name, by UDP and by TCP; false where the transports get different answers */
static bool decide(struct name_tree *tree, struct decider udp, struct decider tcp, struct decider *by)
{
	struct decider named = *by;

	*by = first_of(named, udp);
	return name_tree_action(tree, *by) == name_tree_action(tree, first_of(named, tcp));
}

struct name_tree *name_tree_build(struct arena *arena, const struct policy *policy, struct diags *diags)
{
	struct name_tree *tree = arena_alloc(arena, sizeof *tree);
	struct entries entries = { 0 };
	struct eval_context context = { .policy = policy };
	struct decider udp = eval_dns(&context, NULL, FLOW_DNS_UDP).by, tcp = eval_dns(&context, NULL, FLOW_DNS_TCP).by;

	tree->policy = policy;
	if (!collect(arena, policy, diags, &entries))
		return NULL;
	if (entries.count)
		qsort(entries.items, entries.count, sizeof *entries.items, by_key);
	merge(arena, &entries, tree);
	inherit(tree);
	tree->other = decided_by(DECIDER_DEFAULT);
	bool same = decide(tree, udp, tcp, &tree->other);
	for (size_t i = 0; i < tree->count; i++)
		same = decide(tree, udp, tcp, &tree->items[i].self) && decide(tree, udp, tcp, &tree->items[i].below) &&
		       same;
	if (same)
		return tree;
	diag_error(diags, "cannot-say", policy->rules.items[first_of(udp, tcp).rule].span,
		   "this rule answers lookups by UDP and by TCP differently, which cannot be expressed there");
	return NULL;
}

enum policy_action name_tree_action(const struct name_tree *tree, struct decider by)
{
	return by.kind == DECIDER_RULE ? tree->policy->rules.items[by.rule].action : tree->policy->egress.action;
}

const char *name_tree_reason(struct arena *arena, const struct name_tree *tree, struct decider by)
{
	const struct policy *policy = tree->policy;
	bool rule = by.kind == DECIDER_RULE;
	struct span span = rule ? policy->rules.items[by.rule].span : policy->egress.span;
	const char *text = rule ? policy->rules.items[by.rule].text : policy->egress.text;

	return escape_nft_comment(arena, arena_printf(arena, "%s %s", policy_origin(arena, policy, span), text));
}

struct span name_tree_span(const struct name_tree *tree, const struct name_node *node)
{
	const struct name_rules *rules = node->exact.count ? &node->exact : &node->suffix;

	return rules->count ? tree->policy->rules.items[rules->items[0]].span : tree->policy->egress.span;
}
