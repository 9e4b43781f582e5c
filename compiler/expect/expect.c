/* Expectations: reads them from a file of their own, judges them, and reports what failed and why. */
#include "expect/expect.h"
#include "policy/policy_facts.h"

#include "policy/expectation.h"
#include "syntax/parse.h"

#include <string.h>

#define EXPECT_TARGETS_MAX 1000000 /* that the groups of one file are spelt out to */

static bool add_expect(struct policy *policy, struct diags *diags, const struct ast_statement *statement,
		       size_t *budget)
{
	struct policy_expect expect = { .span = statement->span };
	struct rule_scope scope = { policy->arena, diags, policy, budget, NULL };
	const struct ast_word *action = statement->words.count ? &statement->words.items[0] : NULL;

	if (statement->kind != AST_EXPECT || !action) {
		diag_error(diags, "not-an-expectation", statement->span, "such a file may hold `expect` lines only");
		return false;
	}
	if (strcmp(action->text, "allow") && strcmp(action->text, "deny")) {
		diag_error(diags, "bad-action", action->span, "allow or deny is expected");
		return false;
	}
	expect.action = strcmp(action->text, "allow") ? POLICY_DENY : POLICY_ALLOW;
	if (!expectation_resolve(&scope, expect.action, statement->flow, &expect))
		return false;
	*arena_push(policy->arena, &policy->expects) = expect;
	return true;
}

int expect_load(struct policy *policy, struct diags *diags, const char *path, const char *stdin_name)
{
	uint32_t source;
	int error = sources_load(policy->sources, path, stdin_name, &source);
	struct ast_file *file;
	size_t budget = EXPECT_TARGETS_MAX;

	if (error)
		return error;
	file = parse_policy(diags, source);
	for (size_t i = 0; i < file->statements.count; i++)
		add_expect(policy, diags, &file->statements.items[i], &budget);
	return 0;
}

/* Of a floor: what it allows it has to allow alone, for the policy above may say less; what it denies stays denied,
 * whatever the policy says. So both are asked of the floor alone. */
static void run_floor(struct arena *arena, const struct eval_context *context, size_t index,
		      struct expect_report *report)
{
	struct eval_context floor = eval_floor_context(context, index);

	for (size_t i = 0; i < floor.policy->expects.count; i++) {
		const struct policy_expect *expect = &floor.policy->expects.items[i];
		struct expect_outcome *outcome = arena_push(arena, &report->outcomes);
		struct eval_verdict *verdict = &outcome->result.verdict;

		outcome->expect = expect;
		outcome->result = eval_flow(&floor, &expect->flow);
		outcome->holds = verdict->action == expect->action;
		if (outcome->result.has_lookup && outcome->result.lookup.action == POLICY_DENY)
			outcome->result.has_lookup = false; /* which is the verdict */
		if (verdict->by.kind == DECIDER_RULE || verdict->by.kind == DECIDER_DEFAULT)
			verdict->by = decided_by_floor(
				index, verdict->by.kind == DECIDER_RULE ? verdict->by.rule : floor.policy->rules.count);
	}
}

struct expect_report *expect_run(struct arena *arena, const struct eval_context *context)
{
	struct expect_report *report = arena_alloc(arena, sizeof *report);
	const struct policy *policy = context->policy;

	struct fuel fuel = { .left = analysis_fuel(policy->rules.count) };
	struct region_outcome *regions;

	report->coverage = coverage_new(arena, context);
	regions = regions_run(arena, context, report->coverage, &fuel);
	for (size_t i = 0; i < policy->expects.count; i++) {
		const struct policy_expect *expect = &policy->expects.items[i];
		struct expect_outcome *outcome = arena_push(arena, &report->outcomes);

		outcome->expect = expect;
		if (expect->region) {
			outcome->region = &regions[i];
			outcome->flow = regions[i].witness;
			outcome->result = regions[i].result;
			outcome->holds = regions[i].holds;
			continue;
		}
		outcome->flow = &expect->flow;
		outcome->result = eval_flow(context, &expect->flow);
		outcome->holds = outcome->result.verdict.action == expect->action;
		coverage_mark(report->coverage, &expect->flow, &outcome->result);
	}
	for (size_t i = 0; i < policy->floors.count; i++)
		run_floor(arena, context, i, report);
	return report;
}

size_t expect_count_held(const struct expect_report *report)
{
	size_t held = 0;

	for (size_t i = 0; i < report->outcomes.count; i++)
		held += report->outcomes.items[i].holds;
	return held;
}

/* ---- why it failed ---- */

static void relate_verdict(struct diags *diags, struct diag *diag, const struct policy *policy,
			   struct eval_verdict verdict, enum policy_direction direction, const char *what)
{
	const char *did = verdict.action == POLICY_ALLOW ? "allowed" : "denied";
	const struct policy_default *fallback = policy_default_of(policy, direction);
	struct span span = SPAN_NONE;
	const char *by = NULL;

	switch (verdict.by.kind) {
	case DECIDER_RULE:
		span = policy->rules.items[verdict.by.rule].span;
		by = arena_printf(diags->arena, "rule %zu", verdict.by.rule + 1);
		break;
	case DECIDER_DEFAULT:
		span = fallback->span;
		by = "this default";
		break;
	case DECIDER_FLOOR:
		span = eval_floor_words(policy, verdict.by, direction).span;
		if (span.source != SPAN_NO_SOURCE)
			diag_relate(diags, diag, span, "%s%s by the floor", what, did);
		else
			diag->label = arena_printf(diags->arena, "denied by the floor: %s",
						   eval_floor_words(policy, verdict.by, direction).text);
		return;
	case DECIDER_REFUSED:
		diag->label = "refused whatever the rules say";
		return;
	case DECIDER_HIDDEN:
		diag_relate(diags, diag, policy->rules.items[verdict.by.rule].span,
			    "%srefused, since the server name that rule %zu judges is hidden", what,
			    verdict.by.rule + 1);
		return;
	case DECIDER_REBIND:
		diag->label = "rebind protection holds the answer back";
		return;
	case DECIDER_LABEL:
		diag_relate(diags, diag, policy->dns_label.span, "%sdenied, since a label of the name is longer", what);
		return;
	case DECIDER_NONE:
	case DECIDER_NODE:    /* of pods that run */
	case DECIDER_SEVERAL: /* of no single flow */
		return;
	}
	if (span.source != SPAN_NO_SOURCE)
		diag_relate(diags, diag, span, "%s%s by %s", what, did, by);
	else
		diag->label = arena_printf(diags->arena, "%s%s by %s", what, did,
					   verdict.by.kind == DECIDER_RULE ? policy->rules.items[verdict.by.rule].text :
									     fallback->text);
}

/* Of many flows: which one shows it */
static struct diag *report_region(struct diags *diags, const struct expect_outcome *outcome)
{
	const char *wanted = policy_action_name(outcome->expect->action);
	struct span span = outcome->expect->span;
	struct diag *diag;

	if (!outcome->flow) {
		diag = diag_error(diags, "expectation", span, "expected %s of every flow, %s", wanted,
				  outcome->region->empty ? "and there is none" : "too complex to tell");
		diag->help = outcome->region->empty ? "a protocol that these addresses have, ports that it has" :
						      "expectations of fewer flows, or of single ones";
		return diag;
	}
	diag = diag_error(diags, "expectation", span, "expected %s of every flow, got %s of one", wanted,
			  policy_action_name(outcome->result.verdict.action));
	diag->example = outcome->flow->text;
	diag->example_verdict = outcome->result.verdict.action == POLICY_ALLOW ? "is allowed" : "is denied";
	return diag;
}

static void explain_failure(const struct expect_outcome *outcome, const struct policy *policy, struct diags *diags)
{
	const struct flow *flow = outcome->flow;
	const struct eval_result *result = &outcome->result;
	struct diag *diag = outcome->region ?
				    report_region(diags, outcome) :
				    diag_error(diags, "expectation", outcome->expect->span, "expected %s, got %s",
					       policy_action_name(outcome->expect->action),
					       policy_action_name(result->verdict.action));

	if (!flow)
		return;
	if (result->no_address) {
		diag->label = "the name has no address here";
		return;
	}
	if (result->has_lookup && result->lookup.action == POLICY_DENY) {
		relate_verdict(diags, diag, policy, result->lookup, POLICY_EGRESS, "lookup ");
		return;
	}
	if (flow->kind == FLOW_ANSWER && result->answer != EVAL_ANSWER_EXCEPTED && !result->answer_blocked) {
		diag->label = policy->rebind_protection ? "not a reserved address" : "rebind protection is off";
		return;
	}
	relate_verdict(diags, diag, policy, result->verdict,
		       flow->kind == FLOW_CONNECTION ? flow->direction : POLICY_EGRESS, "");
}

void expect_explain(const struct expect_report *report, const struct policy *policy, struct diags *diags)
{
	for (size_t i = 0; i < report->outcomes.count; i++)
		if (!report->outcomes.items[i].holds)
			explain_failure(&report->outcomes.items[i], policy, diags);
}

const char *expect_text(struct arena *arena, const struct policy_expect *expect)
{
	return arena_printf(arena, "expect %-5s %s", policy_action_name(expect->action), expect->flow.text);
}
