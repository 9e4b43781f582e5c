/* inotify's instances of a uid of the sandbox's: when those are used up, root still has its own. */
#include "isolation/own_inotify.h"
#include "isolation/capabilities.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { UID = 0x6d7ffff0, INSTANCES_MAX = 4096 };

static int instances(void)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_user_instances", "re");
	int count = INSTANCES_MAX + 1;

	if (file && fscanf(file, "%d", &count) != 1)
		count = INSTANCES_MAX + 1;
	if (file)
		fclose(file);
	return count;
}

Test(own_inotify, is_counted_for_its_uid_and_leaves_the_process_as_it_was)
{
	static const unsigned kept[] = { CAP_SETUID };
	struct rlimit descriptors = { INSTANCES_MAX + 100, INSTANCES_MAX + 100 };
	int count = instances(), death_signal = 0;

	if (geteuid() || count > INSTANCES_MAX || setrlimit(RLIMIT_NOFILE, &descriptors))
		cr_skip("not root, or a host with very many instances");
	cr_assert_eq(capabilities_keep(kept, 1), 0);
	cr_assert(!prctl(PR_SET_PDEATHSIG, SIGKILL) && !prctl(PR_SET_DUMPABLE, 0));
	for (int i = 0; i < count; i++)
		cr_assert_geq(own_inotify(UID), 0, "of %d instances number %d", count, i + 1);
	cr_assert_eq(own_inotify(UID), -EMFILE, "more than the uid may have");
	cr_assert_geq(own_inotify(UID + 1), 0, "another has its own");
	cr_assert_geq(inotify_init1(IN_CLOEXEC), 0, "root has its own");
	cr_assert_eq(geteuid(), 0);
	cr_assert(!prctl(PR_GET_PDEATHSIG, &death_signal) && death_signal == SIGKILL, "it still ends with its parent");
	cr_assert_eq(prctl(PR_GET_DUMPABLE), 0);
	cr_assert_eq(setuid(UID), 0, "it still has its capability");
}

Test(own_inotify, needs_the_right_to_be_that_uid)
{
	if (geteuid())
		cr_skip("not root");
	cr_assert_eq(capabilities_keep(NULL, 0), 0);
	cr_assert_eq(own_inotify(UID), -EPERM);
	cr_assert_eq(geteuid(), 0);
}
