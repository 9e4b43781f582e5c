/* Opening. Changing our ids would also undo that we die with the launcher (PR_SET_PDEATHSIG), so a child does it. */
#include "vmm/volume.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "core/socket.h"
#include "isolation/exec_jail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14 */
#endif

static int refuse(const struct run_volume *volume, int error)
{
	log_error("-v %s:%s: %s", volume->host, volume->guest, strerror(-error));
	return error;
}

/* A number of sudo's; 0 where there is none */
static uid_t id_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	unsigned long id = text ? strtoul(text, &end, 10) : 0;

	return text && *text && !*end && id < (uid_t)-1 ? (uid_t)id : 0;
}

static _Noreturn void open_as(uid_t uid, gid_t gid, const char *path, int channel)
{
	int error = uid ? exec_jail_become(uid, gid) : 0;

	if (error < 0)
		_exit(-error);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		_exit(errno);
	_exit(-socket_send_fds(channel, "", 1, &fd, 1, 0));
}

/* The directory, as this user may open it; or -errno */
static int open_directory(uid_t uid, gid_t gid, const char *path)
{
	int channel[2], pidfd, fds[SOCKET_FDS_MAX];
	char byte;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return -errno;
	CLEANUP_FD int ours = channel[0], childs = channel[1];
	pid_t pid = process_fork(0, &pidfd);
	if (pid == 0)
		open_as(uid, gid, path, childs);
	if (pid < 0)
		return pid;
	CLEANUP_FD int child = pidfd;
	int status = process_wait(child);
	if (status)
		return status > 0 && status < 128 ? -status : -EIO;
	return socket_receive_fds(ours, &byte, 1, fds) == 1 && fds[0] >= 0 ? fds[0] : -EIO;
}

int volume_open(const struct run_volume *volume, bool links, struct volume *out)
{
	uid_t uid = id_of("SUDO_UID");
	gid_t gid = id_of("SUDO_GID");
	struct mount_attr view = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       (links ? 0 : MOUNT_ATTR_NOSYMFOLLOW) |
					       (volume->read_only ? MOUNT_ATTR_RDONLY : 0) };
	struct stat st;

	CLEANUP_FD int directory = open_directory(uid, gid, volume->host);
	if (directory < 0)
		return refuse(volume, directory);
	if (fstat(directory, &st))
		return refuse(volume, -errno);
	CLEANUP_FD int tree =
		open_tree(directory, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &view, sizeof view))
		return refuse(volume, -errno);
	*out = (struct volume){ TAKE_FD(tree), uid ? uid : st.st_uid, uid ? gid : st.st_gid };
	return 0;
}
