/* Whether a policy can be used, by what resolving it found. */
#pragma once
#include "policy/policy.h"

/* Of several the greatest counts */
enum policy_status {
	POLICY_FINE,
	POLICY_WRONG,      /* errors in its text */
	POLICY_BAD_OPTION, /* in an option */
	POLICY_UNREADABLE, /* a file could not be read */
};
enum policy_status policy_status(const struct diags *);
/* Whether a rule past its date is all that is wrong: the policy is whole, and can be asked about */
bool policy_is_merely_expired(const struct diags *);
