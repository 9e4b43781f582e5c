/* Where this process's cgroups are: /proc/self/mountinfo (proc_pid_mountinfo(5)) says where each hierarchy is mounted, and what of it,
 * /proc/self/cgroup (cgroups(7)) which cgroup we are in. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <sys/types.h>

/* Version 1 has a hierarchy for each controller, or for several of them; version 2 has one. */
enum cgroup_hierarchy { CGROUP_MEMORY, CGROUP_CPU, CGROUP_PIDS, CGROUP_CPUACCT, CGROUP_V2, CGROUP_HIERARCHIES };
/* As the kernel calls them; of version 2 "cgroup2" */
extern const char *const cgroup_hierarchy_names[CGROUP_HIERARCHIES];

struct cgroup_mount {
	const char *top; /* absolute path of the mount; NULL: there is none that we are below */
	const char *own; /* our cgroup's directory, at or below it */
	dev_t device;
	bool read_only;
};

/* Fills `out` from the two files' texts. Of several mounts of a hierarchy the last one counts that `usable` (NULL: any) is content with.
 * Lines that are not as they should be are passed over. The strings are the arena's. */
void cgroup_mounts_read(struct arena *, const char *mountinfo, const char *self,
			bool (*usable)(enum cgroup_hierarchy, const struct cgroup_mount *),
			struct cgroup_mount out[static CGROUP_HIERARCHIES]);
/* The same of this process, of mounts that are not hidden below others; -errno where /proc cannot be read */
int cgroup_mounts_own(struct arena *, struct cgroup_mount out[static CGROUP_HIERARCHIES]);
