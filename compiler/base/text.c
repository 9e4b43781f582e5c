/* Growing text: doubles its room, so that writing n bytes costs O(n). */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Room for `len` more bytes and the final NUL */
static char *reserve(struct text *text, size_t len)
{
	if (text->cap - text->count <= len) {
		size_t cap = (text->count + len + 1) * 2;
		char *larger = arena_alloc(text->arena, cap < 256 ? 256 : cap);
		if (text->count)
			memcpy(larger, text->items, text->count);
		text->items = larger;
		text->cap = cap < 256 ? 256 : cap;
	}
	return text->items + text->count;
}

void text_add(struct text *text, const char *bytes)
{
	size_t len = strlen(bytes);

	memcpy(reserve(text, len), bytes, len + 1);
	text->count += len;
}

void text_addf(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len <= 0)
		return;
	char *to = reserve(text, (size_t)len);
	va_start(args, fmt);
	vsnprintf(to, (size_t)len + 1, fmt, args);
	va_end(args);
	text->count += (size_t)len;
}

const char *text_get(struct text *text)
{
	reserve(text, 0)[0] = 0;
	return text->items;
}

const char *text_list(struct arena *arena, const char *const *items, size_t count, size_t more)
{
	struct text text = { .arena = arena };

	text_add(&text, count + more > 1 ? "{" : "");
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%s%s", i ? "," : "", items[i]);
	if (more)
		text_addf(&text, ",… %zu more", more);
	text_add(&text, count + more > 1 ? "}" : "");
	return text_get(&text);
}
