/* Rules' own limits of bytes that were seen to be used up: what the packet filter tells by the prefix of its log. */
#pragma once
#include "policy/policy.h"

struct meters {
	uint32_t spent[POLICY_METERS_MAX];
	size_t count;
	bool anew; /* one was used up that nobody has ended the flows of */
};

/* The meter that a log's prefix is of; false: of none */
bool meters_by_prefix(const char *prefix, uint32_t *meter);
/* The index of the policy's rule with it; -1: none has */
long meters_rule(const struct policy *, uint32_t meter);
bool meters_is_spent(const struct meters *, uint32_t meter);
/* true: it was not known to be */
bool meters_note(struct meters *, uint32_t meter);
