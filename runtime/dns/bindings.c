/* Names bound to addresses for a time, and what that means for the kernel's sets. Two hash tables over
 * the same entries: by name and family, and by address, so that "who else binds this address" is a short walk. */
#include "dns/bindings.h"
#include "base/name.h"
#include "lower/lower.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NAME_BUCKETS 4096u
#define ADDR_BUCKETS 16384u
#define PURGE_EVERY_MS 1000

/* A rule with names among its targets, and the kernel's sets for it */
struct slot {
	const struct policy_rule *rule; /* the policy's, or one of its floors' */
	const char *set4, *set6;
};

struct binder {
	struct binder *next; /* in the bucket of its address */
	struct entry *entry;
	struct addr addr;
	uint64_t expires_ms; /* bound while now is before it */
};

/* A binding that is over */
struct ended {
	struct addr addr;
	uint64_t ended_ms;
	char name[NAME_TEXT_MAX];
};

struct entry {
	struct entry *next; /* in the bucket of its name */
	enum addr_family family;
	uint64_t expires_ms;    /* of the address that holds longest */
	struct binder *binders; /* in the order in which they were answered last */
	size_t count;
	uint64_t *slots; /* a bit for each slot whose rule has this name; NULL: none has */
	char name[];
};

struct bindings {
	const struct policy *policy;
	struct arena *arena;
	LIST_OF(struct slot) slots;
	uint64_t seed; /* names and addresses are the guest's to choose: buckets must not be */
	uint64_t now_ms, purged_ms;
	size_t names, total, gave_way;
	struct ended *ended; /* the last ones, round and round */
	size_t ended_count;
	struct entry *by_name[NAME_BUCKETS];
	struct binder *by_addr[ADDR_BUCKETS];
	struct bindings_change *changes;
};

static uint64_t mix(uint64_t value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	return value ^ value >> 33;
}

static struct entry **name_bucket(struct bindings *bindings, const char *name)
{
	uint64_t hash = bindings->seed;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ull;
	return &bindings->by_name[mix(hash) % NAME_BUCKETS];
}

static struct binder **addr_bucket(struct bindings *bindings, struct addr addr)
{
	uint64_t high = (uint64_t)(addr.value >> 64), low = (uint64_t)addr.value;
	return &bindings->by_addr[mix(mix(high ^ bindings->seed) ^ low) % ADDR_BUCKETS];
}

static void add_slot(struct bindings *bindings, const struct policy_rule *rule, const char *set4, const char *set6)
{
	if (set4 || set6)
		*arena_push(bindings->arena, &bindings->slots) = (struct slot){ rule, set4, set6 };
}

static void add_floor_slots(struct bindings *bindings, size_t floor)
{
	const struct policy *policy = bindings->policy, *of = policy->floors.items[floor];
	for (size_t i = 0; i < of->rules.count; i++)
		add_slot(bindings, &of->rules.items[i],
			 lower_floor_binding_set(bindings->arena, policy, floor, i, ADDR_V4),
			 lower_floor_binding_set(bindings->arena, policy, floor, i, ADDR_V6));
}

struct bindings *bindings_new(const struct policy *policy)
{
	struct bindings *bindings = calloc(1, sizeof *bindings);
	if (!bindings)
		return NULL;
	bindings->policy = policy;
	bindings->ended = calloc(BINDINGS_ENDED, sizeof *bindings->ended);
	if (!bindings->ended) {
		free(bindings);
		return NULL;
	}
	bindings->arena = arena_new();
	if (getrandom(&bindings->seed, sizeof bindings->seed, 0) != sizeof bindings->seed)
		bindings->seed = (uintptr_t)bindings;
	for (size_t i = 0; i < policy->rules.count; i++)
		add_slot(bindings, &policy->rules.items[i], lower_binding_set(bindings->arena, policy, i, ADDR_V4),
			 lower_binding_set(bindings->arena, policy, i, ADDR_V6));
	for (size_t i = 0; i < policy->floors.count; i++)
		add_floor_slots(bindings, i);
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
	free(bindings->changes);
	free(bindings->ended);
	arena_free(bindings->arena);
	free(bindings);
}

static void unlink_binders(struct bindings *bindings, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct binder **at = addr_bucket(bindings, entry->binders[i].addr);
		while (*at != &entry->binders[i])
			at = &(*at)->next;
		*at = entry->binders[i].next;
	}
}

static void link_binders(struct bindings *bindings, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct binder **at = addr_bucket(bindings, entry->binders[i].addr);
		entry->binders[i].entry = entry;
		entry->binders[i].next = *at;
		*at = &entry->binders[i];
	}
}

static void remember(struct bindings *bindings, const struct entry *entry, const struct binder *binder)
{
	struct ended *ended = &bindings->ended[bindings->ended_count++ % BINDINGS_ENDED];
	ended->addr = binder->addr;
	ended->ended_ms = binder->expires_ms < bindings->now_ms ? binder->expires_ms : bindings->now_ms;
	strcpy(ended->name, entry->name);
}

static void entry_drop(struct bindings *bindings, struct entry **at)
{
	struct entry *entry = *at;
	*at = entry->next;
	for (size_t i = 0; i < entry->count; i++)
		remember(bindings, entry, &entry->binders[i]);
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

static struct entry **entry_find(struct bindings *bindings, const char *name, enum addr_family family)
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

static struct entry *entry_new(struct bindings *bindings, const char *name, enum addr_family family)
{
	size_t len = strlen(name) + 1;
	struct entry *entry = calloc(1, sizeof *entry + len);
	if (!entry)
		return NULL;
	entry->family = family;
	memcpy(entry->name, name, len);
	for (size_t i = 0; i < bindings->slots.count; i++) {
		if (!rule_has_name(bindings->slots.items[i].rule, name))
			continue;
		if (!entry->slots)
			entry->slots = calloc((bindings->slots.count + 63) / 64, sizeof *entry->slots);
		if (!entry->slots) {
			free(entry);
			return NULL;
		}
		entry->slots[i / 64] |= UINT64_C(1) << i % 64;
	}
	return entry;
}

static bool entry_has_slot(const struct entry *entry, size_t slot)
{
	return entry->slots && entry->slots[slot / 64] >> slot % 64 & 1;
}

/* Until when a name of that rule binds the address; 0: none does */
static uint64_t bound_until(struct bindings *bindings, size_t slot, struct addr addr)
{
	uint64_t until = 0;
	for (struct binder *binder = *addr_bucket(bindings, addr); binder; binder = binder->next)
		if (addr_equal(binder->addr, addr) && binder->expires_ms > bindings->now_ms &&
		    binder->expires_ms > until && entry_has_slot(binder->entry, slot))
			until = binder->expires_ms;
	return until;
}

/* The change that makes the kernel's sets for one address what the bindings are now, one for each rule. */
static size_t changes_for(struct bindings *bindings, const struct entry *entry, struct addr addr,
			  struct bindings_change *out)
{
	size_t count = 0;
	for (size_t slot = 0; entry->slots && slot < bindings->slots.count; slot++) {
		const struct slot *sets = &bindings->slots.items[slot];
		const char *set = addr.family == ADDR_V4 ? sets->set4 : sets->set6;
		if (!set || !entry_has_slot(entry, slot) || !policy_rule_places(sets->rule, addr, NULL))
			continue;
		uint64_t until = bound_until(bindings, slot, addr);
		out[count++] = (struct bindings_change){ .set = set,
							 .addr = addr,
							 .timeout_ms = until ? until - bindings->now_ms : 0,
							 .remove = until == 0 };
	}
	return count;
}

static const struct binder *find_binder(const struct binder *binders, size_t count, struct addr addr)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(binders[i].addr, addr))
			return &binders[i];
	return NULL;
}

static size_t slot_count(const struct bindings *bindings, const struct entry *entry)
{
	size_t count = 0;
	for (size_t i = 0; entry->slots && i < (bindings->slots.count + 63) / 64; i++)
		count += (size_t)__builtin_popcountll(entry->slots[i]);
	return count;
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

/* The entry's addresses become `binders`, which it owns from then on; what that changes goes to `changes`, which has room.
 * Those before `fresh` are as they were. */
static size_t replace(struct bindings *bindings, struct entry *entry, struct binder *binders, size_t count,
		      size_t fresh, struct bindings_change *changes)
{
	struct binder *old = entry->binders;
	size_t old_count = entry->count, changed = 0;
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
		if (find_binder(binders, count, old[i].addr))
			continue;
		remember(bindings, entry, &old[i]);
		changed += changes_for(bindings, entry, old[i].addr, changes + changed);
	}
	for (size_t i = fresh; i < count; i++)
		changed += changes_for(bindings, entry, binders[i].addr, changes + changed);
	free(old);
	return changed;
}

/* Room for the most changes that an entry of `before` addresses which gets `after` can make */
static struct bindings_change *reserve_changes(struct bindings *bindings, const struct entry *entry, size_t before,
					       size_t after)
{
	size_t room = (before + after) * slot_count(bindings, entry);
	struct bindings_change *grown = realloc(bindings->changes, (room ? room : 1) * sizeof *grown);
	if (grown)
		bindings->changes = grown;
	return grown;
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

static void begin(struct bindings *bindings, uint64_t now_ms)
{
	bindings->now_ms = now_ms;
	if (now_ms - bindings->purged_ms >= PURGE_EVERY_MS)
		purge(bindings);
}

int bindings_set(struct bindings *bindings, const char *name, enum addr_family family, const struct addr *addrs,
		 size_t count, uint64_t ttl_ms, uint64_t now_ms, const struct bindings_change **changes,
		 size_t *change_count)
{
	bool fresh;
	int error;
	size_t total = 0, answer = 0;
	*changes = NULL;
	*change_count = 0;
	if (count > BINDINGS_MAX_ADDRS)
		return -EINVAL;
	begin(bindings, now_ms);
	if (count == 0 && !*entry_find(bindings, name, family))
		return 0;
	struct entry *entry = entry_get(bindings, name, family, count, &fresh, &error);
	if (!entry)
		return count == 0 ? 0 : error;
	if (ttl_ms > BINDINGS_MAX_TTL_MS)
		ttl_ms = BINDINGS_MAX_TTL_MS;
	struct binder *binders = binders_merge(bindings, entry, addrs, count, now_ms + ttl_ms, &total, &answer);
	struct bindings_change *made = reserve_changes(bindings, entry, entry->count, total);
	if (!binders || !made) {
		free(binders);
		if (fresh)
			entry_free(entry);
		return -ENOMEM;
	}
	if (fresh)
		entry_link(bindings, entry);
	*change_count = replace(bindings, entry, binders, total, answer, made);
	*changes = made;
	if (count == 0)
		entry_drop(bindings, entry_find(bindings, name, family));
	return 0;
}

size_t bindings_gave_way(const struct bindings *bindings)
{
	return bindings->gave_way;
}

bool bindings_ended(const struct bindings *bindings, struct addr addr, uint64_t now_ms, const char **name,
		    uint64_t *ago_ms)
{
	uint64_t latest = 0;
	addr = addr_unmap(addr);
	*name = NULL;
	/* not purged yet, or remembered */
	for (const struct binder *binder = *addr_bucket((struct bindings *)bindings, addr); binder;
	     binder = binder->next)
		if (addr_equal(binder->addr, addr) && binder->expires_ms <= now_ms && binder->expires_ms >= latest) {
			latest = binder->expires_ms;
			*name = binder->entry->name;
		}
	size_t kept = bindings->ended_count < BINDINGS_ENDED ? bindings->ended_count : BINDINGS_ENDED;
	for (size_t i = 0; i < kept; i++) {
		const struct ended *ended = &bindings->ended[i];
		if (addr_equal(ended->addr, addr) && ended->ended_ms > latest) {
			latest = ended->ended_ms;
			*name = ended->name;
		}
	}
	*ago_ms = now_ms - latest;
	return *name != NULL;
}

static bool any_name(const void *self, struct addr addr, bool (*each)(const char *name, void *context), void *context)
{
	struct bindings *bindings = (struct bindings *)self;
	addr = addr_unmap(addr);
	for (struct binder *binder = *addr_bucket(bindings, addr); binder; binder = binder->next)
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
