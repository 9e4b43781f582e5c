/* What `diff OLD NEW` and `diff --git` share. */
#pragma once
#include "cmd/cmd.h"
#include "diff/diff.h"

struct diff_sides {
	struct cmd_policy loaded[2]; /* before, after */
};

/* Sources and diags of its own, in that arena */
void cmd_diff_prepare(struct cmd_policy *, struct arena *);
/* No policy, under which nothing passes: what a file that is not there is compared as. The arena is to be set. */
void cmd_diff_absent(struct cmd_policy *, const char *name);
/* NULL: too complex, which was told to that side's diags, and *complex says which side */
struct diff *cmd_diff_compare(const struct cmd_line *, struct arena *, struct diff_sides *, int *complex);
struct diff_notes cmd_diff_notes(const struct cmd_line *, struct arena *, const struct diff_sides *);
/* By --fail-on: whether something opens, or only closes or changes otherwise */
int cmd_diff_status(const struct cmd_line *, bool opens, bool differs);
/* Lines that begin with + or - in colour, where that is wanted */
void cmd_diff_print(const struct cmd_line *, const char *text);
