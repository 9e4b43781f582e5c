/* An instance belongs to the effective uid of the thread that makes it. */
#include "isolation/own_inotify.h"
#include "isolation/changed_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
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
	struct changed_ids changed;

	int error = changed_ids_begin(&changed);
	if (error == 0)
		error = become(uid);
	if (error < 0)
		return error;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), result = fd < 0 ? -errno : fd;
	if (become(before) < 0)
		abort(); /* nobody could go on like this */
	changed_ids_end(&changed);
	return result;
}
