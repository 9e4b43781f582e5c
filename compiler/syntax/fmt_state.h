/* What the files of the formatter share: lines to be, in columns. */
#pragma once
#include "syntax/fmt.h"

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
/* A statement's lines: several where a list in it spans several. */
void fmt_add_statement(struct fmt_lines *, const struct ast_statement *);
/* The lines as text, columns aligned */
const char *fmt_print(const struct fmt_lines *);
