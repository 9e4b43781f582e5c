/* See front.h. Order: the supervisor is made first, since the latch needs its pidfd, and waits for the latch's word before it
 * does anything. Whoever dies meanwhile, the others see the end of a channel and end too. */
#include "run/launcher.h"
#include "isolation/capabilities.h"
#include "core/fd.h"
#include "sandbox/table_owner.h"
#include "core/log.h"
#include "core/process.h"
#include "sandbox/supervisor.h"

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

/* The latch ends when the last process of the sandbox has; it is not waited for without end. */
#define LATCH_PATIENCE_MS 2000

struct front {
	const struct run_config *config;
	struct dns_server servers[DNS_MAX_SERVERS];
	size_t server_count;
	struct nft *table;
	int supervisor, latch; /* pidfds */
	int channel, signals;
	bool foreground; /* we own the terminal that standard input is */
};

static int fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	if (errno == EPERM || errno == EACCES)
		log_help("needs root to make a network namespace; try: sudo msb-run ...");
	return -errno;
}

static _Noreturn void run_supervisor(struct front *front, int channel, int latch)
{
	struct supervisor_start start = {
		.config = front->config,
		.servers = front->servers,
		.server_count = front->server_count,
		.front = channel,
		.latch = latch,
		.table = front->table,
		.foreground = front->foreground,
	};
	const int keep[] = { channel, latch, nft_fd(front->table) };

	process_close_others(keep, 3);
	supervisor_main(&start);
}

static int start_processes(struct front *front)
{
	CLEANUP_FD int ours = -1, supervisors = -1, latchs = -1, to_latch = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("socketpair");
	ours = pair[0], supervisors = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("socketpair");
	latchs = pair[0], to_latch = pair[1];
	pid_t pid = process_fork(CLONE_NEWPID, &front->supervisor);
	if (pid == 0)
		run_supervisor(front, supervisors, to_latch);
	if (pid < 0) {
		errno = -pid;
		return fail("cannot make a pid namespace");
	}
	struct latch_start latch = { front->supervisor, nft_fd(front->table), latchs };
	pid = latch_fork(&latch, &front->latch);
	if (pid < 0) {
		errno = -pid;
		return fail("cannot start the latch");
	}
	front->channel = TAKE_FD(ours);
	return 0;
}

static void forward_signal(const struct front *front)
{
	struct signalfd_siginfo info;

	if (read(front->signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD)
		return;
	uint8_t number = (uint8_t)info.ssi_signo;
	send(front->channel, &number, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Its exit status is the command's, or our failure's; killed, it has none. */
static int supervisor_status(const struct front *front)
{
	siginfo_t info = { 0 };

	while (waitid(P_PIDFD, (id_t)front->supervisor, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (info.si_code == CLD_EXITED)
		return info.si_status;
	log_error("the supervisor was killed: the sandbox is closed");
	return FRONT_FAILED;
}

static int wait_for_supervisor(const struct front *front)
{
	struct pollfd watched[] = {
		{ .fd = front->supervisor, .events = POLLIN },
		{ .fd = front->signals, .events = POLLIN },
	};

	for (;;) {
		if (poll(watched, 2, -1) < 0)
			continue;
		if (watched[1].revents)
			forward_signal(front);
		if (watched[0].revents)
			return supervisor_status(front);
	}
}

/* Nothing is left once msb-run is back: the latch, and the table with it, ends first. */
static void wait_for_latch(const struct front *front)
{
	struct pollfd watched = { .fd = front->latch, .events = POLLIN };

	if (front->latch < 0)
		return;
	if (poll(&watched, 1, LATCH_PATIENCE_MS) == 0)
		syscall(SYS_pidfd_send_signal, front->latch, SIGKILL, NULL, 0);
	process_wait(front->latch);
}

static int open_signals(void)
{
	static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
		sigaddset(&set, forwarded[i]);
	/* Taking the terminal back from the background must not stop us */
	sigset_t blocked = set;
	sigaddset(&blocked, SIGTTOU);
	sigaddset(&blocked, SIGPIPE);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(struct front *front)
{
	int count = dns_servers(front->config->policy, front->servers);

	if (count < 0)
		return FRONT_FAILED;
	front->server_count = (size_t)count;
	front->table = nft_open();
	if (!front->table) {
		fail("cannot open nfnetlink");
		return FRONT_FAILED;
	}
	front->signals = open_signals();
	int err = start_processes(front);
	nft_close(front->table);
	if (front->supervisor < 0)
		return FRONT_FAILED;
	if (err)
		syscall(SYS_pidfd_send_signal, front->supervisor, SIGKILL, NULL, 0);
	/* What is left to do, signals to our own uid, takes no capability. Failing that, nothing is less safe than before. */
	if (!err && confine(NULL, 0))
		log_line("the front process keeps its capabilities: %s", strerror(errno));
	int status = wait_for_supervisor(front);
	wait_for_latch(front);
	return err ? FRONT_FAILED : status;
}

int front_run(const struct run_config *config)
{
	struct front front = { .config = config, .supervisor = -1, .latch = -1, .channel = -1, .signals = -1 };
	pid_t group = tcgetpgrp(STDIN_FILENO);
	struct termios terminal;

	front.foreground = group > 0 && group == getpgrp();
	bool known = front.foreground && !tcgetattr(STDIN_FILENO, &terminal);
	int status = run(&front);
	if (front.foreground)
		tcsetpgrp(STDIN_FILENO, group);
	/* Whoever had made it raw may have been killed */
	if (known)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);
	close(front.channel);
	close(front.signals);
	return status;
}
