/* SO_PEERCRED and SO_PEERGROUPS: of the process that connected, as it was then. */
#include "control/control_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GROUPS_MAX 65536u /* NGROUPS_MAX of the kernel */

static bool has_group(int fd, gid_t group)
{
	socklen_t len = 0;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) || errno != ERANGE ||
	    len > GROUPS_MAX * sizeof(gid_t))
		return false; /* it has none, or the kernel does not tell */
	gid_t *groups = malloc(len);
	bool found = false;
	if (groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		for (size_t i = 0; i < len / sizeof *groups && !found; i++)
			found = groups[i] == group;
	free(groups);
	return found;
}

bool control_peer_may(int fd, const gid_t *group, bool *root)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || len != sizeof peer)
		return false;
	*root = peer.uid == 0;
	return *root || (group && (peer.gid == *group || has_group(fd, *group)));
}
