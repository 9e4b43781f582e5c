/* msb-policyc test: do the expectations of a policy hold, and what do they leave untried? */
#include "cmd/cmd.h"
#include "explain/decision.h"
#include "base/escape.h"
#include "expect/expect.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

#define GAPS_SHOWN 10 /* without --verbose */

/* What the files of one run share */
struct run {
	json_t *files; /* --format json */
	size_t tests;  /* --format tap: lines so far */
};

struct test {
	struct run *run;
	const struct cmd_line *line;
	struct cmd_policy *loaded;
	struct eval_context context;
	struct expect_report *report;
	struct diags *failures;
};

/* ---- gaps ---- */

/* "line 8", "base.msb:3", "arg:1", "-": a rule's place, short where it is in the policy's own file */
static const char *short_place(const struct test *test, struct span span)
{
	struct arena *arena = test->loaded->arena;
	const char *place = place_or_dash(span_format_line(arena, test->loaded->sources, span));
	size_t len = strlen(test->loaded->name);

	if (!strncmp(place, test->loaded->name, len) && place[len] == ':')
		return arena_printf(arena, "line %s", place + len + 1);
	return place;
}

/* A rule that nothing decides is one gap, an item of a rule that something decides another. */
struct gap {
	const struct coverage_item *item;
	bool whole;
};

static size_t find_gaps(const struct test *test, struct gap *gaps)
{
	const struct coverage *coverage = test->report->coverage;
	size_t count = 0;

	for (int whole = 1; whole >= 0; whole--)
		for (size_t i = 0; i < coverage->items.count; i++) {
			const struct coverage_item *item = &coverage->items.items[i];
			bool rule = item->kind == COVER_DEFAULT || !coverage->rule_decided[item->rule];
			bool first = item->kind == COVER_DEFAULT || coverage->first[item->rule] == i;

			if (item->decided || rule != (bool)whole || (whole && !first && !test->line->verbose))
				continue;
			gaps[count++] = (struct gap){ item, whole && first };
		}
	return count;
}

struct gap_row {
	const char *rule, *place, *what, *add;
};

static struct gap_row gap_row(const struct test *test, struct gap gap)
{
	const struct policy *policy = test->loaded->policy;
	struct coverage *coverage = test->report->coverage;
	struct arena *arena = test->loaded->arena;
	size_t rule = gap.item->rule;
	struct gap_row row = { .what = coverage_item_name(arena, coverage, gap.item) };

	if (gap.item->kind == COVER_DEFAULT) {
		row.rule = "default";
		row.place = short_place(test, policy_default_of(policy, gap.item->direction)->span);
	} else {
		row.rule = arena_printf(arena, "rule %zu", rule + 1);
		row.place = short_place(test, policy->rules.items[rule].span);
	}
	if (gap.whole && gap.item->kind != COVER_DEFAULT)
		row.what = policy->rules.items[rule].text;
	row.what = escape_text(arena, row.what);
	row.add = gap.whole && gap.item->kind != COVER_DEFAULT ? coverage_suggest_rule(coverage, rule) :
								 coverage_suggest(coverage, gap.item);
	return row;
}

static int width(int least, const char *text)
{
	int len = (int)strlen(text);

	return len > least ? len : least;
}

/* Returns whether some were left out. */
static bool print_gaps(const struct test *test)
{
	struct coverage *coverage = test->report->coverage;
	struct gap *gaps = arena_alloc(test->loaded->arena, (coverage->items.count + 1) * sizeof *gaps);
	size_t count = find_gaps(test, gaps), show = count;
	struct gap_row *rows;
	int rule = 0, place = 0, what = 24;

	if (!test->line->verbose && show > GAPS_SHOWN)
		show = GAPS_SHOWN;
	rows = arena_alloc(test->loaded->arena, (show + 1) * sizeof *rows);
	for (size_t i = 0; i < show; i++) {
		rows[i] = gap_row(test, gaps[i]);
		rule = width(rule, rows[i].rule);
		place = width(place, rows[i].place);
		what = width(what, rows[i].what);
	}
	for (size_t i = 0; i < show; i++)
		printf("  %-*s  %-*s  %-*s  none; %s%s\n", rule, rows[i].rule, place, rows[i].place, what, rows[i].what,
		       rows[i].add ? "add: " : "", rows[i].add ? rows[i].add : "no flow was found that it decides");
	return show < count;
}

/* ---- text ---- */

static long percent(const struct coverage *coverage)
{
	return coverage->items.count ? (long)(coverage->items_decided * 100 / coverage->items.count) : 100;
}

static void print_text(const struct test *test)
{
	const struct expect_report *report = test->report;
	const struct coverage *coverage = report->coverage;
	size_t held = expect_count_held(report);
	bool failed = held < report->outcomes.count;

	diags_print_text(test->failures, stdout, color_wanted(test->line->color, stdout));
	printf("%s: %zu of %zu expectation%s hold%s\n", test->loaded->name, held, report->outcomes.count,
	       report->outcomes.count == 1 ? "" : "s", report->outcomes.count == 1 ? "s" : "");
	printf("%s: decided by an expectation: %zu of %zu rules%s, %zu of %zu items\n", test->loaded->name,
	       coverage->rules_decided, coverage->rules, failed ? "" : " (the default counts as one)",
	       coverage->items_decided, coverage->items.count);
	if (print_gaps(test))
		puts("  … --verbose names the rest");
	if (percent(coverage) < test->line->min_coverage)
		printf("%s: %ld%% of the items are decided by an expectation, less than --min-coverage %ld\n",
		       test->loaded->name, percent(coverage), test->line->min_coverage);
}

/* ---- for programs ---- */

/* Of an expectation of many flows where there is none to show */
static const char *region_state(const struct expect_outcome *outcome)
{
	if (outcome->holds)
		return "every one";
	return outcome->region->empty ? "none" : "too complex";
}

static json_t *outcome_json(const struct test *test, const struct expect_outcome *outcome)
{
	struct arena *arena = test->loaded->arena;
	json_t *object = json_object();

	json_object_set_new(object, "expect", json_text(arena, policy_action_name(outcome->expect->action)));
	json_object_set_new(object, "flow", json_text(arena, outcome->expect->flow.text));
	json_object_set_new(object, "at",
			    json_text(arena, span_format(arena, test->loaded->sources, outcome->expect->span)));
	json_object_set_new(object, "holds", json_boolean(outcome->holds));
	if (outcome->region && outcome->flow)
		json_object_set_new(object, "example", json_text(arena, outcome->flow->text));
	if (outcome->flow)
		decision_flow_json(object, arena, test->loaded->policy, outcome->flow, &outcome->result);
	else
		json_object_set_new(object, "flows", json_string(region_state(outcome)));
	return object;
}

static json_t *gap_json(const struct test *test, struct gap gap)
{
	struct arena *arena = test->loaded->arena;
	struct gap_row row = gap_row(test, gap);
	json_t *object = json_object();

	json_object_set_new(object, "rule",
			    gap.item->kind == COVER_DEFAULT ? json_string("default") :
							      json_integer((json_int_t)gap.item->rule + 1));
	json_object_set_new(object, "place", json_text(arena, row.place));
	json_object_set_new(object, "what", json_text(arena, row.what));
	json_object_set_new(object, "add", row.add ? json_text(arena, row.add) : json_null());
	return object;
}

static json_t *test_json(const struct test *test)
{
	struct coverage *coverage = test->report->coverage;
	struct gap *gaps = arena_alloc(test->loaded->arena, (coverage->items.count + 1) * sizeof *gaps);
	json_t *object = json_object(), *outcomes = json_array(), *covered = json_object(), *list = json_array();

	for (size_t i = 0; i < test->report->outcomes.count; i++)
		json_array_append_new(outcomes, outcome_json(test, &test->report->outcomes.items[i]));
	for (size_t i = 0, count = find_gaps(test, gaps); i < count; i++)
		json_array_append_new(list, gap_json(test, gaps[i]));
	json_object_set_new(covered, "rules", json_integer((json_int_t)coverage->rules));
	json_object_set_new(covered, "rulesDecided", json_integer((json_int_t)coverage->rules_decided));
	json_object_set_new(covered, "items", json_integer((json_int_t)coverage->items.count));
	json_object_set_new(covered, "itemsDecided", json_integer((json_int_t)coverage->items_decided));
	json_object_set_new(covered, "gaps", list);
	json_object_set_new(object, "file", json_text(test->loaded->arena, test->loaded->name));
	json_object_set_new(object, "held", json_integer((json_int_t)expect_count_held(test->report)));
	json_object_set_new(object, "expectations", outcomes);
	json_object_set_new(object, "coverage", covered);
	return object;
}

static const char *failure_message(const struct test *test, const struct expect_outcome *outcome)
{
	struct arena *arena = test->loaded->arena;
	const char *wanted = policy_action_name(outcome->expect->action);
	struct decision decision;

	if (!outcome->flow)
		return arena_printf(arena, "expected %s of every flow: %s", wanted, region_state(outcome));
	decision = decision_of_flow(arena, test->loaded->policy, outcome->flow, &outcome->result);
	return arena_printf(arena, "expected %s%s%s, got %s by %s%s: %s", wanted,
			    outcome->region ? " of every flow, of which " : "",
			    outcome->region ? outcome->flow->text : "",
			    policy_action_name(outcome->result.verdict.action), decision_word(arena, &decision),
			    decision.place ? arena_printf(arena, " at %s", decision.place) : "", decision.text);
}

static void print_tap(const struct test *test)
{
	struct arena *arena = test->loaded->arena;

	for (size_t i = 0; i < test->report->outcomes.count; i++) {
		const struct expect_outcome *outcome = &test->report->outcomes.items[i];
		const char *at = place_or_dash(span_format(arena, test->loaded->sources, outcome->expect->span));

		printf("%s %zu - %s %s\n", outcome->holds ? "ok" : "not ok", ++test->run->tests, escape_tap(arena, at),
		       escape_tap(arena, expect_text(arena, outcome->expect)));
		if (!outcome->holds)
			printf("# %s\n", escape_tap(arena, failure_message(test, outcome)));
	}
}

static void print_junit_suite(const struct test *test)
{
	struct arena *arena = test->loaded->arena;
	const char *name = escape_xml(arena, test->loaded->name);
	size_t count = test->report->outcomes.count;

	printf("  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", name, count,
	       count - expect_count_held(test->report));
	for (size_t i = 0; i < count; i++) {
		const struct expect_outcome *outcome = &test->report->outcomes.items[i];
		const char *text = escape_xml(arena, expect_text(arena, outcome->expect));
		struct place place = span_place(test->loaded->sources, outcome->expect->span);

		printf("    <testcase classname=\"%s\" name=\"%s\" file=\"%s\" line=\"%u\"%s\n", name, text, name,
		       place.line, outcome->holds ? "/>" : ">");
		if (!outcome->holds)
			printf("      <failure message=\"%s\"/>\n    </testcase>\n",
			       escape_xml(arena, failure_message(test, outcome)));
	}
	puts("  </testsuite>");
}

/* ---- the command ---- */

static int load(struct cmd_line *line, struct cmd_policy *loaded, const char *file)
{
	int status = cmd_policy_require(loaded, line, file);

	for (size_t i = 0; i < line->expects.count && status == STATUS_FINE; i++) {
		const char *path = line->expects.items[i];
		int error = expect_load(loaded->policy, loaded->diags, path, line->policy.stdin_name);

		if (error) {
			cmd_usage_error(line, "%s: %s", path, strerror(-error));
			return STATUS_SYSTEM;
		}
		if (!loaded->diags->errors) {
			status = cmd_policy_quotable(loaded) ? STATUS_FINE : STATUS_NO;
			continue;
		}
		diags_print_text(loaded->diags, stderr, color_wanted(line->color, stderr));
		status = STATUS_NO;
	}
	return status;
}

/* What the policy does today, as lines for a person to read, correct and paste */
static void print_untested(const struct test *test)
{
	const char **lines;
	size_t count = coverage_suggest_all(test->report->coverage, &lines);

	printf("%s: no expectations, nothing was tested\n", test->loaded->name);
	if (count)
		puts("  help: these hold today; keep those that are meant:");
	for (size_t i = 0; i < count; i++)
		puts(escape_text(test->loaded->arena, lines[i]));
}

static void print(const struct test *test)
{
	switch (test->line->format) {
	case FORMAT_JSON:
		json_array_append_new(test->run->files, test_json(test));
		break;
	case FORMAT_TAP:
		print_tap(test);
		break;
	case FORMAT_JUNIT:
		print_junit_suite(test);
		break;
	default:
		if (test->report->outcomes.count)
			print_text(test);
		else
			print_untested(test);
	}
}

/* A policy that cannot be used is a failure in every format, not an absence. */
static void print_unusable(const struct test *test)
{
	struct arena *arena = test->loaded->arena;
	const char *name = test->loaded->name, *why = diags_counts(test->loaded->diags);
	json_t *object;

	switch (test->line->format) {
	case FORMAT_JSON:
		object = json_object();
		json_object_set_new(object, "file", json_text(arena, name));
		json_object_set_new(object, "error", json_text(arena, why));
		json_array_append_new(test->run->files, object);
		break;
	case FORMAT_TAP:
		printf("not ok %zu - %s: %s\n", ++test->run->tests, escape_tap(arena, name), why);
		break;
	case FORMAT_JUNIT:
		name = escape_xml(arena, name);
		printf("  <testsuite name=\"%s\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
		       "    <testcase classname=\"%s\" name=\"policy\">\n      <error message=\"%s\"/>\n"
		       "    </testcase>\n  </testsuite>\n",
		       name, name, why);
		break;
	default:
		break;
	}
}

/* Its groups are tested by those that include it. */
static void print_library(const struct test *test)
{
	json_t *object;

	if (test->line->format == FORMAT_JSON) {
		object = json_object();
		json_object_set_new(object, "file", json_text(test->loaded->arena, test->loaded->name));
		json_object_set_new(object, "library", json_true());
		json_array_append_new(test->run->files, object);
	} else if (test->line->format == FORMAT_TEXT) {
		printf("%s: %s\n", test->loaded->name, cmd_library_text(test->loaded));
	}
}

static int test_policy(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *run)
{
	struct test test = { .run = run, .line = line, .loaded = loaded };
	int status = load(line, loaded, file);

	if (status != STATUS_FINE) {
		print_unusable(&test);
		return status;
	}
	if (loaded->policy->is_library) {
		print_library(&test);
		return STATUS_FINE;
	}
	test.context = cmd_context(line, loaded->policy);
	for (size_t i = 0; i < loaded->policy->expects.count; i++)
		if (loaded->policy->expects.items[i].flow.sni)
			cmd_note_unenforced(line);
	test.report = expect_run(loaded->arena, &test.context);
	test.failures = diags_new(loaded->arena, loaded->sources);
	expect_explain(test.report, loaded->policy, test.failures);
	print(&test);
	if (!test.report->outcomes.count || expect_count_held(test.report) < test.report->outcomes.count ||
	    percent(test.report->coverage) < line->min_coverage)
		return STATUS_NO;
	return STATUS_FINE;
}

int cmd_test(struct cmd_line *line)
{
	struct run run = { .files = json_array() };
	json_t *document = json_object();
	int status;

	if (line->format == FORMAT_TAP)
		puts("TAP version 13");
	if (line->format == FORMAT_JUNIT)
		puts("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>");
	status = cmd_each_file(line, test_policy, &run);
	if (line->format == FORMAT_TAP)
		printf("1..%zu\n", run.tests);
	if (line->format == FORMAT_JUNIT)
		puts("</testsuites>");
	json_object_set_new(document, "version", json_integer(1));
	json_object_set_new(document, "files", run.files);
	if (line->format == FORMAT_JSON) {
		json_dumpf(document, stdout, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(document);
	return status;
}
