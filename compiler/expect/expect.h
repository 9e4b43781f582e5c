/* Running the expectations of a policy. Reports belong to the arena given, and point into the policy. */
#pragma once
#include "expect/regions.h"

struct expect_outcome {
	const struct policy_expect *expect;
	const struct flow *flow;   /* the expectation's, or of a region a flow that has the other verdict; NULL: none */
	struct eval_result result; /* of that flow */
	const struct region_outcome *region; /* NULL: one flow is expected */
	bool holds;
};

struct expect_report {
	LIST_OF(struct expect_outcome) outcomes;
	struct coverage *coverage;
};

/* Adds the expect lines of another file to the policy; errors (other statements too) go to diags.
 * 0, or -errno where the file could not be read. */
int expect_load(struct policy *, struct diags *, const char *path, const char *stdin_name);
struct expect_report *expect_run(struct arena *, const struct eval_context *);
size_t expect_count_held(const struct expect_report *);
/* What failed as findings (id "expectation"), each with the rule that decided */
void expect_explain(const struct expect_report *, const struct policy *, struct diags *);
/* "expect deny  egress@169.254.169.254:tcp:80" */
const char *expect_text(struct arena *, const struct policy_expect *);
