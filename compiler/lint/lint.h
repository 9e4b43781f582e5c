/* What `check` finds in a policy that compiles: rules that do not do what they seem to say, and what people
 * rarely mean to open. Findings about flows are exact (analysis.h).
 * Findings and their texts belong to the arena of diags, which outlives the call. */
#pragma once
#include "diag/diag.h"
#include "policy/policy.h"

struct lint_options {
	struct addr_gateway gateway;
	struct date today;           /* year 0: dates are not judged */
	const char *const *disabled; /* ids not to report */
	size_t disabled_count;
};

/* Of a policy that did not resolve: keeps those edits of errors that make the error go, and no other come at its line.
 * `first`: of its findings in diags */
void lint_error_edits(const struct policy *, struct diags *, size_t first);
/* Adds findings to diags, those aside that a comment in the source or an option silences. The policy must
 * have resolved without errors. A policy that is too complex gets the finding `too-complex` in place of those
 * that would need all of it. */
void lint_policy(const struct policy *, const struct lint_options *, struct diags *);
