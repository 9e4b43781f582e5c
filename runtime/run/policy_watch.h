/* --watch: the policy's files are watched, and the sandbox reloads when they change, as `msb-ctl reload NAME` would. */
#pragma once
#include "core/config.h"

#include <sys/types.h>

/* The caller is who lives as long as the sandbox: msb-run's launcher, or a supervisor that has none, as msb-cni's. It has one thread, is in the
 * host's mount and pid namespaces, and has neither dropped capabilities nor entered its jail; of the configuration only name and policy
 * are read. Of a daemon, which leaves its directory, the policy's file must be an absolute path. The control socket may come later: it is
 * tried until it is there. inotify is counted for `uid`; where that has none left, files are looked at now and then. Findings go to
 * standard error, the first error to the sandbox's events, too. Floors are not watched, a sandbox keeps them.
 * The process's pid, which ends with the caller or by policy_watch_end(); or -errno with a line on standard error */
pid_t policy_watch_start(const struct run_config *, uid_t uid);
void policy_watch_end(pid_t); /* 0 or less is fine */
/* Why this policy cannot be watched; NULL: it can */
const char *policy_watch_cannot(const struct policy *);
