/* A hash table with open addressing over records that never go. */
#include "diff/records.h"

#include <string.h>

#define BUCKETS_FIRST 1024

void records_init(struct records *records, struct arena *arena, size_t size, uint64_t (*hash)(const void *),
		  bool (*same)(const void *, const void *))
{
	*records = (struct records){
		.arena = arena, .size = size, .hash = hash, .same = same, .bucket_count = BUCKETS_FIRST
	};
	records->buckets = arena_alloc(arena, records->bucket_count * sizeof *records->buckets);
	arena_push(arena, &records->list); /* 0: no record */
}

/* The bucket of an equal record, or a free one */
static uint32_t *find_bucket(const struct records *records, const void *record)
{
	size_t at = records->hash(record) & (records->bucket_count - 1);

	while (records->buckets[at] && !records->same(records->list.items[records->buckets[at]], record))
		at = (at + 1) & (records->bucket_count - 1);
	return &records->buckets[at];
}

static void grow(struct records *records)
{
	records->bucket_count *= 2;
	records->buckets = arena_alloc(records->arena, records->bucket_count * sizeof *records->buckets);
	for (uint32_t i = 1; i < records->list.count; i++)
		*find_bucket(records, records->list.items[i]) = i;
}

uint32_t records_intern(struct records *records, const void *record)
{
	uint32_t *bucket = find_bucket(records, record), key;
	void *copy;

	if (*bucket)
		return *bucket;
	key = *bucket = (uint32_t)records->list.count;
	copy = arena_alloc(records->arena, records->size);
	memcpy(copy, record, records->size);
	*arena_push(records->arena, &records->list) = copy;
	if (records->list.count * 2 > records->bucket_count)
		grow(records);
	return key;
}

void *records_get(const struct records *records, uint32_t key)
{
	return records->list.items[key];
}

size_t records_count(const struct records *records)
{
	return records->list.count - 1;
}
