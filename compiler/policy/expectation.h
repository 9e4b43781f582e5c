/* Expectations: one flow, as eval reads it, or all flows that a rule's target, protocols and ports take in. Results belong
 * to the scope's arena; on failure an error was reported, and *out is unchanged. */
#pragma once
#include "policy/rule.h"

/* `groups` of the scope are the policy's own, `rule` is not looked at */
bool expectation_resolve(const struct rule_scope *, enum policy_action, const struct ast_flow *,
			 struct policy_expect *out);
/* "egress@private:tcp:22" from text: of a file that has no grammar of its own */
bool expectation_parse(const struct rule_scope *, enum policy_action, const char *text, struct policy_expect *out);
/* What it expects in words that need no group of the file: "egress@{10.0.0.0/8,github.com}:tcp:443" */
const char *expectation_spell(struct arena *, const struct policy_expect *);
