/* Runs a program under ptrace and interferes at one of its system calls, counted over all its processes in the order
 * they happen: from the first look at the terminal (where msb-run starts to set up) until the guest's command is executed.
 * Of what a process does by the hundred (sockets of a pool, say) the first few stand for all.
 *
 *	inject count COMMAND…            how many there are
 *	inject kill N COMMAND…           SIGKILL to the process that was started, just before the Nth
 *	inject kill-caller N COMMAND…    … to the process that is about to do the Nth
 *	inject fail N ERRNO COMMAND…     the Nth is not done and returns that error
 *
 * The last line on standard output says what was done: "N SYSCALL-NUMBER STATUS MILLISECONDS", with the exit status of the
 * program and how long after the interference the last of its processes was gone; N is less than what was asked for where
 * there was no such call. What the program inherits is ours. */
#include <errno.h>
#include <elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ptrace() of glibc and the kernel's header disagree about names; these numbers are the kernel's */
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
#define GET_SYSCALL_INFO 0x420e

enum mode { MODE_COUNT, MODE_KILL, MODE_KILL_CALLER, MODE_FAIL };

struct run {
	enum mode mode;
	long wanted;
	int error;
	pid_t root;
	bool counting, done;
	long count;
	long long syscall; /* the one interfered with */
	pid_t failing;     /* its result is to be replaced at its exit */
	struct timespec since;
	int status;
};

#define ALIKE_MAX 20

/* Whether this call is one more of a kind that its process has done often enough. What may differ by its content (a
 * message, a file's name) is never that. */
static bool is_repetition(pid_t pid, long long number)
{
	static const long long alike[] = { SYS_socket,    SYS_setsockopt,   SYS_close,
					   SYS_epoll_ctl, SYS_rt_sigaction, SYS_prctl };
	static struct {
		pid_t pid;
		long counts[sizeof alike / sizeof *alike];
	} seen[16];

	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		size_t slot = 0;
		if (number != alike[i])
			continue;
		while (slot < 15 && seen[slot].pid && seen[slot].pid != pid)
			slot++;
		seen[slot].pid = pid;
		return ++seen[slot].counts[i] > ALIKE_MAX;
	}
	return false;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(99);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* The call is not done: its number becomes one that there is not. */
static void cancel_syscall(pid_t pid)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		return;
	regs.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
#elif defined(__aarch64__)
	int none = -1;
	struct iovec vec = { &none, sizeof none };

	ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &vec);
#else
#error "inject: this architecture's registers"
#endif
}

static void set_result(pid_t pid, long result)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		return;
	regs.rax = (unsigned long long)result;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec vec = { &regs, sizeof regs };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vec))
		return;
	regs.regs[0] = (unsigned long long)result;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vec);
#endif
}

static void interfere(struct run *run, pid_t pid)
{
	run->done = true;
	clock_gettime(CLOCK_MONOTONIC, &run->since);
	if (run->mode != MODE_FAIL) {
		kill(run->mode == MODE_KILL ? run->root : pid, SIGKILL);
	} else {
		cancel_syscall(pid);
		run->failing = pid;
	}
}

static void at_entry(struct run *run, pid_t pid, const struct __ptrace_syscall_info *info)
{
	long long number = (long long)info->entry.nr;

	if (!run->counting)
		run->counting = pid == run->root && number == SYS_ioctl && info->entry.args[1] == TIOCGPGRP;
	if (!run->counting || run->done)
		return;
	if (number == SYS_execve && pid != run->root) {
		run->done = true; /* the guest's command: set-up is over */
		return;
	}
	/* The kernel's brk() has no error to return: what it cannot do it leaves */
	if (number != SYS_brk && !is_repetition(pid, number) && ++run->count == run->wanted) {
		run->syscall = number;
		interfere(run, pid);
	}
}

static void at_syscall(struct run *run, pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		at_entry(run, pid, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && run->failing == pid) {
		set_result(pid, -run->error);
		run->failing = 0;
	}
}

/* Whether to stop at every system call from here on, or at none */
static int go_on(const struct run *run)
{
	return run->done && !run->failing ? PTRACE_CONT : PTRACE_SYSCALL;
}

static void at_stop(struct run *run, pid_t pid, int status)
{
	int signo = WSTOPSIG(status), event = status >> 16, deliver = 0;

	if (signo == (SIGTRAP | 0x80))
		at_syscall(run, pid);
	else if (event == PTRACE_EVENT_STOP && signo != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, 0, 0); /* a group stop */
		return;
	} else if (!event)
		deliver = signo;
	ptrace(go_on(run), pid, 0, deliver);
}

static void trace(struct run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			at_stop(run, pid, status);
		else if (pid == run->root)
			run->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static void start(struct run *run, char **argv)
{
	int go[2];
	char byte;

	if (pipe(go))
		die("pipe");
	run->root = fork();
	if (run->root < 0)
		die("fork");
	if (run->root == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(98);
		close(go[0]);
		execvp(argv[0], argv);
		_exit(97);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, run->root, 0, OPTIONS) || ptrace(PTRACE_INTERRUPT, run->root, 0, 0))
		die("ptrace");
	if (write(go[1], "", 1) != 1)
		die("write");
	close(go[1]);
}

int main(int argc, char **argv)
{
	struct run run = { .mode = MODE_COUNT };
	int command = 2;

	if (argc > 3 && !strcmp(argv[1], "kill"))
		run.mode = MODE_KILL, run.wanted = atol(argv[2]), command = 3;
	else if (argc > 3 && !strcmp(argv[1], "kill-caller"))
		run.mode = MODE_KILL_CALLER, run.wanted = atol(argv[2]), command = 3;
	else if (argc > 4 && !strcmp(argv[1], "fail"))
		run.mode = MODE_FAIL, run.wanted = atol(argv[2]), run.error = atoi(argv[3]), command = 4;
	else if (argc < 3 || strcmp(argv[1], "count"))
		return fputs("usage: inject count|kill N|kill-caller N|fail N ERRNO COMMAND...\n", stderr), 2;
	start(&run, argv + command);
	trace(&run);
	printf("%ld %lld %d %ld\n", run.count, run.syscall, run.status, run.wanted ? elapsed_ms(&run.since) : 0);
	return 0;
}
