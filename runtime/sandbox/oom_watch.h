/* Processes of the sandbox that the kernel kills for want of memory: told on standard error and as an event. */
#pragma once
#include <stdint.h>

struct sandbox;
struct oom_watch {
	int fd;            /* readable when there may be some; -1: that cannot be known */
	uint64_t told;     /* how many */
	uint64_t until_ms; /* the kernel says so before it kills, so the count is looked at until then; 0: not at all */
};

/* In the supervisor; without a cgroup that counts memory nothing is watched. */
void oom_watch_open(struct sandbox *);
/* What fd has */
void oom_watch_read(struct oom_watch *);
/* Tells what there is to tell; milliseconds until it is to be called again, or -1 */
int oom_watch_settle(struct sandbox *);
/* The last look */
void oom_watch_end(struct sandbox *);
