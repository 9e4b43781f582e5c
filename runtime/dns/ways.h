/* Where the packet filter looks a bound address up in a map (lower/lower_bound.h): which chain each address leads to by now,
 * until when, and the chains that were made for it while the sandbox runs. Pure, as bindings are: what is to change in the
 * kernel is noted as changes of this turn, and undone where the kernel takes none of them.
 *
 * An element says where all name rules of one address lead, and so changes when the first of them ends: that the kernel's
 * timeouts do not do, and ways_due() tells. An address that only one rule holds times out by itself.
 *
 * A guest that answers its own questions chooses addresses, and so which chains there are: they are shared by what they say,
 * their number is bounded, and an address for which there is no room left is refused whatever it would ask for. */
#pragma once
#include "dns/bindings.h"
#include "lower/lower_bound.h"

#define WAYS_PARTS_MAX 64 /* rules that one chain tells apart */
/* Chains at once, with those that nothing leads to any more, and ranges of ports of them all and of the sets that they share:
 * so many for addresses that several rules hold, and besides what each name rule of the policy may need by itself, in both
 * families. The kernel takes some 100 bytes a range, so the whole has an end. */
#define WAYS_CHAINS 1024
#define WAYS_WEIGHT 65536
#define WAYS_CHAINS_MAX 32768
#define WAYS_WEIGHT_MAX (1u << 18)
struct ways_room {
	size_t chains, weight;
};
struct ways_room ways_room(const struct policy *);
/* Expired elements hold a chain until the kernel collects them, which it does every second; and its clock is not ours. */
#define WAYS_GRACE_MS 3000

struct ways;
struct ways *ways_new(const struct policy *, const struct addr_gateway *, struct lower_maps);
void ways_free(struct ways *); /* NULL is fine */
/* Whether a chain of that name is one that ways make */
bool ways_is_chain(const char *name);
bool ways_has(const struct ways *, size_t subject, enum addr_family);

/* A turn: what the calls until the next one change, or undo together. The arena lasts as long. */
void ways_begin(struct ways *, struct arena *turn, uint64_t now_ms);

/* A name rule that holds an address; chain is its own, of the address's family, and outlives the ways */
struct way_rule {
	uint32_t rule;
	uint64_t until_ms; /* after now */
	const char *chain;
};
/* From now on these, ascending, hold the address for that subject. Appends at most one change. */
void ways_set(struct ways *, size_t subject, struct addr, const struct way_rule *, size_t count,
	      struct bindings_changes *out);
void ways_undo(struct ways *);

/* An address whose first rule has ended, and which ways_set() is to be told about; false: none */
bool ways_due(const struct ways *, uint64_t now_ms, size_t *subject, struct addr *);
uint64_t ways_next_ms(const struct ways *); /* when one will be; UINT64_MAX: never */

/* A chain that nothing leads to any more, to be deleted; NULL where there are few. ways_deleted() is told how that went. */
const char *ways_idle_chain(struct ways *, uint64_t now_ms);
void ways_deleted(struct ways *, const char *chain, bool done, uint64_t now_ms);
/* Addresses that are refused since there was no room for their chain: how often that was */
size_t ways_refused(const struct ways *);
