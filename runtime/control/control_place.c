/* Making, finding and removing the socket. */
#include "control/control_place.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/run_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

/* The directory of a sandbox, without following a link: its descriptor, or -errno */
static int open_place(int run_directory, const char *name)
{
	int fd = openat(run_directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* By descriptor, so that the path is neither too long nor led elsewhere */
static struct sockaddr_un address_in(int directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET, directory);
	return address;
}

int control_place_remove(int run_directory, const char *name)
{
	CLEANUP_FD int directory = open_place(run_directory, name);

	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	if (unlinkat(directory, CONTROL_SOCKET, 0) && errno != ENOENT)
		return -errno;
	return unlinkat(run_directory, name, AT_REMOVEDIR) && errno != ENOENT ? -errno : 0;
}

/* The socket's mode is there from its first moment: 0600 until it is the group's. */
static int listen_in(int directory)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = address_in(directory);
	mode_t mask = umask(0177);
	int error = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) ? -errno : 0;

	umask(mask);
	if (error < 0 || listen(fd, BACKLOG))
		return error < 0 ? error : -errno;
	return TAKE_FD(fd);
}

static int admit_group(int run_directory, const char *name, int directory, gid_t group)
{
	int error = run_directory_let_pass(run_directory);

	if (error < 0)
		return error;
	if (fchownat(directory, CONTROL_SOCKET, 0, group, AT_SYMLINK_NOFOLLOW) ||
	    fchmodat(directory, CONTROL_SOCKET, 0660, 0) ||
	    fchownat(run_directory, name, 0, group, AT_SYMLINK_NOFOLLOW) || fchmodat(run_directory, name, 0710, 0))
		return -errno;
	return 0;
}

static int make(int run_directory, const char *name, const gid_t *group)
{
	int error = control_place_remove(run_directory, name);

	if (error < 0)
		return error;
	if (mkdirat(run_directory, name, 0700))
		return -errno;
	CLEANUP_FD int directory = open_place(run_directory, name);
	CLEANUP_FD int listener = directory < 0 ? directory : listen_in(directory);
	error = listener < 0 ? listener : group ? admit_group(run_directory, name, directory, *group) : 0;
	if (error == 0)
		return TAKE_FD(listener);
	control_place_remove(run_directory, name);
	return error;
}

int control_place_make(int run_directory, const char *name, const gid_t *group)
{
	int listener = make(run_directory, name, group);

	if (listener < 0) {
		log_error("cannot make " RUN_DIRECTORY "/%s/" CONTROL_SOCKET ": %s", name, strerror(-listener));
		log_help(
			"msb-ctl could neither see nor change the sandbox: make room in /run, or remove what is in the way");
	}
	return listener;
}

/* Root made it, nobody else can have changed it, and it is a socket */
static int judge(int directory)
{
	const unsigned foreign = S_IWGRP | S_IRWXO;
	struct stat place, sock;

	if (fstat(directory, &place) || fstatat(directory, CONTROL_SOCKET, &sock, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return place.st_uid || place.st_mode & foreign || sock.st_uid || !S_ISSOCK(sock.st_mode) ? -EPERM : 0;
}

int control_place_connect(int run_directory, const char *name)
{
	CLEANUP_FD int directory = open_place(run_directory, name);
	int error = directory < 0 ? directory : judge(directory);

	if (error < 0)
		return error == -ENOTDIR || error == -ELOOP ? -EPERM : error;
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = address_in(directory);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
		return -errno;
	return TAKE_FD(fd);
}
