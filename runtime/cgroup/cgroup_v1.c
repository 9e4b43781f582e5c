/* Version 1: a hierarchy for each controller (Documentation/admin-guide/cgroup-v1). */
#include "cgroup/cgroup_files.h"
#include "cgroup/cgroup_version.h"
#include "core/fd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/eventfd.h>

static int write_number(const char *directory, const char *file, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, number);
	return cgroup_file_write(directory, file, text);
}

int cgroup_v1_limit(const char *directory, enum cgroup_hierarchy kind, uint64_t most)
{
	static const char swap[] = "memory.memsw.limit_in_bytes"; /* memory and swap together */
	int error = -EINVAL;

	if (kind == CGROUP_PIDS)
		return write_number(directory, "pids.max", most);
	if (kind == CGROUP_MEMORY) {
		error = write_number(directory, "memory.limit_in_bytes", most);
		if (error == 0 && cgroup_file_exists(directory, swap))
			error = write_number(directory, swap, most);
	} else if (kind == CGROUP_CPU) {
		error = write_number(directory, "cpu.cfs_period_us", CGROUP_CPU_PERIOD_US);
		if (error == 0)
			error = write_number(directory, "cpu.cfs_quota_us", most * CGROUP_CPU_PERIOD_US / 100);
	}
	return error;
}

void cgroup_v1_usage(const char *directory, enum cgroup_hierarchy kind, struct cgroup_usage *usage)
{
	uint64_t ns;

	if (kind == CGROUP_MEMORY) {
		usage->has_memory |= cgroup_file_number(directory, "memory.usage_in_bytes", &usage->memory);
		usage->has_oom |= cgroup_file_keyed(directory, "memory.oom_control", "oom_kill", &usage->oom_kills);
	} else if (kind == CGROUP_PIDS) {
		usage->has_pids |= cgroup_file_number(directory, "pids.current", &usage->pids);
	} else if (kind == CGROUP_CPUACCT && cgroup_file_number(directory, "cpuacct.usage", &ns)) {
		usage->has_cpu = true;
		usage->cpu_us = ns / 1000;
	}
}

int cgroup_v1_oom_watch(const char *directory)
{
	char path[PATH_MAX], order[32];

	if ((size_t)snprintf(path, sizeof path, "%s/memory.oom_control", directory) >= sizeof path)
		return -ENAMETOOLONG;
	CLEANUP_FD int control = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int event = control < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (event < 0)
		return -errno;
	snprintf(order, sizeof order, "%d %d", event, control);
	int error = cgroup_file_write(directory, "cgroup.event_control", order);
	return error < 0 ? error : TAKE_FD(event);
}
