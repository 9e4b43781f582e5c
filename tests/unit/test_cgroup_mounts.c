/* Where cgroups are, from the texts of /proc: of both versions, of containers and of what is written to mislead. */
#include "cgroup/cgroup_mounts.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct arena *arena;
static struct cgroup_mount mounts[CGROUP_HIERARCHIES];

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(cgroup_mounts, .init = set_up, .fini = tear_down);

static void read_texts(const char *mountinfo, const char *self)
{
	cgroup_mounts_read(arena, mountinfo, self, NULL, mounts);
}

Test(cgroup_mounts, hybrid)
{
	read_texts("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda rw\n"
		   "30 22 0:26 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755\n"
		   "31 30 0:27 / /sys/fs/cgroup/unified rw shared:9 master:3 - cgroup2 cgroup2 rw,nsdelegate\n"
		   "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
		   "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup ro,memory\n",
		   "4:cpu,cpuacct:/user.slice\n3:memory:/\n2:pids:/a\n1:name=systemd:/x\n0::/user.slice/a b:c\n");
	cr_assert_str_eq(mounts[CGROUP_V2].top, "/sys/fs/cgroup/unified");
	cr_assert_str_eq(mounts[CGROUP_V2].own, "/sys/fs/cgroup/unified/user.slice/a b:c");
	cr_assert(!mounts[CGROUP_V2].read_only);
	cr_assert_str_eq(mounts[CGROUP_CPU].own, "/sys/fs/cgroup/cpu,cpuacct/user.slice");
	cr_assert_str_eq(mounts[CGROUP_CPUACCT].own, mounts[CGROUP_CPU].own);
	cr_assert_eq(mounts[CGROUP_CPU].device, makedev(0, 28));
	cr_assert_str_eq(mounts[CGROUP_MEMORY].own, "/sys/fs/cgroup/memory");
	cr_assert(mounts[CGROUP_MEMORY].read_only);
	cr_assert_null(mounts[CGROUP_PIDS].top, "it is not mounted");
}

Test(cgroup_mounts, escapes)
{
	read_texts("1 0 0:9 /a\\040b\\134 /mnt/with\\012line\\011tab rw - cgroup2 none rw\n", "0::/a b\\/c\n");
	cr_assert_str_eq(mounts[CGROUP_V2].top, "/mnt/with\nline\ttab");
	cr_assert_str_eq(mounts[CGROUP_V2].own, "/mnt/with\nline\ttab/c");
}

Test(cgroup_mounts, source_that_is_empty)
{
	read_texts("1 0 0:9 / /c rw -  cgroup2  rw\n2 0 0:8 / /m rw - cgroup  rw,memory\n", "2:memory:/\n0::/\n");
	cr_assert_str_eq(mounts[CGROUP_MEMORY].own, "/m");
}

Test(cgroup_mounts, part_of_a_hierarchy)
{
	static const char part[] = "1 0 0:9 /docker/ab /sys/fs/cgroup rw - cgroup2 cgroup rw\n";

	read_texts(part, "0::/docker/ab/sub\n");
	cr_assert_str_eq(mounts[CGROUP_V2].own, "/sys/fs/cgroup/sub");
	read_texts(part, "0::/docker/ab\n");
	cr_assert_str_eq(mounts[CGROUP_V2].own, "/sys/fs/cgroup");
	read_texts(part, "0::/docker/abc\n");
	cr_assert_null(mounts[CGROUP_V2].top, "the name of another begins with its");
	read_texts(part, "0::/\n");
	cr_assert_null(mounts[CGROUP_V2].top, "it is above");
}

Test(cgroup_mounts, outside_of_the_namespace)
{
	read_texts("1 0 0:9 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/../other\n");
	cr_assert_null(mounts[CGROUP_V2].top);
	read_texts("1 0 0:9 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/..\n");
	cr_assert_null(mounts[CGROUP_V2].top);
	read_texts("1 0 0:9 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/..name/a..\n");
	cr_assert_str_eq(mounts[CGROUP_V2].own, "/sys/fs/cgroup/..name/a..");
}

static bool first_only(enum cgroup_hierarchy which, const struct cgroup_mount *mount)
{
	return which != CGROUP_V2 || !strcmp(mount->top, "/first");
}

Test(cgroup_mounts, several)
{
	static const char two[] = "1 0 0:9 / /first rw - cgroup2 c rw\n2 0 0:9 / /second rw - cgroup2 c rw\n";

	read_texts(two, "0::/\n");
	cr_assert_str_eq(mounts[CGROUP_V2].top, "/second");
	cgroup_mounts_read(arena, two, "0::/\n", first_only, mounts);
	cr_assert_str_eq(mounts[CGROUP_V2].top, "/first");
}

Test(cgroup_mounts, what_is_not_as_it_should_be)
{
	static const char *const lines[] = {
		"",
		"\n\n",
		"1 0 0:9 / /c rw -",
		"1 0 0:9 / /c rw - cgroup2",
		"1 0 0:9 / /c rw cgroup2 c rw",
		"1 0 nine / /c rw - cgroup2 c rw",
		"1 0 0:9 / /c",
		"1 0 0:9 / /c rw - cgroup c rw,memory2,xpids",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		read_texts(lines[i], "0::/\n3:memory,pids:/\n");
		for (size_t k = 0; k < CGROUP_HIERARCHIES; k++)
			cr_assert_null(mounts[k].top, "%s", lines[i]);
	}
	read_texts("1 0 0:9 / /c rw - cgroup2 c rw\n", "0:\n0::\n:\n0::relative\n");
	cr_assert_null(mounts[CGROUP_V2].top);
}
