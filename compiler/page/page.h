/* A policy as one HTML page to show to others: what it allows as a picture, its rules with the expectations each decides,
 * findings, settings, and what an address or name typed in gets. Complete in itself: nothing is fetched, and its content
 * security policy allows nothing but its own style and script. The same input makes the same bytes.
 * The page belongs to the arena. */
#pragma once
#include "analysis/analysis.h"
#include "expect/expect.h"

struct page_input {
	const struct policy *policy;
	struct eval_context context;
	const struct expect_report *report;
	const struct diags *findings;
};

#define PAGE_RULES_MAX 5000 /* more are no page to read */

/* NULL: the policy is too complex, with fuel->out set */
const char *page_html(struct arena *, const struct page_input *, struct fuel *);
