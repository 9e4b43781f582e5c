/* From a policy file to its canonical layout: statements, with the comments that belong to them, in order. */
#include "syntax/fmt_state.h"
#include "base/text.h"
#include "syntax/parse.h"

#include <string.h>

/* A statement with the comment lines right above it; or comment lines alone, with a blank line below. */
struct item {
	const struct ast_statement *statement;
	struct {
		const char **items;
		size_t count, cap;
	} comments;
	bool blank_before;
};

struct layout {
	struct arena *arena;
	const struct sources *sources;
	const struct source *source;
	uint32_t index;
	struct {
		struct item *items;
		size_t count, cap;
	} items;
	struct item pending; /* comments not yet given to a statement */
	bool blank;          /* a blank line since the last thing */
};

static uint32_t line_of(const struct layout *layout, uint32_t offset)
{
	return span_place(layout->sources, (struct span){ layout->index, offset, offset }).line - 1;
}

static void take_pending(struct layout *layout, const struct ast_statement *statement)
{
	struct item *item = arena_push(layout->arena, &layout->items);
	*item = layout->pending;
	item->statement = statement;
	if (!item->comments.count)
		item->blank_before = layout->blank;
	layout->pending = (struct item){ 0 };
	layout->blank = false;
}

/* The lines [from, to), which hold blanks and comments only. */
static void read_between(struct layout *layout, uint32_t from, uint32_t to)
{
	for (uint32_t line = from; line < to; line++) {
		struct span start = { layout->index, layout->source->lines[line], layout->source->lines[line] };
		struct span comment = span_comment(layout->sources, start);
		if (comment.start < comment.end) {
			if (!layout->pending.comments.count)
				layout->pending.blank_before = layout->blank;
			layout->blank = false;
			*arena_push(layout->arena, &layout->pending.comments) =
				span_text(layout->arena, layout->sources, comment);
			continue;
		}
		if (layout->pending.comments.count)
			take_pending(layout, NULL);
		layout->blank = true;
	}
}

static void read_items(struct layout *layout, const struct ast_file *file)
{
	uint32_t next_line = 0;
	for (size_t i = 0; i < file->statements.count; i++) {
		const struct ast_statement *statement = &file->statements.items[i];
		read_between(layout, next_line, line_of(layout, statement->span.start));
		take_pending(layout, statement);
		next_line = line_of(layout, statement->span.end) + 1;
	}
	if (next_line <= layout->source->last_line)
		read_between(layout, next_line, layout->source->last_line + 1);
	if (layout->pending.comments.count)
		take_pending(layout, NULL);
}

/* What has no place in the order of rules */
static bool goes_first(const struct item *item)
{
	return item->statement && (item->statement->kind == AST_DEFAULT || item->statement->kind == AST_PROFILE);
}

/* Comment blocks above the first statement are the file's; then defaults and profiles; then the rest, in their
 * order. */
static struct item *put_in_order(struct layout *layout)
{
	size_t count = layout->items.count, used = 0, header = 0;
	struct item *from = layout->items.items, *ordered = arena_alloc(layout->arena, (count + 1) * sizeof *ordered);
	while (header < count && !from[header].statement)
		ordered[used++] = from[header++];
	for (size_t i = header; i < count; i++) {
		if (!goes_first(&from[i]))
			continue;
		if (used == header) /* a comment block of its own ends in a blank line */
			from[i].blank_before = header > 0;
		else if (i > used && !from[i].comments.count) /* from behind something else: next to the others */
			from[i].blank_before = false;
		ordered[used++] = from[i];
	}
	size_t firsts = used;
	for (size_t i = header; i < count; i++) {
		if (goes_first(&from[i]))
			continue;
		/* where something moved past it, the rest begins with a blank line */
		if (used == firsts && firsts > header && i < firsts)
			from[i].blank_before = true;
		ordered[used++] = from[i];
	}
	return ordered;
}

static void add_item(struct fmt_lines *lines, const struct item *item)
{
	if (lines->count && item->blank_before)
		fmt_add_line(lines, FMT_BLANK, "");
	for (size_t i = 0; i < item->comments.count; i++)
		fmt_add_line(lines, FMT_PLAIN, item->comments.items[i]);
	if (!item->statement)
		return;
	fmt_add_statement(lines, item->statement);
	uint32_t end = item->statement->span.end;
	struct span comment = span_comment(lines->sources, (struct span){ item->statement->span.source, end, end });
	if (comment.start >= end && comment.start < comment.end)
		lines->items[lines->count - 1].comment = span_text(lines->arena, lines->sources, comment);
}

/* Line ends as the file's first has them: editors and git attributes of Windows put CRLF back otherwise. */
static const char *keep_line_ends(struct arena *arena, const struct source *source, const char *text)
{
	const char *newline = memchr(source->text, '\n', source->len);
	if (!newline || newline == source->text || newline[-1] != '\r')
		return text;
	struct text result = { .arena = arena };
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		text_addf(&result, "%.*s\r\n", (int)(end - text), text);
	return text_get(&result);
}

const char *fmt_policy(struct diags *diags, uint32_t source)
{
	size_t errors = diags->errors;
	struct ast_file *file = parse_policy(diags, source);
	if (diags->errors > errors)
		return NULL;
	struct layout layout = {
		.arena = diags->arena,
		.sources = diags->sources,
		.source = sources_get(diags->sources, source),
		.index = source,
	};
	struct fmt_lines lines = { .arena = diags->arena, .sources = diags->sources };
	read_items(&layout, file);
	struct item *ordered = put_in_order(&layout);
	for (size_t i = 0; i < layout.items.count; i++)
		add_item(&lines, &ordered[i]);
	return keep_line_ends(diags->arena, layout.source, fmt_print(&lines));
}
