/* Doctor's own parts: that nothing which rulesets use is left untried, what becomes of a check that dies, and what is printed. */
#include "core/log.h"
#include "doctor/doctor.h"
#include "doctor/doctor_features.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

Test(doctor, every_kind_of_expression_is_tried)
{
	struct arena *arena = arena_new();
	bool tried[RS_FLOW_ADD + 1] = { false };

	for (size_t i = 0; i < doctor_features.count; i++) {
		const struct ruleset *ruleset = doctor_feature_ruleset(arena, doctor_features.checks[i].of, false);
		const struct rs_table *table = &ruleset->tables.items[0];
		for (size_t j = 0; j < table->chains.count; j++)
			for (size_t k = 0; k < table->chains.items[j].rules.count; k++) {
				const struct rs_rule *rule = &table->chains.items[j].rules.items[k];
				for (size_t l = 0; l < rule->exprs.count; l++)
					tried[rule->exprs.items[l].kind] = true;
			}
	}
	for (size_t kind = 0; kind <= RS_FLOW_ADD; kind++)
		cr_expect(tried[kind], "kind %zu is in no row of doctor_features.c", kind);
	arena_free(arena);
}

static void says_help(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check;
	log_error("it is so");
	log_help("do that");
	doctor_fail(finding, "do it", -13);
}

Test(doctor, what_a_check_logs_is_what_to_do)
{
	const struct doctor_check check = { "one", says_help, "and this", 0, NULL };
	struct doctor_finding finding;

	log_name("msb-ctl"); /* whose part this is */
	cr_assert_eq(doctor_try(&check, &finding), 0);
	cr_expect_eq(finding.state, DOCTOR_PROBLEM);
	cr_expect_str_eq(finding.text, "cannot do it: Permission denied");
	cr_assert_eq(finding.help_count, 3);
	cr_expect_str_eq(finding.help[0], "it is so");
	cr_expect_str_eq(finding.help[1], "do that");
	cr_expect_str_eq(finding.help[2], "and this");
}

static void dies(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check;
	doctor_say(finding, DOCTOR_OK, "not yet");
	raise(SIGKILL);
}

Test(doctor, a_check_that_dies_is_a_problem)
{
	const struct doctor_check check = { "one", dies, "look", 0, NULL };
	struct doctor_finding finding;

	cr_assert_eq(doctor_try(&check, &finding), 0);
	cr_expect_eq(finding.state, DOCTOR_PROBLEM);
	cr_expect_str_eq(finding.text, "the check itself failed, with status 137");
	cr_expect_str_eq(finding.help[0], "look");
}

/* More lines than there is room for, and longer ones */
static void says_much(const struct doctor_check *check, struct doctor_finding *finding)
{
	char text[2 * DOCTOR_TEXT_MAX];

	(void)check;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 2 * DOCTOR_HELP_MAX; i++)
		doctor_help(finding, "%s", text);
	doctor_say(finding, DOCTOR_NOTE, "%s", text);
}

Test(doctor, what_is_too_long_is_cut)
{
	const struct doctor_check check = { "one", says_much, NULL, 0, NULL };
	struct doctor_finding finding;

	cr_assert_eq(doctor_try(&check, &finding), 0);
	cr_expect_eq(strlen(finding.text), DOCTOR_TEXT_MAX - 1);
	cr_expect_eq(finding.help_count, DOCTOR_HELP_MAX);
	cr_expect_eq(strlen(finding.help[DOCTOR_HELP_MAX - 1]), DOCTOR_TEXT_MAX - 1);
}

static char *printed(bool json)
{
	char *text = NULL;
	size_t len;
	struct doctor_report report = { .to = open_memstream(&text, &len), .json = json, .arena = arena_new() };
	struct doctor_finding finding = { .state = DOCTOR_PROBLEM, .text = "chain \033[31m\xff", .help_count = 1 };
	const struct doctor_check check = { "name", NULL, NULL, 0, NULL };

	strcpy(finding.help[0], "do\nthat");
	doctor_print(&check, &finding, &report);
	cr_assert_eq(doctor_print_end(&report), 0);
	fclose(report.to);
	arena_free(report.arena);
	return text;
}

Test(doctor, text_is_a_line_a_check)
{
	char *text = printed(false);

	cr_expect_str_eq(text, "problem  name                 chain \\x1b[31m\\xff\n           do\\x0athat\n\n"
			       "1 checks: 0 notes, 1 problem\n");
	free(text);
}

Test(doctor, json_is_whole)
{
	char *text = printed(true);
	json_t *all = json_loads(text, 0, NULL);

	cr_assert(all);
	cr_expect_eq(json_integer_value(json_object_get(all, "version")), 1);
	cr_expect(json_is_false(json_object_get(all, "ok")));
	const json_t *check = json_array_get(json_object_get(all, "checks"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(check, "state")), "problem");
	cr_expect_str_eq(json_string_value(json_object_get(check, "text")), "chain \\x1b[31m\\xff");
	json_decref(all);
	free(text);
}
