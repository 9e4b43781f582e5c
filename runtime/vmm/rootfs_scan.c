/* The walk, in a process of its own, which ends with it. */
#include "vmm/rootfs_scan.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/process.h"

#include <fcntl.h>
#include <ftw.h>
#include <ldns/sha2.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14 */
#endif

#define FORMAT "msb rootfs 1" /* of the images: another one, another digest */
#define BLOCK 4096
#define SCANS_MAX 3
/* Times of files advance by a clock tick, or by whole seconds in old file systems */
#define TICK_NS 20000000ll
#define COARSE_TICK_NS 2000000000ll
#define SECOND_NS 1000000000ll

/* What the child hands on */
struct result {
	struct rootfs_scan scan;
	struct timespec newest;
};

static struct result walked;
static ldns_sha256_CTX hash;

static void hash_text(const char *text)
{
	ldns_sha256_update(&hash, (const uint8_t *)text, strlen(text) + 1);
}

static void count(const struct stat *st)
{
	bool data = S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);

	/* an inode, a directory entry, and blocks of data for all but devices */
	walked.scan.bytes += 512 + (uint64_t)(data ? (st->st_size + BLOCK - 1) / BLOCK + 1 : 1) * BLOCK;
	walked.scan.inodes++;
}

static int entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	char text[512], target[PATH_MAX] = "";
	const struct timespec *changed = &st->st_ctim, *newest = &walked.newest;

	(void)place;
	snprintf(text, sizeof text, "%d %o %ju %ju %ju %jd %jd.%09ld %jd.%09ld %ju %ju %ju", kind, st->st_mode,
		 (uintmax_t)st->st_nlink, (uintmax_t)st->st_uid, (uintmax_t)st->st_gid, (intmax_t)st->st_size,
		 (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (intmax_t)changed->tv_sec, changed->tv_nsec,
		 (uintmax_t)st->st_ino, (uintmax_t)st->st_dev, (uintmax_t)st->st_rdev);
	if (S_ISLNK(st->st_mode) && readlink(path, target, sizeof target - 1) < 0)
		return -1;
	hash_text(path);
	hash_text(text);
	hash_text(target);
	count(st);
	if (changed->tv_sec > newest->tv_sec ||
	    (changed->tv_sec == newest->tv_sec && changed->tv_nsec > newest->tv_nsec))
		walked.newest = *changed;
	return 0;
}

/* The mount is made before the namespace it goes to: from there the directory could no longer be reached. */
int rootfs_scan_view(int directory)
{
	struct mount_attr view = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW };
	CLEANUP_FD int tree = open_tree(directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &view, sizeof view))
		return -errno;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    move_mount(tree, "", AT_FDCWD, ROOTFS_VIEW, MOVE_MOUNT_F_EMPTY_PATH))
		return -errno;
	return 0;
}

static _Noreturn void walk(int directory, int pipe)
{
	errno = -rootfs_scan_view(directory);
	if (errno)
		_exit(errno);
	ldns_sha256_init(&hash);
	hash_text(FORMAT);
	if (nftw(ROOTFS_VIEW, entry, 64, FTW_PHYS | FTW_MOUNT))
		_exit(errno ? errno : EIO);
	ldns_sha256_final(walked.scan.digest, &hash);
	if (write(pipe, &walked, sizeof walked) != sizeof walked)
		_exit(EIO);
	_exit(0);
}

static int scan_once(int directory, struct result *result)
{
	int ends[2], pidfd = -1;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	CLEANUP_FD int from = ends[0], to = ends[1];
	pid_t pid = process_fork(0, &pidfd);
	if (pid == 0)
		walk(directory, to);
	if (pid < 0)
		return pid;
	CLEANUP_FD int child = pidfd;
	fd_closep(&to);
	ssize_t size = read(from, result, sizeof *result);
	int status = process_wait(child);
	if (status)
		return status > 0 && status < 128 ? -status : -EIO;
	return size == sizeof *result ? 0 : -EIO;
}

/* How long until a change would show in the times; 0: it would by now. Times to come are as good as old ones. */
static int64_t settles_in(const struct timespec *newest)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = (now.tv_sec - newest->tv_sec) * SECOND_NS + now.tv_nsec - newest->tv_nsec;
	int64_t tick = newest->tv_nsec ? TICK_NS : COARSE_TICK_NS;
	return age < 0 || age > tick ? 0 : tick - age + 1;
}

int rootfs_scan(int directory, struct rootfs_scan *out)
{
	struct result result = { 0 };

	for (int scans = 0; scans < SCANS_MAX; scans++) {
		int error = scan_once(directory, &result);
		if (error < 0)
			return error;
		int64_t rest = settles_in(&result.newest);
		if (!rest)
			break;
		struct timespec wait = { rest / SECOND_NS, rest % SECOND_NS };
		nanosleep(&wait, NULL);
	}
	*out = result.scan;
	return 0;
}
