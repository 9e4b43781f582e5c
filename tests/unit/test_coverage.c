/* Coverage: the counts of a policy, and that every line offered to be pasted is decided by what it is for. */
#include "expect/expect.h"
#include "policy/expectation.h"
#include "policy/flow.h"
#include "policy_of.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEED 20261124

static void mark(struct test_policy *test, struct coverage *coverage, const char *text)
{
	struct flow *flow = arena_alloc(test->arena, sizeof *flow);
	struct eval_result result;

	cr_assert(flow_parse(test->arena, test->sources, text, test->diags, flow), "%s", text);
	result = eval_flow(&test->context, flow);
	coverage_mark(coverage, flow, &result);
}

Test(coverage, counts_rules_items_and_the_default)
{
	struct test_policy test = test_policy_of("deny", NULL,
						 "deny@meta,allow@{github.com,raw.githubusercontent.com}:tcp:{22,443},"
						 "allow@{pypi.org,*.pythonhosted.org}:tcp:443",
						 false);
	struct coverage *coverage = coverage_new(test.arena, &test.context);

	cr_expect_eq(coverage->rules, 4);
	cr_expect_eq(coverage->items.count, 9);
	mark(&test, coverage, "egress@github.com:tcp:443");
	mark(&test, coverage, "egress@raw.githubusercontent.com:tcp:443");
	mark(&test, coverage, "egress@github.com:tcp:80");
	mark(&test, coverage, "egress@169.254.169.254:tcp:80");
	mark(&test, coverage, "dns@example.com");
	cr_expect_eq(coverage->rules_decided, 3);
	cr_expect_eq(coverage->items_decided, 5);
	arena_free(test.arena);
}

Test(coverage, dns_is_one_item_and_a_list_of_protocols_is_two)
{
	struct test_policy test = test_policy_of("deny", "deny", "allow@dns,allow@public:{tcp,udp}:80-90", false);
	struct coverage *coverage = coverage_new(test.arena, &test.context);

	cr_expect_eq(coverage->rules, 4); /* both defaults are stated */
	cr_expect_eq(coverage->items.count, 1 + 4 + 2);
	mark(&test, coverage, "egress@example.com:udp:85");
	cr_expect_eq(coverage->rules_decided, 2);
	cr_expect_eq(coverage->items_decided, 1 + 3);
	mark(&test, coverage, "ingress@10.0.0.1:tcp:80");
	cr_expect_eq(coverage->items_decided, 1 + 3 + 1);
	arena_free(test.arena);
}

/* A suggestion, taken at its word: parsed, judged, marked */
static void take_at_its_word(struct test_policy *test, struct coverage *coverage, struct coverage_item *item,
			     const char *line)
{
	struct flow flow;
	struct eval_result result;
	const char *text = line + strlen("expect allow ");

	cr_assert(flow_parse(test->arena, test->sources, text, test->diags, &flow), "%s", line);
	result = eval_flow(&test->context, &flow);
	cr_expect_eq(result.verdict.action, line[strlen("expect ")] == 'a' ? POLICY_ALLOW : POLICY_DENY, "%s", line);
	item->decided = false;
	coverage_mark(coverage, &flow, &result);
	cr_expect(item->decided, "%s does not decide %s", line, coverage_item_name(test->arena, coverage, item));
}

Test(coverage, suggestions_are_decided_by_what_they_are_for)
{
	struct random random = { .state = SEED };
	size_t rounds = random_effort(300), found = 0;

	for (size_t round = 0; round < rounds; round++) {
		struct test_policy test = random_policy(&random, 12);
		struct coverage *coverage = coverage_new(test.arena, &test.context);

		for (size_t i = 0; i < coverage->items.count; i++) {
			const char *line = coverage_suggest(coverage, &coverage->items.items[i]);

			if (line)
				take_at_its_word(&test, coverage, &coverage->items.items[i], line);
			found += line != NULL;
		}
		arena_free(test.arena);
	}
	cr_expect_gt(found, rounds, "seed %d: only %zu suggestions", SEED, found);
}

/* The lines that an untested policy is offered, pasted: each is an expectation that holds, and together they decide what
 * they were said to. */
Test(coverage, lines_for_a_whole_policy_hold_when_pasted)
{
	struct random random = { SEED + 1 };

	for (size_t n = random_effort(400); n; n--) {
		struct test_policy made = random_policy(&random, 8);
		struct coverage *coverage = coverage_new(made.arena, &made.context);
		struct rule_scope scope = { made.arena, made.diags, made.policy, NULL, NULL };
		const char **lines;
		size_t count = coverage_suggest_all(coverage, &lines);
		struct expect_report *report;

		for (size_t i = 0; i < count; i++) {
			bool allow = !strncmp(lines[i], "expect allow ", 13);
			struct policy_expect expect = { .span = SPAN_NONE };

			cr_assert(expectation_parse(&scope, allow ? POLICY_ALLOW : POLICY_DENY, lines[i] + 13, &expect),
				  "%s: %s", lines[i], made.diags->list.items[0].message);
			cr_assert_null(expect.region, "%s", lines[i]);
			*arena_push(made.arena, &made.policy->expects) = expect;
		}
		report = expect_run(made.arena, &made.context);
		cr_assert_eq(expect_count_held(report), count);
		cr_assert_eq(report->coverage->items_decided, coverage->items_decided);
		arena_free(made.arena);
	}
}
