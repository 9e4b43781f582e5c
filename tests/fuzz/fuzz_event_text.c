/* Events as msb-ctl prints them and as the journal gets them, whatever they hold: one line without a byte that steers a terminal, and fields
 * of which none is another's bytes. */
#include "report/event_journal.h"
#include "report/event_text.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
}

static size_t members(const json_t *event)
{
	const char *key;
	json_t *value;
	size_t count = 0;

	json_object_foreach((json_t *)event, key, value) count += json_is_string(value) || json_is_integer(value);
	return count;
}

/* As journald reads them: three of ours, and one for each member */
static void check_fields(const char *bytes, size_t len, size_t wanted)
{
	const char *at = bytes, *end = bytes + len;
	size_t count = 0;

	for (; at < end; count++) {
		const char *line = memchr(at, '\n', (size_t)(end - at)),
			   *equals = line ? memchr(at, '=', (size_t)(line - at)) : NULL;
		uint64_t size = 0;

		if (!line || line == at)
			abort();
		if (!equals) {
			if ((size_t)(end - line) <= sizeof size)
				abort();
			memcpy(&size, line + 1, sizeof size);
			size = le64toh(size);
			line += 1 + sizeof size;
			if (size >= (size_t)(end - line) || line[size] != '\n')
				abort();
			line += size;
		}
		at = line + 1;
	}
	if (count != wanted)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *event = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	char bytes[16384];

	if (json_is_object(event)) {
		struct arena *arena = arena_new();

		check_text(event_text(arena, event, true));
		check_text(event_text(arena, event, false));
		size_t len = event_journal_fields(event, bytes, sizeof bytes);
		if (len)
			check_fields(bytes, len, 3 + members(event));
		arena_free(arena);
	}
	json_decref(event);
	return 0;
}
