/* --watch: the policy's files are watched, and the sandbox reloads when they change, as `msb-ctl reload NAME` would. */
#pragma once
#include "core/config.h"

#include <sys/types.h>

/* Before capabilities are dropped. The process's pid, which ends with the caller or by policy_watch_end(); or -errno with a line on
 * standard error */
pid_t policy_watch_start(const struct run_config *);
void policy_watch_end(pid_t); /* 0 or less is fine */
/* Why this policy cannot be watched; NULL: it can */
const char *policy_watch_cannot(const struct policy *);
