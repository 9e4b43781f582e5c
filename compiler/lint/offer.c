/* Makes up edits from what is to be done with statements: which bytes these are. */
#include "lint/checks.h"
#include "lint/offer.h"
#include "base/text.h"

#include <string.h>

struct lint_offer *lint_offer(struct lint *lint, struct diag *diag, const char *fmt, ...)
{
	struct lint_offer *offer = arena_alloc(lint->arena, sizeof *offer);
	va_list args;

	va_start(args, fmt);
	*offer = (struct lint_offer){ .diag = diag, .whole = true, .help = arena_vprintf(lint->arena, fmt, args) };
	va_end(args);
	if (diag != &lint->spare && diag != &lint->diags->spare) /* silenced, or past the limit */
		*(struct lint_offer **)arena_push(lint->arena, &lint->offers) = offer;
	return offer;
}

static const struct source *source_of(const struct lint *lint, struct lint_offer *offer, struct span span)
{
	const struct source *source = sources_get(lint->policy->sources, span.source);

	if (!source || source->kind == SOURCE_FLAG)
		offer->whole = false;
	return offer->whole ? source : NULL;
}

void offer_replace(struct lint *lint, struct lint_offer *offer, struct span span, const char *text)
{
	struct diag_edit *edit;

	if (!text || !source_of(lint, offer, span)) {
		offer->whole = false;
		return;
	}
	edit = arena_push(lint->arena, &offer->edits);
	*edit = (struct diag_edit){ span, text };
}

/* Where the statement ends whose token or name ends at `at`: behind its line's comment, or behind the lines of its
 * braces; the line's end itself is not in it. */
static uint32_t statement_end(const struct source *source, uint32_t at)
{
	bool in_string = false, in_comment = false;
	unsigned depth = 0;

	for (; at < source->len; at++) {
		char c = source->text[at];

		if (c == '\n') {
			if (!depth)
				break;
			in_comment = in_string = false;
		} else if (in_comment) {
			continue;
		} else if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			continue;
		} else if (c == '#' && at && strchr(" \t\n", source->text[at - 1])) {
			in_comment = true;
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && depth) {
			depth--;
		}
	}
	return at;
}

/* All lines of the statement, with the end of the last */
static struct span statement(const struct lint *lint, const struct source *source, struct span span)
{
	struct span first = span_line(lint->policy->sources, span);
	uint32_t end = statement_end(source, span.end);

	return (struct span){ span.source, first.start, end < source->len ? end + 1 : end };
}

static const char *line_end(const struct source *source)
{
	const char *newline = memchr(source->text, '\n', source->len);

	return newline && newline > source->text && newline[-1] == '\r' ? "\r\n" : "\n";
}

/* Statements, "\n" between them, as whole lines with the file's own ends */
static const char *lines(struct lint *lint, const struct source *source, const char *tokens)
{
	struct text text = { .arena = lint->arena };
	const char *end = line_end(source);

	while (*tokens) {
		size_t len = strcspn(tokens, "\n");

		text_addf(&text, "%.*s%s", (int)len, tokens, end);
		tokens += len + (tokens[len] == '\n');
	}
	return text_get(&text);
}

void offer_insert(struct lint *lint, struct lint_offer *offer, struct span span, const char *token)
{
	const struct source *source = source_of(lint, offer, span);
	uint32_t at = span.start;

	if (!source)
		return;
	if (source->kind == SOURCE_FILE)
		at = span_line(lint->policy->sources, span).start;
	offer_replace(lint, offer, (struct span){ span.source, at, at },
		      source->kind == SOURCE_FILE ? lines(lint, source, token) :
						    arena_printf(lint->arena, "%s,", token));
}

void offer_append(struct lint *lint, struct lint_offer *offer, const char *token)
{
	const struct sources *sources = lint->policy->sources;
	struct span end = { 0, 0, 0 };
	const struct source *source = NULL;
	bool ends;

	for (uint32_t i = 0; i < sources->count && !source; i++)
		if (lint->policy->file && !strcmp(sources->items[i]->name, lint->policy->name)) {
			source = sources->items[i];
			end.source = i;
		}
	if (!source) {
		offer->whole = false;
		return;
	}
	end.start = end.end = (uint32_t)source->len;
	ends = !source->len || source->text[source->len - 1] == '\n';
	offer_replace(lint, offer, end,
		      arena_printf(lint->arena, "%s%s", ends ? "" : line_end(source), lines(lint, source, token)));
}

/* A rule of an argument's comma list, with the comma behind it or else before it */
static struct span listed(const struct source *source, struct span span)
{
	uint32_t end = span.end, start = span.start;

	while (end < source->len && strchr(" \t\r\n", source->text[end]))
		end++;
	if (end < source->len && source->text[end] == ',') {
		end++;
		while (end < source->len && strchr(" \t", source->text[end]))
			end++;
		return (struct span){ span.source, start, end };
	}
	while (start && strchr(" \t\r\n", source->text[start - 1]))
		start--;
	if (start && source->text[start - 1] == ',')
		return (struct span){ span.source, start - 1, span.end };
	return (struct span){ SPAN_NO_SOURCE, 0, 0 };
}

void offer_remove(struct lint *lint, struct lint_offer *offer, struct span span)
{
	const struct source *source = source_of(lint, offer, span);

	if (source)
		offer_replace(lint, offer,
			      source->kind == SOURCE_FILE ? statement(lint, source, span) : listed(source, span), "");
}

void offer_remove_item(struct lint *lint, struct lint_offer *offer, struct span span)
{
	const struct source *source = source_of(lint, offer, span);

	if (source)
		offer_replace(lint, offer, listed(source, span), "");
}

void offer_remove_comment(struct lint *lint, struct lint_offer *offer, struct span span)
{
	const struct source *source = source_of(lint, offer, span);
	struct span gone = span, line;

	if (!source)
		return;
	line = span_line(lint->policy->sources, span);
	while (gone.start > line.start && strchr(" \t", source->text[gone.start - 1]))
		gone.start--;
	if (gone.start == line.start)
		gone = statement(lint, source, span);
	offer_replace(lint, offer, gone, "");
}

void offer_move(struct lint *lint, struct lint_offer *offer, struct span span, struct span above)
{
	const struct source *source = source_of(lint, offer, span);
	struct span whole;
	const char *text;

	if (!source || source->kind != SOURCE_FILE) {
		offer->whole = false;
		return;
	}
	whole = statement(lint, source, span);
	text = span_text(lint->arena, lint->policy->sources, whole);
	if (whole.end == source->len && !strchr("\n", source->text[source->len - 1]))
		text = arena_printf(lint->arena, "%s%s", text, line_end(source));
	above = span_line(lint->policy->sources, above);
	offer_replace(lint, offer, (struct span){ above.source, above.start, above.start }, text);
	offer_replace(lint, offer, whole, "");
}
