/* Messages of syntax errors: what the grammar found where it expected something else, with a message of its own
 * for each of the usual mistakes. */
#include "syntax/parse_state.h"
#include "syntax/mistakes.h"
#include "base/text.h"

#include <string.h>

#define SHOWN_MAX 40 /* bytes of a word that a message quotes */

static bool has_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

#define END_OF_LINE "the end of the line"

/* "a word", not a word itself */
static bool is_described(const char *name)
{
	return strncmp(name, "a ", 2) == 0 || strncmp(name, "an ", 3) == 0 || strncmp(name, "the ", 4) == 0;
}

/* "`,`" for what is written so, "a word" as it is. An argument has no lines. */
static const char *quoted(const struct parser *parser, const char *name)
{
	if (strcmp(name, "end of file") == 0 || (!parser->in_file && strcmp(name, END_OF_LINE) == 0))
		return "the end";
	return is_described(name) ? name : arena_printf(parser->arena, "`%s`", name);
}

static const char *alternatives(const struct parser *parser, const char *const *names, size_t count)
{
	struct text text = { .arena = parser->arena };
	for (size_t i = 0; i < count; i++) {
		const char *before = i + 1 == count ? " or " : ", ";
		text_addf(&text, "%s%s", i ? before : "", quoted(parser, names[i]));
	}
	return text_get(&text);
}

/* The text found, where it can be shown in a line. */
static const char *found_text(struct parser *parser, struct span span, const char *token_name)
{
	const char *text = parser->text + span.start;
	size_t len = span.end - span.start;
	if (!len || memchr(text, '\n', len))
		return quoted(parser, token_name);
	size_t shown = len;
	if (len > SHOWN_MAX)
		for (shown = SHOWN_MAX; shown && ((unsigned char)text[shown] & 0xc0) == 0x80;)
			shown--;
	return arena_printf(parser->arena, "`%.*s%s`", (int)shown, text, shown < len ? "…" : "");
}

static bool is_blank(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	return !len;
}

/* Inside braces. true where the mistake was one of the usual. */
static bool explain_list(struct parser *parser, struct span span, const char *token_name)
{
	if (strcmp(token_name, "{") == 0) {
		diag_error(parser->diags, "syntax", span, "a list cannot hold a list");
	} else if (strcmp(token_name, END_OF_LINE) == 0) {
		diag_error(parser->diags, "syntax", parser->brace, "`{` is never closed")->label = "no `}` follows";
	} else if (strcmp(token_name, ",") == 0 || strcmp(token_name, "}") == 0) {
		bool first = is_blank(parser->text + parser->brace.end, span.start - parser->brace.end);
		bool empty = first && *token_name == '}';
		if (empty)
			span.start = parser->brace.start;
		diag_error(parser->diags, "syntax", span, empty ? "an empty list" : "an empty item in the list");
	} else if (strcmp(token_name, "a word") == 0 || strstr(token_name, "bracket")) {
		uint32_t before = span.start;
		while (before && is_blank(parser->text + before - 1, 1))
			before--;
		diag_edit(parser->diags,
			  diag_error(parser->diags, "syntax", span, "a comma is missing before %s",
				     found_text(parser, span, token_name)),
			  (struct span){ span.source, before, before }, ",");
	} else {
		return false;
	}
	return true;
}

static void explain_statement(struct parser *parser, struct span span)
{
	const char *word = span_text(parser->arena, parser->diags->sources, span);
	struct diag *diag = diag_error(parser->diags, "unknown-statement", span, "no such statement: %s",
				       found_text(parser, span, ""));
	const char *nearest = diag_nearest(word, parse_statement_words);
	const struct mistake *mistake = mistake_find(MISTAKE_STATEMENT, word);
	if (word[0] == '!' && word[1]) {
		diag->label = "no line says `not`; a deny counts where it stands above the allow";
		diag->help = arena_printf(parser->arena, "deny@%s", word + 1);
		diag_edit(parser->diags, diag, (struct span){ span.source, span.start, span.start + 1 }, "deny@");
	} else if (!mistake) {
		diag_did_you_mean(parser->diags, diag, span, nearest);
	} else if (mistake->meant) {
		diag->label = mistake->why ? mistake->why : arena_printf(parser->arena, "write `%s`", mistake->meant);
		diag_edit(parser->diags, diag, span, mistake->meant);
	} else {
		diag->help = mistake->why;
	}
}

/* The closest of the expected keywords to the word found. */
static const char *nearest_expected(struct parser *parser, struct span span, const char *const *expected, size_t count)
{
	const char **words = arena_alloc(parser->arena, (count + 1) * sizeof *words);
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		if (!is_described(expected[i]) && strlen(expected[i]) > 2) /* `in` is near to everything */
			words[used++] = expected[i];
	return diag_nearest(span_text(parser->arena, parser->diags->sources, span), words);
}

static void explain_expected(struct parser *parser, struct span span, const char *token_name,
			     const char *const *expected, size_t count)
{
	const char *found = found_text(parser, span, token_name);
	struct diag *diag;
	if (count > 1 && strcmp(expected[0], ":") == 0 && strchr(" \t", parser->text[span.start - 1])) {
		expected++; /* behind a blank the rule has ended */
		count--;
	}
	if (count)
		diag = diag_error(parser->diags, "syntax", span, "expected %s, found %s",
				  alternatives(parser, expected, count), found);
	else
		diag = diag_error(parser->diags, "syntax", span, "%s is not expected here", found);
	const char *nearest = nearest_expected(parser, span, expected, count);
	diag_did_you_mean(parser->diags, diag, span, nearest);
	if (parser->statement)
		diag->help = parser->statement->usage;
	if (parser->in_file)
		parse_explain_mistake(parser, diag, span,
				      (has_name(expected, count, "a string in quotes") ? PARSE_WANTS_STRING : 0) |
					      (has_name(expected, count, ",") ? PARSE_WANTS_COMMA : 0));
}

void parse_unexpected(struct parser *parser, struct span span, const char *token_name, const char *const *expected,
		      size_t expected_count)
{
	parser->errors++;
	bool wants_string = has_name(expected, expected_count, "a string in quotes");
	if (strcmp(token_name, "an unknown statement") == 0) {
		explain_statement(parser, span);
	} else if (wants_string && span.end > span.start && parser->text[span.start] == '"') {
		struct diag *diag = diag_error(parser->diags, "syntax", span, "the string does not end on its line");
		if (parser->in_file)
			parse_explain_mistake(parser, diag, span, PARSE_WANTS_STRING);
	} else if (strcmp(token_name, "{") == 0 && parser->depth == 1) {
		diag_error(parser->diags, "syntax", span, "a list is not expected here");
	} else if (parser->depth == 0 && strcmp(token_name, "}") != 0) {
		explain_expected(parser, span, token_name, expected, expected_count);
	} else if (!explain_list(parser, span, token_name)) {
		explain_expected(parser, span, token_name, expected, expected_count);
	}
}
