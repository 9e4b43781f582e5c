/* What the processes that stay root give up once they have what they need: the launcher, the table owner, the supervisor. The workers,
 * which read what strangers send, go into worker_jail.h. */
#pragma once
#include <stddef.h>

/* Keeps these capabilities (CAP_…) and no others, now and for good; no gain by exec, no core dump, not traceable by its uid,
 * no environment.
 * 0 or -errno. */
int capabilities_keep(const unsigned *capabilities, size_t count);
