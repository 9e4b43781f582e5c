/* What the files of the bindings share, nobody else. */
#pragma once
#include "base/name.h"
#include "dns/bindings.h"
#include "dns/ways.h"

#define NAME_BUCKETS 4096u
#define ADDR_BUCKETS 16384u

/* A rule with names among its targets, and the kernel's sets for it or, by the same names, its chains */
struct slot {
	const struct policy_rule *rule; /* the policy's, or one of its floors' */
	uint32_t subject, number;       /* whose: 0 or the floor's from 1; which of its rules */
	const char *set4, *set6;
};

struct binder {
	struct binder *next; /* in the bucket of its address */
	struct entry *entry;
	struct addr addr;
	uint64_t expires_ms; /* bound while now is before it */
	uint64_t since_ms;   /* and not before this */
};

/* A binding that is over */
struct ended {
	struct addr addr;
	uint64_t since_ms, ended_ms;
	char name[NAME_TEXT_MAX];
};

/* The last ones, round and round, and by the same index a hash of each one's address. bindings_ended.c */
#define ENDED_BLOCK 16 /* hashes that are looked at together */
struct ended_ring {
	uint32_t hashes[BINDINGS_ENDED];
	struct ended items[BINDINGS_ENDED];
};

struct entry {
	struct entry *next; /* in the bucket of its name */
	enum addr_family family;
	uint64_t expires_ms;    /* of the address that holds longest */
	struct binder *binders; /* in the order in which they were answered last */
	size_t count;
	uint32_t *slots; /* of the rules that have this name, in order; NULL: none has */
	size_t slot_count;
	char name[];
};

/* A set or map whose element for an address is not what the bindings are */
struct owed {
	struct addr addr;
	uint32_t source; /* the set's slot, or the map's subject */
	bool map;
};

struct bindings {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct arena *arena;
	LIST_OF(struct slot) slots;                  /* subject by subject, each in its rules' order */
	uint32_t first_slots[POLICY_FLOORS_MAX + 2]; /* where a subject's begin, and the last one's end */
	struct ways *ways;                           /* NULL: no subject has a map */
	struct arena *turn;                          /* the last changes; NULL: none yet */
	LIST_OF(struct owed) owed;                   /* what the kernel did not take, allocated */
	uint64_t seed; /* names and addresses are the guest's to choose: buckets must not be */
	uint64_t now_ms, purged_ms;
	size_t names, total, gave_way;
	struct ended_ring *ended;
	size_t ended_count; /* ever */
	struct entry *by_name[NAME_BUCKETS];
	struct binder *by_addr[ADDR_BUCKETS];
};

static inline uint64_t bindings_mix(uint64_t value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	return value ^ value >> 33;
}

static inline uint64_t bindings_addr_hash(const struct bindings *bindings, struct addr addr)
{
	uint64_t high = (uint64_t)(addr.value >> 64), low = (uint64_t)addr.value;
	return bindings_mix(bindings_mix(high ^ bindings->seed) ^ low);
}

/* The first in the bucket of an address, of which others may be in it */
static inline struct binder **bindings_at(struct bindings *bindings, struct addr addr)
{
	return &bindings->by_addr[bindings_addr_hash(bindings, addr) % ADDR_BUCKETS];
}

/* bindings.c: where the entry is linked, or NULL would be */
struct entry **entry_find(struct bindings *, const char *name, enum addr_family);

/* bindings_ended.c: an address of the entry's is bound to its name no more */
void bindings_remember(struct bindings *, const struct entry *, const struct binder *);
/* The ended ones of an address that is not mapped, one by one: *at is 0 at first. NULL: there are no more */
const struct ended *bindings_ended_next(const struct bindings *, struct addr, size_t *at);
/* All of them, in their order, in which new ones take the place of the oldest; `fresh` has none */
void bindings_carry_ended(struct bindings *fresh, const struct bindings *from);

/* bindings_changes.c: the changes that make the kernel's sets and maps for one address what the bindings are now: one for each
 * rule that has the entry's name, or one for each subject */
void bindings_change_for(struct bindings *, const struct entry *, struct addr, struct bindings_changes *out);
/* The same of what is owed, which it is no more */
void bindings_change_owed(struct bindings *, struct bindings_changes *out);
/* The same for addresses whose first rule has ended, some at a time */
void bindings_change_due(struct bindings *, struct bindings_changes *out);
