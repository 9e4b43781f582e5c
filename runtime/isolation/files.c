/* Landlock's first version (Linux 5.13) suffices: every access it knows is handled, two are given back. */
#include "isolation/files.h"
#include "core/fd.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define FIRST_VERSION_ACCESS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* its bits up to the last one */

int files_read_only(int directory)
{
	struct landlock_ruleset_attr all = { .handled_access_fs = FIRST_VERSION_ACCESS };
	CLEANUP_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = directory,
	};

	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, ruleset, 0))
		return -errno;
	return 0;
}
