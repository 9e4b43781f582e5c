/* New files of the command line. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

static int open_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);

	return fd < 0 ? -errno : fd;
}

int cmd_write_new(const char *path, const char *text)
{
	int fd = open_new(path);

	return fd < 0 ? fd : write_whole(fd, path, text);
}

int cmd_write_over(struct arena *arena, const char *path, const char *text)
{
	char *temporary = arena_printf(arena, "%s.%ld", path, (long)getpid());
	int fd = open_new(temporary), error;

	if (fd < 0)
		return fd;
	error = write_whole(fd, temporary, text);
	if (error || rename(temporary, path) == 0)
		return error;
	error = -errno;
	unlink(temporary);
	return error;
}
