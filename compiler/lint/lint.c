/* Runs the checks. */
#include "lint/checks.h"

static void too_complex(struct lint *lint)
{
	size_t rule = lint->fuel.rule;
	struct span span = rule < lint->policy->rules.count ? lint->policy->rules.items[rule].span : SPAN_NONE;
	struct diag *diag = lint_warn(lint, "too-complex", lint_place(lint, span),
				      "too complex here: what rules decide was not analysed");

	diag->help = "fewer rules that overlap in part; groups and lists say the same in less";
}

void lint_policy(const struct policy *policy, const struct lint_options *options, struct diags *diags)
{
	struct lint lint = {
		.policy = policy,
		.options = options,
		.diags = diags,
		.arena = diags->arena,
		.fuel = { .left = analysis_fuel(policy->rules.count) },
		.context = { .policy = policy, .gateway = options->gateway },
	};
	struct arena *arena = arena_new();

	check_text(&lint);
	if (policy->is_library) {
		check_comments(&lint);
		arena_free(arena);
		return;
	}
	lint.analysis = analysis_new(arena, &policy, 1, ANALYSIS_BY_TARGET, &options->gateway, &lint.fuel);
	lint.facts = facts_find(lint.analysis);
	if (!lint.fuel.out) {
		check_rules(&lint);
		check_reach(&lint);
		check_service(&lint);
		check_wire(&lint);
	}
	if (lint.fuel.out)
		too_complex(&lint);
	check_comments(&lint);
	arena_free(arena);
}
