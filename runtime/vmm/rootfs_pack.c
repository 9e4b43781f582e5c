/* mke2fs makes the image, under a view of the directory that leads nowhere else (rootfs_scan.h). */
#include "vmm/rootfs_pack.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/capabilities.h"
#include "isolation/exec_jail.h"
#include "vmm/rootfs_cache.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Room for the guest beside what is in it; the image is sparse, so what is not used costs nothing */
#define ROOM (1024ull * 1024 * 1024)
#define ROOM_FULL (16ull * 1024 * 1024) /* for what the file system itself needs */
#define SPARE_INODES 65536
#define SPARE_INODES_FULL 16
#define PROGRESS_MS 200

static int fail(const struct rootfs_pack *pack, const char *what, int error)
{
	log_error("%s %s: cannot pack the directory: %s%s%s", pack->option, pack->path, what, *what ? ": " : "",
		  strerror(-error));
	return error;
}

/* Reading whatever is in the directory is all it may do, and for a user what that user may read. */
static int keep_reading(const struct rootfs_pack *pack, int image)
{
	static const unsigned kept[] = { CAP_DAC_READ_SEARCH };

	if (!pack->uid)
		return capabilities_keep_through_exec(kept, 1);
	if (fchown(image, pack->uid, pack->gid))
		return -errno;
	return exec_jail_become(pack->uid, pack->gid);
}

static _Noreturn void become_mke2fs(const struct rootfs_pack *pack, const struct rootfs_scan *scan, int image)
{
	static char *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	uint64_t kib = (scan->bytes + scan->bytes / 8 + (pack->full ? ROOM_FULL : ROOM)) / 1024;
	char path[64], size[32], inodes[32];

	int error = rootfs_scan_view(pack->directory);
	if (error < 0 || (error = keep_reading(pack, image)) < 0 || (error = fcntl(image, F_SETFD, 0)) < 0) {
		fail(pack, "isolating mke2fs", error);
		_exit(EXIT_STATUS_FAILED);
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", image);
	snprintf(size, sizeof size, "%lluk", (unsigned long long)kib);
	snprintf(inodes, sizeof inodes, "%llu",
		 (unsigned long long)scan->inodes + (pack->full ? SPARE_INODES_FULL : SPARE_INODES));
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
			       ROOTFS_VIEW,
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

/* What is in the image so far, of what will be: a line that is written over and over */
static void show_progress(const struct rootfs_pack *pack, uint64_t bytes, int image)
{
	struct stat st;

	if (fstat(image, &st) || !bytes)
		return;
	uint64_t done = (uint64_t)st.st_blocks * 512;
	if (done > bytes)
		done = bytes;
	log_progress("packing %s: %3u%% of %llu MiB", pack->path, (unsigned)(done * 100 / bytes),
		     (unsigned long long)(bytes >> 20));
}

/* Until mke2fs has ended: its exit status */
static int wait_showing(const struct rootfs_pack *pack, uint64_t bytes, int image, int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	bool terminal = isatty(STDERR_FILENO), shown = false;

	while (terminal && poll(&ended, 1, PROGRESS_MS) == 0) {
		show_progress(pack, bytes, image);
		shown = true;
	}
	if (shown)
		log_progress_end();
	return process_wait(pidfd);
}

static int pack_anew(const struct rootfs_pack *pack, const struct rootfs_scan *scan)
{
	CLEANUP_FD int image = rootfs_cache_new_image(), child = -1;

	if (image < 0)
		return fail(pack, "", image);
	pid_t pid = process_fork(0, &child);
	if (pid == 0)
		become_mke2fs(pack, scan, image);
	if (pid < 0)
		return fail(pack, "fork", pid);
	int status = wait_showing(pack, scan->bytes, image, child);
	if (status == 0)
		return TAKE_FD(image);
	if (status != EXIT_STATUS_FAILED)
		log_error("%s %s: mke2fs ended with status %d", pack->option, pack->path, status);
	return -EIO;
}

/* Of one and the same directory there can be an image with room, one without, and those that users made. */
static int scan(const struct rootfs_pack *pack, struct rootfs_scan *out)
{
	int error = rootfs_scan(pack->directory, out);

	out->digest[0] ^= pack->full;
	for (size_t i = 0; i < sizeof pack->uid; i++) {
		out->digest[1 + i] ^= (unsigned char)(pack->uid >> 8 * i);
		out->digest[5 + i] ^= (unsigned char)(pack->gid >> 8 * i);
	}
	return error;
}

/* What changed while it was packed may be in the image half: this guest gets it, no later one. */
static void keep_if_unchanged(const struct rootfs_pack *pack, const struct rootfs_scan *before, int image)
{
	struct rootfs_scan after;

	if (scan(pack, &after) == 0 && !memcmp(before->digest, after.digest, sizeof after.digest))
		rootfs_cache_keep(before->digest, image);
}

int rootfs_pack(const struct rootfs_pack *pack)
{
	struct rootfs_scan before;
	int error = scan(pack, &before);

	if (error < 0)
		return fail(pack, "reading it", error);
	int image = pack->repack ? -ENOENT : rootfs_cache_find(before.digest);
	if (image >= 0)
		return image;
	image = pack_anew(pack, &before);
	if (image >= 0)
		keep_if_unchanged(pack, &before, image);
	return image;
}
