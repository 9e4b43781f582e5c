/* Diagnostics: findings queue up with their place, a second place, an example and a suggestion, and are
 * printed once, in the order of their places, by one printer a format. */
#pragma once
#include "source.h"

#include <stdio.h>

enum diag_level { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

struct diag_related {
	struct span span;
	const char *message;
};

struct diag {
	enum diag_level level;
	const char *id;      /* stable: "bad-ports", "shadowed-rule" */
	struct span span;
	const char *message; /* lower case, no full stop */
	const char *label;   /* after the carets, or NULL: "did you mean `public`?" */
	const char *example; /* a flow expression, or NULL: "egress@198.51.100.0:tcp:443" */
	const char *example_verdict; /* "is allowed", with example */
	const char *help;    /* text to paste, or a short sentence, or NULL */
	struct { struct diag_related *items; size_t count, cap; } related;
};

struct diags {
	struct arena *arena;
	struct sources *sources;
	struct { struct diag *items; size_t count, cap; } list;
	size_t errors, warnings, notes;
	size_t limit; /* findings kept; more are counted only (default 100) */
};

struct diags *diags_new(struct arena *, struct sources *);
/* Never NULL; the message is formatted into the arena. The others hang details on it. */
struct diag *diag_add(struct diags *, enum diag_level, const char *id, struct span, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
#define diag_error(diags, id, span, ...) diag_add(diags, DIAG_ERROR, id, span, __VA_ARGS__)
#define diag_warning(diags, id, span, ...) diag_add(diags, DIAG_WARNING, id, span, __VA_ARGS__)
void diag_relate(struct diags *, struct diag *, struct span, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
/* Whether to colour what goes to `out` (NO_COLOR, TERM=dumb, a terminal or not) */
bool color_wanted(enum color_when, FILE *out);

/* gcc's form with the line and carets; every byte of the source escaped for a terminal */
void diags_print_text(const struct diags *, FILE *, bool color);

/* The closest of `words` (NULL-terminated, in the order ties are won) to `word`: Levenshtein distance
 * over characters, at most 2; NULL where none is close. */
const char *diag_nearest(const char *word, const char *const *words);
