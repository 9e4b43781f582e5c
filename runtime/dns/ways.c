/* Which chain each bound address leads to: see ways.h. */
#include "dns/ways.h"
#include "lower/sandbox_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ELEMENT_BUCKETS 16384u
#define CHAIN_BUCKETS 1024u
#define MADE_CHAIN "bound_" /* and a number */
#define CHAINS_KEPT 64      /* that nothing leads to: the next address may want one */
#define NOT_QUEUED SIZE_MAX
#define NOT_CHANGED SIZE_MAX

struct made_chain {
	struct made_chain *next; /* in the bucket of its key */
	uint32_t subject;
	enum addr_family family;
	size_t weight;    /* parts and ranges of ports */
	size_t elements;  /* that lead there, or may in the kernel */
	uint64_t busy_ms; /* until then the kernel is not asked again to delete it */
	char name[40];
	char key[]; /* lower_bound_key() */
};

/* Where an element leads; to: its name; NULL: there is no element. made: NULL where it is one of the ruleset's */
struct target {
	const char *to;
	struct made_chain *made;
};

struct element {
	struct element *next; /* in the bucket of its address */
	uint32_t subject;
	struct addr addr;
	struct target target;
	uint64_t expires_ms; /* of what the kernel has */
	uint64_t again_ms;   /* when the first of its rules ends; UINT64_MAX: it times out whole */
	size_t place;        /* in the queue */
	bool touched;        /* in this turn */
	size_t change;       /* of this turn's, its own; NOT_CHANGED: none */
};

/* What an element was when the turn began */
struct before {
	struct element *element;
	struct target target;
	uint64_t expires_ms, again_ms;
};

struct ways {
	const struct policy *policy;
	struct arena *arena;
	struct lower_maps maps;
	struct lower_bound *bounds[POLICY_FLOORS_MAX + 1]; /* by subject; NULL: none of its families has a map */
	const char *map_names[POLICY_FLOORS_MAX + 1][2];
	uint64_t seed, purged_ms;
	struct element *elements[ELEMENT_BUCKETS];
	struct made_chain *chains[CHAIN_BUCKETS];
	struct ways_room room;
	size_t chain_count, idle_count, weight, made, refused;
	struct element **queue; /* a heap: those whose rules end at different times, by again_ms */
	size_t queue_count, queue_cap;
	/* this turn */
	uint64_t now_ms;
	struct arena *turn;
	struct ruleset *fresh; /* the chains it makes; NULL: none */
	LIST_OF(struct made_chain *) fresh_chains;
	LIST_OF(struct before) before;
	const struct lower_bound_part *last; /* the parts of the last chain that was looked for */
	struct made_chain *last_chain;
};

/* ---- room ---- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A name rule's service falls into no more pieces than the rules on `any` and groups before it have ranges, and one, for TCP and
 * for UDP; nor into more than its own ranges have ports. */
static size_t most_pieces(const struct policy_rule *rule, size_t before)
{
	size_t ports = rule->ports.count ? 0 : UINT16_MAX;
	for (size_t i = 0; i < rule->ports.count; i++)
		ports += (size_t)(rule->ports.items[i].hi - rule->ports.items[i].lo) + 1;
	return 2 * smaller(ports, before + rule->ports.count + 1);
}

static bool has_target(const struct policy_rule *rule, bool name)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		if (name ? policy_target_is_name(target) : target->kind == TARGET_ANY || target->kind == TARGET_GROUP)
			return true;
	}
	return false;
}

static void add_room(const struct policy *subject, struct ways_room *room)
{
	size_t before = 0;
	for (size_t i = 0; i < subject->rules.count; i++) {
		const struct policy_rule *rule = &subject->rules.items[i];
		if (!(rule->directions & POLICY_EGRESS))
			continue;
		if (has_target(rule, true)) {
			room->chains += 2;
			room->weight += 2 * most_pieces(rule, before);
		}
		if (has_target(rule, false))
			before += rule->ports.count ? rule->ports.count : 1;
	}
}

struct ways_room ways_room(const struct policy *policy)
{
	struct ways_room room = { WAYS_CHAINS, WAYS_WEIGHT };
	add_room(policy, &room);
	for (size_t i = 0; i < policy->floors.count; i++)
		add_room(policy->floors.items[i], &room);
	return (struct ways_room){ smaller(room.chains, WAYS_CHAINS_MAX), smaller(room.weight, WAYS_WEIGHT_MAX) };
}

/* ---- life ---- */

struct ways *ways_new(const struct policy *policy, const struct addr_gateway *gateway, struct lower_maps maps)
{
	struct ways *ways = calloc(1, sizeof *ways);
	if (!ways)
		return NULL;
	ways->policy = policy;
	ways->maps = maps;
	ways->room = ways_room(policy);
	ways->arena = arena_new();
	if (getrandom(&ways->seed, sizeof ways->seed, 0) != sizeof ways->seed)
		ways->seed = (uintptr_t)ways;
	for (size_t i = 0; i <= policy->floors.count; i++) {
		if (!lower_maps_has(maps, i, ADDR_V4) && !lower_maps_has(maps, i, ADDR_V6))
			continue;
		ways->bounds[i] = lower_bound_new(ways->arena, policy, i, gateway);
		ways->map_names[i][0] = lower_bound_map(ways->arena, i, ADDR_V4);
		ways->map_names[i][1] = lower_bound_map(ways->arena, i, ADDR_V6);
	}
	return ways;
}

void ways_free(struct ways *ways)
{
	if (!ways)
		return;
	for (size_t i = 0; i < ELEMENT_BUCKETS; i++)
		for (struct element *element = ways->elements[i], *next; element; element = next) {
			next = element->next;
			free(element);
		}
	for (size_t i = 0; i < CHAIN_BUCKETS; i++)
		for (struct made_chain *chain = ways->chains[i], *next; chain; chain = next) {
			next = chain->next;
			free(chain);
		}
	free(ways->queue);
	arena_free(ways->arena);
	free(ways);
}

bool ways_has(const struct ways *ways, size_t subject, enum addr_family family)
{
	return lower_maps_has(ways->maps, subject, family);
}

size_t ways_refused(const struct ways *ways)
{
	return ways->refused;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* ---- the queue of elements that will change by themselves ---- */

static void put(struct ways *ways, size_t place, struct element *element)
{
	ways->queue[place] = element;
	element->place = place;
}

static void sift_up(struct ways *ways, size_t place, struct element *element)
{
	for (; place > 0 && ways->queue[(place - 1) / 2]->again_ms > element->again_ms; place = (place - 1) / 2)
		put(ways, place, ways->queue[(place - 1) / 2]);
	put(ways, place, element);
}

static void sift_down(struct ways *ways, size_t place, struct element *element)
{
	for (;;) {
		size_t child = 2 * place + 1;
		if (child + 1 < ways->queue_count && ways->queue[child + 1]->again_ms < ways->queue[child]->again_ms)
			child++;
		if (child >= ways->queue_count || ways->queue[child]->again_ms >= element->again_ms)
			break;
		put(ways, place, ways->queue[child]);
		place = child;
	}
	put(ways, place, element);
}

static void unqueue(struct ways *ways, struct element *element)
{
	size_t place = element->place;
	element->place = NOT_QUEUED;
	struct element *last = ways->queue[--ways->queue_count];
	if (last == element)
		return;
	sift_down(ways, place, last);
	sift_up(ways, last->place, last);
}

/* Where its time has become another, or there is none any more */
static void requeue(struct ways *ways, struct element *element)
{
	if (element->place != NOT_QUEUED)
		unqueue(ways, element);
	if (element->again_ms == UINT64_MAX)
		return;
	if (ways->queue_count == ways->queue_cap) {
		ways->queue_cap = ways->queue_cap ? 2 * ways->queue_cap : 64;
		ways->queue = arena_must(realloc(ways->queue, ways->queue_cap * sizeof(struct element *)));
	}
	ways->queue_count++;
	sift_up(ways, ways->queue_count - 1, element);
}

bool ways_due(const struct ways *ways, uint64_t now_ms, size_t *subject, struct addr *addr)
{
	if (ways_next_ms(ways) > now_ms)
		return false;
	*subject = ways->queue[0]->subject;
	*addr = ways->queue[0]->addr;
	return true;
}

uint64_t ways_next_ms(const struct ways *ways)
{
	return ways->queue_count ? ways->queue[0]->again_ms : UINT64_MAX;
}

/* ---- chains ---- */

static struct made_chain **chain_bucket(struct ways *ways, const char *key)
{
	uint64_t hash = ways->seed;
	for (; *key; key++)
		hash = mix(hash, (unsigned char)*key);
	return &ways->chains[hash % CHAIN_BUCKETS];
}

static void chain_drop(struct ways *ways, struct made_chain *chain)
{
	struct made_chain **at = chain_bucket(ways, chain->key);
	while (*at != chain)
		at = &(*at)->next;
	*at = chain->next;
	ways->chain_count--;
	ways->weight -= chain->weight;
	ways->idle_count -= chain->elements == 0;
	free(chain);
}

static void lead_to(struct ways *ways, struct target *target, struct target to)
{
	if (to.made && to.made->elements++ == 0)
		ways->idle_count--;
	if (target->made && --target->made->elements == 0)
		ways->idle_count++;
	*target = to;
}

static size_t weight_of(const struct lower_bound_parts *parts)
{
	size_t weight = parts->count;
	for (size_t i = 0; i < parts->count; i++)
		weight += parts->items[i].tcp.count + parts->items[i].udp.count +
			  (parts->items[i].wide ? LOWER_BOUND_SETS_MOST : 0);
	return weight;
}

/* Of chains and of the sets that they share, and of these, too */
static size_t weight_with(const struct ways *ways, const struct lower_bound_parts *parts)
{
	size_t weight = ways->weight + weight_of(parts) + lower_bound_needs(parts);
	for (size_t i = 0; i <= ways->policy->floors.count; i++)
		if (ways->bounds[i])
			weight += lower_bound_weight(ways->bounds[i]);
	return weight;
}

bool ways_is_chain(const char *name)
{
	return !strncmp(name, MADE_CHAIN, strlen(MADE_CHAIN)) ||
	       (!strncmp(name, "floor", 5) && strstr(name, "_" MADE_CHAIN));
}

static struct made_chain *chain_new(struct ways *ways, size_t subject, enum addr_family family, const char *key,
				    const struct lower_bound_parts *parts)
{
	struct made_chain *chain = arena_must(calloc(1, sizeof *chain + strlen(key) + 1));
	struct made_chain **at = chain_bucket(ways, key);
	chain->subject = (uint32_t)subject;
	chain->family = family;
	strcpy(chain->key, key);
	if (subject)
		snprintf(chain->name, sizeof chain->name, "floor%zu_" MADE_CHAIN "%zu", subject, ++ways->made);
	else
		snprintf(chain->name, sizeof chain->name, MADE_CHAIN "%zu", ++ways->made);
	chain->next = *at;
	*at = chain;
	ways->chain_count++;
	chain->weight = weight_of(parts);
	ways->weight += chain->weight;
	ways->idle_count++;
	if (!ways->fresh) {
		ways->fresh = ruleset_new(ways->turn);
		rs_table_add(ways->fresh, RS_INET, LOWER_TABLE);
	}
	lower_bound_chain(ways->bounds[subject], ways->fresh, &ways->fresh->tables.items[0],
			  arena_strdup(ways->turn, chain->name), family, parts);
	*arena_push(ways->turn, &ways->fresh_chains) = chain;
	return chain;
}

/* The chain for these parts: one that there is, or a new one; NULL where there is no room for it */
static struct made_chain *find_chain(struct ways *ways, size_t subject, enum addr_family family,
				     const struct lower_bound_parts *parts)
{
	const char *key = lower_bound_key(ways->turn, parts);
	for (struct made_chain *chain = *chain_bucket(ways, key); chain; chain = chain->next)
		if (chain->subject == subject && chain->family == family && !strcmp(chain->key, key))
			return chain;
	if (ways->chain_count >= ways->room.chains || parts->count > WAYS_PARTS_MAX ||
	    weight_with(ways, parts) > ways->room.weight)
		return NULL;
	return chain_new(ways, subject, family, key, parts);
}

static struct made_chain *chain_for(struct ways *ways, size_t subject, enum addr_family family,
				    const struct lower_bound_parts *parts)
{
	if (!ways->last || ways->last != parts->items)
		ways->last_chain = find_chain(ways, subject, family, parts);
	ways->last = parts->items;
	return ways->last_chain;
}

const char *ways_idle_chain(struct ways *ways, uint64_t now_ms)
{
	if (ways->idle_count <= CHAINS_KEPT)
		return NULL;
	for (size_t i = 0; i < CHAIN_BUCKETS; i++)
		for (struct made_chain *chain = ways->chains[i]; chain; chain = chain->next)
			if (chain->elements == 0 && chain->busy_ms <= now_ms)
				return chain->name;
	return NULL;
}

void ways_deleted(struct ways *ways, const char *name, bool done, uint64_t now_ms)
{
	for (size_t i = 0; i < CHAIN_BUCKETS; i++)
		for (struct made_chain *chain = ways->chains[i]; chain; chain = chain->next) {
			if (strcmp(chain->name, name))
				continue;
			if (done)
				chain_drop(ways, chain);
			else
				chain->busy_ms = now_ms + WAYS_GRACE_MS;
			return;
		}
}

/* ---- elements ---- */

static struct element **element_bucket(struct ways *ways, size_t subject, struct addr addr)
{
	uint64_t hash = mix(ways->seed ^ subject, (uint64_t)(addr.value >> 64));
	return &ways->elements[mix(hash, (uint64_t)addr.value) % ELEMENT_BUCKETS];
}

static struct element *element_find(struct ways *ways, size_t subject, struct addr addr)
{
	struct element *element = *element_bucket(ways, subject, addr);
	while (element && (element->subject != subject || !addr_equal(element->addr, addr)))
		element = element->next;
	return element;
}

static struct element *element_new(struct ways *ways, size_t subject, struct addr addr)
{
	struct element **at = element_bucket(ways, subject, addr);
	struct element *element = arena_must(calloc(1, sizeof *element));
	*element = (struct element){ *at, .subject = (uint32_t)subject, addr, .place = NOT_QUEUED };
	element->again_ms = UINT64_MAX;
	*at = element;
	return element;
}

/* Those that the kernel has collected by now, or that were removed */
static void purge(struct ways *ways)
{
	for (size_t i = 0; i < ELEMENT_BUCKETS; i++)
		for (struct element **at = &ways->elements[i]; *at;) {
			struct element *element = *at;
			if (element->place != NOT_QUEUED ||
			    (element->target.to && element->expires_ms + WAYS_GRACE_MS > ways->now_ms)) {
				at = &element->next;
				continue;
			}
			lead_to(ways, &element->target, (struct target){ NULL, NULL });
			*at = element->next;
			free(element);
		}
	ways->purged_ms = ways->now_ms;
}

void ways_begin(struct ways *ways, struct arena *turn, uint64_t now_ms)
{
	for (size_t i = 0; i < ways->before.count; i++)
		ways->before.items[i].element->touched = false;
	ways->now_ms = now_ms;
	ways->turn = turn;
	ways->fresh = NULL;
	memset(&ways->fresh_chains, 0, sizeof ways->fresh_chains);
	memset(&ways->before, 0, sizeof ways->before);
	ways->last = NULL;
	for (size_t i = 0; i <= ways->policy->floors.count; i++)
		if (ways->bounds[i])
			lower_bound_forget(ways->bounds[i]);
	if (now_ms - ways->purged_ms >= 1000)
		purge(ways);
}

static void touch(struct ways *ways, struct element *element)
{
	if (!element->touched) {
		element->change = NOT_CHANGED;
		*arena_push(ways->turn, &ways->before) =
			(struct before){ element, element->target, element->expires_ms, element->again_ms };
	}
	element->touched = true;
}

void ways_undo(struct ways *ways)
{
	for (size_t i = ways->before.count; i-- > 0;) {
		const struct before *before = &ways->before.items[i];
		struct element *element = before->element;
		lead_to(ways, &element->target, before->target);
		element->expires_ms = before->expires_ms;
		element->again_ms = before->again_ms;
		element->touched = false;
		requeue(ways, element);
	}
	for (size_t i = 0; i < ways->fresh_chains.count; i++)
		chain_drop(ways, ways->fresh_chains.items[i]);
	for (size_t i = 0; i <= ways->policy->floors.count; i++)
		if (ways->bounds[i])
			lower_bound_undo(ways->bounds[i]);
	ways->before.count = ways->fresh_chains.count = 0;
}

static bool same_target(struct target a, struct target b)
{
	return a.to && b.to && !strcmp(a.to, b.to);
}

/* What the kernel has becomes `to` until `expires_ms`; noted where that is a change */
static void change(struct ways *ways, struct element *element, struct target to, uint64_t expires_ms,
		   struct bindings_changes *out)
{
	bool lives = element->target.to && element->expires_ms > ways->now_ms;
	if (!to.to && !element->target.to)
		return;
	if (lives && same_target(element->target, to) && element->expires_ms == expires_ms)
		return;
	const char *before = element->target.to;
	if (element->change == NOT_CHANGED) {
		element->change = out->count;
		arena_push(ways->turn, out);
	} else { /* once more in this turn: the kernel sees the last alone */
		before = out->items[element->change].before;
	}
	out->items[element->change] = (struct bindings_change){
		.set = ways->map_names[element->subject][element->addr.family == ADDR_V6],
		.addr = element->addr,
		.timeout_ms = to.to ? expires_ms - ways->now_ms : 0,
		.remove = !to.to,
		.chain = to.to ? to.to : element->target.to,
		.before = before,
		.jump = lower_bound_jumps(element->subject),
		.source = element->subject,
	};
	lead_to(ways, &element->target, to);
	element->expires_ms = to.to ? expires_ms : 0;
	out->ruleset = ways->fresh;
}

/* What these rules come to; where the kernel is to forget it again, and when it will be something else */
static struct target target_of(struct ways *ways, size_t subject, struct addr addr, const struct way_rule *rules,
			       size_t count, uint64_t *expires_ms, uint64_t *again_ms)
{
	uint32_t *numbers = arena_alloc(ways->turn, (count ? count : 1) * sizeof *numbers);
	uint64_t first = UINT64_MAX, last = 0;
	size_t k = 0;
	for (size_t i = 0; i < count; i++)
		numbers[i] = rules[i].rule;
	struct lower_bound_parts parts = lower_bound_parts(ways->bounds[subject], ways->turn, addr, numbers, count);
	*again_ms = UINT64_MAX;
	if (parts.count == 0)
		return (struct target){ NULL, NULL };
	for (size_t i = 0; i < count; i++) {
		last = rules[i].until_ms > last ? rules[i].until_ms : last;
		if (k == parts.count || parts.items[k].rule != rules[i].rule)
			continue;
		first = rules[i].until_ms < first ? rules[i].until_ms : first;
		k++;
	}
	*expires_ms = last;
	if (first < last)
		*again_ms = first;
	for (size_t i = 0; parts.count == 1 && parts.items[0].whole && i < count; i++)
		if (rules[i].rule == parts.items[0].rule)
			return (struct target){ rules[i].chain, NULL };
	struct made_chain *chain = chain_for(ways, subject, addr.family, &parts);
	ways->refused += chain == NULL;
	return (struct target){ chain ? chain->name : LOWER_CHAIN_REFUSE, chain };
}

void ways_set(struct ways *ways, size_t subject, struct addr addr, const struct way_rule *rules, size_t count,
	      struct bindings_changes *out)
{
	uint64_t expires_ms = 0, again_ms;
	struct target to = target_of(ways, subject, addr, rules, count, &expires_ms, &again_ms);
	struct element *element = element_find(ways, subject, addr);
	if (!element && !to.to)
		return;
	if (!element)
		element = element_new(ways, subject, addr);
	touch(ways, element);
	change(ways, element, to, expires_ms, out);
	element->again_ms = again_ms;
	requeue(ways, element);
}
