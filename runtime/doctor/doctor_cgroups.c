/* Which of msb-run's limits the host can hold, and by which version of cgroups. Nothing is made: what an msb-run that is started from here
 * would find. */
#include "cgroup/cgroup_files.h"
#include "cgroup/cgroup_version.h"
#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool can_make(const struct cgroup_mount *mount)
{
	return mount->top && !mount->read_only && !access(mount->own, W_OK);
}

/* "memory v1"; "memory not" */
static const char *place(const struct cgroup_mount *mounts, enum cgroup_hierarchy kind)
{
	const struct cgroup_mount *second = &mounts[CGROUP_V2];

	if (mounts[kind].top)
		return can_make(&mounts[kind]) ? "v1" : "not";
	if (!can_make(second))
		return "not";
	return cgroup_v2_kinds(second->own) >> kind & 1 || cgroup_v2_kinds(second->top) >> kind & 1 ? "v2" : "not";
}

static void explain(const struct cgroup_mount *mounts, enum cgroup_hierarchy which, struct doctor_finding *finding)
{
	const struct cgroup_mount *mount = &mounts[which];

	if (mount->top && !can_make(mount))
		doctor_help(finding, "%s: %s", mount->own, mount->read_only ? "mounted read-only" : strerror(EACCES));
}

void doctor_cgroups(const struct doctor_check *check, struct doctor_finding *finding)
{
	struct cgroup_mount mounts[CGROUP_HIERARCHIES];
	struct arena *arena = arena_new();
	const char *text = "limits:";
	bool all = true;

	(void)check;
	int error = cgroup_mounts_own(arena, mounts);
	if (error < 0) {
		doctor_fail(finding, "read /proc/self/cgroup", error);
		arena_free(arena);
		return;
	}
	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++) {
		const char *where = place(mounts, i);
		text = arena_printf(arena, "%s%s %s %s", text, i ? "," : "", cgroup_hierarchy_names[i], where);
		all &= strcmp(where, "not") != 0;
	}
	bool kill = can_make(&mounts[CGROUP_V2]);
	doctor_say(finding, all && kill ? DOCTOR_OK : DOCTOR_NOTE, "%s; %s", text,
		   kill ? "a cgroup of version 2 ends what is left of a sandbox" : "no version 2 to end sandboxes by");
	for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++)
		explain(mounts, i, finding);
	if (!all)
		doctor_help(finding,
			    "what is not there --memory-max, --cpus-max, --pids-max refuse; mount -t cgroup2 cgroup2 "
			    "/sys/fs/cgroup, or Delegate=yes of a systemd unit");
	arena_free(arena);
}
