/* Explain never contradicts the evaluator: on every row of the flow table, the rule it shows as the one that
 * matched is the one that decided, and none before it is. */
#include "explain/explain.h"
#include "policy/flow.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <string.h>

static struct decider shown_decider(const struct explain_step *step)
{
	for (size_t i = 0; i < step->rows.count; i++) {
		cr_expect(step->rows.items[i].why && step->rows.items[i].why[0]);
		if (step->rows.items[i].match) {
			cr_expect_eq(i + 1, step->rows.count, "nothing follows a match");
			return step->rows.items[i].by;
		}
		cr_expect(decider_is_rule(step->rows.items[i].by, i));
	}
	return decided_by(DECIDER_NONE);
}

static const char *row_flow(struct arena *arena, char **field)
{
	const char *target = strchr(field[10], ':') ? arena_printf(arena, "[%s]", field[10]) : field[10];
	const char *text = arena_printf(arena, "%s@%s:%s", field[8], target, field[9]);

	if (strcmp(field[11], "-"))
		text = arena_printf(arena, "%s:%s", text, field[11]);
	if (strcmp(field[6], "-"))
		text = arena_printf(arena, "%s resolve=%s", text, field[6]);
	return strcmp(field[12], "-") ? arena_printf(arena, "%s sni=%s", text, field[12]) : text;
}

static void flow_row(char **field)
{
	struct test_policy test =
		test_policy_of(field[1], field[2], strcmp(field[3], "-") ? field[3] : NULL, strcmp(field[7], "-") != 0);
	const char *text = row_flow(test.arena, field);
	struct explanation *explanation;
	struct eval_verdict verdict;
	struct flow flow;

	test.context.gateway = test_gateway(field[4], field[5]);
	cr_assert(flow_parse(test.arena, test.sources, text, test.diags, &flow), "%s", text);
	explanation = explain_flow(test.arena, &test.context, &flow);
	cr_assert_eq(explanation->steps.count, 1);
	verdict = explanation->steps.items[0].verdict;
	if (verdict.by.kind == DECIDER_RULE || verdict.by.kind == DECIDER_DEFAULT)
		cr_expect(decider_equal(shown_decider(&explanation->steps.items[0]), verdict.by), "%s", field[0]);
	else
		cr_expect_not_null(explanation->steps.items[0].note, "%s", field[0]);
	if (verdict.by.kind == DECIDER_HIDDEN)
		cr_expect(decider_is_rule(shown_decider(&explanation->steps.items[0]), verdict.by.rule), "%s",
			  field[0]);
	arena_free(test.arena);
}

Test(explain, agrees_on_every_flow_of_the_table)
{
	test_table("flows.tsv", 15, flow_row);
}

static void query_row(char **field)
{
	struct test_policy test = test_policy_of(field[1], field[2], strcmp(field[3], "-") ? field[3] : NULL, false);
	const char *text = arena_printf(test.arena, "dns@%s:%s", field[4], field[5]);
	struct explanation *explanation;
	struct flow flow;

	cr_assert(flow_parse(test.arena, test.sources, text, test.diags, &flow), "%s", text);
	explanation = explain_flow(test.arena, &test.context, &flow);
	cr_assert_eq(explanation->steps.count, 1);
	if (explanation->result.verdict.by.kind == DECIDER_REFUSED)
		cr_expect_not_null(explanation->steps.items[0].note, "%s", field[0]);
	else
		cr_expect(decider_equal(shown_decider(&explanation->steps.items[0]), explanation->result.verdict.by),
			  "%s", field[0]);
	arena_free(test.arena);
}

Test(explain, agrees_on_every_query_of_the_table)
{
	test_table("dns.tsv", 8, query_row);
}

Test(explain, a_name_takes_two_steps)
{
	struct test_policy test = test_policy_of("deny", "allow", "deny@meta,allow@github.com:tcp:{22,443}", false);
	struct explanation *explanation;
	struct flow flow;

	cr_assert(flow_parse(test.arena, test.sources, "egress@github.com:tcp:443", test.diags, &flow));
	explanation = explain_flow(test.arena, &test.context, &flow);
	cr_assert_eq(explanation->steps.count, 2);
	cr_expect_str_eq(explanation->steps.items[0].what, "dns@github.com:udp");
	cr_expect_str_eq(explanation->steps.items[0].rows.items[0].why, "only group host judges lookups");
	cr_expect_str_eq(explanation->steps.items[0].rows.items[1].why, "name github.com (ports play no part)");
	cr_expect_str_eq(explanation->steps.items[1].what, "93.184.216.34 tcp 443, bound to github.com");
	cr_expect_str_eq(explanation->steps.items[1].rows.items[1].why, "bound to github.com, tcp, port 443");
	cr_expect_str_eq(
		explanation->after,
		"The relay looks at the server name that TLS sends, which must match rule 2 as well: try --sni NAME. "
		"Without one the binding decides, as here; ECH is judged by its outer name.");
	arena_free(test.arena);
}
