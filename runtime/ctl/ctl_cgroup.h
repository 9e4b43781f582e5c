/* What a sandbox uses of the host, for people: lines of `status` and `stats`. */
#pragma once
#include "base/arena.h"

#include <jansson.h>

/* "memory 36.1M of 64M", "cpu 1.2 s, at most 0.5 processors", …; nothing where the answer has no cgroup */
void ctl_cgroup_print(struct arena *, const json_t *answer);
