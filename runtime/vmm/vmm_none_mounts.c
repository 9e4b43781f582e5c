/* What COMMAND of --vmm none sees of the host's files: all of them, but its own /proc, /sys and resolv.conf, and
 * none of the sockets by which name services would look names up outside the policy. */
#include "core/fd.h"
#include "core/log.h"
#include "vmm/vmm_none.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define RESOLV_CONF VMM_NONE_RESOLV_CONF

/* Where other programs look names up for their clients: nscd, systemd-resolved (by varlink and by D-Bus), avahi */
static const char *const hidden[] = { "/run/nscd", "/run/systemd/resolve", "/run/dbus", "/run/avahi-daemon" };

static int fail(const char *what)
{
	log_error("cannot %s: %s", what, strerror(errno));
	return -errno;
}

static int write_resolv_conf(const char *path, const struct vmm_start *start)
{
	const struct addr_gateway *gateway = &start->gateway;
	const struct options_list *search = &start->config->dns_search;
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char text[ADDR_TEXT_MAX];

	if (fd < 0)
		return -errno;
	if (gateway->has4 && dprintf(fd, "nameserver %s\n", addr_format(gateway->v4, text)) < 0)
		return -errno;
	if (gateway->has6 && dprintf(fd, "nameserver %s\n", addr_format(gateway->v6, text)) < 0)
		return -errno;
	for (size_t i = 0; i < search->count; i++)
		if (dprintf(fd, "%s%s%s", i ? " " : "search ", search->items[i], i + 1 < search->count ? "" : "\n") < 0)
			return -errno;
	return fchmod(fd, 0644) ? -errno : 0;
}

/* Put over the name itself, also where that is a symbolic link, dangling or not: move_mount() does not follow it. */
static int cover_resolv_conf(const char *file)
{
	CLEANUP_FD int mount = open_tree(AT_FDCWD, file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mount < 0)
		return -errno;
	return move_mount(mount, "", AT_FDCWD, RESOLV_CONF, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

/* The file needs a file system of its own; /proc, about to be covered anyway, lends its place meanwhile. */
int vmm_none_cover_resolv_conf(const struct vmm_start *start, const char *directory)
{
	char file[64];

	if (mount("msb", directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755"))
		return -errno;
	snprintf(file, sizeof file, "%s/resolv.conf", directory);
	int error = write_resolv_conf(file, start);
	if (error == 0)
		error = cover_resolv_conf(file);
	umount2(directory, MNT_DETACH);
	return error;
}

static int set_resolv_conf(const struct vmm_start *start)
{
	int error = vmm_none_cover_resolv_conf(start, "/proc");

	errno = -error;
	if (error == -ENOENT)
		log_error("the host has no " RESOLV_CONF " to put the sandbox's own over; an empty file is enough");
	return error < 0 && error != -ENOENT ? fail("put a resolv.conf in place") : error;
}

static int hide_sockets(void)
{
	struct stat status;

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (!stat(hidden[i], &status) && S_ISDIR(status.st_mode) &&
		    mount("msb", hidden[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k"))
			return fail(hidden[i]);
	return 0;
}

/* root inside may not tune the host's kernel by /proc or /sys */
static int mount_kernel_files(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("proc", "/proc", "proc", flags, NULL))
		return fail("mount /proc");
	if (mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) ||
	    mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL))
		return fail("make /proc/sys read-only");
	if (!access("/proc/sysrq-trigger", F_OK) && mount("/dev/null", "/proc/sysrq-trigger", NULL, MS_BIND, NULL))
		return fail("cover /proc/sysrq-trigger");
	if (mount("sysfs", "/sys", "sysfs", flags | MS_RDONLY, NULL))
		return fail("mount /sys");
	return 0;
}

int vmm_none_set_up_mounts(const struct vmm_start *start)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail("make the mounts private");
	int error = vmm_none_mount_volumes(start);
	if (error == 0)
		error = set_resolv_conf(start);
	if (error == 0)
		error = vmm_none_set_hosts(start);
	if (error == 0)
		error = hide_sockets();
	return error < 0 ? error : mount_kernel_files();
}
