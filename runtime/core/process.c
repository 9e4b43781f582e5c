/* Forking, closing, signals, waiting. */
#include "core/process.h"
#include "core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

pid_t process_fork(uint64_t flags, int *pidfd)
{
	struct clone_args args = { .flags = flags | CLONE_PIDFD, .pidfd = (uintptr_t)pidfd, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	return pid < 0 ? -errno : (pid_t)pid;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int process_close_others(int *keep, size_t count)
{
	unsigned from = STDERR_FILENO + 1;

	if (count)
		qsort(keep, count, sizeof *keep, by_number);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from && close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return -errno;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0u, 0) < 0 ? -errno : 0;
}

void process_forget_environment(void)
{
	for (char **variable = environ; variable && *variable; variable++)
		explicit_bzero(*variable, strlen(*variable));
	clearenv();
}

void process_forwarded_signals(sigset_t *set)
{
	static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
		sigaddset(set, forwarded[i]);
}

void process_block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

void process_reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void process_notice_children(void)
{
	signal(SIGCHLD, SIG_DFL);
}

static struct rlimit given_descriptors;

uint64_t process_raise_descriptors(uint64_t least)
{
	struct rlimit *given = &given_descriptors;

	if (getrlimit(RLIMIT_NOFILE, given) < 0)
		return 0;
	rlim_t wanted = given->rlim_max < least ? given->rlim_max : least;
	if (given->rlim_cur < wanted)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, given->rlim_max });
	return given->rlim_max;
}

void process_restore_descriptors(void)
{
	if (given_descriptors.rlim_max)
		setrlimit(RLIMIT_NOFILE, &given_descriptors);
}

static char given_oom_score[16]; /* "": it was not changed */

static bool write_oom_score(const char *text)
{
	CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) >= 0;
}

void process_spare_from_oom(void)
{
	CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char given[sizeof given_oom_score];
	ssize_t len = fd < 0 ? -1 : read(fd, given, sizeof given - 1);

	if (len <= 0 || !write_oom_score("-1000"))
		return;
	given[len] = '\0';
	memcpy(given_oom_score, given, sizeof given);
}

void process_unspare_from_oom(void)
{
	if (*given_oom_score)
		write_oom_score(given_oom_score);
}

int process_exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int process_wait(int pidfd)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
