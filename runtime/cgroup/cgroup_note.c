/* The note is root's, in a directory that root alone writes to. Still nothing is removed but an empty cgroup by a name of ours. */
#include "cgroup/cgroup_note.h"
#include "cgroup/cgroup_version.h"
#include "core/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#define REMOVE_TRIES 200
#define REMOVE_AGAIN_NS 5000000

static int open_note(int run_directory, const char *name, int flags)
{
	char path[NAME_MAX];

	snprintf(path, sizeof path, "%s/" CGROUP_NOTE, name);
	return openat(run_directory, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int cgroup_note_write(int run_directory, const char *name, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strchr(paths[i], '\n'))
			return -EINVAL;
	CLEANUP_FD int fd = open_note(run_directory, name, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < count; i++)
		if (dprintf(fd, "%s\n", paths[i]) < 0)
			return -errno;
	return 0;
}

void cgroup_note_remove(int run_directory, const char *name)
{
	char path[NAME_MAX];

	snprintf(path, sizeof path, "%s/" CGROUP_NOTE, name);
	unlinkat(run_directory, path, 0);
}

int cgroup_note_end(const char *path)
{
	cgroup_v2_kill(path);
	for (int i = 0; rmdir(path) < 0; i++) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || i == REMOVE_TRIES)
			return -errno;
		nanosleep(&(struct timespec){ .tv_nsec = REMOVE_AGAIN_NS }, NULL);
	}
	return 0;
}

/* By its name and its file system; false also where it is gone */
static bool is_ours(const char *path)
{
	const char *last = strrchr(path, '/');
	struct statfs fs;

	return *path == '/' && !strncmp(last + 1, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) && !statfs(path, &fs) &&
	       (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

void cgroup_note_sweep(int run_directory, const char *name, bool dry,
		       void (*each)(const char *path, int error, void *context), void *context)
{
	CLEANUP_FD int fd = open_note(run_directory, name, O_RDONLY);
	FILE *note = fd < 0 ? NULL : fdopen(fd, "r");
	CLEANUP_FREE char *line = NULL;
	bool all = true;
	size_t room = 0;

	if (!note)
		return;
	fd = -1; /* the stream's */
	while (getline(&line, &room, note) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_ours(line))
			continue;
		int error = dry ? 0 : cgroup_note_end(line);
		all &= error == 0;
		if (each)
			each(line, error, context);
	}
	fclose(note);
	if (all && !dry)
		cgroup_note_remove(run_directory, name);
}
