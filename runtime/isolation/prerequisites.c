/* Checked before anything is made: what is missing would else be found half-way, by a process that is not allowed to say
 * so, or cannot end another. */
#include "isolation/prerequisites.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "core/uids.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The DNS worker has the most at its start: 224 sockets a place, of which there are four at most */
#define DESCRIPTORS_LEAST 1024

enum needed_by {
	ANY_SANDBOX,
	QEMU,
	OWN_INIT, /* a guest with an init of its own: dnsmasq */
	VOLUME,
	ROOTS_VOLUME,
	ROOT_DIRECTORY,
	WATCH,
	LEARN,
};

static const struct need {
	unsigned capability;
	enum needed_by by;
	const char *name, *why;
} needs[] = {
	{ CAP_SYS_ADMIN, ANY_SANDBOX, "CAP_SYS_ADMIN", "to make namespaces" },
	{ CAP_NET_ADMIN, ANY_SANDBOX, "CAP_NET_ADMIN", "to make links and filter packets" },
	{ CAP_NET_BIND_SERVICE, ANY_SANDBOX, "CAP_NET_BIND_SERVICE", "to answer DNS on port 53" },
	{ CAP_SETUID, ANY_SANDBOX, "CAP_SETUID", "to run what reads strangers' bytes as another user" },
	{ CAP_SETGID, ANY_SANDBOX, "CAP_SETGID", "to run what reads strangers' bytes as another group" },
	{ CAP_SETPCAP, ANY_SANDBOX, "CAP_SETPCAP", "to give up capabilities for good" },
	{ CAP_KILL, ANY_SANDBOX, "CAP_KILL", "to end processes of other users" },
	{ CAP_CHOWN, QEMU, "CAP_CHOWN", "to give QEMU its devices" },
	{ CAP_MKNOD, QEMU, "CAP_MKNOD", "to give QEMU its devices" },
	{ CAP_NET_RAW, OWN_INIT, "CAP_NET_RAW", "to send router advertisements" },
	{ CAP_SETFCAP, ROOTS_VOLUME, "CAP_SETFCAP", "to serve a volume of root's from a user namespace" },
	{ CAP_SYS_PTRACE, OWN_INIT, "CAP_SYS_PTRACE", "to lend dnsmasq a socket" },
	{ CAP_DAC_READ_SEARCH, ROOT_DIRECTORY, "CAP_DAC_READ_SEARCH", "to pack the directory of --rootfs" },
	{ CAP_DAC_READ_SEARCH, WATCH, "CAP_DAC_READ_SEARCH", "to read the files that --watch watches" },
	{ CAP_DAC_OVERRIDE, LEARN, "CAP_DAC_OVERRIDE", "to write the file of --learn" },
};

/* System calls that a container's seccomp profile may refuse although the capability is there */
static const struct needed_call {
	long number;
	enum needed_by by;
	const char *name, *why, *help;
} needed_calls[] = {
	{ SYS_pivot_root, ANY_SANDBOX, "pivot_root(2)", "to give processes a root directory of their own",
	  "of a container: --security-opt seccomp=unconfined, or a profile that allows it" },
	{ SYS_chroot, VOLUME, "chroot(2)", "to serve a volume",
	  "of a container: --cap-add SYS_CHROOT, or a profile that allows it" },
};

static uint64_t own_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return (uint64_t)(data[1].effective & data[1].permitted) << 32 | (data[0].effective & data[0].permitted);
}

/* virtiofsd then runs as root, whom a user namespace maps only with CAP_SETFCAP (user_namespaces(7)) */
static bool has_roots_volume(const struct run_config *config)
{
	const char *caller = getenv("SUDO_UID");
	struct stat st;

	if (caller && *caller && strcmp(caller, "0") != 0)
		return false;
	for (size_t i = 0; i < config->volume_count; i++)
		if (!stat(config->volumes[i].host, &st) && st.st_uid == 0)
			return true;
	return false;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_needed(enum needed_by by, const struct run_config *config)
{
	bool qemu = config->vmm == VMM_QEMU;

	switch (by) {
	case QEMU:
		return qemu;
	case OWN_INIT:
		return qemu && (config->kernel || config->initrd);
	case VOLUME:
		return qemu && config->volume_count;
	case ROOTS_VOLUME:
		return qemu && has_roots_volume(config);
	case ROOT_DIRECTORY:
		return qemu && config->rootfs && is_directory(config->rootfs);
	case WATCH:
		return config->watch;
	case LEARN:
		return config->learn;
	case ANY_SANDBOX:
		break;
	}
	return true;
}

static int check_capabilities(const struct run_config *config)
{
	uint64_t own = own_capabilities();
	int missing = 0;

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		if (own >> needs[i].capability & 1 || !is_needed(needs[i].by, config))
			continue;
		log_error("needs %s, %s", needs[i].name, needs[i].why);
		missing++;
	}
	if (missing)
		log_help(
			"root has it, unless it was taken: see CapabilityBoundingSet= of a service, --cap-add of a container");
	return missing ? -EPERM : 0;
}

/* Both calls take a path first of all: the empty one is none, whoever asks */
static int check_calls(const struct run_config *config)
{
	int missing = 0;

	for (size_t i = 0; i < sizeof needed_calls / sizeof *needed_calls; i++) {
		const struct needed_call *call = &needed_calls[i];
		if (!is_needed(call->by, config) || syscall(call->number, "", "") >= 0 || errno == ENOENT)
			continue;
		log_error("needs %s, %s, which a filter of system calls refuses", call->name, call->why);
		log_help("%s", call->help);
		missing++;
	}
	return missing ? -EPERM : 0;
}

/* Whether a user namespace has `count` ids from `first` on in one piece; where that cannot be read it has */
static bool maps(const char *path, unsigned first, unsigned count)
{
	FILE *map = fopen(path, "re");
	unsigned inside, outside, length;
	bool has = !map;

	while (!has && fscanf(map, "%u %u %u", &inside, &outside, &length) == 3)
		has = inside <= first && first - inside < length && count <= length - (first - inside);
	if (map)
		fclose(map);
	return has;
}

/* In one that is not the machine's own no device can be made, whatever the capabilities, and ids may be missing */
static int check_user_namespace(const struct run_config *config)
{
	bool is_machines = maps("/proc/self/uid_map", 0, UINT32_MAX);

	if (is_machines || (config->vmm != VMM_QEMU && maps("/proc/self/uid_map", UIDS_FIRST, UIDS_COUNT) &&
			    maps("/proc/self/gid_map", UIDS_FIRST, UIDS_COUNT)))
		return 0;
	if (config->vmm == VMM_QEMU)
		log_error("root here is root of a user namespace alone, who cannot give QEMU its devices");
	else
		log_error("needs users and groups %u to %u, which this user namespace does not map", UIDS_FIRST,
			  UIDS_FIRST + UIDS_COUNT - 1);
	log_help("a container: run it as the machine's root, without --userns or --uidmap");
	return -EPERM;
}

/* Opening it loads the module that makes it, where the kernel has one */
static int check_tun(const struct run_config *config)
{
	if (config->vmm != VMM_QEMU)
		return 0;
	CLEANUP_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int error = fd < 0 ? -errno : 0;
	if (error == 0)
		return 0;
	log_error("needs /dev/net/tun, to make the guest's link: %s", strerror(-error));
	log_help("in a container: --device /dev/net/tun; else: modprobe tun");
	return error;
}

static int check_descriptors(void)
{
	uint64_t most = process_raise_descriptors(DESCRIPTORS_LEAST);

	if (most >= DESCRIPTORS_LEAST)
		return 0;
	log_error("too few descriptors: the hard limit of open files is %llu, a sandbox needs %d",
		  (unsigned long long)most, DESCRIPTORS_LEAST);
	log_help("raise it: ulimit -Hn %d, or LimitNOFILE= of a service", DESCRIPTORS_LEAST);
	return -EMFILE;
}

/* No process could change its root for one of its own: pivot_root(2) wants a mount to take the place of */
static int check_root(void)
{
	struct statx root;

	if (statx(AT_FDCWD, "/", 0, STATX_TYPE, &root) < 0 || !(root.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	    root.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return 0;
	log_error("the root directory is no mount point, as after chroot(1): no process could be jailed");
	log_help("before the chroot: mount --rbind DIR DIR");
	return -EINVAL;
}

int prerequisites_check(const struct run_config *config)
{
	int error = check_capabilities(config);

	if (error == 0)
		error = check_user_namespace(config);
	if (error == 0)
		error = check_calls(config);
	if (error == 0)
		error = check_root();
	if (error == 0)
		error = check_tun(config);
	return error < 0 ? error : check_descriptors();
}
