/* Answers of this sandbox's own, kept for their TTL: bounded in number and bytes, the oldest goes first. */
#include "dns/dns_proxy.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_BUCKETS 2048u
#define CACHE_MAX_ENTRIES 4096u
#define CACHE_MAX_BYTES (4u << 20)
#define CACHE_MAX_ANSWER (16u << 10)

struct cached {
	struct cached *next;          /* in its bucket */
	struct cached *older, *newer; /* in order of arrival */
	struct lookup_key key;
	uint64_t stored_ms, expires_ms;
	size_t len;
	uint8_t wire[];
};

struct cache {
	uint64_t seed;
	size_t entries, bytes;
	struct cached *oldest, *newest;
	struct cached *buckets[CACHE_BUCKETS];
};

/* ---- keys ---- */

static bool same_question(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

bool lookup_key_equal(const struct lookup_key *a, const struct lookup_key *b)
{
	if (!same_question(&a->question, &b->question) || a->direct != b->direct)
		return false;
	return !a->direct || (a->transport == b->transport && addr_equal(a->resolver, b->resolver));
}

uint64_t lookup_key_hash(const struct lookup_key *key, uint64_t seed)
{
	uint64_t hash = seed ^ key->question.type;
	for (size_t i = 0; i < key->question.name_len; i++)
		hash = (hash ^ key->question.name[i]) * 0x100000001b3ull;
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15ull >> 17;
}

/* ---- the cache ---- */

struct cache *cache_new(uint64_t seed)
{
	struct cache *cache = calloc(1, sizeof *cache);
	if (cache)
		cache->seed = seed;
	return cache;
}

static struct cached **find(struct cache *cache, const struct lookup_key *key)
{
	struct cached **at = &cache->buckets[lookup_key_hash(key, cache->seed) % CACHE_BUCKETS];
	while (*at && !lookup_key_equal(&(*at)->key, key))
		at = &(*at)->next;
	return at;
}

static void drop(struct cache *cache, struct cached **at)
{
	struct cached *cached = *at;
	*at = cached->next;
	*(cached->older ? &cached->older->newer : &cache->oldest) = cached->newer;
	*(cached->newer ? &cached->newer->older : &cache->newest) = cached->older;
	cache->entries--;
	cache->bytes -= cached->len;
	free(cached);
}

void cache_free(struct cache *cache)
{
	while (cache && cache->oldest)
		drop(cache, find(cache, &cache->oldest->key));
	free(cache);
}

void cache_put(struct cache *cache, const struct lookup_key *key, const ldns_pkt *pkt, uint32_t lifetime,
	       uint64_t now_ms)
{
	struct cached **at = find(cache, key);
	if (*at)
		drop(cache, at);
	uint8_t *wire = NULL;
	size_t len = 0;
	if (lifetime == 0 || ldns_pkt2wire(&wire, pkt, &len) != LDNS_STATUS_OK || len > CACHE_MAX_ANSWER) {
		LDNS_FREE(wire);
		return;
	}
	while (cache->oldest && (cache->entries >= CACHE_MAX_ENTRIES || cache->bytes + len > CACHE_MAX_BYTES))
		drop(cache, find(cache, &cache->oldest->key));
	struct cached *cached = malloc(sizeof *cached + len);
	if (cached) {
		at = find(cache, key);
		*cached = (struct cached){ .next = *at,
					   .older = cache->newest,
					   .key = *key,
					   .stored_ms = now_ms,
					   .expires_ms = now_ms + lifetime * 1000ull,
					   .len = len };
		memcpy(cached->wire, wire, len);
		*at = cached;
		*(cache->newest ? &cache->newest->newer : &cache->oldest) = cached;
		cache->newest = cached;
		cache->entries++;
		cache->bytes += len;
	}
	LDNS_FREE(wire);
}

ldns_pkt *cache_get(struct cache *cache, const struct lookup_key *key, uint64_t now_ms, uint32_t *age,
		    uint64_t *left_ms)
{
	struct cached **at = find(cache, key);
	if (!*at)
		return NULL;
	if ((*at)->expires_ms <= now_ms) {
		drop(cache, at);
		return NULL;
	}
	*age = (uint32_t)((now_ms - (*at)->stored_ms) / 1000);
	*left_ms = (*at)->expires_ms - now_ms;
	return dns_answer_parse((*at)->wire, (*at)->len);
}
