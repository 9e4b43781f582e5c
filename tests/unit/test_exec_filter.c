/* What a program in the exec jail may not do to other processes, and still may to itself. */
#include "isolation/exec_filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool denied(long result)
{
	return result == -1 && errno == EPERM;
}

/* In a process of its own: 0, or which of its questions was answered otherwise */
static int filtered(pid_t parent)
{
	char byte;
	struct iovec here = { &byte, 1 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || exec_filter_load() < 0)
		return 1;
	if (!denied(kill(parent, 0)) || !denied(kill(getpid(), 0)))
		return 2;
	if (!denied(ptrace(PTRACE_ATTACH, parent, 0, 0)) || !denied(ptrace(PTRACE_TRACEME, 0, 0, 0)))
		return 3;
	if (!denied(process_vm_readv(parent, &here, 1, &here, 1, 0)))
		return 4;
	if (!denied(syscall(SYS_pidfd_open, parent, 0)) || !denied(syscall(SYS_pidfd_send_signal, 0, 0, 0, 0)))
		return 5;
	if (!denied(syscall(SYS_tgkill, parent, parent, 0)) || !denied(syscall(SYS_tkill, parent, 0)))
		return 6;
	/* A thread's signal to itself, as raise() and pthread_kill() send it */
	signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) ? 7 : 0;
}

Test(exec_filter, no_other_process_is_within_reach)
{
	pid_t parent = getpid(), child = fork();
	int status;

	if (child == 0)
		_exit(filtered(parent));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0, "question %d", WEXITSTATUS(status));
}
