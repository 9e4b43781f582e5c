/* A bound on the work that hostile or unlucky policies can cause: steps that may still be made. A step is about one
 * atom written or looked at. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For a check or a diff, a few seconds: what a policy of a few rules may cause, however it is written, and what each rule
 * more may add */
#define ANALYSIS_FUEL UINT64_C(700000000)
#define ANALYSIS_FUEL_RULE UINT64_C(30000)

static inline uint64_t analysis_fuel(size_t rules)
{
	return ANALYSIS_FUEL + rules * ANALYSIS_FUEL_RULE;
}

struct fuel {
	uint64_t left;
	bool out;            /* the answer is "too complex here": */
	size_t policy, rule; /* while this rule of this policy was looked at */
	const char *why;     /* NULL: the work; else what is not analysed at all */
};

/* false: out of fuel, and so it stays */
static inline bool fuel_use(struct fuel *fuel, uint64_t steps)
{
	if (fuel->out || steps > fuel->left) {
		fuel->out = true;
		return false;
	}
	fuel->left -= steps;
	return true;
}
