/* Writing without waiting for whoever reads, whose end may be full for ever: what serves the guest would stand still. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A file on disk always takes what is written, and only it may be asked to wait */
bool write_now_is_file(int fd);
/* At most PIPE_BUF bytes, all or none; another's open file description is left as it is. 0, -EAGAIN where there is no room,
 * or -errno. */
int write_now(int fd, bool is_file, const void *bytes, size_t len);
