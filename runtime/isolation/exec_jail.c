/* Stages, in this order: namespaces that need root; the root directory; the user; the user namespace, which needs no
 * privilege; the promises that survive exec. */
#include "isolation/exec_jail.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/exec_filter.h"
#include "isolation/share_filter.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* A directory that every host has; covered in a mount namespace of our own */
#define NEW_ROOT "/tmp"

static int fail(const char *what)
{
	int error = errno;

	log_error("cannot isolate a process: %s: %s", what, strerror(error));
	return -error;
}

/* Read only, no devices, no setuid: a directory of the host's, or the same symbolic link (/lib on a merged
 * system). One that is not there is not needed. */
static int add_directory(const char *path)
{
	char target[64], link[256];
	ssize_t length = readlink(path, link, sizeof link - 1);
	struct stat st;

	snprintf(target, sizeof target, NEW_ROOT "%s", path);
	if (length > 0) {
		link[length] = '\0';
		return symlink(link, target) ? fail(path) : 0;
	}
	if (stat(path, &st))
		return 0;
	if (mkdir(target, 0755) || mount(path, target, NULL, MS_BIND | MS_REC, NULL) ||
	    mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
		return fail(path);
	return 0;
}

static int copy_all(int from, int to)
{
	off_t offset = 0;
	ssize_t n;

	while ((n = sendfile(to, from, &offset, 1 << 30)) > 0)
		;
	return n < 0 ? -errno : 0;
}

static int write_all(int to, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(to, data, size);
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int bind_file(const struct exec_jail_file *file, const char *path)
{
	const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (move_mount(file->from, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) || mount(NULL, path, NULL, flags, NULL))
		return fail(file->path);
	return 0;
}

/* A copy: it cannot change while it is used, and more can follow */
static int add_file(const struct exec_jail_file *file)
{
	static const char zeros[4];
	char path[64];
	int error = 0;

	snprintf(path, sizeof path, NEW_ROOT "%s", file->path);
	CLEANUP_FD int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (to < 0)
		return fail(file->path);
	if (file->bound)
		return bind_file(file, path);
	if (file->from >= 0)
		error = copy_all(file->from, to);
	if (error == 0 && file->more)
		error = write_all(to, zeros, (size_t)(-lseek(to, 0, SEEK_CUR) & 3));
	if (error == 0 && file->more)
		error = write_all(to, file->more, file->more_size);
	errno = -error;
	return error < 0 ? fail(file->path) : 0;
}

static int add_device(const char *name, uid_t uid)
{
	char from[64], to[64];
	struct stat st;

	snprintf(from, sizeof from, "/dev/%s", name);
	snprintf(to, sizeof to, NEW_ROOT "/dev/%s", name);
	if (stat(from, &st) || mknod(to, (st.st_mode & S_IFMT) | 0600, st.st_rdev) || chown(to, uid, uid))
		return fail(from);
	return 0;
}

static int add_share(const struct exec_jail_share *share)
{
	if (mkdir(NEW_ROOT EXEC_JAIL_SHARE, 0755) ||
	    move_mount(share->tree, "", AT_FDCWD, NEW_ROOT EXEC_JAIL_SHARE, MOVE_MOUNT_F_EMPTY_PATH))
		return fail(EXEC_JAIL_SHARE);
	if (mkdir(NEW_ROOT "/proc", 0755) ||
	    mount("proc", NEW_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return fail("/proc");
	return 0;
}

static int fill_root(const struct exec_jail *wanted)
{
	static const char *const directories[] = { "/usr", "/bin", "/lib", "/lib64" };
	int error = mkdir(NEW_ROOT "/dev", 0755) ? fail("/dev") : 0;

	for (size_t i = 0; error == 0 && i < wanted->device_count; i++)
		error = add_device(wanted->devices[i], wanted->uid);
	for (size_t i = 0; error == 0 && i < sizeof directories / sizeof *directories; i++)
		error = add_directory(directories[i]);
	for (size_t i = 0; error == 0 && i < wanted->file_count; i++)
		error = add_file(&wanted->files[i]);
	return error == 0 && wanted->share ? add_share(wanted->share) : error;
}

/* Our root directory becomes a read-only file system in memory that no other process sees. */
static int change_root(const struct exec_jail *wanted)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("root", NEW_ROOT, "tmpfs", MS_NOSUID, "mode=755"))
		return fail("mount");
	int error = fill_root(wanted);
	if (error < 0)
		return error;
	if (chdir(NEW_ROOT) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return fail("pivot_root");
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL))
		return fail("remount");
	return 0;
}

static int become(uid_t uid, gid_t gid)
{
	return setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ? fail("setresuid") : 0;
}

int exec_jail_become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return 0;
}

static int write_map(const char *path, const char *text)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? fail(path) : 0;
}

/* Root of a user namespace that has no other ids. The files of /proc are ours only while we can be traced. */
static int become_root_of_own(uid_t uid, gid_t gid)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof uids, "0 %u 1", uid);
	snprintf(gids, sizeof gids, "0 %u 1", gid);
	if (prctl(PR_SET_DUMPABLE, 1))
		return fail("prctl");
	int error = write_map("/proc/self/setgroups", "deny");
	if (error == 0)
		error = write_map("/proc/self/gid_map", gids);
	return error == 0 ? write_map("/proc/self/uid_map", uids) : error;
}

/* In the new user namespace we hold every capability until exec; these go on behind it. */
static int keep_capabilities(unsigned set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { set, set, set }, { 0 } };

	if (!set)
		return 0;
	if (syscall(SYS_capset, &header, data))
		return fail("capset");
	for (unsigned capability = 0; capability < 32; capability++)
		if (set & 1u << capability && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))
			return fail("ambient capabilities");
	return 0;
}

int exec_jail_enter(const struct exec_jail *wanted)
{
	static const struct rlimit no_core;

	umask(022);
	process_unspare_from_oom();
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
		    (wanted->own_network ? CLONE_NEWNET : 0)))
		return fail("unshare");
	int error = change_root(wanted);
	if (error == 0)
		error = become(wanted->uid, wanted->share ? wanted->share->gid : wanted->uid);
	if (error < 0)
		return error;
	/* A host may forbid it (user.max_user_namespaces); without capabilities to hold there, little is lost */
	if (unshare(CLONE_NEWUSER) && (wanted->capabilities || wanted->share || (errno != ENOSPC && errno != EPERM)))
		return fail("unshare user");
	if (wanted->share && (error = become_root_of_own(wanted->uid, wanted->share->gid)) < 0)
		return error;
	/* After setresuid(), which clears PDEATHSIG; whoever started us dies with the sandbox */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    setrlimit(RLIMIT_CORE, &no_core))
		return fail("prctl");
	error = keep_capabilities(wanted->capabilities);
	if (error == 0)
		error = exec_filter_load();
	if (error == 0 && wanted->share)
		error = share_filter_load();
	if (error < 0)
		log_error("cannot isolate a process: %s", strerror(-error));
	return error;
}
