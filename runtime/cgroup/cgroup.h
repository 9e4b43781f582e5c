/* The cgroup of a sandbox, one in each hierarchy that is used: it bounds and counts everything of the sandbox that runs on the host,
 * QEMU or the command, the supervisor, its workers; by version 2's cgroup.kill all of that ends at once. msb-run itself and the table
 * owner are outside, to end and to remove it.
 *
 * Theory of operation: below our own cgroup, or the one that --cgroup-parent names, the launcher makes msb-NAME-XXXXXXXX, whose paths are
 * noted in the sandbox's run directory before. A limit goes to version 1's hierarchy of its controller where that is mounted, else to
 * version 2. There, a cgroup that has processes cannot hand controllers on: where we are the only one in ours, as the main
 * process of a systemd unit with Delegate=yes, the launcher moves into a leaf of its own, and back at the end. The supervisor enters before it does
 * anything else. Where memory is bounded it and its workers are spared by the kernel (process_spare_from_oom()), so that who is killed is
 * QEMU or a process of the command. The table owner, which ends last, kills what is left and removes the cgroups; where that was killed, too, `gc` does so by
 * the note, whose paths no other sandbox ever has. */
#pragma once
#include "cgroup/cgroup_version.h"
#include "core/config.h"

struct cgroup;

/* By the launcher, with the run directory of this name made. 0; *out is NULL where none can be made and no option asks for one. Else -errno,
 * with a line on standard error and nothing left behind. */
int cgroup_make(const struct run_config *, int run_directory, struct cgroup **out);
/* The calling process goes in, and what it starts with it; 0, or -errno with a line on standard error. All below: NULL is fine. */
int cgroup_enter(const struct cgroup *);
/* Kills everything that is in it, where there is a version 2 that can */
void cgroup_kill(const struct cgroup *);
/* Once its processes are dead, or are to be: kills them, waits a moment, removes it and the note. What cannot be removed
 * stays noted, for `gc`. */
void cgroup_remove(const struct cgroup *);
/* By the launcher at its very end, when no other process of ours is left: out of the leaf that it moved into; frees the memory */
void cgroup_close(struct cgroup *);

struct cgroup_usage cgroup_usage(const struct cgroup *);
/* "killed for memory: limit 64M (--memory-max)", on standard error */
void cgroup_say_killed(const struct cgroup *, uint64_t kills);
/* As cgroup_v1_oom_watch() */
int cgroup_oom_watch(const struct cgroup *);
