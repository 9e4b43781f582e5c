/* A socket that waits in its own queue, with what is to be left behind it, can be reached by nobody: the kernel finds that
 * when the next socket is closed, and releases all of it in a worker of its own (before Linux 6.10 in whoever closes). */
#include "core/leave_fds.h"
#include "core/fd.h"
#include "core/socket.h"

#include <sys/socket.h>

void leave_fds(int *fds, size_t count)
{
	int pair[2], left[SOCKET_MANY_FDS];
	size_t left_count = 0;

	if (!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair)) {
		left[left_count++] = pair[1];
		for (size_t i = 0; i < count && left_count < SOCKET_MANY_FDS; i++)
			if (fds[i] >= 0)
				left[left_count++] = fds[i];
		socket_send_fds(pair[0], "", 1, left, left_count,
				MSG_DONTWAIT); /* else they are closed as others are */
		for (size_t i = 0; i < count; i++)
			fd_closep(&fds[i]);
		close(pair[1]);
		close(pair[0]);
	}
	for (size_t i = 0; i < count; i++)
		fd_closep(&fds[i]);
}
