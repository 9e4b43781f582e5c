#include "base/json_memory.h"
#include "base/arena.h"

#include <jansson.h>
#include <stdlib.h>

static void *must_malloc(size_t size)
{
	return arena_must(malloc(size));
}

void json_memory_must(void)
{
	json_set_alloc_funcs(must_malloc, free);
}
