/* jansson's memory while the library works. Its functions for that are the process's, so they are wrapped once, as the library is
 * loaded: of a thread that is in the library memory is there, or the process ends as an arena's does; others notice nothing. */
#include "api/api_state.h"

#include <jansson.h>

static json_malloc_t allocate;
static _Thread_local bool works __attribute__((tls_model("initial-exec")));

static void *wrapped(size_t size)
{
	void *memory = allocate(size);

	return works ? arena_must(memory) : memory;
}

__attribute__((constructor)) static void wrap(void)
{
	json_free_t release;

	json_get_alloc_funcs(&allocate, &release);
	json_set_alloc_funcs(wrapped, release);
}

/* The library may be unloaded while the program goes on */
__attribute__((destructor)) static void unwrap(void)
{
	json_malloc_t now;
	json_free_t release;

	json_get_alloc_funcs(&now, &release);
	if (now == wrapped)
		json_set_alloc_funcs(allocate, release);
}

bool api_work(void)
{
	bool before = works;

	works = true;
	return before;
}

void api_rest(const bool *before)
{
	works = *before;
}
