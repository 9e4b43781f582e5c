/* Records interned by content: equal ones have one key, numbered from 1 in the order in which they were first seen; 0 is
 * no record. A record may hold more than what makes it equal. They belong to the arena. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>

struct records {
	struct arena *arena;
	size_t size; /* of a record */
	uint64_t (*hash)(const void *record);
	bool (*same)(const void *a, const void *b);
	LIST_OF(void *) list; /* by key */
	uint32_t *buckets;
	size_t bucket_count; /* a power of two */
};

void records_init(struct records *, struct arena *, size_t size, uint64_t (*hash)(const void *),
		  bool (*same)(const void *, const void *));
/* A new one is a copy of `record` */
uint32_t records_intern(struct records *, const void *record);
void *records_get(const struct records *, uint32_t key);
size_t records_count(const struct records *); /* as many keys, from 1 on */

/* Adds a value to a hash, which starts as 0 */
static inline uint64_t records_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 31;
}
