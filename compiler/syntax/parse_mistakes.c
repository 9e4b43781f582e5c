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
	static const char *const ends[] = { " until ", " log", " because ", " bytes " };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const char *end = strstr(text, ends[i]);
		bool whole = end && (strchr(ends[i] + 1, ' ') || !end[strlen(ends[i])] || end[strlen(ends[i])] == ' ');
		if (whole && (size_t)(end - text) < len)
			len = (size_t)(end - text);
	}
	return len;
}

/* What stands between a quote that is not closed, or closed by another, and the end */
static const char *without_quotes(struct arena *arena, const char *text, size_t len)
{
	size_t from = *text == '"';

	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		size_t open = strlen(quotes[i].open), close = strlen(quotes[i].close);
		if (!from && strncmp(text, quotes[i].open, open) == 0)
			from = open;
		if (from && len > from + close && !memcmp(text + len - close, quotes[i].close, close))
			len -= close;
	}
	return arena_strndup(arena, text + from, len - from);
}

static void explain_string(struct parser *parser, struct diag *diag, struct span span)
{
	struct span part = rest_of_line(parser, span);
	const char *text = span_text(parser->arena, parser->diags->sources, part), *inside = NULL;
	size_t len = quoted_otherwise(parser->arena, text, &inside);

	if (!len) {
		len = bare_length(text);
		inside = without_quotes(parser->arena, text, len);
	}
	if (!*inside || strchr(inside, '"'))
		return;
	part.end = part.start + (uint32_t)len;
	offer(parser, diag, part, arena_printf(parser->arena, "\"%s\"", inside));
}

/* ---- statements ---- */

static bool explain_default(struct parser *parser, struct diag *diag, struct span word, const char *written)
{
	const struct mistake *action = mistake_find(MISTAKE_ACTION, written);
	const char *behind = parser->text + word.end;

	if (!action || behind[strspn(behind, " \t\r")] != '\n')
		return false;
	diag->label = "a default names its direction";
	offer(parser, diag, word, arena_printf(parser->arena, "egress %s", action->meant));
	return true;
}

/* "group web: a"; "group web a"; "group web =" */
static bool explain_group(struct parser *parser, struct diag *diag, struct span word, const char *written)
{
	size_t len = word.end - word.start;

	if (len > 1 && written[len - 1] == ':') {
		offer(parser, diag, (struct span){ word.source, word.end - 1, word.end }, " =");
		return true;
	}
	const char *behind = parser->text + word.end, *equals = behind + strspn(behind, " \t");
	if (len && *written != '=' && equals > behind && !strchr("=\r\n#", *equals)) {
		offer(parser, diag, (struct span){ word.source, word.end, word.end }, " =");
		return true;
	}
	if (!len || *equals != '=' || !strchr("\r\n#", equals[1 + strspn(equals + 1, " \t")]))
		return false;
	diag->label = "a group has one member or more";
	diag->help = arena_printf(parser->arena, "group %s = github.com, 192.0.2.0/24", written);
	return true;
}

/* "dns 1.1.1.1" */
static bool explain_dns(struct parser *parser, struct diag *diag, struct span word, const char *written)
{
	if (*written != '[' && !strchr("0123456789", *written))
		return false;
	diag->label = "a server's address stands behind `nameserver`";
	offer(parser, diag, (struct span){ word.source, word.start, word.start }, "nameserver ");
	return true;
}

/* "publish 80:80, 81:81" from the comma or the blanks on */
static bool explain_publish(struct parser *parser, struct diag *diag, struct span found, uint32_t before)
{
	struct span rest = rest_of_line(parser, found), line = span_line(parser->diags->sources, found);
	bool crlf = parser->text[line.end] == '\r';

	rest.start += (uint32_t)strspn(parser->text + rest.start, ", \t");
	if (rest.start >= rest.end)
		return false;
	diag->label = "`publish` has one port, or one range of them";
	const char *more = span_text(parser->arena, parser->diags->sources, rest);
	bool number = !more[strspn(more, "0123456789")];
	diag->help = arena_printf(parser->arena, "on a line of its own: publish %s%s%s", more, number ? ":" : "",
				  number ? more : "");
	diag_edit(parser->diags, diag, (struct span){ found.source, before, rest.start },
		  crlf ? "\r\npublish " : "\npublish ");
	return true;
}

/* "expect egress@a.example:tcp:443", "expect allow@a.example:tcp:443" */
static bool explain_expect(struct parser *parser, struct diag *diag, struct span word, const char *written)
{
	static const char *const actions[] = { "allow", "deny" };

	if (!strchr(written, '@'))
		return false;
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(actions[i]);
		if (strncmp(written, actions[i], len) != 0 || (written[len] != '@' && written[len] != ':'))
			continue;
		struct span behind = { word.source, word.start + (uint32_t)len, word.start + (uint32_t)len };
		behind.end += written[len] == ':';
		diag->label = "a flow stands behind the action";
		offer(parser, diag, behind, written[len] == ':' ? " " : " egress");
		return true;
	}
	diag->label = "an expectation begins with `allow` or `deny`";
	diag->help = arena_printf(parser->arena, "expect allow %s", written);
	return true;
}

/* Statements whose first word shows what was meant */
static bool explain_statement_line(struct parser *parser, struct diag *diag, struct span span, unsigned wants)
{
	struct span line = span_line(parser->diags->sources, span);
	const char *text = parser->text + line.start;
	size_t start = strspn(text, " \t"), keyword = strlen(parser->statement->word);

	if (strncmp(text + start, parser->statement->word, keyword) != 0) /* a later line of its braces */
		return false;
	size_t word = start + keyword + strspn(text + start + keyword, " \t"), len = strcspn(text + word, BLANKS);
	while (len && text[word + len - 1] == ',')
		len--;
	struct span part = { span.source, line.start + (uint32_t)word, line.start + (uint32_t)(word + len) };
	uint32_t before = span.start;
	while (before > part.end && strchr(BLANKS, parser->text[before - 1]))
		before--;
	const char *written = arena_strndup(parser->arena, text + word, len);

	static const struct {
		const char *word;
		bool (*explain)(struct parser *, struct diag *, struct span word, const char *written);
	} shapes[] = {
		{ "default", explain_default },
		{ "group", explain_group },
		{ "dns", explain_dns },
		{ "expect", explain_expect },
	};
	if (wants & PARSE_WANTS_COMMA && !strchr(",\r\n", parser->text[span.start])) {
		diag->label = "commas stand between them";
		bool semicolon = parser->text[before - 1] == ';';
		offer(parser, diag, (struct span){ span.source, before - semicolon, before }, ",");
		return true;
	}
	if (!strcmp(parser->statement->word, "publish"))
		return part.end <= span.start && explain_publish(parser, diag, span, before);
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes && part.end <= span.start; i++)
		if (!strcmp(parser->statement->word, shapes[i].word))
			return shapes[i].explain(parser, diag, part, written);
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

/* `until "2027-01-02"`; `allow@public "why"` */
static bool explain_quoted(struct parser *parser, struct diag *diag, struct span span, const char *before)
{
	static const char until[] = " until";
	size_t len = strlen(before);
	struct span part = rest_of_line(parser, span);
	const char *text = span_text(parser->arena, parser->diags->sources, part);
	const char *end = *text == '"' ? strchr(text + 1, '"') : NULL;

	if (!end)
		return false;
	part.end = part.start + (uint32_t)(end + 1 - text);
	if (len > strlen(until) && !strcmp(before + len - strlen(until), until)) {
		diag->label = "a date has no quotes";
		offer(parser, diag, part, arena_strndup(parser->arena, text + 1, (size_t)(end - text) - 1));
	} else if (strchr(before, '@') && !strpbrk(before + strspn(before, BLANKS), BLANKS)) {
		diag->label = "a reason stands behind `because`";
		offer(parser, diag, (struct span){ span.source, span.start, span.start }, "because ");
	} else {
		return false;
	}
	return true;
}

/* "until", "until 2 Jan 2027" from its second word on */
static bool explain_until(struct diag *diag, const char *before)
{
	const char *until = strstr(before, " until");

	if (!until || (until[6] && until[6] != ' ') || (until[6] && strpbrk(until + 7, " \t\"")))
		return false;
	diag->label = "a date is one word, like 2027-01-31";
	return true;
}

static bool explain_rule(struct parser *parser, struct diag *diag, struct span span)
{
	struct span line = span_line(parser->diags->sources, span), rule = { span.source, line.start, span.start };
	struct span rest = rest_of_line(parser, span);

	while (rule.end > rule.start && strchr(BLANKS, parser->text[rule.end - 1]))
		rule.end--;
	const char *text = span_text(parser->arena, parser->diags->sources, rule);
	if (explain_quoted(parser, diag, span, text) || explain_until(diag, text))
		return true;
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

void parse_explain_mistake(struct parser *parser, struct diag *diag, struct span span, unsigned wants)
{
	if (wants & PARSE_WANTS_STRING) {
		explain_string(parser, diag, span);
		return;
	}
	if (explain_comment(parser, diag, span))
		return;
	if (parser->statement)
		explain_statement_line(parser, diag, span, wants);
	else
		explain_rule(parser, diag, span);
}
