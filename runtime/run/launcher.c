/* Starting the other two processes. The supervisor comes first, since the table owner needs its pidfd, but does nothing to
 * the host before the table owner reports that it is ready. Whichever dies meanwhile, the others see the end of a channel and end too. */
#include "run/launcher.h"
#include "cgroup/cgroup.h"
#include "cgroup/cgroup_note.h"
#include "control/control_place.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/run_directory.h"
#include "isolation/capabilities.h"
#include "isolation/prerequisites.h"
#include "isolation/proc_sys.h"
#include "run/learn_file.h"
#include "run/policy_watch.h"
#include "sandbox/claims.h"
#include "sandbox/supervisor.h"
#include "sandbox/table_owner.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <sys/wait.h>

/* The table owner ends when the last process of the sandbox has; it is not waited for without end. */
#define TABLE_OWNER_TIMEOUT_MS 10000
#define ANSWER_TIMEOUT_MS 5000
#define CLOSE_TIMEOUT_MS 10000

struct launcher {
	const struct run_config *config;
	struct nameserver servers[NAMESERVERS_MAX];
	size_t server_count;
	struct nft *table;
	struct learn_file learn;
	struct cgroup *cgroup; /* NULL: none */
	struct claims claims;  /* held by every process that is ours as long as any other uses what is claimed */
	int supervisor, owner; /* pidfds */
	pid_t pid;             /* ours */
	pid_t supervisor_pid;
	int channel, signals;
	pid_t watch;                /* --watch; 0: none */
	int run_directory, control; /* the control socket, until the supervisor has it */
	bool foreground;            /* we own the terminal that standard input is */
	int unanswered;             /* a signal to end that has not been passed on to the guest yet, or 0 */
	int status;                 /* what the guest ended with, or -1 */
	uint64_t kill_ms;           /* when the supervisor is killed, should it still be there; 0: not at all */
};

static int fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	if (errno == EPERM || errno == EACCES)
		log_help("needs root to make a network namespace; try: sudo msb-run ...");
	return -errno;
}

static _Noreturn void run_supervisor(struct launcher *launcher, int channel, int owner)
{
	struct supervisor_start start = {
		.config = launcher->config,
		.servers = launcher->servers,
		.server_count = launcher->server_count,
		.claims = &launcher->claims,
		.launcher = channel,
		.owner = owner,
		.table = launcher->table,
		.learnt = launcher->learn.memory,
		.foreground = launcher->foreground,
		.control = launcher->control,
		.pid = launcher->pid,
		.cgroup = launcher->cgroup,
	};
	int keep[] = { channel,
		       owner,
		       nft_fd(launcher->table),
		       launcher->claims.fd,
		       launcher->control,
		       launcher->learn.memory,
		       launcher->config->pod ? launcher->config->pod->netns : -1 };

	process_close_others(keep, sizeof keep / sizeof *keep);
	if (cgroup_enter(launcher->cgroup))
		_exit(EXIT_STATUS_FAILED);
	if (launcher->config->memory_max) /* whose limit is for the guest to meet */
		process_spare_from_oom();
	supervisor_main(&start);
}

static int start_processes(struct launcher *launcher)
{
	CLEANUP_FD int ours = -1, supervisors = -1, owners = -1, to_owner = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("socketpair");
	ours = pair[0], supervisors = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("socketpair");
	owners = pair[0], to_owner = pair[1];
	pid_t pid = process_fork(CLONE_NEWPID, &launcher->supervisor);
	if (pid == 0)
		run_supervisor(launcher, supervisors, to_owner);
	if (pid < 0) {
		errno = -pid;
		return fail("cannot make a pid namespace");
	}
	launcher->supervisor_pid = pid;
	struct table_owner_start owner = { .supervisor = launcher->supervisor,
					   .table = launcher->table,
					   .claims = launcher->claims.fd,
					   .channel = owners,
					   .run_directory = launcher->run_directory,
					   .cgroup = launcher->cgroup,
					   .name = launcher->config->name };
	pid = table_owner_fork(&owner, &launcher->owner);
	if (pid < 0) {
		errno = -pid;
		return fail("cannot start the table owner");
	}
	launcher->channel = TAKE_FD(ours);
	return 0;
}

/* A guest decides what a signal means to it. One to end with that does not even get to it, while it is being set up, is
 * closed, or the supervisor hangs, has the sandbox killed: after a while, or with the next. */
static void expect_answer(struct launcher *launcher, int signo)
{
	if (signo != SIGHUP && signo != SIGINT && signo != SIGQUIT && signo != SIGTERM)
		return;
	uint64_t now = clock_ms(), due = launcher->unanswered ? now : now + ANSWER_TIMEOUT_MS;
	launcher->unanswered = signo;
	if (!launcher->kill_ms || due < launcher->kill_ms)
		launcher->kill_ms = due;
}

static void send_signal(struct launcher *launcher, int signo)
{
	uint8_t number = (uint8_t)signo;

	send(launcher->channel, &number, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	expect_answer(launcher, signo);
}

static void forward_signal(struct launcher *launcher)
{
	struct signalfd_siginfo info;

	if (read(launcher->signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD)
		return;
	send_signal(launcher, (int)info.ssi_signo);
}

/* Whoever waits for a pod's policy to be in force. An ADD that was killed does not, and nobody knows of this sandbox then. */
static void tell_ready(struct launcher *launcher)
{
	const struct run_pod *pod = launcher->config->pod;
	struct pod_ready ready = { .supervisor = launcher->supervisor_pid, .launcher = launcher->pid };

	if (!pod)
		return;
	if (write(pod->ready, &ready, sizeof ready) < 0) {
		log_error("nobody waits for the pod's network: %s", strerror(errno));
		send_signal(launcher, SIGTERM);
	}
	close(pod->ready);
}

/* false: the supervisor's end of the channel is gone */
static bool read_channel(struct launcher *launcher)
{
	struct supervisor_message message;
	ssize_t len = recv(launcher->channel, &message, sizeof message, MSG_DONTWAIT);

	if (len != sizeof message)
		return len < 0 && (errno == EAGAIN || errno == EINTR);
	launcher->unanswered = 0;
	if (message.word == SUPERVISOR_CLOSES) {
		launcher->status = message.status;
		launcher->kill_ms = clock_ms() + CLOSE_TIMEOUT_MS;
	} else if (message.word == SUPERVISOR_READY) {
		tell_ready(launcher);
	} else if (launcher->status < 0) {
		launcher->kill_ms = 0;
	}
	return true;
}

/* Its exit status is the command's, or our failure's; killed, it has none. */
static int supervisor_status(const struct launcher *launcher)
{
	siginfo_t info = { 0 };

	while (waitid(P_PIDFD, (id_t)launcher->supervisor, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (info.si_code == CLD_EXITED)
		return info.si_status;
	if (launcher->status >= 0)
		return launcher->status;
	log_error("the supervisor was killed: the sandbox is closed");
	return EXIT_STATUS_FAILED;
}

/* Milliseconds until the supervisor is killed, which is done where it is time; -1: it is not to be */
static int kill_when_due(struct launcher *launcher)
{
	uint64_t now = clock_ms();

	if (!launcher->kill_ms)
		return -1;
	if (launcher->kill_ms > now)
		return (int)(launcher->kill_ms - now);
	if (launcher->status < 0)
		log_error("the sandbox did not take SIG%s: it is killed", sigabbrev_np(launcher->unanswered));
	cgroup_kill(launcher->cgroup);
	syscall(SYS_pidfd_send_signal, launcher->supervisor, SIGKILL, NULL, 0);
	launcher->kill_ms = 0;
	return -1;
}

/* The sandbox is none the less safe: it keeps the policy that it has */
static void miss_watch(struct launcher *launcher)
{
	policy_watch_end(launcher->watch);
	launcher->watch = 0;
	log_error("--watch: the process that watches the policy's files is gone: changes are not seen any more");
	log_help("after a change: msb-ctl reload %s", launcher->config->name);
}

static int wait_for_supervisor(struct launcher *launcher)
{
	CLEANUP_FD int watch = launcher->watch > 0 ? (int)syscall(SYS_pidfd_open, launcher->watch, 0) : -1;
	struct pollfd watched[] = {
		{ .fd = launcher->supervisor, .events = POLLIN },
		{ .fd = launcher->signals, .events = POLLIN },
		{ .fd = launcher->channel, .events = POLLIN },
		{ .fd = watch, .events = POLLIN },
	};

	for (;;) {
		if (poll(watched, 4, kill_when_due(launcher)) < 0)
			continue;
		if (watched[1].revents)
			forward_signal(launcher);
		if (watched[2].revents && !read_channel(launcher))
			watched[2].fd = -1;
		if (watched[0].revents)
			return supervisor_status(launcher);
		if (watched[3].revents) {
			watched[3].fd = -1;
			miss_watch(launcher);
		}
	}
}

/* Nothing is left once msb-run is back: the table owner, and the table with it, ends first. */
static void wait_for_table_owner(const struct launcher *launcher)
{
	struct pollfd watched = { .fd = launcher->owner, .events = POLLIN };

	if (launcher->owner < 0)
		return;
	if (poll(&watched, 1, TABLE_OWNER_TIMEOUT_MS) == 0)
		syscall(SYS_pidfd_send_signal, launcher->owner, SIGKILL, NULL, 0);
	process_wait(launcher->owner);
}

static int open_signals(void)
{
	sigset_t set;

	process_forwarded_signals(&set);
	/* Taking the terminal back from the background must not stop us */
	sigset_t blocked = set;
	sigaddset(&blocked, SIGTTOU);
	sigaddset(&blocked, SIGPIPE);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* With the name claimed: whatever has it in the run directory is a dead sandbox's, or ours. */
static int open_control(struct launcher *launcher)
{
	const struct run_config *config = launcher->config;

	launcher->run_directory = run_directory_open();
	if (launcher->run_directory < 0)
		return launcher->run_directory;
	cgroup_note_sweep(launcher->run_directory, config->name, false, NULL, NULL);
	cgroup_note_remove(launcher->run_directory, config->name);
	launcher->control = control_place_make(launcher->run_directory, config->name,
					       config->has_control_group ? &config->control_group : NULL);
	return launcher->control < 0 ? launcher->control : 0;
}

/* Done by the table owner, unless it was killed */
static void close_control(struct launcher *launcher)
{
	cgroup_remove(launcher->cgroup);
	cgroup_close(launcher->cgroup);
	if (launcher->claims.fd >= 0 && launcher->run_directory >= 0)
		control_place_remove(launcher->run_directory, launcher->config->name);
	close(launcher->run_directory);
	close(launcher->control);
}

/* What is left to do, signals to our own uid, takes no capability; the file of --learn goes into the directory of a user's, whose
 * it may be to write to alone */
static int keep_little(const struct launcher *launcher)
{
	static const unsigned kept[] = { CAP_DAC_OVERRIDE };

	return capabilities_keep(kept, launcher->config->learn ? 1 : 0);
}

static int run(struct launcher *launcher)
{
	if (prerequisites_check(launcher->config) || proc_sys_make_writable())
		return EXIT_STATUS_FAILED;
	if (launcher->config->learn && learn_file_open(launcher->config->learn, &launcher->learn))
		return EXIT_STATUS_FAILED;
	int count = dns_servers(launcher->config->policy, launcher->config->pod, launcher->servers);
	if (count < 0 || claims_take(launcher->config->name, &launcher->claims))
		return EXIT_STATUS_FAILED;
	if (open_control(launcher) || cgroup_make(launcher->config, launcher->run_directory, &launcher->cgroup))
		return EXIT_STATUS_FAILED;
	launcher->server_count = (size_t)count;
	launcher->table = nft_open();
	if (!launcher->table) {
		fail("cannot open nfnetlink");
		return EXIT_STATUS_FAILED;
	}
	launcher->signals = open_signals();
	int error = start_processes(launcher);
	if (launcher->config->pod) /* the pod's namespace ends with the pod */
		close(launcher->config->pod->netns);
	if (error == 0 && launcher->config->watch &&
	    (launcher->watch = policy_watch_start(launcher->config, launcher->claims.uid)) < 0)
		error = -ECHILD;
	nft_close(launcher->table);
	close(launcher->control);
	launcher->control = -1;
	if (launcher->supervisor < 0)
		return EXIT_STATUS_FAILED;
	if (error < 0)
		syscall(SYS_pidfd_send_signal, launcher->supervisor, SIGKILL, NULL, 0);
	/* Failing that, nothing is less safe than before. */
	if (error == 0 && keep_little(launcher))
		log_line("the launcher keeps its capabilities: %s", strerror(errno));
	memory_settle();
	int status = wait_for_supervisor(launcher);
	wait_for_table_owner(launcher);
	if (error == 0 && launcher->config->learn && learn_file_write(&launcher->learn) && status == 0)
		status = EXIT_STATUS_FAILED;
	return error < 0 ? EXIT_STATUS_FAILED : status;
}

int launcher_run(const struct run_config *config)
{
	struct launcher launcher = { .config = config,
				     .claims.fd = -1,
				     .learn = { .directory = -1, .memory = -1 },
				     .supervisor = -1,
				     .owner = -1,
				     .channel = -1,
				     .signals = -1,
				     .run_directory = -1,
				     .control = -1,
				     .pid = getpid(),
				     .status = -1 };
	pid_t group = tcgetpgrp(STDIN_FILENO);
	struct termios terminal;

	launcher.foreground = group > 0 && group == getpgrp();
	bool known = launcher.foreground && !tcgetattr(STDIN_FILENO, &terminal);
	int status = run(&launcher);
	if (launcher.foreground)
		tcsetpgrp(STDIN_FILENO, group);
	/* The process that made it raw may have been killed */
	if (known)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	policy_watch_end(launcher.watch);
	close_control(&launcher);
	learn_file_close(&launcher.learn);
	close(launcher.claims.fd);
	close(launcher.channel);
	close(launcher.signals);
	return status;
}
