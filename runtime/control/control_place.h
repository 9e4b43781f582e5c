/* Where a sandbox can be spoken to: /run/msb/NAME/control, a listening socket. The directory is root's, 0700, or 0710 for a group;
 * beside the socket it has the note of cgroup/cgroup_note.h at most. Names are valid (run_name_valid()). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#define CONTROL_SOCKET "control"

/* By the launcher, with the name claimed, so that what is there is a dead sandbox's: it is removed first. The listener, which is
 * non-blocking, or -errno with a line on standard error and nothing left behind. `group`: NULL for root alone. */
int control_place_make(int run_directory, const char *name, const gid_t *group);
/* Removes it; fine where it is not there. By whoever holds the name's claim. 0 or -errno */
int control_place_remove(int run_directory, const char *name);
/* A socket that is connected there, or on its way, non-blocking. Follows no link. -EAGAIN: too many are waiting; -EPERM: what is
 * there is not root's, or no socket. */
int control_place_connect(int run_directory, const char *name);
