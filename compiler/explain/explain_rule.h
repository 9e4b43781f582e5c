/* What one rule is there for: the flows that would fare otherwise without it. */
#pragma once
#include "analysis/facts.h"
#include "diff/diff.h"

struct rule_explanation {
	const struct policy *policy;
	size_t rule; /* from 0 */
	/* The policy against itself without the rule: every region is one that only this rule decides so */
	struct diff *only;
	/* Without any: whether it decides a flow at all, which another would decide alike, or none */
	const struct rule_facts *facts;
	const char *example;    /* a flow it decides, or one that it would decide if `instead` did not; NULL */
	struct decider instead; /* the rule or default that decides the example instead, or would */
};

/* NULL where the policy is too complex: fuel->rule is where. */
struct rule_explanation *explain_rule(struct arena *, const struct policy *, size_t rule, const struct addr_gateway *,
				      struct fuel *);
