/* /run/msb/NAME/cgroups: the cgroups that a sandbox may have, a path a line, written before any of them is made; and how they are
 * removed, by the sandbox itself or, where that was killed, by who finds the note. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define CGROUP_NOTE "cgroups"
#define CGROUP_PREFIX "msb-" /* of the last part of each path */

/* 0 or -errno; -EINVAL: a path has a newline in it */
int cgroup_note_write(int run_directory, const char *name, const char *const *paths, size_t count);
void cgroup_note_remove(int run_directory, const char *name);
/* Kills what is in that cgroup, where it can, and removes it, which its processes' end may take a moment to let us. 0 or -errno; fine where it
 * is not there. */
int cgroup_note_end(const char *path);
/* What is noted of a dead sandbox, by whoever holds its name's claim, is killed and removed, or, if `dry`, only told of. `each` may be NULL; it
 * gets each path, which it does not keep, and 0 or why that could not be removed. */
void cgroup_note_sweep(int run_directory, const char *name, bool dry,
		       void (*each)(const char *path, int error, void *context), void *context);
