/* Runs the checks. */
#include "lint/checks.h"

static void too_complex(struct lint *lint)
{
	size_t rule = lint->fuel.rule;
	struct span span = rule < lint->policy->rules.count ? lint->policy->rules.items[rule].span : SPAN_NONE;
	struct diag *diag = lint_warn(lint, "too-complex", lint_place(lint, span),
				      "too complex here: what rules decide was not analysed");

	if (lint->fuel.why)
		diag->label = lint->fuel.why;
	else
		diag->help = "fewer rules that overlap in part; groups and lists say the same in less";
}

/* What the rules would do without a floor */
static const struct facts *facts_alone(struct lint *lint, struct arena *arena)
{
	struct policy *alone = arena_alloc(arena, sizeof *alone);
	const struct policy *const policies[] = { alone };

	*alone = *lint->policy;
	alone->floors.count = 0;
	return facts_find(analysis_new(arena, policies, 1, ANALYSIS_BY_TARGET, &lint->options->gateway, &lint->fuel));
}

void lint_policy(const struct policy *policy, const struct lint_options *options, struct diags *diags)
{
	struct lint lint = {
		.policy = policy,
		.options = options,
		.diags = diags,
		.arena = diags->arena,
		.fuel = { .left = ANALYSIS_FUEL },
		.context = { .policy = policy, .gateway = options->gateway },
	};
	struct arena *arena = arena_new();

	check_text(&lint);
	check_floors(&lint);
	lint.analysis = analysis_new(arena, &policy, 1, ANALYSIS_BY_TARGET, &options->gateway, &lint.fuel);
	lint.facts = facts_find(lint.analysis);
	if (policy->floors.count && !lint.fuel.out)
		lint.alone = facts_alone(&lint, arena);
	if (!lint.fuel.out) {
		check_rules(&lint);
		check_reach(&lint);
		check_service(&lint);
	}
	if (lint.fuel.out)
		too_complex(&lint);
	arena_free(arena);
}
