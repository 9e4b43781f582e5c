/* Lines in columns: within a run of lines of one kind the tails line up, within a run of lines with comments
 * the comments do. Very long lines take no part, or one of them would push all others to the right. */
#include "syntax/fmt_state.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

#define TEXT_WIDTH_MAX 60
#define LINE_WIDTH_MAX 88
#define TAB_WIDTH 8

struct fmt_line *fmt_add_line(struct fmt_lines *lines, enum fmt_kind kind, const char *text)
{
	struct fmt_line *line = arena_push(lines->arena, lines);
	line->kind = kind;
	line->text = text;
	return line;
}

static size_t width(const char *text)
{
	size_t cells = 0, len = strlen(text);
	for (size_t at = 0; at < len;) {
		uint32_t character = 0;
		size_t size = utf8_decode(text + at, len - at, &character);
		cells += character == '\t' ? TAB_WIDTH : utf8_width(character);
		at += size ? size : 1;
	}
	return cells;
}

static const char *padded(struct arena *arena, const char *text, size_t to, size_t gap, const char *rest)
{
	size_t cells = width(text), pad = (to > cells ? to - cells : 0) + gap;
	return arena_printf(arena, "%s%*s%s", text, (int)pad, "", rest);
}

/* The widest text with a tail, of those that take part, among the lines [from, to). */
static size_t widest_text(const struct fmt_line *lines, size_t from, size_t to)
{
	size_t widest = 0;
	for (size_t i = from; i < to; i++) {
		size_t cells = lines[i].tail ? width(lines[i].text) : 0;
		if (cells > widest && cells <= TEXT_WIDTH_MAX)
			widest = cells;
	}
	return widest;
}

/* Text and tail become one text. */
static void join_tails(struct fmt_lines *lines)
{
	for (size_t from = 0, to; from < lines->count; from = to) {
		enum fmt_kind kind = lines->items[from].kind;
		for (to = from + 1; to < lines->count && lines->items[to].kind == kind;)
			to++;
		size_t widest = widest_text(lines->items, from, to);
		for (size_t i = from; i < to; i++) {
			struct fmt_line *line = &lines->items[i];
			if (line->tail)
				line->text =
					padded(lines->arena, line->text, widest, kind == FMT_RULE ? 2 : 1, line->tail);
		}
	}
}

static void join_comments(struct fmt_lines *lines)
{
	for (size_t from = 0, to; from < lines->count; from = to) {
		size_t widest = 0;
		for (to = from; to < lines->count && lines->items[to].comment; to++) {
			size_t cells = width(lines->items[to].text);
			if (cells > widest && cells <= LINE_WIDTH_MAX)
				widest = cells;
		}
		for (size_t i = from; i < to; i++) {
			struct fmt_line *line = &lines->items[i];
			line->text = padded(lines->arena, line->text, widest, 2, line->comment);
		}
		if (to == from)
			to++;
	}
}

static size_t trimmed_length(const char *text)
{
	size_t len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return len;
}

const char *fmt_print(const struct fmt_lines *lines)
{
	struct fmt_lines joined = *lines;
	struct text out = { .arena = lines->arena };
	join_tails(&joined);
	join_comments(&joined);
	for (size_t i = 0; i < joined.count; i++)
		text_addf(&out, "%.*s\n", (int)trimmed_length(joined.items[i].text), joined.items[i].text);
	return text_get(&out);
}
