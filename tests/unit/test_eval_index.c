/* The evaluator says the same of every flow with an index of the rules and without. */
#include "random_policy.h"
#include "eval/eval_index.h"
#include "policy/flow.h"
#include "syntax/parse.h"

#include <criterion/criterion.h>

#define POLICIES 300
#define FLOWS 200

static struct eval_result judge(struct test_policy *made, const struct policy *policy, const char *text)
{
	struct eval_context context = made->context;
	struct flow flow;
	uint32_t source = sources_add(made->sources, SOURCE_FLAG, "flow", text, strlen(text));
	const struct ast_flow *ast = parse_flow(made->diags, source);

	cr_assert(ast && flow_resolve(made->arena, ast, made->diags, &flow), "%s", text);
	context.policy = policy;
	return eval_flow(&context, &flow);
}

static void compare(struct test_policy *made, const struct policy *indexed, const struct witness *flow)
{
	const char *text = witness_format(made->arena, NULL, flow);
	struct eval_result plain = judge(made, made->policy, text), quick = judge(made, indexed, text);

	cr_assert_eq(plain.verdict.action, quick.verdict.action, "%s", text);
	cr_assert(decider_equal(plain.verdict.by, quick.verdict.by), "%s", text);
	cr_assert(decider_equal(plain.lookup.by, quick.lookup.by), "%s", text);
	cr_assert_eq(plain.has_syn, quick.has_syn, "%s", text);
	cr_assert_eq(plain.syn, quick.syn, "%s", text);
	cr_assert_eq(plain.answer, quick.answer, "%s", text);
	cr_assert(addr_equal(plain.addr, quick.addr), "%s", text);
}

Test(eval_index, property_verdicts_are_the_same, .timeout = 300)
{
	struct random random = { 20 };

	for (size_t i = 0; i < random_effort(POLICIES); i++) {
		struct test_policy made = random_policy(&random, 1 + random_below(&random, 12));
		struct policy indexed = *made.policy;

		eval_prepare(&indexed);
		for (size_t j = 0; j < FLOWS; j++) {
			struct witness flow = random_flow(&random);

			compare(&made, &indexed, &flow);
		}
		arena_free(made.arena);
	}
}

/* More networks around an address, and more names bound to it, than a walk has lists for */
Test(eval_index, a_walk_of_many_lists_leaves_out_none)
{
	char rules[16384] = "";
	size_t len = 0;

	for (int i = 1; i <= 128; i++)
		len += (size_t)snprintf(rules + len, sizeof rules - len, "%sdeny@[2001:db8::/%d]:tcp:%d",
					i > 1 ? "," : "", i, i);
	for (int i = 1; i <= 100; i++)
		len += (size_t)snprintf(rules + len, sizeof rules - len, ",allow@n%d.example", i);
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct eval_walk walk;
	size_t steps = 0;

	eval_prepare(made.policy);
	eval_walk_start(&walk, made.policy);
	eval_walk_add_addr(&walk, test_addr("2001:db8::"), NULL);
	for (int i = 1; i <= 100; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%d.example", i);
		eval_walk_add_name(&walk, name);
	}
	for (size_t i; (i = eval_walk_next(&walk)) < made.policy->rules.count; steps++)
		cr_assert_eq(i, steps);
	cr_assert_eq(steps, 228);
	arena_free(made.arena);
}

/* Of ten thousand rules a walk has the few that may match */
Test(eval_index, a_walk_is_short)
{
	struct arena *arena = arena_new();
	char *rules = arena_alloc(arena, 10000 * 48);
	size_t len = 0;

	for (int i = 0; i < 5000; i++)
		len += (size_t)sprintf(rules + len, "%sallow@10.%d.%d.0/24,deny@h%d.example", i ? "," : "", i / 200,
				       i % 200, i);
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct eval_walk walk;

	eval_prepare(made.policy);
	eval_walk_start(&walk, made.policy);
	eval_walk_add_addr(&walk, test_addr("10.3.7.9"), NULL);
	eval_walk_add_name(&walk, "H77.example.");
	cr_assert_eq(eval_walk_next(&walk), 2 * 77 + 1);
	cr_assert_eq(eval_walk_next(&walk), 2 * 607);
	cr_assert_eq(eval_walk_next(&walk), made.policy->rules.count);
	arena_free(made.arena);
	arena_free(arena);
}
