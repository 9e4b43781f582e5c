/* The rest of what msb-run asks of the kernel: namespaces, links, conntrack, system calls. */
#include "core/fd.h"
#include "core/process.h"
#include "doctor/doctor.h"
#include "isolation/proc_sys.h"
#include "lower/sandbox_net.h"
#include "net/host_link.h"
#include "net/sysctl.h"
#include "netlink/conntrack.h"
#include "netlink/nflog.h"
#include "netlink/rtnl.h"
#include "netlink/rtnl_redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define FAR_LINK "far0"

static void version(const struct doctor_check *check, struct doctor_finding *finding)
{
	struct utsname system;
	int major = 0, minor = 0;

	(void)check;
	uname(&system);
	sscanf(system.release, "%d.%d", &major, &minor);
	bool old = major < 5 || (major == 5 && minor < 15);
	doctor_say(finding, old ? DOCTOR_NOTE : DOCTOR_OK, "msb-policy " MSB_VERSION ", Linux %s, %s", system.release,
		   system.machine);
	if (old)
		doctor_help(finding, "tested with Linux 6.1 and later");
}

static void namespaces(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check; /* that there is this process says it */
	doctor_say(finding, DOCTOR_OK, "network, process, mount, IPC, UTS and cgroup");
}

static void user_namespace(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_FD int child = -1;

	(void)check;
	pid_t pid = process_fork(CLONE_NEWUSER, &child);
	if (pid == 0)
		_exit(0);
	if (pid < 0) {
		doctor_say(finding, DOCTOR_NOTE, "none can be made: %s", strerror(-pid));
		return;
	}
	process_wait(child);
	doctor_say(finding, DOCTOR_OK, "tried");
}

/* ---- links ---- */

static void veth(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);
	CLEANUP_FD int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct rtnl_link link = { 0 };

	(void)check;
	int error = nl ? rtnl_veth_add(nl, (struct rtnl_end){ LOWER_UPLINK, NULL }, (struct rtnl_end){ FAR_LINK, NULL },
				       here) :
			 -errno;
	if (error == 0)
		error = rtnl_link_by_name(nl, LOWER_UPLINK, &link);
	if (error == 0)
		error = rtnl_link_note(nl, link.index, RTNL_NOTE "doctor"); /* alternative names: Linux 5.5 */
	if (error < 0) {
		doctor_fail(finding, "make a pair of links with notes", error);
		doctor_help_module(finding, "veth", "CONFIG_VETH");
		return;
	}
	doctor_say(finding, DOCTOR_OK, "tried");
}

static void bridge(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);

	(void)check;
	int error = nl ? rtnl_bridge_add(nl, (struct rtnl_end){ LOWER_BRIDGE, NULL }) : -errno;
	if (error < 0) {
		doctor_fail(finding, "make a bridge", error);
		doctor_help_module(finding, "bridge", "CONFIG_BRIDGE");
		return;
	}
	doctor_say(finding, DOCTOR_OK, "tried");
}

static void tap(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_FD int fd = rtnl_tap_open(LOWER_TAP);

	(void)check;
	if (fd < 0) {
		doctor_fail(finding, "make a tap", fd);
		if (access("/dev/net/tun", F_OK))
			doctor_help(finding, "there is no /dev/net/tun: in a container, --device /dev/net/tun");
		doctor_help_module(finding, "tun", "CONFIG_TUN");
		return;
	}
	doctor_say(finding, DOCTOR_OK, "tried");
}

/* Pods alone need it */
static void redirect(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);

	(void)check;
	int error = nl ? rtnl_bridge_add(nl, (struct rtnl_end){ LOWER_BRIDGE, NULL }) : -errno;
	if (error == 0)
		error = rtnl_redirect(nl, if_nametoindex("lo"), if_nametoindex(LOWER_BRIDGE));
	if (error == 0) {
		doctor_say(finding, DOCTOR_OK, "tried");
		return;
	}
	doctor_say(finding, DOCTOR_NOTE, "cannot hand frames from link to link: %s", strerror(-error));
	doctor_help_module(finding, "sch_ingress", "CONFIG_NET_SCH_INGRESS");
	doctor_help_module(finding, "cls_u32", "CONFIG_NET_CLS_U32");
	doctor_help_module(finding, "act_mirred", "CONFIG_NET_ACT_MIRRED");
}

static void sysctls(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check;
	int error = proc_sys_make_writable();
	if (error == 0)
		error = sysctl_set_sandbox();
	if (error < 0)
		doctor_fail(finding, "set a sandbox's sysctls", error);
	else
		doctor_say(finding, DOCTOR_OK, "tried");
}

/* ---- conntrack ---- */

static void conntrack(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_NETFILTER);
	struct addr guest = { ADDR_V4, 0xac100002 };
	struct conntrack_flows flows;

	(void)check;
	int error = nl ? conntrack_count(nl, &guest, 1, &flows) : -errno;
	if (error < 0) {
		doctor_fail(finding, "list flows", error);
		doctor_help_module(finding, "nf_conntrack_netlink", "CONFIG_NF_CT_NETLINK");
		return;
	}
	doctor_say(finding, DOCTOR_OK, "tried");
}

static void nflog(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nflog_open();

	(void)check;
	if (!nl) {
		doctor_fail(finding, "listen to logged packets", -errno);
		doctor_help_module(finding, "nfnetlink_log", "CONFIG_NETFILTER_NETLINK_LOG");
		return;
	}
	doctor_say(finding, DOCTOR_OK, "tried");
}

/* ---- system calls ---- */

static void seccomp(const struct doctor_check *check, struct doctor_finding *finding)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	(void)check;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		doctor_fail(finding, "filter system calls", -errno);
	else
		doctor_say(finding, DOCTOR_OK, "asked");
}

static void pidfd(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_FD int child = -1;

	(void)check;
	pid_t pid = process_fork(0, &child); /* by clone3(), as everywhere */
	if (pid == 0)
		_exit(0);
	if (pid < 0 || syscall(SYS_pidfd_send_signal, child, 0, NULL, 0))
		doctor_fail(finding, "use a pidfd", pid < 0 ? pid : -errno);
	else if (process_wait(child) != 0)
		doctor_fail(finding, "wait by a pidfd", -ENOSYS);
	else
		doctor_say(finding, DOCTOR_OK, "tried");
}

/* In a mount namespace of its own: a tree of files is taken and put elsewhere */
static void mounts(const struct doctor_check *check, struct doctor_finding *finding)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };
	CLEANUP_FD int tree = -1, root = -1, beneath = -1;

	(void)check;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", "/tmp", "tmpfs", 0, NULL))
		return doctor_fail(finding, "mount a file system in memory", -errno);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	beneath = (int)syscall(SYS_openat2, root, "proc", &how, sizeof how);
	if (beneath < 0)
		return doctor_fail(finding, "open by openat2()", -errno);
	tree = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || move_mount(tree, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH))
		return doctor_fail(finding, "move a mount", -errno);
	doctor_say(finding, DOCTOR_OK, "tried");
}

#define ALL_NAMESPACES (CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define OLD_KERNEL "Linux 5.15 or later, or a container's filter is in the way: another seccomp profile"

static const struct doctor_check checks[] = {
	{ "version", version, NULL, 0, NULL },
	{ "namespaces", namespaces, NULL, ALL_NAMESPACES, NULL },
	{ "user namespaces", user_namespace,
	  "QEMU runs without one, as a user of its own; volumes and dnsmasq need one: see sysctl "
	  "user.max_user_namespaces, and AppArmor's kernel.apparmor_restrict_unprivileged_userns",
	  0, NULL },
	{ "seccomp", seccomp, "CONFIG_SECCOMP_FILTER; " OLD_KERNEL, 0, NULL },
	{ "pidfd", pidfd, OLD_KERNEL, 0, NULL },
	{ "mounts", mounts, OLD_KERNEL, CLONE_NEWNS, NULL },
	{ "links: veth", veth, NULL, CLONE_NEWNET, NULL },
	{ "links: bridge", bridge, NULL, CLONE_NEWNET, NULL },
	{ "links: tap", tap, "guests in QEMU need it, and pods; --vmm none does not", CLONE_NEWNET, NULL },
	{ "links: tc mirred", redirect, "pods need it (msb-cni); msb-run does not", CLONE_NEWNET, NULL },
	{ "sysctls", sysctls, NULL, CLONE_NEWNET, NULL },
	{ "conntrack", conntrack, NULL, CLONE_NEWNET, NULL },
	{ "nflog", nflog, NULL, CLONE_NEWNET, NULL },
};
const struct doctor_group doctor_kernel = { checks, sizeof checks / sizeof *checks };
