/* A change of a repository: the diffs of all its policies that change, as one report. */
#pragma once
#include "diff/diff.h"

enum diff_fate { DIFF_MODIFIED, DIFF_ADDED, DIFF_REMOVED, DIFF_RENAMED };

struct diff_item {
	enum diff_fate fate;
	const char *names[2];    /* from the repository's top, before and after; NULL where there is none */
	const char *errors[2];   /* "2 errors: no such group": why that side could not be read; NULL */
	const struct diff *diff; /* NULL: errors[1] says why */
	struct diff_notes notes; /* with a diff */
};

struct diff_report {
	const char *revision, *base; /* as the user wrote it, and the commit that was read, in full */
	LIST_OF(struct diff_item) items;
	size_t alike; /* policies that are the same on both sides, byte by byte */
};

/* Over all items; one that could not be compared may open anything, and counts in neither */
size_t diff_report_opens(const struct diff_report *);
size_t diff_report_closes(const struct diff_report *);
size_t diff_report_changes(const struct diff_report *); /* settings that do neither */

const char *diff_report_text(struct arena *, const struct diff_report *);
const char *diff_report_json(struct arena *, const struct diff_report *);
const char *diff_report_markdown(struct arena *, const struct diff_report *);
