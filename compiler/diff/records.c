/* A hash table with open addressing over records that never go. */
#include "diff/records.h"

#include <string.h>

#define BUCKETS_FIRST 1024

void records_init(struct records *records, struct arena *arena, size_t size,
		  size_t (*fields)(const void *, uint64_t out[static RECORDS_FIELDS_MAX]))
{
	*records = (struct records){ .arena = arena, .size = size, .fields = fields, .bucket_count = BUCKETS_FIRST };
	records->buckets = arena_alloc(arena, records->bucket_count * sizeof *records->buckets);
	arena_push(arena, &records->list); /* 0: no record */
}

/* The bucket of an equal record, or a free one */
static uint32_t *find_bucket(const struct records *records, const void *record)
{
	uint64_t own[RECORDS_FIELDS_MAX], other[RECORDS_FIELDS_MAX], hash = 0;
	size_t count = records->fields(record, own);
	uint32_t *bucket;

	for (size_t i = 0; i < count; i++) {
		hash = (hash ^ own[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 31;
	}
	while (*(bucket = &records->buckets[hash & (records->bucket_count - 1)]) &&
	       (records->fields(records->list.items[*bucket], other) != count ||
		memcmp(own, other, count * sizeof *own) != 0))
		hash++;
	return bucket;
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
