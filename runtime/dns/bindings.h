/* What this sandbox has resolved: name and family to addresses, each until a time of its own. Pure: the caller gives the
 * time and carries the changes into the kernel's sets. Bounded in names, addresses and time.
 *
 * A name that no rule has needs no binding to be enforced; it is kept so that a denial can name what an
 * address was looked up by, and is evicted first when the bound on names is reached. */
#pragma once
#include "eval/eval.h"

#define BINDINGS_MAX_ADDRS 64    /* an answer */
#define BINDINGS_MAX_HELD 256    /* a name and family, of all its answers that hold */
#define BINDINGS_MAX_NAMES 4096  /* a sandbox; a name counts once a family */
#define BINDINGS_MAX_TOTAL 65536 /* a sandbox, addresses of all names */
#define BINDINGS_MAX_TTL_MS (86400u * 1000)

struct bindings;
/* NULL where memory is short. The policy must outlive it. */
struct bindings *bindings_new(const struct policy *);
void bindings_free(struct bindings *); /* NULL is fine */

/* A change of one kernel set. set is owned by the bindings. */
struct bindings_change {
	const char *set;
	struct addr addr;
	uint64_t timeout_ms; /* remaining; of an addition */
	bool remove;
};

/* Adds to what `name` (canonical) is bound to in `family`: answers rotate, and a client may use an earlier one as long as it
 * holds. Beyond BINDINGS_MAX_HELD the address that was answered longest ago gives way. count 0 removes the name. Mapped
 * IPv6 addresses are taken as the IPv4 addresses they are, as the evaluator does. now_ms is monotonic and never runs back;
 * the TTL is cut at BINDINGS_MAX_TTL_MS. An address leaves a set only when no other name of that rule binds it still. The
 * changes to make, in order, go to *changes (owned by the bindings until the next call).
 * 0; or with nothing changed -ENOSPC (the sandbox's bound is reached), -ENOMEM, -EINVAL (too many addresses). */
int bindings_set(struct bindings *, const char *name, enum addr_family family, const struct addr *addrs, size_t count,
		 uint64_t ttl_ms, uint64_t now_ms, const struct bindings_change **changes, size_t *change_count);

/* How many addresses gave way to newer ones of their name */
size_t bindings_gave_way(const struct bindings *);

/* The name that the address was bound to last, and for how long it is over; false: none that is remembered, which are the
 * last BINDINGS_ENDED. */
#define BINDINGS_ENDED 1024
bool bindings_ended(const struct bindings *, struct addr, uint64_t now_ms, const char **name, uint64_t *ago_ms);

/* As the evaluator wants them, at that time; until the next bindings_set() */
struct eval_bindings bindings_view(struct bindings *, uint64_t now_ms);
