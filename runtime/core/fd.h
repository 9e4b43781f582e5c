/* Scoped resources: a descriptor, or memory, is released where its variable ends, unless taken. */
#pragma once
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void fd_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
static inline void freep(void *memory)
{
	free(*(void **)memory);
}
#define CLEANUP_FD __attribute__((cleanup(fd_closep)))
#define CLEANUP_FREE __attribute__((cleanup(freep)))
/* Hands a descriptor on: the variable keeps -1 */
#define TAKE_FD(fd)                  \
	(__extension__({             \
		int take_fd_ = (fd); \
		(fd) = -1;           \
		take_fd_;            \
	}))
