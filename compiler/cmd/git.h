/* git as a reader of a repository. Nothing that the repository says is run: no hooks, no filters, no text conversion, no
 * file system monitor, no fetching; of the environment only what says where the repository is and whom git trusts.
 * Texts belong to the arena. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <sys/types.h>

/* What git said on standard error, and how it ended */
struct git_end {
	int status;          /* its exit status; -errno where it could not be run */
	const char *message; /* its first line, "fatal: " aside; "" where it said nothing */
};

/* Runs `git ARGS`; `each` is given every record it prints, without the `separator` behind it. */
typedef void git_record(void *self, const char *record);
struct git_end git_run(struct arena *, const char *const *args, char separator, git_record *each, void *self);
/* The same where one line is wanted; NULL where it failed */
const char *git_line(struct arena *, const char *const *args, struct git_end *end);

/* `git cat-file --batch` */
struct git_objects;
struct git_objects *git_objects_open(struct arena *); /* NULL with errno */
void git_objects_close(struct git_objects *);
#define GIT_NAME_MAX 64 /* hexadecimal digits of an object's name */
enum git_type { GIT_BLOB, GIT_TREE, GIT_OTHER };
struct git_object {
	enum git_type type;
	const char *bytes; /* a NUL behind them */
	size_t len;
};
/* By the object's name, in full. 0; -ENODATA where the repository lacks it, -EFBIG past `max` bytes, -EIO where git
 * failed */
int git_objects_read(struct git_objects *, struct arena *, const char *name, size_t max, struct git_object *out);
