/* Rules that mean something, and nothing below the floor. */
#include "lint/checks.h"

static void find_floor_line(struct lint *lint, const struct rule_facts *facts, struct witness *flow,
			    struct eval_floor_words *words)
{
	struct eval_verdict verdict = witness_eval(&lint->context, flow);

	if (verdict.by.kind != DECIDER_FLOOR) {
		*flow = facts->example;
		verdict = witness_eval(&lint->context, flow);
	}
	*words = (struct eval_floor_words){ .span = SPAN_NONE };
	if (verdict.by.kind == DECIDER_FLOOR)
		*words = eval_floor_words(lint->policy, verdict.by, flow->direction ? flow->direction : POLICY_EGRESS);
}

bool check_floor(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	const struct rule_facts *facts = facts_of_rule(lint->facts, index);
	const struct rule_facts *alone = lint->alone ? facts_of_rule(lint->alone, index) : NULL;
	struct eval_floor_words words;
	struct witness flow;
	struct diag *diag;

	if (!alone || !alone->changes_verdict || facts->changes_verdict || facts->unknown)
		return false;
	if (rule->action == POLICY_DENY) /* twice is no mistake: the floor may go, or be another elsewhere */
		return true;
	flow = alone->example;
	find_floor_line(lint, facts, &flow, &words);
	diag = lint_warn(lint, "floor-denies", lint_place(lint, rule->span),
			 "opens nothing: the floor denies what would pass by it");
	if (alone->decides)
		lint_example(lint, diag, &flow);
	if (words.span.source != SPAN_NO_SOURCE)
		diag_relate(lint->diags, diag, words.span, "by this line of the floor");
	diag->help =
		arena_printf(lint->arena, "remove %s, or have the operator change the floor", lint_where(lint, rule));
	return true;
}

/* A floor without a default has the default policy behind its rules, as any file has */
void check_floors(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->floors.count; i++) {
		const struct policy *floor = lint->policy->floors.items[i];
		size_t count = floor->rules.count;

		if (count < 2 || floor->rules.items[count - 1].origin != ORIGIN_BUILTIN ||
		    floor->rules.items[0].origin != ORIGIN_FILE)
			continue;
		lint_warn(lint, "implicit-default", floor->rules.items[0].span,
			  "`allow@dns, allow@public` come after this floor's rules: it has no default")
			->help = "add a line `default egress deny` or `default egress allow`";
	}
}
