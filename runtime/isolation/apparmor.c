/* The kernel's own files of this thread, since Linux 5.8; libapparmor would do no more. */
#include "isolation/apparmor.h"
#include "core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define PROFILE "msb-run " /* of debian/apparmor; its mode follows, as in "msb-run (enforce)" */
#define FILES "/proc/thread-self/attr/apparmor/"

/* A profile of the administrator's own stays: it is for the command, too. */
static bool is_under_profile(void)
{
	char name[sizeof PROFILE - 1];
	CLEANUP_FD int fd = open(FILES "current", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, name, sizeof name) == sizeof name && !memcmp(name, PROFILE, sizeof name);
}

int apparmor_leave_by_exec(void)
{
	static const char order[] = "exec unconfined";

	if (!is_under_profile())
		return 0;
	CLEANUP_FD int fd = open(FILES "exec", O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, order, sizeof order - 1) < 0 ? -errno : 0;
}
