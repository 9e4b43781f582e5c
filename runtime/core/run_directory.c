/* The directory is made by the first msb-run after a boot; another may make it at the same moment. */
#include "core/run_directory.h"
#include "core/fd.h"
#include "core/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_LENGTH 32

bool run_name_valid(const char *name)
{
	size_t len = strnlen(name, NAME_MAX_LENGTH + 1);

	return len >= 1 && len <= NAME_MAX_LENGTH &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' && strcmp(name, CLAIMS_FILE) != 0;
}

static int fail(const char *why)
{
	int error = errno;

	log_error(RUN_DIRECTORY ": %s", why);
	if (error == EROFS)
		log_help("it has to be writable: of a container that is read-only, --tmpfs /run");
	return -error;
}

/* To pass through, which tells nobody anything, is all that others may be let do */
static bool is_roots(int directory)
{
	struct stat st;

	if (fstat(directory, &st))
		return false;
	errno = EPERM;
	return st.st_uid == 0 && !(st.st_mode & (S_IRWXG | S_IRWXO) & ~(S_IXGRP | S_IXOTH));
}

int run_directory_open(void)
{
	if (mkdir(RUN_DIRECTORY, 0700) && errno != EEXIST)
		return fail(strerror(errno));
	CLEANUP_FD int directory = open(RUN_DIRECTORY, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return fail(strerror(errno));
	if (!is_roots(directory))
		return fail("not root's alone; remove it, and msb-run makes it anew");
	return TAKE_FD(directory);
}

int run_directory_let_pass(int directory)
{
	return fchmod(directory, 0711) ? -errno : 0;
}

int run_directory_look(bool list)
{
	CLEANUP_FD int directory =
		open(RUN_DIRECTORY, (list ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0 || !is_roots(directory))
		return -errno;
	return TAKE_FD(directory);
}
