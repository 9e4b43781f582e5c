/* Policy files: whatever the bytes, an answer or an error, and every stage behind. What the formatter prints
 * parses, and is what it makes of its own output. */
#include "syntax/fmt.h"
#include "fuzz.h"

static const char *formatted(struct diags *diags, const char *text, size_t size)
{
	return fmt_policy(diags, sources_add(diags->sources, SOURCE_FILE, "fuzz.msb", text, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	const char *once = formatted(diags, (const char *)data, size);
	if (once) {
		const char *twice = formatted(diags, once, strlen(once));
		if (!twice || strcmp(once, twice) != 0)
			abort();
	}
	arena_free(arena);
	fuzz_file("fuzz.msb", data, size);
	return 0;
}
