/* New files of the command line. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int cmd_write_new(const char *path, const char *text)
{
	int error = 0, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		return -errno;
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
