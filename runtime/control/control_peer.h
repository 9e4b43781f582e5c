/* Who is at the other end of a control socket. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Root, which is then told in *root, or a process that has the group (NULL: none). False also where the kernel does not tell. */
bool control_peer_may(int fd, const gid_t *group, bool *root);
