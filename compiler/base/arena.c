/* The arena: a chain of blocks, of which the first is filled. What is larger than a block has one of its own behind it. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
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
	struct block *next, *previous;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *head;
};

static void say_and_end(void)
{
	fputs("error: out of memory\n", stderr);
	exit(3);
}

static void (*on_exhaustion)(void) = say_and_end;

void arena_on_exhaustion(void (*end)(void))
{
	on_exhaustion = end;
}

static _Noreturn void out_of_memory(void)
{
	on_exhaustion();
	abort();
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

static bool has_own_block(size_t size)
{
	return size > BLOCK_SIZE;
}

static struct block *block_new(size_t size)
{
	struct block *block = arena_must(calloc(1, sizeof *block + size));
	block->size = size;
	return block;
}

/* Puts the block in front of the others, or behind the first: that one may have room still. */
static void link_block(struct arena *arena, struct block *block, bool behind)
{
	block->previous = behind ? arena->head : NULL;
	block->next = behind && arena->head ? arena->head->next : arena->head;
	if (block->previous)
		block->previous->next = block;
	else
		arena->head = block;
	if (block->next)
		block->next->previous = block;
}

/* Frees an object that has a block of its own. */
static void free_object(struct arena *arena, void *object)
{
	struct block *block = (struct block *)((unsigned char *)object - offsetof(struct block, bytes));
	if (block->previous)
		block->previous->next = block->next;
	else
		arena->head = block->next;
	if (block->next)
		block->next->previous = block->previous;
	free(block);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size > SIZE_MAX - sizeof(struct block) - align)
		out_of_memory();
	size = (size + align - 1) / align * align;
	bool own = has_own_block(size);
	struct block *block = arena->head;
	if (own || !block || block->size - block->used < size) {
		block = block_new(own ? size : BLOCK_SIZE);
		link_block(arena, block, own);
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

void *arena_room(struct arena *arena, void *items, size_t count, size_t *cap, size_t wanted, size_t item_size)
{
	if (wanted <= *cap)
		return items;
	if (wanted > SIZE_MAX / item_size)
		out_of_memory();
	void *larger = arena_alloc(arena, wanted * item_size);
	if (count)
		memcpy(larger, items, count * item_size);
	if (has_own_block(*cap * item_size))
		free_object(arena, items);
	*cap = wanted;
	return larger;
}

/* Most lists have one item */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *cap, size_t item_size)
{
	void *grown = arena_room(arena, items, count, cap, count < *cap ? *cap : *cap ? *cap * 2 : 1, item_size);

	/* a list that was made shorter has remains behind its end */
	memset((char *)grown + count * item_size, 0, item_size);
	return grown;
}
