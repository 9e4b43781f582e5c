/* Records interned by content: equal ones have one key, numbered from 1 in the order in which they were first seen; 0 is
 * no record. A record may hold more than what makes it equal. They belong to the arena. */
#pragma once
#include "base/arena.h"

#define RECORDS_FIELDS_MAX 64

struct records {
	struct arena *arena;
	size_t size; /* of a record */
	/* The fields by which records are equal, one after the other; returns how many */
	size_t (*fields)(const void *record, uint64_t out[static RECORDS_FIELDS_MAX]);
	LIST_OF(void *) list; /* by key */
	uint32_t *buckets;
	size_t bucket_count; /* a power of two */
};

void records_init(struct records *, struct arena *, size_t size,
		  size_t (*fields)(const void *, uint64_t out[static RECORDS_FIELDS_MAX]));
/* A new one is a copy of `record` */
uint32_t records_intern(struct records *, const void *record);
void *records_get(const struct records *, uint32_t key);
size_t records_count(const struct records *); /* as many keys, from 1 on */
