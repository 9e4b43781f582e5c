/* Within diff*.c: the parts of the printers that a report of many diffs puts together. */
#pragma once
#include "base/text.h"
#include "diff/diff.h"

#include <jansson.h>

/* "opens 2 regions and 1 port, closes 1 region, changes 1 setting", of one diff or the sum of many */
struct diff_sum {
	size_t regions[2], ports[2], settings[2]; /* what closes, what opens */
	size_t changes;                           /* settings that do neither */
};
void diff_sum_add(struct diff_sum *, const struct diff *);
const char *diff_sum_text(struct arena *, const struct diff_sum *); /* "" where all is 0 */

/* Which side is no policy, if one is */
void diff_add_absence(struct text *, const struct diff *);
/* The changes, a line or three each; nothing where there are none */
void diff_add_changes(struct text *, const struct diff *);
json_t *diff_json_document(struct arena *, const struct diff *);
const char *diff_json_text(struct arena *, json_t *);                                  /* takes the document */
void diff_json_set(struct arena *, json_t *object, const char *key, const char *text); /* NULL: no key */

void diff_add_absence_markdown(struct text *, const struct diff *);
/* A comment's table of changes, and what follows it. Rows past `room` characters are counted, not shown. */
void diff_add_table(struct text *, const struct diff *, size_t room);
void diff_add_notes(struct text *, const struct diff *, const struct diff_notes *);
/* "opens 3, closes 1, changes 1" */
const char *diff_markdown_counts(struct arena *, size_t opens, size_t closes, size_t changes);
#define DIFF_COMMENT_MAX 60000 /* characters that GitHub takes in a comment, with room for the last lines */
