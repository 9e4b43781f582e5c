/* An arena owns every object of one compilation. Nothing is freed singly: arena_free() ends them all,
 * so an error path has nothing to undo. Running out of memory says so and ends
 * the process with status 3, or calls what was given to arena_on_exhaustion(), which is a main()'s to call. */
#pragma once
#include <stddef.h>
#include <stdarg.h>

#include "base/list.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *);             /* NULL is fine */
void arena_on_exhaustion(void (*end)(void)); /* which does not return, and finds no memory */
/* For memory that lives outside of arenas: what malloc() answered, or that end. */
void *arena_must(void *memory);

void *arena_alloc(struct arena *, size_t size); /* zeroed, aligned for any type, never NULL */
char *arena_strndup(struct arena *, const char *, size_t len);
char *arena_strdup(struct arena *, const char *);
char *arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *, const char *fmt, va_list);

/* Room for one more item, which is zeroed: returns `items`, or a larger copy of it where `count` has reached `*cap`; then `items` may be
 * gone, so nobody else may hold on to it. */
void *arena_grow(struct arena *, void *items, size_t count, size_t *cap, size_t item_size);
/* The same for `wanted` items in all */
void *arena_room(struct arena *, void *items, size_t count, size_t *cap, size_t wanted, size_t item_size);

/* Room for `more` items, where the list is about to get that many: what doubling would leave behind is saved. */
#define arena_reserve(arena, list, more)                                                                       \
	((list)->items = arena_room(arena, (list)->items, (list)->count, &(list)->cap, (list)->count + (more), \
				    sizeof *(list)->items))

/* list has members items, count, cap; yields the address of a new, zeroed last item. */
#define arena_push(arena, list)                                                                                \
	((list)->items = arena_grow(arena, (list)->items, (list)->count, &(list)->cap, sizeof *(list)->items), \
	 &(list)->items[(list)->count++])
