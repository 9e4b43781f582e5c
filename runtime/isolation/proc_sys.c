/* A sandbox's network namespace begins with the sysctls of any other, and has to have its own before a link is up. A container's
 * runtime mounts /proc/sys read-only, over the writable one. */
#include "isolation/proc_sys.h"
#include "core/log.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#define PROC_SYS "/proc/sys"

int proc_sys_make_writable(void)
{
	const unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct statvfs mounted;

	if (statvfs(PROC_SYS, &mounted) || !(mounted.f_flag & ST_RDONLY))
		return 0;
	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) &&
	    !mount(NULL, PROC_SYS, NULL, flags, NULL))
		return 0;
	int error = -errno;
	log_error(PROC_SYS " is read-only, and cannot be mounted otherwise: %s", strerror(-error));
	log_help("of a container: podman run --security-opt unmask=" PROC_SYS ", docker run --security-opt "
		 "systempaths=unconfined; where there is AppArmor, --security-opt apparmor=unconfined");
	return error;
}
