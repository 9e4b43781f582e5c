/* Expectations of many flows at once: whether all flows of a region have the verdict, by the analysis. */
#pragma once
#include "analysis/fuel.h"
#include "expect/coverage.h"

struct region_outcome {
	bool holds;
	bool empty;       /* no flow is in the region: nothing was tested, so it does not hold */
	bool too_complex; /* not told within the fuel: it does not hold */
	/* Unless one of these: a flow of the region that has the other verdict, by the evaluator */
	const struct flow *witness;
	struct eval_result result;
};

/* One outcome for each expectation of the policy, in its order; those without a region are left zero. Marks what rules
 * decide flows of the regions. Outcomes belong to the arena. */
struct region_outcome *regions_run(struct arena *, const struct eval_context *, struct coverage *, struct fuel *);
