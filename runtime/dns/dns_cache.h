/* Answers of the configured nameservers, kept for their TTL: each as the bytes of a reply to a query in small letters with id
 * 0, without RD and EDNS, so that for another query only these, the TTLs and the spelling of the name have to be put in.
 * Bounded in number and bytes. */
#pragma once
#include "core/timers.h"
#include "dns/dns_message.h"

struct cached {
	struct cached *next; /* in its bucket */
	uint64_t hash;
	uint64_t stored_ms, expires_ms;
	/* Which answer it is; a new one, too, when the name is bound to something else meanwhile */
	uint64_t version;
	/* Of A and AAAA: until when what it gives is known to be bound, by the supervisor's word; 0: it is not.
	 * CACHED_HELD where there is nothing to be bound. */
	uint64_t held_until_ms;
	uint64_t needed_until_ms; /* … it has to be, for the sake of those who have been answered */
	struct timer renewal;     /* runs while that is later */
	uint32_t place;           /* among all */
	uint16_t len, ttl_count;
	bool renewing; /* the supervisor is asked to bind it for longer */
	bool over_udp; /* the policy lets the guest ask for it over UDP */
	bool asked;    /* for, since it was thought of for eviction */
	uint8_t name_len;
	uint16_t type;
	uint16_t ttl_at[]; /* where in the message TTLs are; then the message */
};
#define CACHED_HELD UINT64_MAX

static inline const uint8_t *cached_wire(const struct cached *cached)
{
	return (const uint8_t *)(cached->ttl_at + cached->ttl_count);
}
/* It is in the message, behind the header */
static inline const uint8_t *cached_name(const struct cached *cached)
{
	return cached_wire(cached) + 12;
}
/* As ldns has it, for what is not patched; NULL where memory is short */
ldns_pkt *cached_parse(const struct cached *);

struct cache;
/* `dropped` is called for each one that goes while its renewal runs; it must not touch the cache. NULL where memory is short. */
struct cache *cache_new(uint64_t seed, void (*dropped)(void *self, struct cached *), void *self);
void cache_free(struct cache *); /* NULL is fine */
/* Calls it for each; it must not touch the cache */
void cache_each(struct cache *, void (*each)(void *self, struct cached *), void *self);
/* All are over */
void cache_expire(struct cache *);
/* Keeps an answer to that question, in small letters, for so many seconds, instead of any before. `version` is like no other
 * in the worker's life. NULL where it is not kept. */
struct cached *cache_put(struct cache *, const struct dns_question *, const ldns_pkt *, uint32_t lifetime,
			 uint64_t version, uint64_t now_ms);
/* NULL: none, or its time is over. Until the next cache_put() or cache_find() */
struct cached *cache_find(struct cache *, const struct dns_question *, uint64_t now_ms);
/* Of the question, in small letters */
uint64_t question_hash(const struct dns_question *, uint64_t seed);
bool question_equal(const struct dns_question *, const struct dns_question *);
