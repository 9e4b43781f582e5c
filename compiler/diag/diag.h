/* Diagnostics: findings queue up with their place, a second place, an example and a suggestion, and are
 * printed once, in the order of their places, by one printer a format. All of it belongs to the arena. */
#pragma once
#include "base/source.h"

#include <stdio.h>

enum diag_level { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

struct diag_related {
	struct span span;
	const char *message;
};

/* The bytes of a place and what to put there; an empty span, whose start and end are one, inserts. */
struct diag_edit {
	struct span span;
	const char *text;
};

struct diag {
	enum diag_level level;
	const char *id; /* stable: "bad-ports", "shadowed-rule" */
	struct span span;
	const char *message;         /* lower case, no full stop */
	const char *label;           /* after the carets, or NULL: "did you mean `public`?" */
	const char *example;         /* a flow expression, or NULL: "egress@198.51.100.0:tcp:443" */
	const char *example_verdict; /* "is allowed", with example */
	const char *help;            /* text to paste, or a short sentence, or NULL */
	LIST_OF(struct diag_related) related;
	/* What mends it, for programs that change the file: all of these together. They do not overlap. None where
	 * nothing but the writer's own decision does. */
	LIST_OF(struct diag_edit) edits;
};

struct diags {
	struct arena *arena;
	struct sources *sources;
	LIST_OF(struct diag) list;
	size_t errors, warnings, notes;
	size_t limit;      /* findings kept; more are counted only (default 100). Set before the first is added */
	struct diag spare; /* takes what is past the limit */
};

struct diags *diags_new(struct arena *, struct sources *);
/* Never NULL; the message is formatted into the arena. The others hang details on it. */
struct diag *diag_add(struct diags *, enum diag_level, const char *id, struct span, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
#define diag_error(diags, id, span, ...) diag_add(diags, DIAG_ERROR, id, span, __VA_ARGS__)
#define diag_warning(diags, id, span, ...) diag_add(diags, DIAG_WARNING, id, span, __VA_ARGS__)
void diag_relate(struct diags *, struct diag *, struct span, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* One edit more. Nothing is added for a place without a source or one that may not be shown. */
void diag_edit(struct diags *, struct diag *, struct span, const char *text);

/* "did you mean `X`?" as the label, and X in the place of the span as the edit; nothing where `nearest` is NULL. A word that
 * means more than any other, `any`, is mentioned alone. */
void diag_did_you_mean(struct diags *, struct diag *, struct span, const char *nearest);

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
/* Whether to colour what goes to `out` (NO_COLOR, TERM=dumb, a terminal or not) */
bool color_wanted(enum color_when, FILE *out);

/* gcc's form with the line and carets; every byte of the source escaped for a terminal */
void diags_print_text(const struct diags *, FILE *, bool color);
/* One JSON document, {"version":1,"findings":[…]}: the schema is docs/findings.schema.json */
void diags_print_json(const struct diags *, FILE *);
/* SARIF 2.1.0, one run */
void diags_print_sarif(const struct diags *, FILE *);
/* GitHub's workflow commands, a line a finding */
void diags_print_github(const struct diags *, FILE *);
/* "1 error, 2 warnings", "3 errors"; "no findings" without any */
const char *diags_counts(const struct diags *);
/* "error", "warning", "note" */
const char *diag_level_name(enum diag_level);
/* The findings kept, in the order of their places; diags->list.count pointers in the arena */
const struct diag **diags_sorted(const struct diags *);

/* The closest of `words` (NULL-terminated, in the order ties are won) to `word`: Levenshtein distance
 * over characters, at most 2; NULL where none is close. */
const char *diag_nearest(const char *word, const char *const *words);
