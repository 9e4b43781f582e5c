/* Runs the grammar over a source. What no grammar should have to deal with is refused first: bytes that are
 * no text, characters that would show a reviewer something else than we read, lines beyond any use. */
#include "syntax/parse.h"
#include "syntax/parse_state.h"
#include "base/utf8.h"

/* the grammar's own headers follow parser.h, whose types they use */
#include "msb.tab.h"
#define YYSTYPE MSB_YYSTYPE
#define YYLTYPE MSB_YYLTYPE
#include "msb.lex.h"

#include <string.h>

/* Bidirectional embeddings, overrides and isolates reorder what a reviewer sees ("Trojan Source"). */
static bool reorders_text(uint32_t character)
{
	return (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

static bool is_control(uint32_t character, char next)
{
	if (character == '\t' || character == '\n' || (character == '\r' && next == '\n'))
		return false;
	return character < 0x20 || character == 0x7f || (character >= 0x80 && character < 0xa0);
}

static void refuse_character(struct diags *diags, struct span span, uint32_t character)
{
	if (character == 0)
		diag_error(diags, "bad-text", span, "a NUL byte");
	else
		diag_error(diags, "bad-text", span, "a %s character, U+%04X",
			   reorders_text(character) ? "text-reordering" : "control", character);
}

/* What comes along when text is copied from a page, or typed with a keyboard for Chinese: blanks that are none, what is
 * not seen at all, and signs that look like those of the language. The joiners U+200C and U+200D are parts of letters in
 * some scripts; names have their rules for them. */
static const struct {
	uint32_t first, last;
	const char *what, *instead;
} unseen[] = {
	{ 0x00a0, 0x00a0, "a no-break space", " " },
	{ 0x00ad, 0x00ad, "a soft hyphen", "" },
	{ 0x1680, 0x1680, "a space of Ogham", " " },
	{ 0x180e, 0x180e, "an invisible character", "" },
	{ 0x2000, 0x200a, "a space of print", " " },
	{ 0x200b, 0x200b, "a zero-width space", "" },
	{ 0x200e, 0x200f, "a direction mark", "" },
	{ 0x2028, 0x2029, "a separator of lines", " " },
	{ 0x202f, 0x202f, "a no-break space", " " },
	{ 0x205f, 0x205f, "a space of formulas", " " },
	{ 0x2060, 0x2064, "an invisible character", "" },
	{ 0x3000, 0x3000, "an ideographic space", " " },
	{ 0x3001, 0x3001, "an ideographic comma", "," },
	{ 0xff0a, 0xff0a, "a wide `*`", "*" },
	{ 0xff0c, 0xff0c, "a wide `,`", "," },
	{ 0xff0f, 0xff0f, "a wide `/`", "/" },
	{ 0xff1a, 0xff1a, "a wide `:`", ":" },
	{ 0xff1d, 0xff1d, "a wide `=`", "=" },
	{ 0xff20, 0xff20, "a wide `@`", "@" },
	{ 0xff5b, 0xff5b, "a wide `{`", "{" },
	{ 0xff5d, 0xff5d, "a wide `}`", "}" },
	{ 0xfeff, 0xfeff, "a byte-order mark", "" },
};
enum { UNSEEN = sizeof unseen / sizeof *unseen };

static size_t find_unseen(uint32_t character)
{
	size_t i = 0;

	while (i < UNSEEN && (character < unseen[i].first || character > unseen[i].last))
		i++;
	return i;
}

/* Reports the first of those outside of strings and comments, with the edits of all; true where there is none. The text
 * is known to be UTF-8. */
static bool has_no_unseen(struct diags *diags, uint32_t index, const struct source *source)
{
	enum { EDITS_MAX = 1000 };
	bool in_string = false, in_comment = false, blank_before = true;
	struct diag *diag = NULL;
	size_t size, edits = 0;

	for (uint32_t at = source_mark_len(source), character; at < source->len; at += (uint32_t)size) {
		size = utf8_decode(source->text + at, source->len - at, &character);
		if (character == '\n')
			in_string = in_comment = false;
		else if (character == '"' && !in_comment)
			in_string = !in_string;
		else if (character == '#' && blank_before && !in_string)
			in_comment = true;
		blank_before = character == ' ' || character == '\t' || character == '\n';
		size_t kind = character < 0x80 || in_string || in_comment ? UNSEEN : find_unseen(character);
		if (kind == UNSEEN)
			continue;
		struct span span = { index, at, at + (uint32_t)size };
		if (!diag) {
			diag = diag_error(diags, "bad-text", span, "%s, U+%04X", unseen[kind].what, character);
			diag->label = *unseen[kind].instead == ' ' ? "an ordinary blank is meant" :
				      *unseen[kind].instead        ? "the character of ASCII is meant" :
								     "it is not seen, and no part of a word";
		}
		if (edits++ < EDITS_MAX)
			diag_edit(diags, diag, span, unseen[kind].instead);
	}
	return !diag;
}

/* Reports the first character that is not allowed in a policy. */
static bool is_text(struct diags *diags, uint32_t index, const struct source *source)
{
	bool any_unseen = false;

	for (uint32_t at = 0; at < source->len;) {
		uint32_t character;
		size_t size = utf8_decode(source->text + at, source->len - at, &character);
		struct span span = { index, at, at + (size ? (uint32_t)size : 1) };
		if (!size) {
			diag_error(diags, "bad-text", span, "not UTF-8: byte 0x%02x", (unsigned char)source->text[at]);
			return false;
		}
		if (reorders_text(character) || is_control(character, source->text[at + size])) {
			refuse_character(diags, span, character);
			return false;
		}
		any_unseen = any_unseen || (character >= 0x80 && find_unseen(character) < UNSEEN);
		at = span.end;
	}
	return !any_unseen || has_no_unseen(diags, index, source);
}

static bool has_short_lines(struct diags *diags, uint32_t index, const struct source *source)
{
	for (uint32_t line = 0; line <= source->last_line; line++) {
		uint32_t start = source->lines[line];
		uint32_t end = line < source->last_line ? source->lines[line + 1] : (uint32_t)source->len;
		if (end - start <= PARSE_LINE_MAX)
			continue;
		diag_error(diags, "too-large", (struct span){ index, start, start },
			   "a line of %u bytes; %u are the most", end - start, PARSE_LINE_MAX);
		return false;
	}
	return true;
}

/* Parses from `start_token`. What was understood is in the result, whatever errors there are. */
static struct parser parse(struct arena *nodes, struct diags *diags, uint32_t index, int start_token)
{
	const struct source *source = sources_get(diags->sources, index);
	struct parser parser = {
		.diags = diags,
		.arena = diags->arena,
		.nodes = nodes,
		.source = index,
		.text = source->text,
		.len = (uint32_t)source->len,
		.start_token = start_token,
	};
	parser.file = arena_alloc(nodes, sizeof *parser.file);
	parser.file->source = index;
	if (start_token == START_FILE) /* a statement a line, or less */
		arena_reserve(nodes, &parser.file->statements, source->last_line + 1u);
	if (!is_text(diags, index, source) || !has_short_lines(diags, index, source))
		return parser;

	parser.offset = source_mark_len(source);
	yyscan_t scanner;
	if (msb_yylex_init_extra(&parser, &scanner) != 0 ||
	    !msb_yy_scan_bytes(source->text + parser.offset, (int)(source->len - parser.offset), scanner)) {
		diag_error(diags, "too-large", SPAN_NONE, "out of memory");
		return parser;
	}
	msb_yyparse(&parser, scanner);
	msb_yylex_destroy(scanner);
	return parser;
}

struct parse_place parse_place_at(struct arena *arena, const char *text, size_t len)
{
	struct parse_place place = { .expects = PARSE_NOTHING };
	struct parser parser = {
		.arena = arena,
		.text = text,
		.len = (uint32_t)len,
		.start_token = START_FILE,
	};
	yyscan_t scanner;
	if (len > INT32_MAX || msb_yylex_init_extra(&parser, &scanner) != 0)
		return place;
	if (msb_yy_scan_bytes(text, (int)len, scanner)) {
		YYSTYPE value;
		YYLTYPE span, last = { 0, 0, 0 };
		for (int token; (token = msb_yylex(&value, &span, scanner)) > 0 && !parser.ended;) {
			place.words = token == EOL || token == START_FILE ? 0 : place.words + 1;
			last = span;
		}
		place.last = place.words ? arena_strndup(arena, text + last.start, last.end - last.start) : NULL;
		parse_place_now(scanner, &place);
	}
	msb_yylex_destroy(scanner);
	return place;
}

struct ast_file *parse_policy(struct diags *diags, uint32_t source)
{
	return parse_policy_into(diags->arena, diags, source);
}

struct ast_file *parse_policy_into(struct arena *nodes, struct diags *diags, uint32_t source)
{
	return parse(nodes, diags, source, START_FILE).file;
}

struct ast_file *parse_rule_list(struct diags *diags, uint32_t source)
{
	return parse(diags->arena, diags, source, START_LIST).file;
}

struct ast_rule *parse_rule_token(struct diags *diags, uint32_t source)
{
	return parse(diags->arena, diags, source, START_TOKEN).rule;
}

struct ast_flow *parse_flow(struct diags *diags, uint32_t source)
{
	return parse(diags->arena, diags, source, START_FLOW).flow;
}
