/* Version 2: one hierarchy (Documentation/admin-guide/cgroup-v2.rst). A cgroup has the controllers that the one above it enables, which
 * but the root can only where no process is in it. */
#include "cgroup/cgroup_files.h"
#include "cgroup/cgroup_version.h"
#include "core/fd.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

int cgroup_v2_limit(const char *directory, enum cgroup_hierarchy kind, uint64_t most)
{
	static const char *const files[CGROUP_LIMITS] = { "memory.max", "cpu.max", "pids.max" };
	static const char swap[] = "memory.swap.max";
	char text[64];

	if (kind == CGROUP_CPU)
		snprintf(text, sizeof text, "%" PRIu64 " %d", most * CGROUP_CPU_PERIOD_US / 100, CGROUP_CPU_PERIOD_US);
	else
		snprintf(text, sizeof text, "%" PRIu64, most);
	int error = cgroup_file_write(directory, files[kind], text);
	if (error == 0 && kind == CGROUP_MEMORY && cgroup_file_exists(directory, swap))
		error = cgroup_file_write(directory, swap, "0");
	return error;
}

void cgroup_v2_usage(const char *directory, struct cgroup_usage *usage)
{
	usage->has_memory |= cgroup_file_number(directory, "memory.current", &usage->memory);
	usage->has_oom |= cgroup_file_keyed(directory, "memory.events", "oom_kill", &usage->oom_kills);
	usage->has_pids |= cgroup_file_number(directory, "pids.current", &usage->pids);
	usage->has_cpu |= cgroup_file_keyed(directory, "cpu.stat", "usage_usec", &usage->cpu_us);
}

int cgroup_v2_oom_watch(const char *directory)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s/memory.events", directory) >= sizeof path)
		return -ENAMETOOLONG;
	CLEANUP_FD int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static unsigned kinds_in(const char *directory, const char *file)
{
	unsigned kinds = 0;

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++)
		kinds |= cgroup_file_has(directory, file, cgroup_hierarchy_names[i]) ? 1u << i : 0;
	return kinds;
}

unsigned cgroup_v2_kinds(const char *directory)
{
	return kinds_in(directory, "cgroup.controllers");
}

static int order_each(const char *directory, unsigned kinds, char sign)
{
	int error = 0;

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS && error == 0; i++) {
		char order[16];
		snprintf(order, sizeof order, "%c%s", sign, cgroup_hierarchy_names[i]);
		if (kinds & 1u << i)
			error = cgroup_file_write(directory, "cgroup.subtree_control", order);
	}
	return error;
}

/* The root, which alone has no type, may have both. Of another the kernel would say so of memory, but enable cpu and pids, and then let
 * no process enter below. */
static bool is_in_the_way(const char *directory)
{
	uint64_t pid;

	return cgroup_file_exists(directory, "cgroup.type") && cgroup_file_number(directory, "cgroup.procs", &pid);
}

int cgroup_v2_enable(const char *directory, unsigned kinds)
{
	unsigned missing = kinds & ~kinds_in(directory, "cgroup.subtree_control");

	if (missing & ~cgroup_v2_kinds(directory))
		return -ENODEV;
	if (missing && is_in_the_way(directory))
		return -EBUSY;
	return order_each(directory, missing, '+');
}

void cgroup_v2_disable(const char *directory, unsigned kinds)
{
	order_each(directory, kinds, '-');
}

int cgroup_v2_kill(const char *directory)
{
	return cgroup_file_write(directory, "cgroup.kill", "1");
}
