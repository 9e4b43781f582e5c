/* Bytes to positions and back. A byte that starts no character counts as one unit, as an editor shows it. */
#include "lsp/positions.h"
#include "base/list.h"
#include "base/utf8.h"

#include <string.h>

/* Length of the line's end that starts there, 0 where none does */
static size_t line_end(const char *text, size_t len, size_t at)
{
	if (text[at] == '\n')
		return 1;
	if (text[at] != '\r')
		return 0;
	return at + 1 < len && text[at + 1] == '\n' ? 2 : 1;
}

static size_t next_end(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != '\n' && text[at] != '\r')
		at++;
	return at;
}

struct lsp_text *lsp_text_new(struct arena *arena, const char *text, size_t len, enum lsp_encoding encoding)
{
	struct lsp_text *result = arena_alloc(arena, sizeof *result);
	size_t count = 1;

	*result = (struct lsp_text){ .text = text, .len = len, .encoding = encoding };
	for (size_t at = next_end(text, len, 0); at < len; at = next_end(text, len, at + line_end(text, len, at)))
		count++;
	result->starts = arena_alloc(arena, count * sizeof *result->starts);
	result->count = 1;
	for (size_t at = next_end(text, len, 0); at < len; at = next_end(text, len, result->starts[result->count - 1]))
		result->starts[result->count++] = (uint32_t)(at + line_end(text, len, at));
	return result;
}

bool lsp_text_has_crlf(const struct lsp_text *text)
{
	const char *end = memchr(text->text, '\n', text->len);

	return end && end > text->text && end[-1] == '\r';
}

/* Bytes of the character at `at`, and its length in the encoding's units */
static size_t step(const struct lsp_text *text, size_t at, uint64_t *units)
{
	uint32_t character = 0;
	size_t size = utf8_decode(text->text + at, text->len - at, &character);

	if (!size)
		size = 1;
	*units = text->encoding == LSP_UTF8 ? size : character > 0xffff ? 2 : 1;
	return size;
}

struct lsp_position lsp_text_position(const struct lsp_text *text, size_t offset)
{
	struct lsp_position position = { 0, 0 };
	size_t line;

	if (offset > text->len)
		offset = text->len;
	line = lower_bound(text->starts, 0, (uint32_t)text->count, (uint32_t)offset);
	if (line == text->count || text->starts[line] > offset)
		line--;
	position.line = line;
	for (size_t at = text->starts[line]; at < offset;) {
		uint64_t units;

		at += step(text, at, &units);
		if (at <= offset)
			position.character += units;
	}
	return position;
}

size_t lsp_text_offset(const struct lsp_text *text, struct lsp_position position)
{
	size_t at, end;
	uint64_t character = 0;

	if (position.line >= text->count)
		return text->len;
	at = text->starts[position.line];
	end = next_end(text->text, text->len, at);
	while (at < end && character < position.character) {
		uint64_t units;
		size_t size = step(text, at, &units);

		if (character + units > position.character)
			break;
		character += units;
		at += size;
	}
	return at;
}
