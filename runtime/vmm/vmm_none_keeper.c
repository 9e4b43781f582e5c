/* COMMAND's resolv.conf is a mount over the host's. Where the host replaces that file, as network managers do, what was mounted
 * on the old one is gone with it, and COMMAND would read the host's nameservers, which are not its own to ask. A small
 * process in COMMAND's mount namespace, outside its pid namespace, puts the mount back. */
#include "core/fd.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "isolation/capabilities.h"
#include "isolation/worker_jail.h"
#include "vmm/vmm_none.h"

#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define ETC "/etc"
#define SCRATCH "/proc/driver" /* of COMMAND's own /proc; covered for a moment, needed by nobody in it */
#define LOOK_EVERY_MS 2000     /* where inotify does not tell */

static dev_t device(void)
{
	struct stat status;

	return stat(VMM_NONE_RESOLV_CONF, &status) ? 0 : status.st_dev;
}

/* Until something in the directory has changed, or it is time to look */
static void wait_for_change(int inotify)
{
	char events[4096];
	struct pollfd watched = { .fd = inotify, .events = POLLIN };

	if (poll(&watched, 1, LOOK_EVERY_MS) > 0 && read(inotify, events, sizeof events) < 0)
		return;
}

static _Noreturn void keep(const struct vmm_start *start)
{
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	dev_t ours = device();

	inotify_add_watch(inotify, ETC, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM);
	for (;;) {
		/* looked at first: it may have been replaced before it was watched. What is not there is put in place later. */
		if (device() != ours && vmm_none_cover_resolv_conf(start, SCRATCH) == 0)
			ours = device();
		wait_for_change(inotify);
	}
}

int vmm_none_keep_resolv_conf(const struct vmm_start *start, int mount_namespace)
{
	int pidfd;
	pid_t pid = process_fork(0, &pidfd);

	if (pid < 0) {
		log_error("cannot keep the command's resolv.conf: %s", strerror(-pid));
		return pid;
	}
	if (pid > 0) {
		close(pidfd); /* it ends with the supervisor's pid namespace */
		return 0;
	}
	prctl(PR_SET_NAME, "msb-resolv");
	process_forget_environment();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || setns(mount_namespace, CLONE_NEWNS)) {
		log_line("the command's resolv.conf is not put back should the host replace its own: %s",
			 strerror(errno));
		_exit(1);
	}
	if (worker_jail_keep_only(NULL, 0) || capabilities_keep((const unsigned[]){ CAP_SYS_ADMIN }, 1))
		_exit(1);
	memory_settle();
	keep(start);
}
