/* Builds the classes of names: patterns into a tree, equal siblings into classes, classes into preorder. */
#include "analysis/name_classes.h"
#include "base/fnv.h"
#include "base/name.h"

#include <stdlib.h>
#include <string.h>

#define NO_NODE UINT32_MAX
#define NAME_MAX_LEN 253

struct node {
	struct name_pattern pattern;
	uint32_t parent, class;
	uint32_t hash_next;
	LIST_OF(uint32_t) rules[ANALYSIS_POLICIES];
};

struct name_classes {
	struct arena *arena;
	LIST_OF(struct node) nodes; /* 0 is the root */
	uint32_t *buckets;
	size_t bucket_count;
	struct name_class *classes;
	uint32_t class_count;
	struct rule_spans {
		struct run *items;
		size_t count, cap;
	} * spans[ANALYSIS_POLICIES];
	size_t policy_count;
};

/* ---- patterns and their tree ---- */

static uint32_t find_node(const struct name_classes *names, bool suffix, const char *name)
{
	uint32_t index = names->buckets[fnv_text(suffix, name) & (names->bucket_count - 1)];

	while (index != NO_NODE && (names->nodes.items[index].pattern.suffix != suffix ||
				    strcmp(names->nodes.items[index].pattern.name, name) != 0))
		index = names->nodes.items[index].hash_next;
	return index;
}

static uint32_t add_node(struct name_classes *names, bool suffix, const char *name)
{
	uint32_t index = find_node(names, suffix, name), *bucket;
	struct node *node;

	if (index != NO_NODE)
		return index;
	bucket = &names->buckets[fnv_text(suffix, name) & (names->bucket_count - 1)];
	index = (uint32_t)names->nodes.count;
	node = arena_push(names->arena, &names->nodes);
	node->pattern = (struct name_pattern){ name, suffix, false };
	node->hash_next = *bucket;
	*bucket = index;
	return index;
}

static void add_rule(struct name_classes *names, size_t policy, uint32_t rule, const struct policy_target *target)
{
	struct node *node;
	uint32_t index;

	if (target->kind != TARGET_DOMAIN && target->kind != TARGET_SUFFIX)
		return;
	index = add_node(names, target->kind == TARGET_SUFFIX, target->name);
	node = &names->nodes.items[index];
	if (!node->rules[policy].count || node->rules[policy].items[node->rules[policy].count - 1] != rule)
		*arena_push(names->arena, &node->rules[policy]) = rule;
}

static size_t count_targets(const struct policy *const *policies, size_t count)
{
	size_t targets = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < policies[i]->rules.count; j++)
			targets += policies[i]->rules.items[j].targets.count;
	return targets;
}

static void add_patterns(struct name_classes *names, const struct policy *const *policies, size_t count)
{
	uint32_t alias;

	names->bucket_count = 64;
	while (names->bucket_count < 2 * count_targets(policies, count))
		names->bucket_count *= 2;
	names->buckets = arena_alloc(names->arena, names->bucket_count * sizeof *names->buckets);
	memset(names->buckets, 0xff, names->bucket_count * sizeof *names->buckets);
	arena_push(names->arena, &names->nodes)->pattern.name = "";
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < policies[i]->rules.count; j++)
			for (size_t k = 0; k < policies[i]->rules.items[j].targets.count; k++)
				add_rule(names, i, (uint32_t)j, &policies[i]->rules.items[j].targets.items[k]);
	alias = add_node(names, false, NAME_HOST_ALIAS);
	if (!names->nodes.items[alias].rules[0].count && !names->nodes.items[alias].rules[1].count)
		names->nodes.items[alias].pattern.anonymous = true;
}

/* The narrowest suffix pattern that takes in all of `name`, from its own text on or below it; the root */
static uint32_t covering_node(const struct name_classes *names, const char *name, bool own)
{
	const char *rest = own ? name : strchr(name, '.');

	if (!own && rest)
		rest++;
	for (; rest; rest = strchr(rest, '.') ? strchr(rest, '.') + 1 : NULL) {
		uint32_t found = find_node(names, true, rest);

		if (found != NO_NODE)
			return found;
	}
	return 0;
}

/* ---- classes ---- */

struct class_key {
	uint32_t node; /* the first of its class */
	uint32_t parent, next;
};

static bool same_rules(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < ANALYSIS_POLICIES; i++)
		if (a->rules[i].count != b->rules[i].count ||
		    (a->rules[i].count &&
		     memcmp(a->rules[i].items, b->rules[i].items, a->rules[i].count * sizeof *a->rules[i].items) != 0))
			return false;
	return true;
}

static size_t hash_rules(const struct node *node, uint32_t parent)
{
	size_t hash = parent;

	for (size_t i = 0; i < ANALYSIS_POLICIES; i++)
		for (size_t j = 0; j < node->rules[i].count; j++)
			hash = (hash ^ (node->rules[i].items[j] * 2 + i)) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static bool is_alias(const struct node *node)
{
	return !node->pattern.suffix && name_equal(node->pattern.name, NAME_HOST_ALIAS);
}

/* Classes in the order in which they are found; parents before children */
struct class_list {
	struct class_key *items;
	size_t count, cap;
};

static uint32_t class_of_node(struct name_classes *names, struct class_list *list, uint32_t *buckets, size_t mask,
			      uint32_t index)
{
	struct node *node = &names->nodes.items[index];
	uint32_t parent = names->nodes.items[node->parent].class;
	uint32_t *bucket = &buckets[hash_rules(node, parent) & mask];
	bool alone = is_alias(node);

	for (uint32_t i = *bucket; !alone && i != NO_NODE; i = list->items[i].next)
		if (list->items[i].parent == parent && !is_alias(&names->nodes.items[list->items[i].node]) &&
		    same_rules(&names->nodes.items[list->items[i].node], node))
			return i;
	*arena_push(names->arena, list) = (struct class_key){ index, parent, *bucket };
	return *bucket = (uint32_t)(list->count - 1);
}

static int compare_depth(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b; /* depth, node */

	return COMPARE(x[0], y[0]) ?: COMPARE(x[1], y[1]);
}

static unsigned labels(const char *name)
{
	unsigned count = 1;

	for (; *name; name++)
		count += *name == '.';
	return count;
}

/* Every node gets a class, parents first: a parent's pattern is shorter, or the suffix of the same text. */
static void find_classes(struct name_classes *names, struct class_list *list)
{
	size_t count = names->nodes.count, mask = names->bucket_count - 1;
	uint32_t *order = arena_alloc(names->arena, 2 * count * sizeof *order);
	uint32_t *buckets = arena_alloc(names->arena, names->bucket_count * sizeof *buckets);

	memset(buckets, 0xff, names->bucket_count * sizeof *buckets);
	for (uint32_t i = 1; i < count; i++) {
		struct node *node = &names->nodes.items[i];

		node->parent = covering_node(names, node->pattern.name, !node->pattern.suffix);
		order[2 * i] = labels(node->pattern.name) * 2 + !node->pattern.suffix;
		order[2 * i + 1] = i;
	}
	qsort(order, count, 2 * sizeof *order, compare_depth);
	*arena_push(names->arena, list) = (struct class_key){ 0, 0, NO_NODE };
	for (size_t i = 1; i < count; i++)
		names->nodes.items[order[2 * i + 1]].class =
			class_of_node(names, list, buckets, mask, order[2 * i + 1]);
}

/* From the order of finding to preorder: a child's number is its parent's, plus one, plus the sizes of the
 * siblings before it. */
static uint32_t *preorder(struct name_classes *names, const struct class_list *list)
{
	size_t count = list->count;
	uint32_t *size = arena_alloc(names->arena, count * sizeof *size);
	uint32_t *next = arena_alloc(names->arena, count * sizeof *next);
	uint32_t *number = arena_alloc(names->arena, count * sizeof *number);

	for (size_t i = count; i-- > 1;)
		size[list->items[i].parent] += ++size[i];
	size[0]++;
	for (size_t i = 1; i < count; i++) {
		uint32_t parent = list->items[i].parent;

		number[i] = number[parent] + 1 + next[parent];
		next[parent] += size[i];
	}
	for (size_t i = 0; i < count; i++)
		names->classes[number[i]].end = number[i] + size[i];
	return number;
}

static void fill_classes(struct name_classes *names, const struct class_list *list, const uint32_t *number)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct node *node = &names->nodes.items[list->items[i].node];
		struct name_class *class = &names->classes[number[i]];

		class->parent = number[list->items[i].parent];
		class->alias = i && is_alias(node);
		for (size_t j = 0; j < ANALYSIS_POLICIES; j++) {
			class->rules[j] = node->rules[j].items;
			class->rule_count[j] = (uint32_t)node->rules[j].count;
		}
	}
	for (size_t i = 1; i < names->nodes.count; i++) {
		struct node *node = &names->nodes.items[i];

		node->class = number[node->class];
		*arena_push(names->arena, &names->classes[node->class].patterns) = node->pattern;
	}
}

/* ---- a name of each class ---- */

static bool taken(const struct name_classes *names, const char *name)
{
	return find_node(names, false, name) != NO_NODE || find_node(names, true, name) != NO_NODE;
}

/* A name that `pattern` takes and no pattern below it does */
static const char *member_of(const struct name_classes *names, const struct name_pattern *pattern)
{
	static const char *const likely[] = { "www.", "anybody.", "a.", "b.", "c.", "d.", "e.", "f.", "g." };
	const char *name;

	if (!pattern->suffix || find_node(names, false, pattern->name) == NO_NODE)
		return pattern->name;
	for (size_t i = 0; i < names->nodes.count + sizeof likely / sizeof *likely; i++) {
		name = i < sizeof likely / sizeof *likely ?
			       arena_printf(names->arena, "%s%s", likely[i], pattern->name) :
			       arena_printf(names->arena, "n%zu.%s", i, pattern->name);
		if (strlen(name) <= NAME_MAX_LEN && !taken(names, name))
			return name;
		if (i > sizeof likely / sizeof *likely && strlen(name) > NAME_MAX_LEN)
			break;
	}
	return NULL;
}

static const char *unnamed_member(const struct name_classes *names)
{
	const char *name = "example.com";

	for (size_t i = 1; taken(names, name) || covering_node(names, name, true); i++)
		name = arena_printf(names->arena, "example%zu.test", i);
	return name;
}

static void find_members(struct name_classes *names)
{
	names->classes[0].member = unnamed_member(names);
	for (uint32_t i = 1; i < names->class_count; i++) {
		struct name_class *class = &names->classes[i];

		for (size_t j = 0; j < class->patterns.count && !class->member; j++)
			class->member = member_of(names, &class->patterns.items[j]);
	}
}

/* ---- what rules make of the classes ---- */

static void note_lookup(uint32_t first[2], uint32_t rule)
{
	if (rule < first[0]) {
		first[1] = first[0];
		first[0] = rule;
	} else if (rule > first[0] && rule < first[1]) {
		first[1] = rule;
	}
}

static void find_lookups(struct name_classes *names, const struct policy *policy, size_t which)
{
	for (uint32_t i = 0; i < names->class_count; i++) {
		struct name_class *class = &names->classes[i];

		class->lookup[which][0] = i ? names->classes[class->parent].lookup[which][0] : ANALYSIS_NONE;
		class->lookup[which][1] = i ? names->classes[class->parent].lookup[which][1] : ANALYSIS_NONE;
		for (uint32_t j = 0; j < class->rule_count[which]; j++)
			if (policy->rules.items[class->rules[which][j]].directions & POLICY_EGRESS)
				note_lookup(class->lookup[which], class->rules[which][j]);
	}
}

static void find_spans(struct name_classes *names, const struct policy *policy, size_t which)
{
	names->spans[which] = arena_alloc(names->arena, (policy->rules.count + 1) * sizeof *names->spans[which]);
	for (uint32_t i = 1; i < names->class_count; i++) {
		const struct name_class *class = &names->classes[i];

		for (uint32_t j = 0; j < class->rule_count[which]; j++) {
			struct rule_spans *spans = &names->spans[which][class->rules[which][j]];

			if (spans->count && spans->items[spans->count - 1].hi >= class->end)
				continue;
			if (spans->count && spans->items[spans->count - 1].hi == i)
				spans->items[spans->count - 1].hi = class->end;
			else
				*arena_push(names->arena, spans) = (struct run){ i, class->end };
		}
	}
}

struct name_classes *name_classes_new(struct arena *arena, const struct policy *const *policies, size_t count)
{
	struct name_classes *names = arena_alloc(arena, sizeof *names);
	struct class_list list = { NULL, 0, 0 };

	names->arena = arena;
	names->policy_count = count;
	add_patterns(names, policies, count);
	find_classes(names, &list);
	names->class_count = (uint32_t)list.count;
	names->classes = arena_alloc(arena, list.count * sizeof *names->classes);
	fill_classes(names, &list, preorder(names, &list));
	find_members(names);
	for (size_t i = 0; i < count; i++) {
		find_lookups(names, policies[i], i);
		find_spans(names, policies[i], i);
	}
	return names;
}

uint32_t name_classes_count(const struct name_classes *names)
{
	return names->class_count;
}

const struct name_class *name_classes_at(const struct name_classes *names, uint32_t index)
{
	return &names->classes[index];
}

const struct run *name_classes_rule_runs(const struct name_classes *names, size_t policy, size_t rule, size_t *count)
{
	*count = names->spans[policy][rule].count;
	return names->spans[policy][rule].items;
}

bool name_classes_rule_takes(const struct name_classes *names, size_t policy, size_t rule, uint32_t class)
{
	const struct rule_spans *spans = &names->spans[policy][rule];
	size_t lo = FIND_FIRST(spans->count, at, spans->items[at].hi <= class);

	return lo < spans->count && spans->items[lo].lo <= class;
}

uint32_t name_classes_of_pattern(const struct name_classes *names, bool suffix, const char *name)
{
	uint32_t node = find_node(names, suffix, name);

	return node == NO_NODE ? 0 : names->nodes.items[node].class;
}

uint32_t name_classes_find(const struct name_classes *names, const char *name)
{
	uint32_t node = find_node(names, false, name);

	return names->nodes.items[node == NO_NODE ? covering_node(names, name, true) : node].class;
}
