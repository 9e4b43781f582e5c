/* The limits of bytes of a sandbox and of its rules: how much, and how much of it is used. */
#pragma once
#include "control/control.h"

struct sandbox;
/* "quotas", in the order of the policy, the sandbox's own first; `used` is not there where the kernel does not tell */
void answer_add_quotas(const struct sandbox *, json_t *answer);
