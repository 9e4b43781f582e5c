/* What each rule decided that the kernel does not count, and when it did last: lookups, and whatever was reported. */
#pragma once
#include "eval/eval.h"

struct hit {
	uint64_t lookups;
	uint64_t last_ms; /* of clock_ms(); 0: never */
};

struct hits {
	const struct policy *policy; /* of which these are; another one begins anew */
	struct hit *of;              /* a rule each, then the default of either direction; NULL: none yet */
};

void hits_add(struct hits *, const struct policy *, struct eval_verdict, enum policy_direction, bool lookup);
/* A rule's, by its index; beyond the rules the default's, of egress and then of ingress. All zero where there was nothing */
struct hit hits_of(const struct hits *, const struct policy *, size_t index);
void hits_free(struct hits *);
