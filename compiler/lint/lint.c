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

static uint64_t run(const struct policy *, const struct lint_options *, struct diags *);

static struct lint begin(const struct policy *policy, const struct lint_options *options, struct diags *diags)
{
	return (struct lint){
		.run = run,
		.policy = policy,
		.options = options,
		.diags = diags,
		.arena = diags->arena,
		.fuel = { .left = analysis_fuel(policy->rules.count) },
		.context = { .policy = policy, .gateway = options->gateway },
	};
}

static void check_all(struct lint *lint)
{
	struct arena *arena = arena_new();

	check_text(lint);
	check_floors(lint);
	if (lint->policy->is_library) {
		check_comments(lint);
		arena_free(arena);
		return;
	}
	check_names(lint);
	lint->analysis =
		analysis_new(arena, &lint->policy, 1, ANALYSIS_BY_TARGET, &lint->options->gateway, &lint->fuel);
	lint->facts = facts_find(lint->analysis);
	if (lint->policy->floors.count && !lint->fuel.out)
		lint->alone = facts_alone(lint, arena);
	if (!lint->fuel.out) {
		check_dns(lint);
		check_rules(lint);
		check_reach(lint);
		check_service(lint);
		check_wire(lint);
		check_server_names(lint);
	}
	if (lint->fuel.out)
		too_complex(lint);
	check_comments(lint);
	arena_free(arena);
}

static uint64_t run(const struct policy *policy, const struct lint_options *options, struct diags *diags)
{
	struct lint lint = begin(policy, options, diags);

	check_all(&lint);
	return analysis_fuel(policy->rules.count) - lint.fuel.left;
}

void lint_policy(const struct policy *policy, const struct lint_options *options, struct diags *diags)
{
	struct lint lint = begin(policy, options, diags);

	check_all(&lint);
	lint_settle(&lint);
}
