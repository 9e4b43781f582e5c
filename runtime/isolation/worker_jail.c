/* Privileges dropped in named stages; each stage needs what the next one takes away. */
#include "isolation/worker_jail.h"
#include "core/memory.h"
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A mount namespace whose root is an empty, read-only tmpfs: nothing to open, whatever the seccomp filter missed */
static int stage_root(void)
{
	const char *at = "/proc"; /* a directory that is there; what it held is not needed any more */
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", at, "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555") < 0 || chdir(at) < 0)
		return -errno;
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) < 0 ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int stage_uid(uid_t uid)
{
	for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
		capability++;
	if (errno != EINVAL) /* past the last one the kernel knows */
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return drop_capabilities();
}

static int stage_process(void)
{
	struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* Since glibc 2.42 tcgetattr() and tcsetattr() use the kernel's struct termios2, of 44 bytes, whose header and the C
 * library's exclude each other. */
#define TERMIOS2_CALL(direction, number) _IOC(direction, 'T', number, 44)

static int allow_terminal(scmp_filter_ctx filter, int number)
{
	static const unsigned requests[] = {
		TIOCGWINSZ,
		TCGETS,
		TCSETS,
		TCSETSW,
		TERMIOS2_CALL(_IOC_READ, 0x2a),
		TERMIOS2_CALL(_IOC_WRITE, 0x2b),
		TERMIOS2_CALL(_IOC_WRITE, 0x2c),
	};
	int error = 0;
	/* the kernel looks at 32 bits of the request, so the rest may be anything */
	for (size_t i = 0; i < sizeof requests / sizeof *requests && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
					 SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
	return error;
}

static int allow(scmp_filter_ctx filter, const struct worker_jail_call *call)
{
	switch (call->limit) {
	case JAIL_LINGER_ONLY:
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 2, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
					SCMP_A2(SCMP_CMP_EQ, SO_LINGER));
	case JAIL_AT_MARK:
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
					SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, SIOCATMARK));
	case JAIL_PIPE_SIZE:
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
					SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETPIPE_SZ));
	case JAIL_NO_EXEC:
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	case JAIL_TERMINAL:
		return allow_terminal(filter, call->number);
	case JAIL_ANY:
		break;
	}
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 0);
}

static int stage_calls(const struct worker_jail_call *calls, size_t count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOMEM;
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
				     SCMP_A2(SCMP_CMP_EQ, MADV_DONTNEED)); /* free(), and what follows */
	for (size_t i = 0; i < count && error == 0; i++)
		error = allow(filter, &calls[i]);
	if (error == 0)
		error = seccomp_load(filter);
	/* releasing it calls nothing but free() */
	seccomp_release(filter);
	return error;
}

int worker_jail_enter(uid_t uid, const struct worker_jail_call *calls, size_t count)
{
	process_forget_environment();
	int error = stage_root();
	if (error == 0)
		error = stage_uid(uid);
	if (error == 0)
		error = stage_process();
	if (error == 0)
		error = stage_calls(calls, count);
	if (error == 0)
		memory_settle();
	return error;
}

int worker_jail_keep_only(int *fds, size_t count)
{
	int error = process_close_others(fds, count);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
		if (dup2(null, fd) < 0)
			error = -errno;
	if (null < 0)
		return -errno;
	close(null);
	return error;
}
