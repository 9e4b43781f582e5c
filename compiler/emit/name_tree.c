/* The tree of a policy's names. Names sort by their labels from the right, so that ancestors come first and
 * one walk with the parents at hand finds every deciding rule. */
#include "emit/name_tree.h"
#include "base/escape.h"
#include "lower/lower.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 1000000, DNS_PORT = 53 };

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
	int order = strcmp(x->key, y->key);

	return order ? order : (x->rule > y->rule) - (x->rule < y->rule);
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
			if (target->kind != TARGET_DOMAIN && target->kind != TARGET_SUFFIX)
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

/* The first egress rule on any or group host that takes a query over `transport` in */
static size_t general_rule(const struct policy *policy, enum policy_proto transport)
{
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		bool port = !rule->ports.count, target = false;
		if (!(rule->directions & POLICY_EGRESS) || (rule->protos && !(rule->protos & transport)))
			continue;
		for (size_t k = 0; k < rule->ports.count; k++)
			port |= rule->ports.items[k].lo <= DNS_PORT && DNS_PORT <= rule->ports.items[k].hi;
		for (size_t k = 0; k < rule->targets.count; k++)
			target |= rule->targets.items[k].kind == TARGET_ANY ||
				  (rule->targets.items[k].kind == TARGET_GROUP &&
				   rule->targets.items[k].group == ADDR_CLASS_HOST);
		if (port && target)
			return i;
	}
	return NAME_TREE_NONE;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
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
		node->below = parent == NAME_TREE_NONE ? NAME_TREE_NONE : tree->items[parent].below;
		if (node->suffix.count)
			node->below = least(node->below, node->suffix.items[0]);
		node->self = node->exact.count ? least(node->below, node->exact.items[0]) : node->below;
	}
}

/* Puts the general rules in; false where a transport would be answered otherwise than the other */
static bool decide(struct name_tree *tree, size_t udp, size_t tcp, size_t *rule)
{
	size_t named = *rule;

	*rule = least(named, udp);
	return name_tree_action(tree, *rule) == name_tree_action(tree, least(named, tcp));
}

struct name_tree *name_tree_build(struct arena *arena, const struct policy *policy, struct diags *diags)
{
	struct name_tree *tree = arena_alloc(arena, sizeof *tree);
	struct entries entries = { 0 };
	size_t udp = general_rule(policy, PROTO_UDP), tcp = general_rule(policy, PROTO_TCP);

	tree->policy = policy;
	if (!collect(arena, policy, diags, &entries))
		return NULL;
	if (entries.count)
		qsort(entries.items, entries.count, sizeof *entries.items, by_key);
	merge(arena, &entries, tree);
	inherit(tree);
	tree->other = NAME_TREE_NONE;
	bool same = decide(tree, udp, tcp, &tree->other);
	for (size_t i = 0; i < tree->count; i++)
		same = decide(tree, udp, tcp, &tree->items[i].self) && decide(tree, udp, tcp, &tree->items[i].below) &&
		       same;
	if (same)
		return tree;
	diag_error(diags, "cannot-say", policy->rules.items[least(udp, tcp)].span,
		   "this rule answers lookups by UDP and by TCP differently, which cannot be said there");
	return NULL;
}

enum policy_action name_tree_action(const struct name_tree *tree, size_t rule)
{
	return rule == NAME_TREE_NONE ? tree->policy->egress.action : tree->policy->rules.items[rule].action;
}

const char *name_tree_reason(struct arena *arena, const struct name_tree *tree, size_t rule)
{
	const struct policy *policy = tree->policy;
	struct span span = rule == NAME_TREE_NONE ? policy->egress.span : policy->rules.items[rule].span;
	const char *text = rule == NAME_TREE_NONE ? policy->egress.text : policy->rules.items[rule].text;

	return escape_nft_comment(arena, arena_printf(arena, "%s %s", policy_origin(arena, policy, span), text));
}
