/* An entry says that a rule may match where a key is looked up; a key is a hash, so two keys with one hash only make a
 * walk longer. Keys are: a network of some length, a name, a suffix, a port; one stands for the rules that are in every walk, one
 * for those that deny names. */
#include "eval/eval_index.h"
#include "policy/policy_facts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct eval_index_entry {
	uint64_t key;
	uint32_t rule;
};

struct eval_index {
	LIST_OF(struct eval_index_entry) entries; /* by key, then by rule, each once */
	bool lengths[2][129];                     /* of networks, by family: those that occur */
	struct addr unnamed[2];
};

enum { KEY_ALWAYS, KEY_DENIED_NAMES, KEY_PORT, KEY_V4, KEY_V6, KEY_DOMAIN, KEY_SUFFIX };

/* ---- keys ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t network_key(struct addr_prefix prefix)
{
	u128 first = addr_prefix_range(prefix).lo;
	uint64_t hash = mix(prefix.addr.family == ADDR_V4 ? KEY_V4 : KEY_V6, prefix.len);

	return mix(mix(hash, (uint64_t)(first >> 64)), (uint64_t)first);
}

/* From the last letter to the first, so that a name's suffixes are met on the way; letters in any case are one */
static uint64_t add_letter(uint64_t hash, char letter)
{
	return mix(hash, (unsigned char)tolower((unsigned char)letter));
}

static uint64_t name_key(int kind, const char *name)
{
	uint64_t hash = 0;

	for (size_t len = strlen(name); len-- > 0;)
		hash = add_letter(hash, name[len]);
	return mix(hash, (uint64_t)kind);
}

static uint64_t port_key(uint16_t port)
{
	return mix(KEY_PORT, port);
}

static uint64_t target_key(const struct policy_rule *rule, const struct policy_target *target)
{
	const struct policy_port_list *ports = &rule->ports;

	switch (target->kind) {
	case TARGET_CIDR:
		return network_key(target->prefix);
	case TARGET_DOMAIN:
		return name_key(KEY_DOMAIN, target->name);
	case TARGET_SUFFIX:
		return name_key(KEY_SUFFIX, target->name);
	default: /* `any` and groups, of one port or of whatever ports */
		return ports->count == 1 && ports->items[0].lo == ports->items[0].hi ? port_key(ports->items[0].lo) :
										       KEY_ALWAYS;
	}
}

/* ---- making ---- */

static int compare_entries(const void *a, const void *b)
{
	const struct eval_index_entry *x = a, *y = b;

	return COMPARE(x->key, y->key) ?: COMPARE(x->rule, y->rule);
}

static void add_rule(struct arena *arena, struct eval_index *index, const struct policy *policy, uint32_t rule)
{
	const struct policy_targets *targets = &policy->rules.items[rule].targets;

	if (policy->rules.items[rule].action == POLICY_DENY && policy_rule_has_names(&policy->rules.items[rule]))
		*arena_push(arena, &index->entries) = (struct eval_index_entry){ KEY_DENIED_NAMES, rule };
	for (size_t i = 0; i < targets->count; i++) {
		const struct policy_target *target = &targets->items[i];

		*arena_push(arena, &index->entries) =
			(struct eval_index_entry){ target_key(&policy->rules.items[rule], target), rule };
		if (target->kind == TARGET_CIDR)
			index->lengths[target->prefix.addr.family == ADDR_V6][target->prefix.len] = true;
	}
}

static void keep_each_once(struct eval_index *index)
{
	size_t kept = 0;

	for (size_t i = 0; i < index->entries.count; i++)
		if (!kept || compare_entries(&index->entries.items[kept - 1], &index->entries.items[i]))
			index->entries.items[kept++] = index->entries.items[i];
	index->entries.count = kept;
}

void eval_index_make(struct policy *policy, struct addr unnamed4, struct addr unnamed6)
{
	struct eval_index *index = arena_alloc(policy->arena, sizeof *index);

	arena_reserve(policy->arena, &index->entries, policy->rules.count + 1); /* not NULL where there is no rule */
	for (size_t i = 0; i < policy->rules.count; i++)
		add_rule(policy->arena, index, policy, (uint32_t)i);
	if (index->entries.count)
		qsort(index->entries.items, index->entries.count, sizeof *index->entries.items, compare_entries);
	keep_each_once(index);
	index->unnamed[0] = unnamed4;
	index->unnamed[1] = unnamed6;
	policy->index = index;
}

bool eval_index_unnamed(const struct policy *policy, enum addr_family family, struct addr *out)
{
	if (policy->index)
		*out = policy->index->unnamed[family == ADDR_V6];
	return policy->index != NULL;
}

/* ---- walking ---- */

/* The first entry whose key is not below `key` */
static const struct eval_index_entry *find(const struct eval_index *index, uint64_t key)
{
	const struct eval_index_entry *lo = index->entries.items, *hi = lo + index->entries.count;

	while (lo < hi) {
		const struct eval_index_entry *mid = lo + (hi - lo) / 2;

		if (mid->key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void add_key(struct eval_walk *walk, uint64_t key)
{
	const struct eval_index *index = walk->policy->index;

	if (walk->whole)
		return;
	const struct eval_index_entry *at = find(index, key), *end = index->entries.items + index->entries.count;

	if (at == end || at->key != key)
		return;
	if (walk->count == EVAL_WALK_LISTS) {
		walk->whole = true;
		return;
	}
	walk->lists[walk->count].at = at;
	walk->lists[walk->count++].end = end;
}

static void start(struct eval_walk *walk, const struct policy *policy, uint64_t key)
{
	walk->policy = policy;
	walk->next = walk->count = 0;
	walk->whole = !policy->index;
	add_key(walk, key);
}

void eval_walk_start(struct eval_walk *walk, const struct policy *policy)
{
	start(walk, policy, KEY_ALWAYS);
}

void eval_walk_denied_names(struct eval_walk *walk, const struct policy *policy)
{
	start(walk, policy, KEY_DENIED_NAMES);
}

void eval_walk_add_denied_names(struct eval_walk *walk)
{
	add_key(walk, KEY_DENIED_NAMES);
}

void eval_walk_add_port(struct eval_walk *walk, uint16_t port)
{
	add_key(walk, port_key(port));
}

static void add_networks(struct eval_walk *walk, struct addr addr)
{
	bool v6 = addr.family == ADDR_V6;

	for (uint8_t len = 0; len <= (v6 ? 128 : 32); len++)
		if (walk->policy->index->lengths[v6][len])
			add_key(walk, network_key((struct addr_prefix){ .addr = addr, .len = len }));
}

void eval_walk_add_addr(struct eval_walk *walk, struct addr addr, const struct addr_nat64 *nat64)
{
	struct addr_carried carried;

	if (walk->whole)
		return;
	add_networks(walk, addr);
	if (addr.family == ADDR_V6 && addr_carries(addr, nat64, &carried))
		add_networks(walk, carried.v4);
}

static void add_name(struct eval_walk *walk, const char *name, size_t len)
{
	uint64_t hash = 0;

	if (walk->whole)
		return;
	if (len && name[len - 1] == '.')
		len--;
	while (len-- > 0) {
		hash = add_letter(hash, name[len]);
		if (len == 0 || name[len - 1] == '.')
			add_key(walk, mix(hash, KEY_SUFFIX));
	}
	add_key(walk, mix(hash, KEY_DOMAIN));
}

void eval_walk_add_name(struct eval_walk *walk, const char *name)
{
	add_name(walk, name, strlen(name));
}

void eval_walk_add_server_name(struct eval_walk *walk, const char *sni)
{
	add_name(walk, sni, strcspn(sni, ":"));
}

/* The least of what the lists have next; those that have it step on */
size_t eval_walk_next(struct eval_walk *walk)
{
	const size_t none = walk->policy->rules.count;
	size_t least = none;

	if (walk->whole)
		return walk->next < none ? walk->next++ : none;
	for (size_t i = 0; i < walk->count; i++)
		if (walk->lists[i].at->rule < least)
			least = walk->lists[i].at->rule;
	for (size_t i = 0; i < walk->count;) {
		const struct eval_index_entry *at = walk->lists[i].at, *end = walk->lists[i].end;
		uint64_t key = at->key;

		if (at->rule == least && (++at == end || at->key != key))
			walk->lists[i] = walk->lists[--walk->count];
		else
			walk->lists[i++].at = at;
	}
	return least;
}
