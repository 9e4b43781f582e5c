/* Two policies in bounded time. */
#include "diff/diff_bounded.h"

struct diff *diff_bounded(struct arena *arena, const struct diff_side sides[2], const struct addr_gateway *gateway,
			  int *complex)
{
	struct fuel fuel = { .left = analysis_fuel(sides[1].policy->rules.count) };
	struct diff *diff = diff_policies(arena, sides[0].policy, sides[1].policy, gateway, &fuel);

	if (!fuel.out)
		return diff;
	const struct policy *policy = sides[fuel.policy].policy;
	struct span span = fuel.rule < policy->rules.count ? policy->rules.items[fuel.rule].span : SPAN_NONE;
	struct diag *diag = diag_error(sides[fuel.policy].diags, "too-complex", span,
				       "too complex here: the policies cannot be compared in bounded time");

	if (fuel.why)
		diag->label = fuel.why;
	else
		diag->help = "fewer rules that overlap in part; groups and lists say the same in less";
	*complex = (int)fuel.policy;
	return NULL;
}
