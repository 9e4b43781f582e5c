/* What both versions of cgroups can do, each by its own files. A limit is known by the hierarchy that version 1 has for it. */
#pragma once
#include "cgroup/cgroup_mounts.h"

#include <stdint.h>

#define CGROUP_LIMITS (CGROUP_PIDS + 1) /* memory, cpu, pids */

struct cgroup_limits {
	uint64_t most[CGROUP_LIMITS]; /* bytes; hundredths of a processor; processes. 0: no limit */
};

struct cgroup_usage {
	bool has_memory, has_cpu, has_pids, has_oom;
	uint64_t memory;    /* bytes, with the page cache */
	uint64_t cpu_us;    /* of processors' time, since the sandbox started */
	uint64_t pids;      /* processes and threads */
	uint64_t oom_kills; /* processes killed for want of memory */
};

#define CGROUP_CPU_PERIOD_US 100000

/* Each sets the limit in that cgroup's directory: 0 or -errno */
int cgroup_v1_limit(const char *directory, enum cgroup_hierarchy, uint64_t most);
int cgroup_v2_limit(const char *directory, enum cgroup_hierarchy, uint64_t most);
/* Each adds what it knows */
void cgroup_v1_usage(const char *directory, enum cgroup_hierarchy, struct cgroup_usage *);
void cgroup_v2_usage(const char *directory, struct cgroup_usage *);
/* A descriptor that is readable when processes may have been killed for want of memory; -errno: it cannot be known */
int cgroup_v1_oom_watch(const char *directory);
int cgroup_v2_oom_watch(const char *directory);

/* Lets cgroups below `directory` have limits of those kinds (a bit each): 0, -EBUSY where processes are in it, -ENODEV where it
 * has no such controller itself, or another -errno */
int cgroup_v2_enable(const char *directory, unsigned kinds);
/* The opposite, as far as it goes */
void cgroup_v2_disable(const char *directory, unsigned kinds);
/* The kinds that cgroups below it may have */
unsigned cgroup_v2_kinds(const char *directory);
/* Every process in it and below, at once; 0 or -errno (-ENOENT before Linux 5.14) */
int cgroup_v2_kill(const char *directory);
