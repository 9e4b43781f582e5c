/* Names bound to addresses for a time, and what that means for the kernel's sets and maps. Two hash tables over
 * the same entries: by name and family, and by address, so that "who else binds this address" is a short walk. */
#include "base/fnv.h"
#include "base/name.h"
#include "dns/bindings_state.h"
#include "eval/eval_index.h"
#include "lower/lower_bound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PURGE_EVERY_MS 1000

static struct entry **name_bucket(struct bindings *bindings, const char *name)
{
	return &bindings->by_name[bindings_mix(fnv_text(bindings->seed, name)) % NAME_BUCKETS];
}

static const struct policy *subject_of(const struct bindings *bindings, size_t subject)
{
	return subject ? bindings->policy->floors.items[subject - 1] : bindings->policy;
}

static void add_slots(struct bindings *bindings, size_t subject)
{
	const struct policy *of = subject_of(bindings, subject);
	bindings->first_slots[subject] = (uint32_t)bindings->slots.count;
	for (size_t i = 0; i < of->rules.count; i++) {
		struct slot slot = { &of->rules.items[i], (uint32_t)subject, (uint32_t)i, NULL, NULL };
		slot.set4 = lower_bound_rule_chain(bindings->arena, bindings->policy, subject, i, ADDR_V4);
		slot.set6 = lower_bound_rule_chain(bindings->arena, bindings->policy, subject, i, ADDR_V6);
		if (slot.set4 || slot.set6)
			*arena_push(bindings->arena, &bindings->slots) = slot;
	}
	bindings->first_slots[subject + 1] = (uint32_t)bindings->slots.count;
}

struct bindings *bindings_new(const struct policy *policy, const struct addr_gateway *gateway, struct lower_maps maps)
{
	struct bindings *bindings = calloc(1, sizeof *bindings);
	if (!bindings)
		return NULL;
	bindings->policy = policy;
	bindings->gateway = *gateway;
	bindings->arena = arena_new();
	bindings->ended = calloc(1, sizeof *bindings->ended);
	if (maps.v4 || maps.v6)
		bindings->ways = ways_new(policy, gateway, maps);
	if (!bindings->ended || ((maps.v4 || maps.v6) && !bindings->ways)) {
		bindings_free(bindings);
		return NULL;
	}
	if (getrandom(&bindings->seed, sizeof bindings->seed, 0) != sizeof bindings->seed)
		bindings->seed = (uintptr_t)bindings;
	for (size_t i = 0; i <= policy->floors.count; i++)
		add_slots(bindings, i);
	return bindings;
}

static void entry_free(struct entry *entry)
{
	free(entry->binders);
	free(entry->slots);
	free(entry);
}

void bindings_free(struct bindings *bindings)
{
	if (!bindings)
		return;
	for (size_t i = 0; i < NAME_BUCKETS; i++)
		for (struct entry *entry = bindings->by_name[i], *next; entry; entry = next) {
			next = entry->next;
			entry_free(entry);
		}
	free(bindings->ended);
	free(bindings->owed.items);
	ways_free(bindings->ways);
	arena_free(bindings->turn);
	arena_free(bindings->arena);
	free(bindings);
}

static void unlink_binders(struct bindings *bindings, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct binder **at = bindings_at(bindings, entry->binders[i].addr);
		while (*at != &entry->binders[i])
			at = &(*at)->next;
		*at = entry->binders[i].next;
	}
}

static void link_binders(struct bindings *bindings, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct binder **at = bindings_at(bindings, entry->binders[i].addr);
		entry->binders[i].entry = entry;
		entry->binders[i].next = *at;
		*at = &entry->binders[i];
	}
}

static void entry_drop(struct bindings *bindings, struct entry **at)
{
	struct entry *entry = *at;
	*at = entry->next;
	for (size_t i = 0; i < entry->count; i++)
		bindings_remember(bindings, entry, &entry->binders[i]);
	unlink_binders(bindings, entry);
	bindings->total -= entry->count;
	entry_free(entry);
	bindings->names--;
}

/* The kernel's elements time out by themselves: what has expired here needs no change there. */
static void purge(struct bindings *bindings)
{
	for (size_t i = 0; i < NAME_BUCKETS; i++)
		for (struct entry **at = &bindings->by_name[i]; *at;)
			if ((*at)->expires_ms <= bindings->now_ms)
				entry_drop(bindings, at);
			else
				at = &(*at)->next;
	bindings->purged_ms = bindings->now_ms;
}

static bool evict_unruled(struct bindings *bindings)
{
	struct entry **soonest = NULL;
	for (size_t i = 0; i < NAME_BUCKETS; i++)
		for (struct entry **at = &bindings->by_name[i]; *at; at = &(*at)->next)
			if (!(*at)->slots && (!soonest || (*at)->expires_ms < (*soonest)->expires_ms))
				soonest = at;
	if (soonest)
		entry_drop(bindings, soonest);
	return soonest != NULL;
}

struct entry **entry_find(struct bindings *bindings, const char *name, enum addr_family family)
{
	struct entry **at = name_bucket(bindings, name);
	while (*at && ((*at)->family != family || strcmp((*at)->name, name) != 0))
		at = &(*at)->next;
	return at;
}

static bool rule_has_name(const struct policy_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		if (target->kind == TARGET_DOMAIN && name_equal(name, target->name))
			return true;
		if (target->kind == TARGET_SUFFIX && name_has_suffix(name, target->name))
			return true;
	}
	return false;
}

static void add_slot(struct entry *entry, uint32_t slot)
{
	entry->slots = arena_must(realloc(entry->slots, (entry->slot_count + 1) * sizeof *entry->slots));
	entry->slots[entry->slot_count++] = slot;
}

/* The subject's rules with that name */
static void find_slots(struct bindings *bindings, struct entry *entry, size_t subject)
{
	const struct policy *of = subject_of(bindings, subject);
	uint32_t slot = bindings->first_slots[subject], end = bindings->first_slots[subject + 1];
	struct eval_walk walk;
	eval_walk_start(&walk, of);
	eval_walk_add_name(&walk, entry->name);
	for (size_t i; slot < end && (i = eval_walk_next(&walk)) < of->rules.count;) {
		if (!rule_has_name(&of->rules.items[i], entry->name))
			continue;
		while (slot < end && bindings->slots.items[slot].number < i)
			slot++;
		if (slot < end && bindings->slots.items[slot].number == i)
			add_slot(entry, slot);
	}
}

static struct entry *entry_new(struct bindings *bindings, const char *name, enum addr_family family)
{
	size_t len = strlen(name) + 1;
	struct entry *entry = calloc(1, sizeof *entry + len);
	if (!entry)
		return NULL;
	entry->family = family;
	memcpy(entry->name, name, len);
	for (size_t i = 0; i <= bindings->policy->floors.count; i++)
		find_slots(bindings, entry, i);
	return entry;
}

static const struct binder *find_binder(const struct binder *binders, size_t count, struct addr addr)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(binders[i].addr, addr))
			return &binders[i];
	return NULL;
}

/* Where it was bound before, without an end between; one that had ended is remembered by itself. */
static uint64_t bound_since(struct bindings *bindings, const struct binder *before)
{
	return before && before->expires_ms > bindings->now_ms ? before->since_ms : bindings->now_ms;
}

/* What the entry holds after an answer: what held before and was not answered again, then the answer, each address once and
 * unmapped, at most BINDINGS_MAX_HELD. *fresh: where the answer begins. NULL where memory is short. */
static struct binder *binders_merge(struct bindings *bindings, const struct entry *entry, const struct addr *addrs,
				    size_t count, uint64_t expires_ms, size_t *total, size_t *fresh)
{
	struct binder *merged = calloc(entry->count + count + 1, sizeof *merged), *answer = merged + entry->count;
	size_t kept = 0, unique = 0, over = 0;
	if (!merged)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct addr addr = addr_unmap(addrs[i]);
		const struct binder *before = find_binder(entry->binders, entry->count, addr);
		if (!find_binder(answer, unique, addr))
			answer[unique++] = (struct binder){ .addr = addr,
							    .since_ms = bound_since(bindings, before),
							    .expires_ms = before && before->expires_ms > expires_ms ?
										  before->expires_ms :
										  expires_ms };
	}
	for (size_t i = 0; count > 0 && i < entry->count; i++)
		if (entry->binders[i].expires_ms > bindings->now_ms &&
		    !find_binder(answer, unique, entry->binders[i].addr))
			merged[kept++] = entry->binders[i];
	if (kept + unique > BINDINGS_MAX_HELD)
		over = kept + unique - BINDINGS_MAX_HELD;
	memmove(merged, merged + over, (kept - over) * sizeof *merged);
	memmove(merged + kept - over, answer, unique * sizeof *merged);
	bindings->gave_way += over;
	*fresh = kept - over;
	*total = kept - over + unique;
	return merged;
}

static bool has_room(const struct bindings *bindings, size_t names, size_t addrs)
{
	return bindings->names + names <= BINDINGS_MAX_NAMES && bindings->total + addrs <= BINDINGS_MAX_TOTAL;
}

/* For so many more: what has ended goes, then names that no rule has */
static bool make_room(struct bindings *bindings, size_t names, size_t addrs)
{
	if (has_room(bindings, names, addrs))
		return true;
	purge(bindings);
	while (!has_room(bindings, names, addrs))
		if (!evict_unruled(bindings))
			return false;
	return true;
}

/* The entry's addresses become `binders`, which it owns from then on. Those before `fresh` are as they were. */
static void replace(struct bindings *bindings, struct entry *entry, struct binder *binders, size_t count, size_t fresh,
		    struct bindings_changes *out)
{
	struct binder *old = entry->binders;
	size_t old_count = entry->count;
	unlink_binders(bindings, entry);
	entry->binders = binders;
	entry->count = count;
	entry->expires_ms = 0;
	for (size_t i = 0; i < count; i++)
		if (binders[i].expires_ms > entry->expires_ms)
			entry->expires_ms = binders[i].expires_ms;
	link_binders(bindings, entry);
	bindings->total += count - old_count;
	for (size_t i = 0; i < old_count; i++) {
		bool over = old[i].expires_ms <= bindings->now_ms;
		if (find_binder(binders, count, old[i].addr)) {
			if (over)
				bindings_remember(bindings, entry, &old[i]);
			continue;
		}
		bindings_remember(bindings, entry, &old[i]);
		bindings_change_for(bindings, entry, old[i].addr, out);
	}
	for (size_t i = fresh; i < count; i++)
		bindings_change_for(bindings, entry, binders[i].addr, out);
	free(old);
}

/* The entry of that name, or a new one that is not in the table yet (*fresh), with room for so many addresses more. NULL and
 * *error where there can be none. */
static struct entry *entry_get(struct bindings *bindings, const char *name, enum addr_family family, size_t addrs,
			       bool *fresh, int *error)
{
	*error = -ENOSPC;
	if (!make_room(bindings, *entry_find(bindings, name, family) ? 0 : 1, addrs))
		return NULL;
	/* which may have ended by now */
	struct entry *entry = *entry_find(bindings, name, family);
	*fresh = entry == NULL;
	*error = -ENOMEM;
	return entry ? entry : entry_new(bindings, name, family);
}

static void entry_link(struct bindings *bindings, struct entry *entry)
{
	struct entry **at = name_bucket(bindings, entry->name);
	entry->next = *at;
	*at = entry;
	bindings->names++;
}

void bindings_begin(struct bindings *bindings, uint64_t now_ms, struct bindings_changes *out)
{
	struct arena *before = bindings->turn;
	*out = (struct bindings_changes){ 0 };
	bindings->now_ms = now_ms;
	bindings->turn = arena_new();
	if (bindings->ways)
		ways_begin(bindings->ways, bindings->turn, now_ms);
	arena_free(before);
	if (now_ms - bindings->purged_ms >= PURGE_EVERY_MS)
		purge(bindings);
	bindings_change_owed(bindings, out);
}

int bindings_add(struct bindings *bindings, const char *name, enum addr_family family, const struct addr *addrs,
		 size_t count, uint64_t ttl_ms, struct bindings_changes *out)
{
	uint64_t now_ms = bindings->now_ms;
	bool fresh;
	int error;
	size_t total = 0, answer = 0;
	if (count > BINDINGS_MAX_ADDRS)
		return -EINVAL;
	if (count == 0 && !*entry_find(bindings, name, family))
		return 0;
	struct entry *entry = entry_get(bindings, name, family, count, &fresh, &error);
	if (!entry)
		return count == 0 ? 0 : error;
	if (ttl_ms > BINDINGS_MAX_TTL_MS)
		ttl_ms = BINDINGS_MAX_TTL_MS;
	struct binder *binders = binders_merge(bindings, entry, addrs, count, now_ms + ttl_ms, &total, &answer);
	if (!binders) {
		if (fresh)
			entry_free(entry);
		return -ENOMEM;
	}
	if (fresh)
		entry_link(bindings, entry);
	replace(bindings, entry, binders, total, answer, out);
	if (count == 0)
		entry_drop(bindings, entry_find(bindings, name, family));
	return 0;
}

int bindings_set(struct bindings *bindings, const char *name, enum addr_family family, const struct addr *addrs,
		 size_t count, uint64_t ttl_ms, uint64_t now_ms, struct bindings_changes *out)
{
	bindings_begin(bindings, now_ms, out);
	return bindings_add(bindings, name, family, addrs, count, ttl_ms, out);
}

void bindings_undo(struct bindings *bindings, const struct bindings_changes *changes)
{
	if (bindings->ways)
		ways_undo(bindings->ways);
	bindings->owed.items =
		arena_must(realloc(bindings->owed.items, (changes->count + 1) * sizeof *bindings->owed.items));
	for (size_t i = 0; i < changes->count; i++) {
		const struct bindings_change *change = &changes->items[i];
		bindings->owed.items[i] = (struct owed){ change->addr, change->source, change->chain != NULL };
	}
	bindings->owed.count = changes->count;
}

uint64_t bindings_next_ms(const struct bindings *bindings)
{
	return bindings->ways ? ways_next_ms(bindings->ways) : UINT64_MAX;
}

void bindings_expire(struct bindings *bindings, uint64_t now_ms, struct bindings_changes *out)
{
	bindings_begin(bindings, now_ms, out);
	if (bindings->ways)
		bindings_change_due(bindings, out);
}

const char *bindings_idle_chain(struct bindings *bindings, uint64_t now_ms)
{
	return bindings->ways ? ways_idle_chain(bindings->ways, now_ms) : NULL;
}

void bindings_chain_deleted(struct bindings *bindings, const char *chain, bool done, uint64_t now_ms)
{
	ways_deleted(bindings->ways, chain, done, now_ms);
}

size_t bindings_refused(const struct bindings *bindings)
{
	return bindings->ways ? ways_refused(bindings->ways) : 0;
}

size_t bindings_gave_way(const struct bindings *bindings)
{
	return bindings->gave_way;
}

static bool any_name(const void *self, struct addr addr, bool (*each)(const char *name, void *context), void *context)
{
	struct bindings *bindings = (struct bindings *)self;
	addr = addr_unmap(addr);
	for (struct binder *binder = *bindings_at(bindings, addr); binder; binder = binder->next)
		if (addr_equal(binder->addr, addr) && binder->expires_ms > bindings->now_ms &&
		    each(binder->entry->name, context))
			return true;
	return false;
}

struct eval_bindings bindings_view(struct bindings *bindings, uint64_t now_ms)
{
	bindings->now_ms = now_ms;
	return (struct eval_bindings){ any_name, bindings };
}
