/* What scanner and grammar share: the state of one parse. Only msb.l, msb.y and parse*.c see it.
 *
 * The scanner knows four kinds of text. In a *line* (files, flow expressions) a rule ends at a blank; in a
 * *comma list* (--net-rule) it ends at a comma outside braces, blanks around it are trimmed; a single *token*
 * ends with the text. Tokens carry their span only: the grammar's actions make words of it. */
#pragma once
#include "syntax/parse.h"
#include "diag/diag.h"

#define PARSE_LINE_MAX (1u << 20)       /* bytes of one line */
#define PARSE_WORD_MAX 4096             /* bytes of one word or string */
#define PARSE_WORDS_MAX (1u << 23)      /* words of one source */
#define PARSE_ERRORS_MAX 1000           /* syntax errors; the rest of the source is not read */
#define PARSE_STATEMENTS_MAX (1u << 20) /* statements, or rules of a list */

/* A statement's keyword, the start condition behind it, and an example to show beside a syntax error */
struct keyword {
	const char *word;
	int token;
	int state;
	const char *usage;
};

struct parser {
	struct diags *diags;
	struct arena *arena; /* of texts */
	struct arena *nodes;
	uint32_t source;
	const char *text;
	uint32_t len;

	/* the scanner's */
	uint32_t offset;                 /* behind the last token */
	int start_token;                 /* given to the grammar first; 0 once it has been */
	unsigned field;                  /* of a rule or flow: 0 target, 1 protocol, 2 ports */
	unsigned depth;                  /* braces open */
	int end_state;                   /* where a rule's or flow's end leads: attributes or options */
	int list_state;                  /* where the outermost "}" leads */
	bool in_file;                    /* statements, one a line */
	bool ended;                      /* the end of the line that ends the text was given */
	const struct keyword *statement; /* the one being read, or NULL */
	struct span brace;               /* the "{" that is open */

	/* the grammar's */
	struct ast_file *file;
	struct ast_rule *rule;
	struct ast_flow *flow;
	size_t words, errors;
	bool too_many; /* reported once: the rest is dropped */
};

/* parse_ast.c: what the grammar's actions build with */
struct ast_word parse_word(struct parser *, struct span);
struct ast_word parse_word_inside(struct parser *, struct span); /* without the first and last byte: quotes, brackets */
struct ast_word parse_bracketed(struct parser *, struct span brackets, struct span after);
struct ast_word parse_angled(struct parser *, struct span);
struct ast_word parse_unclosed(struct parser *, struct span);
struct ast_words parse_single(struct parser *, struct ast_word);
struct ast_words parse_append(struct parser *, struct ast_words, struct ast_word);
struct ast_words parse_prepend(struct parser *, struct ast_word, struct ast_words);
struct ast_words parse_braced(struct ast_words, struct span);
struct ast_rule *parse_rule(struct parser *, struct span, struct ast_rule head, const struct ast_words *target,
			    const struct ast_words *proto, const struct ast_words *ports, struct span trailing);
struct ast_rule *parse_empty_rule(struct parser *, struct span); /* of an empty token: no "@" */
struct ast_attribute parse_attribute(enum ast_attribute_kind, struct span, struct ast_word value);
struct ast_attribute parse_networks(struct span, struct ast_words);
void parse_add_attribute(struct parser *, struct ast_rule *, struct ast_attribute);
struct ast_flow *parse_flow_fields(struct parser *, struct span, struct ast_word kind, const struct ast_words *target,
				   const struct ast_words *proto, const struct ast_words *port, struct span trailing);
void parse_add_option(struct parser *, struct ast_word *option, struct ast_word value, const char *name);
void parse_add_rule(struct parser *, struct ast_rule *);
void parse_add_statement(struct parser *, enum ast_kind, struct span, struct ast_words);
void parse_add_expect(struct parser *, struct span, struct ast_word action, struct ast_flow *);

/* parse_error.c: one message for a token that the grammar does not allow at its place. `token_name` is its name in the
 * grammar, `expected` the names of what the grammar allows there (none: too many to list). */
void parse_unexpected(struct parser *, struct span, const char *token_name, const char *const *expected,
		      size_t expected_count);

/* parse_mistakes.c: adds what to write instead to a syntax error in a line of a file, where its shape is known. `wants`:
 * of what the grammar allows there */
#define PARSE_WANTS_STRING 1u
#define PARSE_WANTS_COMMA 2u
void parse_explain_mistake(struct parser *, struct diag *, struct span, unsigned wants);

/* msb.l: all of *out but what parse_place_at() counts */
void parse_place_now(void *scanner, struct parse_place *out);
/* msb.l: the scanner skips the rest of what it is reading, to where the grammar resumes */
void parse_resynchronise(void *scanner);
