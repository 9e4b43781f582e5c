/* Checked before anything is made: what is missing would else be found half-way, by a process that is not allowed to say
 * so, or cannot end another. */
#include "isolation/prerequisites.h"
#include "core/log.h"
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The DNS worker has the most at its start: 224 sockets a place, of which there are four at most */
#define DESCRIPTORS_LEAST 1024

enum needed_by { ANY_SANDBOX, QEMU, OWN_INIT /* a guest with an init of its own: dnsmasq */, ROOTS_VOLUME };

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

static bool is_needed(const struct need *need, const struct run_config *config)
{
	bool qemu = config->vmm == VMM_QEMU;

	switch (need->by) {
	case QEMU:
		return qemu;
	case OWN_INIT:
		return qemu && (config->kernel || config->initrd);
	case ROOTS_VOLUME:
		return qemu && has_roots_volume(config);
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
		if (own >> needs[i].capability & 1 || !is_needed(&needs[i], config))
			continue;
		log_error("needs %s, %s", needs[i].name, needs[i].why);
		missing++;
	}
	if (missing)
		log_help(
			"root has it, unless it was taken: see CapabilityBoundingSet= of a service, --cap-add of a container");
	return missing ? -EPERM : 0;
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
		error = check_root();
	return error < 0 ? error : check_descriptors();
}
