/* What commands leave in files: each whole, or not at all. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Closes it; what was not written whole is removed */
static int write_whole(int fd, const char *path, const char *text)
{
	int error = 0;

	for (size_t left = strlen(text); left && !error;) {
		ssize_t done = write(fd, text, left);

		if (done < 0 && errno != EINTR)
			error = -errno;
		text += done > 0 ? done : 0;
		left -= done > 0 ? (size_t)done : 0;
	}
	if (!error && fsync(fd) < 0 && errno != EINVAL)
		error = -errno;
	if (close(fd) < 0 && !error)
		error = -errno;
	if (error)
		unlink(path);
	return error;
}

int cmd_write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);

	return fd < 0 ? -errno : write_whole(fd, path, text);
}

/* Owner and group, then the mode, which a change of owner may clear; a file that was somebody's stays theirs or is not
 * replaced. */
static int take_after(int fd, const struct stat *status)
{
	struct stat own;

	if (fstat(fd, &own) < 0)
		return -errno;
	if ((own.st_uid != status->st_uid || own.st_gid != status->st_gid) &&
	    fchown(fd, status->st_uid, status->st_gid) < 0)
		return -errno;
	return fchmod(fd, status->st_mode & 07777) < 0 ? -errno : 0;
}

static int replace(struct arena *arena, const char *target, const char *text)
{
	char *temporary = arena_printf(arena, "%s.XXXXXX", target);
	struct stat status;
	int error, fd;

	if (stat(target, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOTSUP;
	fd = mkstemp(temporary);
	if (fd < 0)
		return -errno;
	error = take_after(fd, &status);
	if (error) {
		close(fd);
		unlink(temporary);
		return error;
	}
	error = write_whole(fd, temporary, text);
	if (error || rename(temporary, target) == 0)
		return error;
	error = -errno;
	unlink(temporary);
	return error;
}

int cmd_write_over(struct arena *arena, const char *path, const char *text)
{
	char *target = realpath(path, NULL);
	int error;

	if (!target)
		return errno == ENOENT ? cmd_write_new(path, text) : -errno;
	error = replace(arena, target, text);
	free(target);
	return error;
}
