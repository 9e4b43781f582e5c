/* What a sandbox keeps as long as it runs. */
#pragma once
#include "policy/policy.h"

/* What of it another policy wants otherwise, in words for an error; NULL: nothing */
const char *reload_fixed_differs(const struct policy *now, const struct policy *wanted);
