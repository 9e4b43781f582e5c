/* What `diff --git REV` compares: the merge base of REV and HEAD with the work tree, and the files on both sides that are
 * policies. Paths are from the repository's top. */
#pragma once
#include "cmd/cmd.h"
#include "cmd/git_tree.h"

struct git_path {
	const char *path;
	bool there[2]; /* in the revision, in the work tree */
};

struct git_review {
	struct arena *arena;
	const char *top;    /* absolute, without links */
	const char *prefix; /* the current directory beneath it: "", "a/b" */
	const char *base;   /* the commit's name */
	struct git_objects *objects;
	struct source_tree *tree;
	LIST_OF(struct git_path) paths; /* in order: *.msb, and files that were named */
	/* What was named: files, and directories in which to look; none: all of the work tree */
	LIST_OF(const char *) files, dirs;
};

/* STATUS_FINE, or an error was reported: STATUS_USAGE, STATUS_SYSTEM. git_review_close() in any case */
int git_review_open(struct git_review *, struct cmd_line *);
void git_review_close(struct git_review *);
/* Whether the path was asked for */
bool git_review_wants(const struct git_review *, const char *path);
/* From a path of the repository to one from the current directory, and back: NULL where it lies outside */
const char *git_review_outer(const struct git_review *, const char *path);
const char *git_review_inner(const struct git_review *, const char *outer);
