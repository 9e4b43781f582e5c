/* The arena: a chain of blocks, filled from the front. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define BLOCK_SIZE 1u /* each object a block of its own, so that the sanitizer sees its ends */
#else
#define BLOCK_SIZE (64u << 10)
#endif

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *head;
};

static int exhausted_status = 3;

void arena_on_exhaustion(int exit_status)
{
	exhausted_status = exit_status;
}

static void out_of_memory(void)
{
	fputs("error: out of memory\n", stderr);
	exit(exhausted_status);
}

void *arena_must(void *memory)
{
	if (!memory)
		out_of_memory();
	return memory;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (!arena)
		out_of_memory();
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->head, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size > SIZE_MAX - sizeof(struct block) - align)
		out_of_memory();
	size = (size + align - 1) / align * align;
	struct block *block = arena->head;
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		block = calloc(1, sizeof *block + room);
		if (!block)
			out_of_memory();
		block->size = room;
		block->next = arena->head;
		arena->head = block;
	}
	void *object = block->bytes + block->used;
	block->used += size;
	return object;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);
	memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *text = arena_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);
	if (len > 0)
		vsnprintf(text, (size_t)len + 1, fmt, args);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *text = arena_vprintf(arena, fmt, args);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *cap, size_t item_size)
{
	if (count < *cap)
		return items;
	size_t wanted = *cap ? *cap * 2 : 4;
	if (wanted > SIZE_MAX / item_size)
		out_of_memory();
	void *larger = arena_alloc(arena, wanted * item_size);
	if (count)
		memcpy(larger, items, count * item_size);
	*cap = wanted;
	return larger;
}
