/* A pipe and a socket say as part of the call whether there is room. A terminal is asked first, and so is everything on
 * kernels where they cannot. */
#include "core/write_now.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

bool write_now_is_file(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

int write_now(int fd, bool is_file, const void *bytes, size_t len)
{
	struct iovec data = { (void *)bytes, len };
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	if (!is_file) {
		if (pwritev2(fd, &data, 1, -1, RWF_NOWAIT) >= 0)
			return 0;
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return -errno;
		if (poll(&ready, 1, 0) != 1)
			return -EAGAIN;
	}
	ssize_t written = write(fd, bytes, len);
	return written < 0 ? -errno : (size_t)written == len ? 0 : -EIO;
}
