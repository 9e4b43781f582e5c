/* A program that is not ours (QEMU, dnsmasq) runs under a list of what is denied: what else it needs changes with its
 * version. The calls fail with EPERM, as they do for a process of another uid. */
#include "isolation/exec_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <unistd.h>

#define DENIED SCMP_ACT_ERRNO(EPERM)

static const int denied[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(perf_event_open),
};

int exec_filter_load(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; error == 0 && i < sizeof denied / sizeof *denied; i++)
		error = seccomp_rule_add(filter, DENIED, denied[i], 0);
	/* The first argument is the process, of which only our own is fine */
	if (error == 0)
		error = seccomp_rule_add(filter, DENIED, SCMP_SYS(tgkill), 1,
					 SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
