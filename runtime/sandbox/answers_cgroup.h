/* What the sandbox uses of the host, and may. */
#pragma once
#include <jansson.h>

struct sandbox;
/* {"cgroup": {"memory": {"used": …, "most": …}, …}} into the answer; nothing where there is no cgroup */
void answer_add_cgroup(const struct sandbox *, json_t *answer);
