/* Two policies in bounded time, with what is said where that does not suffice. */
#pragma once
#include "diff/diff.h"

struct diff_side {
	const struct policy *policy;
	struct diags *diags; /* on the policy's sources */
};

/* Before, after. NULL: too complex, which was told to that side's diags, and *complex says which side */
struct diff *diff_bounded(struct arena *, const struct diff_side sides[2], const struct addr_gateway *, int *complex);
