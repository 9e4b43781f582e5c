/* An instance belongs to the effective uid of the thread that makes it. A change of that makes the kernel forget the parent-death signal
 * and make the process as dumpable as fs.suid_dumpable says (commit_creds()). */
#include "isolation/own_inotify.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int become(uid_t effective)
{
	const uid_t same = (uid_t)-1;

	return syscall(SYS_setresuid, same, effective, same) < 0 ? -errno : 0;
}

int own_inotify(uid_t uid)
{
	uid_t before = geteuid();
	int death_signal, dumpable = prctl(PR_GET_DUMPABLE);

	if (prctl(PR_GET_PDEATHSIG, &death_signal) < 0)
		return -errno;
	int error = become(uid);
	if (error < 0)
		return error;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), result = fd < 0 ? -errno : fd;
	if (become(before) < 0)
		abort(); /* nobody could go on like this */
	prctl(PR_SET_DUMPABLE, dumpable == 1);
	prctl(PR_SET_PDEATHSIG, death_signal);
	return result;
}
