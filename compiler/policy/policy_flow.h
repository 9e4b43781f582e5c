/* A flow expression that is asked of a policy. */
#pragma once
#include "policy/policy.h"

/* As flow_parse(); an error knows the policy's groups */
bool policy_flow_parse(const struct policy *, struct arena *, struct sources *, const char *text, struct diags *,
		       struct flow *out);
