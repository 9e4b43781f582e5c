/* Bindings that are over: a ring, and beside it, dense, a hash of each one's address. What a flow's address once was is asked of
 * many flows at once, and a look through thousands of hashes costs less than one through as many names. */
#include "dns/bindings_state.h"

#include <string.h>

_Static_assert(BINDINGS_ENDED % ENDED_BLOCK == 0, "the last block is whole");

static uint32_t hash_of(const struct bindings *bindings, struct addr addr)
{
	return (uint32_t)(bindings_addr_hash(bindings, addr) >> 32);
}

static void place(struct bindings *bindings, size_t at, const struct ended *ended)
{
	if (ended != &bindings->ended->items[at])
		bindings->ended->items[at] = *ended;
	bindings->ended->hashes[at] = hash_of(bindings, ended->addr);
}

void bindings_remember(struct bindings *bindings, const struct entry *entry, const struct binder *binder)
{
	size_t at = bindings->ended_count++ % BINDINGS_ENDED;
	struct ended *ended = &bindings->ended->items[at];

	ended->addr = binder->addr;
	ended->since_ms = binder->since_ms;
	ended->ended_ms = binder->expires_ms < bindings->now_ms ? binder->expires_ms : bindings->now_ms;
	strcpy(ended->name, entry->name);
	place(bindings, at, ended);
}

static size_t kept(const struct bindings *bindings)
{
	return bindings->ended_count < BINDINGS_ENDED ? bindings->ended_count : BINDINGS_ENDED;
}

void bindings_carry_ended(struct bindings *fresh, const struct bindings *from)
{
	fresh->ended_count = from->ended_count;
	for (size_t i = 0; i < kept(from); i++)
		place(fresh, i, &from->ended->items[i]);
}

/* Without a branch for each, so that the compiler compares several at once */
static bool block_has(const uint32_t *hashes, uint32_t hash)
{
	uint32_t found = 0;

	for (size_t i = 0; i < ENDED_BLOCK; i++)
		found |= hashes[i] == hash;
	return found;
}

const struct ended *bindings_ended_next(const struct bindings *bindings, struct addr addr, size_t *at)
{
	size_t end = kept(bindings);
	uint32_t hash = hash_of(bindings, addr);

	while (*at < end) {
		if (*at % ENDED_BLOCK == 0 && !block_has(&bindings->ended->hashes[*at], hash)) {
			*at += ENDED_BLOCK;
			continue;
		}
		size_t i = (*at)++;
		if (bindings->ended->hashes[i] == hash && addr_equal(bindings->ended->items[i].addr, addr))
			return &bindings->ended->items[i];
	}
	return NULL;
}

bool bindings_ended(const struct bindings *bindings, struct addr addr, uint64_t now_ms, const char **name,
		    uint64_t *ago_ms)
{
	uint64_t latest = 0;
	const struct ended *ended;
	addr = addr_unmap(addr);
	*name = NULL;
	/* not purged yet, or remembered */
	for (const struct binder *binder = *bindings_at((struct bindings *)bindings, addr); binder;
	     binder = binder->next)
		if (addr_equal(binder->addr, addr) && binder->expires_ms <= now_ms && binder->expires_ms >= latest) {
			latest = binder->expires_ms;
			*name = binder->entry->name;
		}
	for (size_t at = 0; (ended = bindings_ended_next(bindings, addr, &at));)
		if (ended->ended_ms > latest) {
			latest = ended->ended_ms;
			*name = ended->name;
		}
	*ago_ms = now_ms - latest;
	return *name != NULL;
}
