/* The cache: a hash table that grows to its bound, and an array of all entries, from which those that give way are drawn. */
#include "dns/dns_cache.h"
#include "base/fnv.h"
#include "dns/dns_wire.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_MAX_ENTRIES 32768u /* a power of two */
#define CACHE_MIN_ROOM 256u      /* the same */
#define CACHE_MAX_BYTES (8u << 20)
#define CACHE_MAX_ANSWER (16u << 10)
#define CACHE_DRAWS 8
#define HEADER 12

struct cache {
	uint64_t seed, draw;
	void (*dropped)(void *self, struct cached *);
	void *self;
	size_t entries, bytes;
	size_t room; /* buckets, and entries of `all`; 0 or a power of two */
	struct cached **buckets, **all;
};

/* ---- keys ---- */

bool question_equal(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

uint64_t question_hash(const struct dns_question *question, uint64_t seed)
{
	uint64_t hash = seed ^ question->type;
	for (size_t i = 0; i < question->name_len; i++)
		hash = fnv_byte(hash, question->name[i]);
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15ull >> 17;
}

/* ---- entries ---- */

struct cache *cache_new(uint64_t seed, void (*dropped)(void *self, struct cached *), void *self)
{
	struct cache *cache = calloc(1, sizeof *cache);
	if (cache) {
		cache->seed = seed;
		cache->draw = seed | 1;
		cache->dropped = dropped;
		cache->self = self;
	}
	return cache;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->entries; i++) {
		timer_stop(&cache->all[i]->renewal);
		free(cache->all[i]);
	}
	free(cache->buckets);
	free(cache->all);
	free(cache);
}

static size_t size_of(const struct cached *cached)
{
	return sizeof *cached + cached->ttl_count * sizeof *cached->ttl_at + cached->len;
}

static struct cached **bucket(struct cache *cache, uint64_t hash)
{
	return &cache->buckets[hash & (cache->room - 1)];
}

/* Twice the room. false: there is not enough memory, all stays */
static bool grow(struct cache *cache)
{
	size_t room = cache->room ? cache->room * 2 : CACHE_MIN_ROOM;
	struct cached **all = realloc(cache->all, room * sizeof(struct cached *));
	if (all)
		cache->all = all;
	struct cached **buckets = all ? calloc(room, sizeof(struct cached *)) : NULL;
	if (!buckets)
		return false;
	free(cache->buckets);
	cache->buckets = buckets;
	cache->room = room;
	for (size_t i = 0; i < cache->entries; i++) {
		struct cached **at = bucket(cache, all[i]->hash);
		all[i]->next = *at;
		*at = all[i];
	}
	return true;
}

static void drop(struct cache *cache, struct cached *cached)
{
	if (timer_runs(&cached->renewal))
		cache->dropped(cache->self, cached);
	timer_stop(&cached->renewal);
	struct cached **at = bucket(cache, cached->hash), *last = cache->all[--cache->entries];
	while (*at != cached)
		at = &(*at)->next;
	*at = cached->next;
	last->place = cached->place;
	cache->all[last->place] = last;
	cache->bytes -= size_of(cached);
	free(cached);
}

void cache_each(struct cache *cache, void (*each)(void *self, struct cached *), void *self)
{
	for (size_t i = 0; i < cache->entries; i++)
		each(self, cache->all[i]);
}

void cache_expire(struct cache *cache)
{
	for (size_t i = 0; i < cache->entries; i++)
		cache->all[i]->expires_ms = 0;
}

static struct cached *find(struct cache *cache, const struct dns_question *question, uint64_t hash)
{
	struct cached *cached = cache->room ? *bucket(cache, hash) : NULL;
	while (cached &&
	       (cached->hash != hash || cached->type != question->type || cached->name_len != question->name_len ||
		memcmp(cached_name(cached), question->name, question->name_len) != 0))
		cached = cached->next;
	return cached;
}

struct cached *cache_find(struct cache *cache, const struct dns_question *question, uint64_t now_ms)
{
	struct cached *cached = find(cache, question, question_hash(question, cache->seed));
	if (cached && cached->expires_ms <= now_ms) {
		drop(cache, cached);
		return NULL;
	}
	return cached;
}

ldns_pkt *cached_parse(const struct cached *cached)
{
	return dns_answer_parse(cached_wire(cached), cached->len);
}

/* ---- what gives way ---- */

static uint64_t draw(struct cache *cache)
{
	cache->draw ^= cache->draw << 13;
	cache->draw ^= cache->draw >> 7;
	cache->draw ^= cache->draw << 17;
	return cache->draw;
}

/* Of some drawn by lot one that is over, or that nobody has asked for again. Whoever goes through more names than there is
 * room for, again and again, finds those that stayed the last time: going by age they would find none. */
static struct cached *find_unwanted(struct cache *cache, uint64_t now_ms)
{
	struct cached *cached = NULL;
	for (int i = 0; i < CACHE_DRAWS; i++) {
		cached = cache->all[draw(cache) % cache->entries];
		if (cached->expires_ms <= now_ms || !cached->asked)
			return cached;
		cached->asked = false;
	}
	return cached;
}

static void make_room(struct cache *cache, size_t bytes, uint64_t now_ms)
{
	while (cache->entries > 0 && (cache->entries >= CACHE_MAX_ENTRIES || cache->bytes + bytes > CACHE_MAX_BYTES))
		drop(cache, find_unwanted(cache, now_ms));
}

/* ---- what comes ---- */

/* Past the name at `at`; 0: there is none */
static size_t skip_name(const uint8_t *wire, size_t len, size_t at)
{
	while (at < len && wire[at] != 0) {
		if (wire[at] >= 0xc0)
			return at + 2;
		at += 1u + wire[at];
	}
	return at + 1;
}

/* Where the message's TTLs are. false: it is not a message as ldns makes them, or has more than `room` records */
static bool find_ttls(const uint8_t *wire, size_t len, uint16_t *out, size_t room, uint16_t *count)
{
	size_t records = (size_t)wire_get16(wire + 6) + wire_get16(wire + 8) + wire_get16(wire + 10);
	size_t at = skip_name(wire, len, HEADER) + 4;
	*count = 0;
	if (records > room)
		return false;
	for (; records > 0; records--) {
		at = skip_name(wire, len, at);
		if (at + 10 > len)
			return false;
		out[(*count)++] = (uint16_t)(at + 4);
		at += 10u + wire_get16(wire + at + 8);
	}
	return at == len;
}

/* NULL where it is no answer to keep */
static struct cached *cached_new(const struct dns_question *question, const ldns_pkt *pkt)
{
	static uint8_t wire[CACHE_MAX_ANSWER];
	static uint16_t ttl_at[CACHE_MAX_ANSWER / 11]; /* the least octets of a record */
	const struct dns_query query = { .question = *question, .class = LDNS_RR_CLASS_IN };
	uint16_t ttl_count;
	size_t len = dns_reply_answer(&query, pkt, 0, sizeof wire, wire, sizeof wire);
	if (len < HEADER || dns_answer_truncated(wire) ||
	    !find_ttls(wire, len, ttl_at, sizeof ttl_at / sizeof *ttl_at, &ttl_count))
		return NULL;
	struct cached *cached = malloc(sizeof *cached + ttl_count * sizeof *ttl_at + len);
	if (!cached)
		return NULL;
	*cached = (struct cached){
		.len = (uint16_t)len, .ttl_count = ttl_count, .type = question->type, .name_len = question->name_len
	};
	memcpy(cached->ttl_at, ttl_at, ttl_count * sizeof *ttl_at);
	memcpy(cached->ttl_at + ttl_count, wire, len);
	return cached;
}

struct cached *cache_put(struct cache *cache, const struct dns_question *question, const ldns_pkt *pkt,
			 uint32_t lifetime, uint64_t version, uint64_t now_ms)
{
	uint64_t hash = question_hash(question, cache->seed);
	struct cached *before = find(cache, question, hash);
	if (before)
		drop(cache, before);
	struct cached *cached = lifetime > 0 ? cached_new(question, pkt) : NULL;
	if (!cached)
		return NULL;
	make_room(cache, size_of(cached), now_ms);
	if (cache->entries == cache->room && !grow(cache)) {
		free(cached);
		return NULL;
	}
	cached->hash = hash;
	cached->version = version;
	cached->stored_ms = now_ms;
	cached->expires_ms = now_ms + lifetime * 1000ull;
	cached->place = (uint32_t)cache->entries;
	cached->next = *bucket(cache, hash);
	*bucket(cache, hash) = cached;
	cache->all[cache->entries++] = cached;
	cache->bytes += size_of(cached);
	return cached;
}
