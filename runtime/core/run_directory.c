/* The directory is made by the first msb-run after a boot; another may make it at the same moment. */
#include "core/run_directory.h"
#include "core/fd.h"
#include "core/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int fail(const char *why)
{
	int error = errno;

	log_error(RUN_DIRECTORY ": %s", why);
	return -error;
}

int run_directory_open(void)
{
	struct stat st;

	if (mkdir(RUN_DIRECTORY, 0700) && errno != EEXIST)
		return fail(strerror(errno));
	CLEANUP_FD int directory = open(RUN_DIRECTORY, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0 || fstat(directory, &st))
		return fail(strerror(errno));
	errno = EPERM;
	if (st.st_uid != 0 || st.st_mode & (S_IRWXG | S_IRWXO))
		return fail("not root's alone; remove it, and msb-run makes it anew");
	return TAKE_FD(directory);
}
