/* Syntax errors whose shape is known: strings without their quotes, lists without their braces, blanks for colons.
 * What was meant is offered as the line to write, and as the edit of it. */
#include "syntax/parse_state.h"
#include "syntax/mistakes.h"

#include <string.h>

#define BLANKS " \t\r\n"

static void offer(struct parser *parser, struct diag *diag, struct span part, const char *replacement)
{
	struct span line = span_line(parser->diags->sources, part), after = { part.source, part.end, line.end };
	struct span before = { part.source, line.start, part.start };

	diag->help = arena_printf(parser->arena, "%s%s%s", span_text(parser->arena, parser->diags->sources, before),
				  replacement, span_text(parser->arena, parser->diags->sources, after));
	diag_edit(parser->diags, diag, part, replacement);
}

/* To the end of the line, comments and blanks aside */
static struct span rest_of_line(struct parser *parser, struct span span)
{
	struct span comment = span_comment(parser->diags->sources, span);

	span.end = span_line(parser->diags->sources, span).end;
	if (comment.start < comment.end && comment.start > span.start)
		span.end = comment.start;
	while (span.end > span.start && strchr(BLANKS, parser->text[span.end - 1]))
		span.end--;
	return span;
}

/* ---- strings ---- */

static const struct {
	const char *open, *close;
} quotes[] = { { "'", "'" }, { "`", "`" }, { "“", "”" }, { "„", "“" }, { "«", "»" }, { "”", "”" }, { "‘", "’" } };

/* Text in quotes of another kind: its length with them, or 0; the text between into *inside */
static size_t quoted_otherwise(struct arena *arena, const char *text, const char **inside)
{
	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		size_t open = strlen(quotes[i].open);
		const char *close =
			strncmp(text, quotes[i].open, open) == 0 ? strstr(text + open, quotes[i].close) : NULL;
		if (!close)
			continue;
		*inside = arena_strndup(arena, text + open, (size_t)(close - text) - open);
		return (size_t)(close - text) + strlen(quotes[i].close);
	}
	return 0;
}

/* Where an attribute follows words that stand without quotes */
static size_t bare_length(const char *text)
{
	size_t len = strlen(text);
	static const char *const ends[] = { " until ", " log", " because " };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const char *end = strstr(text, ends[i]);
		bool whole = end && (strchr(ends[i] + 1, ' ') || !end[strlen(ends[i])] || end[strlen(ends[i])] == ' ');
		if (whole && (size_t)(end - text) < len)
			len = (size_t)(end - text);
	}
	return len;
}

static void explain_string(struct parser *parser, struct diag *diag, struct span span)
{
	struct span part = rest_of_line(parser, span);
	const char *text = span_text(parser->arena, parser->diags->sources, part), *inside = NULL;
	size_t len = quoted_otherwise(parser->arena, text, &inside);

	if (!len) {
		len = bare_length(text);
		inside = arena_strndup(parser->arena, text, len);
	}
	if (!*inside || strchr(inside, '"'))
		return;
	part.end = part.start + (uint32_t)len;
	offer(parser, diag, part, arena_printf(parser->arena, "\"%s\"", inside));
}

/* ---- statements ---- */

/* "default deny", "group web: a" */
static bool explain_statement_line(struct parser *parser, struct diag *diag, struct span span)
{
	struct span line = span_line(parser->diags->sources, span);
	const char *text = parser->text + line.start;
	size_t start = strspn(text, " \t"), keyword = strlen(parser->statement->word);

	if (strncmp(text + start, parser->statement->word, keyword) != 0) /* a later line of its braces */
		return false;
	size_t word = start + keyword + strspn(text + start + keyword, " \t"), len = strcspn(text + word, BLANKS);
	struct span part = { span.source, line.start + (uint32_t)word, line.start + (uint32_t)(word + len) };
	const char *written = arena_strndup(parser->arena, text + word, len);

	if (!strcmp(parser->statement->word, "default") && part.end <= span.start) {
		const struct mistake *action = mistake_find(MISTAKE_ACTION, written);
		if (!action || text[word + len + strspn(text + word + len, " \t\r")] != '\n')
			return false;
		offer(parser, diag, part, arena_printf(parser->arena, "egress %s", action->meant));
		return true;
	}
	if (!strcmp(parser->statement->word, "group") && len > 1 && written[len - 1] == ':' && part.end < span.start) {
		part.start = part.end - 1;
		offer(parser, diag, part, " =");
		return true;
	}
	return false;
}

/* ---- rules ---- */

static bool is_number(const char *text, size_t len)
{
	return len && len < 6 && strspn(text, "0123456789") >= len;
}

/* "allow@a.example tcp 443" from the word behind the target on */
static bool explain_blanks(struct parser *parser, struct diag *diag, struct span rule, struct span rest)
{
	const char *text = span_text(parser->arena, parser->diags->sources, rest);
	size_t proto = strcspn(text, " \t"), port = proto + strspn(text + proto, " \t"),
	       len = strcspn(text + port, " \t");
	bool known = (proto == 3 && (!strncmp(text, "tcp", 3) || !strncmp(text, "udp", 3)));
	struct span part = { rest.source, rule.end, rest.start + (uint32_t)(port + len) };

	if (!known || text[port + len] || (len && !is_number(text + port, len)))
		return false;
	diag->label = "colons join the parts of a rule";
	offer(parser, diag, part,
	      arena_printf(parser->arena, ":%.*s%s%.*s", (int)proto, text, len ? ":" : "", (int)len, text + port));
	return true;
}

/* "allow@a.example, b.example": the targets in braces */
static bool explain_comma(struct parser *parser, struct diag *diag, struct span rule, struct span rest)
{
	const char *text = span_text(parser->arena, parser->diags->sources, rule), *at = strchr(text, '@');
	const char *more = span_text(parser->arena, parser->diags->sources, rest);
	size_t len = strlen(text);

	if (!at || !at[1] || text[len - 1] != ',' || strpbrk(at, "{[:") || strpbrk(more, "{}[]:@\""))
		return false;
	struct span part = { rule.source, rule.start + (uint32_t)(at + 1 - text), rest.end };
	diag->label = "a list stands in braces";
	offer(parser, diag, part,
	      arena_printf(parser->arena, "{%s}", span_text(parser->arena, parser->diags->sources, part)));
	return true;
}

static bool explain_rule(struct parser *parser, struct diag *diag, struct span span)
{
	struct span line = span_line(parser->diags->sources, span), rule = { span.source, line.start, span.start };
	struct span rest = rest_of_line(parser, span);

	while (rule.end > rule.start && strchr(BLANKS, parser->text[rule.end - 1]))
		rule.end--;
	const char *text = span_text(parser->arena, parser->diags->sources, rule);
	if (!strchr(text, '@') || strpbrk(text + strspn(text, BLANKS), BLANKS))
		return false;
	return explain_comma(parser, diag, rule, rest) || explain_blanks(parser, diag, rule, rest);
}

static bool explain_comment(struct parser *parser, struct diag *diag, struct span span)
{
	const char *text = parser->text + span.start;
	size_t len = span.end - span.start, mark = len && *text == ';' ? 1 : 2;

	if (!len || (*text != ';' && (len < 2 || strncmp(text, "//", 2) != 0)))
		return false;
	span.end = span.start + (uint32_t)mark;
	diag->label = "a comment begins with `#`";
	offer(parser, diag, span, "#");
	return true;
}

void parse_explain_mistake(struct parser *parser, struct diag *diag, struct span span, bool wants_string)
{
	if (wants_string) {
		explain_string(parser, diag, span);
		return;
	}
	if (explain_comment(parser, diag, span))
		return;
	if (parser->statement)
		explain_statement_line(parser, diag, span);
	else
		explain_rule(parser, diag, span);
}
