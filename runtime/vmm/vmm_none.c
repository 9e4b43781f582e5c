/* --vmm none: COMMAND on the host's own kernel, in pid, mount, IPC, UTS and network namespaces of its own, behind a link in
 * the place of the VM's tap. A small init is pid 1 there: it prepares all that, starts COMMAND, hands signals on,
 * and ends with COMMAND's status; with it, the kernel ends what COMMAND left behind. */
#include "vmm/vmm_none.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/socket.h"
#include "isolation/apparmor.h"
#include "isolation/capabilities.h"
#include "lower/sandbox_net.h"
#include "net/pool.h"
#include "netlink/rtnl.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells report it: found but cannot be run, not found */
#define CANNOT_RUN 126
#define NOT_FOUND 127

/* The gateway is never asked for by ARP or ND, which would cost the first packet a round trip. */
static int add_family(struct nl *nl, uint32_t link, struct addr guest, struct addr gateway, const uint8_t mac[static 6])
{
	bool v4 = gateway.family == ADDR_V4;
	struct rtnl_route route = { .destination.addr.family = gateway.family, .via = &gateway, .link = link };

	int error = rtnl_address_add(nl, link, (struct addr_prefix){ guest, v4 ? POOL_LEN4 : POOL_LEN6 });
	if (error == 0)
		error = rtnl_neighbour_add(nl, link, gateway, mac);
	return error < 0 ? error : rtnl_route_add(nl, &route);
}

static int configure_links(struct nl *nl, const struct vmm_start *start)
{
	struct rtnl_link eth0 = { 0 }, lo = { 0 };

	int error = rtnl_link_by_name(nl, LOWER_GUEST_LINK, &eth0);
	if (error == 0)
		error = rtnl_link_by_name(nl, "lo", &lo);
	if (error == 0)
		error = rtnl_link_set_mac(nl, eth0.index, start->mac);
	if (error == 0 && start->config->policy->interface.mtu)
		error = rtnl_link_set_mtu(nl, eth0.index, start->config->policy->interface.mtu);
	if (error == 0)
		error = rtnl_link_up(nl, lo.index);
	if (error == 0)
		error = rtnl_link_up(nl, eth0.index);
	if (error == 0 && start->gateway.has4)
		error = add_family(nl, eth0.index, start->guest4, start->gateway.v4, start->gateway_mac);
	if (error == 0 && start->gateway.has6)
		error = add_family(nl, eth0.index, start->guest6, start->gateway.v6, start->gateway_mac);
	return error;
}

static int report_link(int error)
{
	if (error < 0)
		log_error("cannot configure " LOWER_GUEST_LINK ": %s", strerror(-error));
	return error;
}

/* *out is kept until the link is to be waited for */
static int set_up_network(const struct vmm_start *start, struct nl **out)
{
	if (setns(start->guest_netns, CLONE_NEWNET)) {
		log_error("cannot enter the guest's network namespace: %s", strerror(errno));
		return -errno;
	}
	*out = nl_open(NETLINK_ROUTE);
	return report_link(*out ? configure_links(*out, start) : -errno);
}

/* Its other end is up by now, and so is this one, once the kernel has been asked. */
static int wait_for_guest_link(struct nl *nl)
{
	struct rtnl_link eth0 = { 0 };
	int error = rtnl_link_by_name(nl, LOWER_GUEST_LINK, &eth0);

	return report_link(error < 0 ? error : rtnl_link_wait(nl, eth0.index));
}

static int enter_workdir(const char *workdir)
{
	if (!workdir || !chdir(workdir))
		return 0;
	int error = -errno;
	log_error("--workdir %s: %s", workdir, strerror(-error));
	log_help("with --vmm none these are the host's directories, and none is made");
	return error;
}

static int drop_capabilities(bool keep_net_admin)
{
	static const unsigned dropped[] = { CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_MODULE, CAP_NET_ADMIN };
	int error = capabilities_drop(dropped, keep_net_admin ? 3 : 4);

	if (error < 0)
		log_error("cannot drop capabilities");
	return error;
}

static _Noreturn void run_command(const struct vmm_start *start)
{
	static char *shell[] = { "/bin/sh", NULL };
	char **argv = start->config->command ? start->config->command : shell;

	/* A group of its own: the terminal's signals reach COMMAND once, not by us again */
	setpgid(0, 0);
	if (start->foreground)
		tcsetpgrp(STDIN_FILENO, getpid());
	process_reset_signals();
	process_restore_descriptors();
	process_unspare_from_oom();
	for (size_t i = 0; i < start->config->env.count; i++)
		putenv((char *)start->config->env.items[i]);
	int error = apparmor_leave_by_exec();
	if (error < 0) {
		log_error("cannot leave AppArmor's profile msb-run for `%s`: %s", argv[0], strerror(-error));
		_exit(CANNOT_RUN);
	}
	execvp(argv[0], argv);
	log_error("cannot run `%s`: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

static pid_t fork_command(const struct vmm_start *start)
{
	process_close_others(NULL, 0);
	pid_t command = fork();
	if (command == 0)
		run_command(start);
	return command;
}

/* Reaps whatever ends; true and COMMAND's wait status once that has. A stopped COMMAND is continued, as no shell would do it. */
static bool reap(pid_t command, int *status)
{
	pid_t pid;

	while ((pid = waitpid(-1, status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != command)
			continue;
		if (!WIFSTOPPED(*status))
			return true;
		kill(pid, SIGCONT);
	}
	return false;
}

static int attend(pid_t command)
{
	sigset_t all;
	int status;

	memory_settle();
	sigfillset(&all);
	for (;;) {
		int signo = sigwaitinfo(&all, NULL);
		if (signo == SIGCHLD && reap(command, &status))
			return process_exit_status(status);
		if (signo > 0 && signo != SIGCHLD && signo < SIGRTMIN)
			kill(command, signo);
	}
}

static int prepare(const struct vmm_start *start, struct nl **nl)
{
	int error = set_up_network(start, nl);

	if (error == 0)
		error = vmm_none_set_up_mounts(start);
	if (error == 0)
		error = enter_workdir(start->config->workdir);
	return error == 0 ? drop_capabilities(start->config->cap_net_admin) : error;
}

/* pid 1 of the guest's pid namespace. The channel gets 0 or an errno, once nothing can fail but the link's coming up and COMMAND
 * itself; a byte back tells to start that. */
static _Noreturn void guest_init(const struct vmm_start *start, int channel)
{
	struct nl *nl = NULL;
	char go;

	prctl(PR_SET_NAME, "msb-init");
	CLEANUP_FD int mounts = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int error = mounts < 0 ? -errno : 0;

	if (error < 0)
		log_error("cannot open the command's mount namespace: %s", strerror(-error));
	else
		error = prepare(start, &nl);
	if (socket_send_fds(channel, &error, sizeof error, &mounts, mounts >= 0, 0) < 0 || error < 0)
		_exit(EXIT_STATUS_FAILED);
	fd_closep(&mounts);
	ssize_t len = read(channel, &go, 1);
	if (len == 0 || wait_for_guest_link(nl)) /* the first is the supervisor's to explain */
		_exit(EXIT_STATUS_FAILED);
	nl_close(nl);
	pid_t command = len == 1 ? fork_command(start) : -1;
	if (command > 0)
		_exit(attend(command));
	log_error("cannot start the command: %s", strerror(errno));
	_exit(EXIT_STATUS_FAILED);
}

/* Both ends are up: now the VM's end and the bridge get their carrier. */
static int wait_for_links(void)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);
	static const char *const names[] = { LOWER_TAP, LOWER_BRIDGE };
	int error = nl ? 0 : -errno;

	for (size_t i = 0; error == 0 && i < sizeof names / sizeof *names; i++) {
		struct rtnl_link link = { 0 };
		error = rtnl_link_by_name(nl, names[i], &link);
		if (error == 0)
			error = rtnl_link_wait(nl, link.index);
	}
	if (error < 0)
		log_error("the guest's link does not come up: %s", strerror(-error));
	return error;
}

/* The init's own report, then ours that it may start COMMAND. What keeps resolv.conf looks at it first, so it may come later. */
static int handshake(int channel, const struct vmm_start *start)
{
	int error, fds[SOCKET_FDS_MAX] = { -1, -1 };
	struct pollfd ready = { .fd = channel, .events = POLLIN };

	while (poll(&ready, 1, -1) < 0)
		;
	if (socket_receive_fds(channel, &error, sizeof error, fds) == sizeof error) {
		CLEANUP_FD int mounts = fds[0];
		if (error == 0)
			error = wait_for_links();
		if (error < 0)
			return error;
		if (write(channel, "", 1) == 1)
			return vmm_none_keep_resolv_conf(start, mounts);
	}
	log_error("the guest's init ended before the command could start");
	return -ECHILD;
}

int vmm_none_prepare(const struct vmm_start *start, struct vmm_none_init *out)
{
	int channel[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel)) {
		int error = -errno;
		log_error("cannot make the guest's channel: %s", strerror(-error));
		return error;
	}
	CLEANUP_FD int ours = channel[0], inits = channel[1];
	pid_t pid = process_fork(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS, &out->pidfd);
	if (pid == 0) {
		close(ours);
		guest_init(start, inits);
	}
	if (pid < 0) {
		log_error("cannot make the guest's namespaces: %s", strerror(-pid));
		return pid;
	}
	out->pid = pid;
	out->channel = TAKE_FD(ours);
	return 0;
}

int vmm_none_start(struct vmm_none_init *init, const struct vmm_start *start, struct vmm *out)
{
	int error = handshake(init->channel, start);

	fd_closep(&init->channel); /* an init that waits for us sees the end */
	if (error == 0) {
		*out = (struct vmm){ .pid = init->pid, .pidfd = TAKE_FD(init->pidfd) };
		return 0;
	}
	process_wait(init->pidfd);
	fd_closep(&init->pidfd);
	return error;
}
