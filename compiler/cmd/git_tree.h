/* The files of a revision as a source_tree: objects are walked as the kernel walks directories, so that what an include
 * or a link may reach is what it may reach on the disk. */
#pragma once
#include "base/source.h"
#include "cmd/git.h"

/* `tree` is the name of the revision's tree. Both it and `objects` must outlive the result, which is the arena's. */
struct source_tree *git_tree_new(struct arena *, struct git_objects *, const char *tree, const char *prefix);
/* Whether the revision has a directory at `path` */
bool git_tree_has_directory(struct source_tree *, const char *path);
/* Why something of the revision could not be read: -ENODATA, the repository lacks it; -EIO, git failed; 0 */
int git_tree_failure(const struct source_tree *);
