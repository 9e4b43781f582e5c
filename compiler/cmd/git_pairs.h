/* The policies of a repository's change: each loaded on both sides, those that are alike left out, and what was removed
 * paired with what was added where one became the other. */
#pragma once
#include "cmd/diff_sides.h"
#include "cmd/git_review.h"

struct git_pair {
	struct arena *arena;
	const char *paths[2]; /* from the repository's top; NULL: not there, or a file of shared statements only */
	struct diff_sides sides;
	bool renamed;
};

struct git_pairs {
	struct git_pair *items;
	size_t count, cap;
	size_t alike;                   /* of those that were asked for */
	LIST_OF(struct arena *) arenas; /* of the pairs; git_pairs_free() ends them */
};

/* false: the revision could not be read, and an error was reported */
bool git_pairs_load(struct git_review *, struct cmd_line *, struct git_pairs *);
void git_pairs_free(struct git_pairs *);
/* Follows renames, in pairs that then hold both sides, and leaves out what was not asked for */
void git_pairs_join(struct git_review *, struct git_pairs *);
