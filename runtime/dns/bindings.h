/* What this sandbox has resolved: name and family to addresses, each until a time of its own. Pure: the caller gives the
 * time and carries the changes into the kernel's sets and maps (dns/bindings_install.h). Bounded in names, addresses and
 * time.
 *
 * A name that no rule has needs no binding to be enforced; it is kept so that a denial can name what an
 * address was looked up by, and is evicted first when the bound on names is reached. */
#pragma once
#include "eval/eval.h"
#include "lower/lower_bound.h"

#define BINDINGS_MAX_ADDRS 64    /* an answer */
#define BINDINGS_MAX_HELD 256    /* a name and family, of all its answers that hold */
#define BINDINGS_MAX_NAMES 4096  /* a sandbox; a name counts once a family */
#define BINDINGS_MAX_TOTAL 65536 /* a sandbox, addresses of all names */
#define BINDINGS_MAX_TTL_MS (86400u * 1000)

struct bindings;
/* NULL where memory is short. The policy must outlive it. `maps` tells which subjects of the ruleset that is installed look
 * addresses up in a map; all zero: in a set for each name rule. */
struct bindings *bindings_new(const struct policy *, const struct addr_gateway *, struct lower_maps);
void bindings_free(struct bindings *); /* NULL is fine */

/* A change of one kernel set or map: the element is not there any more, or it is there with this timeout. */
struct bindings_change {
	const char *set;
	struct addr addr;
	uint64_t timeout_ms; /* remaining; of an addition */
	bool remove;
	/* Of a map: where the element leads, and where it led before, if it may be there still; NULL: nowhere. `jump` is how:
	 * by a jump, or by goto. */
	const char *chain, *before;
	bool jump;
	uint32_t source; /* the bindings' own */
};

/* To be carried out together: chains are made, then the elements change. All of it belongs to the bindings, until the next
 * turn. */
struct bindings_changes {
	struct bindings_change *items;
	size_t count, cap;
	const struct ruleset *ruleset; /* with one table, which has these chains; NULL: none */
};

/* A turn: the changes of every call until the next turn are carried out, or undone, together. */
void bindings_begin(struct bindings *, uint64_t now_ms, struct bindings_changes *out);
/* Adds to what `name` (canonical) is bound to in `family`: answers rotate, and a client may use an earlier one as long as it
 * holds. Beyond BINDINGS_MAX_HELD the address that was answered longest ago gives way. count 0 removes the name. Mapped
 * IPv6 addresses are taken as the IPv4 addresses they are, as the evaluator does. now_ms is monotonic and never runs back;
 * the TTL is cut at BINDINGS_MAX_TTL_MS. An address leaves a set only when no other name of that rule binds it still.
 * 0; or with nothing changed -ENOSPC (the sandbox's bound is reached), -ENOMEM, -EINVAL (too many addresses). */
int bindings_add(struct bindings *, const char *name, enum addr_family family, const struct addr *addrs, size_t count,
		 uint64_t ttl_ms, struct bindings_changes *out);
/* A turn of one */
int bindings_set(struct bindings *, const char *name, enum addr_family family, const struct addr *addrs, size_t count,
		 uint64_t ttl_ms, uint64_t now_ms, struct bindings_changes *out);
/* The kernel took none of the turn's changes: it is as it was. What is bound here stays, and what that means for those addresses
 * comes with the next changes. */
void bindings_undo(struct bindings *, const struct bindings_changes *);

/* Whether a name may be bound to an address still */
typedef bool bindings_keeps(const void *self, const char *name, struct addr);
/* A turn of `fresh`, which is new and of another policy: takes over what of `from` that policy keeps, each address for as long
 * as it had, and what is known of bindings that are over; one that it does not keep is over now. `from` stays as it is. */
void bindings_carry(struct bindings *fresh, struct bindings *from, bindings_keeps *, const void *self, uint64_t now_ms,
		    struct bindings_changes *out);

/* When the first of several rules on an address ends, what is enforced for it changes: then bindings_expire() is to be called.
 * UINT64_MAX: never. */
uint64_t bindings_next_ms(const struct bindings *);
/* Changes of some addresses at most, so that a turn is short: again while bindings_next_ms() is not after now_ms. */
void bindings_expire(struct bindings *, uint64_t now_ms, struct bindings_changes *out);

/* A chain of the kernel's that was made for changes and that nothing leads to any more; NULL: none that is worth deleting.
 * bindings_chain_deleted() is told whether the kernel did. */
const char *bindings_idle_chain(struct bindings *, uint64_t now_ms);
void bindings_chain_deleted(struct bindings *, const char *chain, bool done, uint64_t now_ms);

/* Calls `each` for every address that a name is bound to at that time, until it returns false */
void bindings_each(const struct bindings *, uint64_t now_ms,
		   bool (*each)(const char *name, struct addr, uint64_t left_ms, void *context), void *context);

/* How many addresses gave way to newer ones of their name */
size_t bindings_gave_way(const struct bindings *);
/* How often an address was refused, since it took a chain more than there may be */
size_t bindings_refused(const struct bindings *);

/* The name that the address was bound to last, and for how long it is over; false: none that is remembered, which are the
 * last BINDINGS_ENDED. */
#define BINDINGS_ENDED 4096
bool bindings_ended(const struct bindings *, struct addr, uint64_t now_ms, const char **name, uint64_t *ago_ms);

/* As the evaluator wants them, at that time; until the next bindings_set() */
struct eval_bindings bindings_view(struct bindings *, uint64_t now_ms);
