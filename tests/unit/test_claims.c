/* Claims of a directory of the test's own: a sandbox's, and those of who looks for leftovers. */
#include "core/run_directory.h"
#include "sandbox/claims.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make_directory(char *path)
{
	strcpy(path, "/tmp/test_claims.XXXXXX");
	cr_assert(mkdtemp(path));
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int claims = openat(directory, CLAIMS_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(directory >= 0 && claims >= 0);
	close(claims);
	return directory;
}

static void remove_directory(const char *path, int directory)
{
	unlinkat(directory, CLAIMS_FILE, 0);
	rmdir(path);
	close(directory);
}

/* As sandboxes do */
static int claim_all(int directory)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(directory, CLAIMS_FILE, O_RDWR | O_CLOEXEC);

	cr_assert(fd >= 0 && !fcntl(fd, F_OFD_SETLK, &all));
	return fd;
}

Test(claims, who_looks_for_leftovers_is_no_sandbox)
{
	char path[64];
	int directory = make_directory(path), held = claims_hold_name(directory, "dead");

	cr_assert_geq(held, 0);
	cr_expect_eq(claims_is_taken(directory, "dead"), 0, "ps would show it as running");
	cr_expect_not(claims_any(directory), "another gc would leave a link alone");
	int again = claims_hold_name(directory, "dead");
	cr_expect_geq(again, 0, "two may look at once");
	close(again);
	close(held);
	remove_directory(path, directory);
}

Test(claims, no_sandbox_starts_while_its_name_is_held)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[64];
	int directory = make_directory(path), held = claims_hold_name(directory, "dead");
	int fd = openat(directory, CLAIMS_FILE, O_RDWR | O_CLOEXEC);

	cr_expect(fcntl(fd, F_OFD_SETLK, &all) && (errno == EAGAIN || errno == EACCES));
	close(held);
	cr_expect_not(fcntl(fd, F_OFD_SETLK, &all));
	close(fd);
	remove_directory(path, directory);
}

Test(claims, a_sandbox_is_seen_and_not_held)
{
	char path[64];
	int directory = make_directory(path), sandbox = claim_all(directory);

	cr_expect_eq(claims_is_taken(directory, "one"), 1);
	cr_expect(claims_any(directory));
	cr_expect_eq(claims_hold_name(directory, "one"), -EAGAIN);
	close(sandbox);
	cr_expect_eq(claims_is_taken(directory, "one"), 0);
	remove_directory(path, directory);
}
