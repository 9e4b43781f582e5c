/* mke2fs makes the image, under a mount of the directory in which no symbolic link is followed, no
 * device opens and nothing is written: whoever changes the directory meanwhile cannot lead it to a file
 * outside. */
#include "vmm/rootfs_pack.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/capabilities.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14 */
#endif

#define VIEW "/tmp" /* what the directory covers, in a mount namespace of the packer's own */
#define IMAGE_DIRECTORY "/var/tmp"
#define BLOCK 4096
/* Room for the guest beside what is in it; the image is sparse, so what is not used costs nothing */
#define ROOM (1024ull * 1024 * 1024)
#define SPARE_INODES 65536

static struct usage {
	uint64_t bytes, inodes;
} usage;

static int count_entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)path, (void)kind, (void)place;
	/* an inode, a directory entry, and blocks of data for all but devices */
	usage.bytes +=
		512 +
		(uint64_t)(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? (st->st_size + BLOCK - 1) / BLOCK + 1 : 1) *
			BLOCK;
	usage.inodes++;
	return 0;
}

static int fail(const char *what)
{
	int error = errno;

	log_error("--rootfs: cannot pack the directory: %s: %s", what, strerror(error));
	return -error;
}

/* The mount is made before the namespace it goes to: from there the directory could no longer be reached. */
static int make_view(int directory)
{
	struct mount_attr view = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW };
	CLEANUP_FD int tree = open_tree(directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &view, sizeof view))
		return fail("mount");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    move_mount(tree, "", AT_FDCWD, VIEW, MOVE_MOUNT_F_EMPTY_PATH))
		return fail("mount");
	if (nftw(VIEW, count_entry, 64, FTW_PHYS | FTW_MOUNT))
		return fail("reading it");
	return 0;
}

/* Reading whatever is in the directory is all it may do. */
static int keep_reading(void)
{
	static const unsigned kept[] = { CAP_DAC_READ_SEARCH };

	errno = -capabilities_keep_through_exec(kept, 1);
	return errno ? fail("capabilities") : 0;
}

static _Noreturn void become_mke2fs(int directory, int image)
{
	static char *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	char path[64], size[32], inodes[32];

	if (make_view(directory) || keep_reading() || fcntl(image, F_SETFD, 0))
		_exit(EXIT_STATUS_FAILED);
	snprintf(path, sizeof path, "/proc/self/fd/%d", image);
	snprintf(size, sizeof size, "%lluk", (unsigned long long)(usage.bytes + usage.bytes / 8 + ROOM) / 1024);
	snprintf(inodes, sizeof inodes, "%llu", (unsigned long long)usage.inodes + SPARE_INODES);
	char *const argv[] = { "mke2fs",
			       "-q",
			       "-F",
			       "-t",
			       "ext4",
			       "-b",
			       "4096",
			       "-m",
			       "0",
			       "-O",
			       "^has_journal",
			       "-E",
			       "lazy_itable_init=1,nodiscard",
			       "-N",
			       inodes,
			       "-d",
			       VIEW,
			       path,
			       size,
			       NULL };
	dup2(STDERR_FILENO, STDOUT_FILENO);
	process_reset_signals();
	execvpe("mke2fs", argv, environment);
	log_error("cannot run mke2fs: %s", strerror(errno));
	log_help("apt-get install e2fsprogs, or give --rootfs an image");
	_exit(EXIT_STATUS_FAILED);
}

int rootfs_pack(int directory)
{
	CLEANUP_FD int image = open(IMAGE_DIRECTORY, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	CLEANUP_FD int pidfd = -1;

	if (image < 0)
		return fail(IMAGE_DIRECTORY);
	pid_t pid = process_fork(0, &pidfd);
	if (pid == 0)
		become_mke2fs(directory, image);
	if (pid < 0) {
		errno = -pid;
		return fail("fork");
	}
	int status = process_wait(pidfd);
	if (status == 0)
		return TAKE_FD(image);
	if (status != EXIT_STATUS_FAILED)
		log_error("--rootfs: mke2fs ended with status %d", status);
	return -EIO;
}
