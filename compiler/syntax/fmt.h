/* The canonical layout of a policy file: comments and meaning kept, `default` and `profile` first, columns
 * aligned, attributes in one order. What is printed is what it makes of its own output. */
#pragma once
#include "syntax/ast.h"
#include "diag/diag.h"

/* The file's text in its canonical layout, in diags' arena; NULL where it does not parse. */
const char *fmt_policy(struct diags *, uint32_t source);

/* Within fmt_*.c: a line to be, in columns. */
enum fmt_kind {
	FMT_PLAIN, /* text only */
	FMT_BLANK,
	FMT_RULE,   /* text: the token; tail: its attributes */
	FMT_GROUP,  /* "group NAME", "= …" */
	FMT_EXPECT, /* "expect deny ", the flow */
	FMT_KINDS
};

struct fmt_line {
	enum fmt_kind kind;
	const char *text;
	const char *tail;    /* NULL: none */
	const char *comment; /* from its "#"; NULL: none */
};

struct fmt_lines {
	struct arena *arena;
	const struct sources *sources;
	struct fmt_line *items;
	size_t count, cap;
};

struct fmt_line *fmt_add_line(struct fmt_lines *, enum fmt_kind, const char *text);
/* A statement's lines: several where a list in it stands on several. */
void fmt_add_statement(struct fmt_lines *, const struct ast_statement *);
/* The lines as text, columns aligned */
const char *fmt_print(const struct fmt_lines *);
