/* msb-policyc diff: which flows change verdict between two policies. */
#include "cmd/cmd.h"
#include "diff/diff.h"
#include "base/escape.h"
#include "expect/expect.h"
#include "lint/lint.h"
#include "base/units.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

struct sides {
	struct cmd_policy loaded[2];
};

static int load(struct cmd_line *line, struct cmd_policy *loaded, const char *file)
{
	loaded->arena = line->arena;
	loaded->sources = sources_new(line->arena);
	loaded->diags = diags_new(line->arena, loaded->sources);
	return cmd_policy_require(loaded, line, file);
}

static int too_complex(const struct cmd_line *line, struct sides *sides, const struct fuel *fuel)
{
	struct cmd_policy *loaded = &sides->loaded[fuel->policy];
	size_t rule = fuel->rule;
	struct span span = rule < loaded->policy->rules.count ? loaded->policy->rules.items[rule].span : SPAN_NONE;
	struct diag *diag = diag_error(loaded->diags, "too-complex", span,
				       "too complex here: the policies cannot be compared in bounded time");

	if (fuel->why)
		diag->label = fuel->why;
	else
		diag->help = "fewer rules that overlap in part; groups and lists say the same in less";
	diags_print_text(loaded->diags, stderr, color_wanted(line->color, stderr));
	return STATUS_NO;
}

/* ---- what a comment on a pull request adds ---- */

static struct diags *findings(const struct cmd_line *line, const struct cmd_policy *loaded)
{
	struct lint_options options = { .gateway = policy_gateway(loaded->policy, line->gateway) };
	struct diags *diags = diags_new(line->arena, loaded->sources);

	if (line->policy.today)
		date_parse(line->policy.today, &options.today);
	lint_policy(loaded->policy, &options, diags);
	return diags;
}

static bool same_finding(const struct diag *a, const struct diag *b)
{
	if (strcmp(a->id, b->id) || strcmp(a->message, b->message))
		return false;
	return a->example && b->example ? !strcmp(a->example, b->example) : a->example == b->example;
}

static size_t new_findings(const struct cmd_line *line, const struct sides *sides)
{
	struct diags *before = findings(line, &sides->loaded[0]), *after = findings(line, &sides->loaded[1]);
	size_t count = 0;

	for (size_t i = 0; i < after->list.count; i++) {
		size_t j = 0;

		while (j < before->list.count && !same_finding(&before->list.items[j], &after->list.items[i]))
			j++;
		count += j == before->list.count;
	}
	return count;
}

static struct diff_notes count_notes(const struct cmd_line *line, const struct sides *sides)
{
	const struct policy *policy = sides->loaded[1].policy;
	struct eval_context context = cmd_context(line, policy);
	struct diff_notes made = { .expects = policy->expects.count, .findings = new_findings(line, sides) };

	if (policy->expects.count)
		made.holding = expect_count_held(expect_run(line->arena, &context));
	return made;
}

/* ---- the command ---- */

static int status_of(const struct cmd_line *line, const struct diff *diff)
{
	const char *fail_on = line->fail_on ? line->fail_on : "any";
	bool opened = diff_count_regions(diff, POLICY_ALLOW) || diff_count_publishes(diff, true);
	bool closed = diff_count_regions(diff, POLICY_DENY) || diff_count_publishes(diff, false);

	if (!strcmp(fail_on, "none"))
		return STATUS_FINE;
	/* other classes of addresses may open flows as well as close them */
	opened = opened || diff->networks.count > 0;
	return opened || (closed && strcmp(fail_on, "opened") != 0) ? STATUS_NO : STATUS_FINE;
}

static void paint(const struct cmd_line *line, const char *text)
{
	bool color = color_wanted(line->color, stdout);

	for (const char *end; *text; text = end) {
		const char *code = *text == '+' ? "\033[32m" : *text == '-' ? "\033[31m" : NULL;
		int len = (int)strcspn(text, "\n");

		end = text + len + (text[len] == '\n');
		if (color && code)
			printf("%s%.*s\033[0m\n", code, len, text);
		else
			printf("%.*s\n", len, text);
	}
}

static void print(const struct cmd_line *line, const struct sides *sides, const struct diff *diff)
{
	struct diff_notes made;

	switch (line->format) {
	case FORMAT_JSON:
		fputs(diff_json(line->arena, diff), stdout);
		break;
	case FORMAT_MARKDOWN:
		made = count_notes(line, sides);
		fputs(diff_markdown(line->arena, diff, sides->loaded[1].policy->name, &made), stdout);
		break;
	default:
		paint(line, diff_text(line->arena, diff));
	}
}

int cmd_diff(struct cmd_line *line)
{
	struct sides sides;
	struct fuel fuel = { .left = ANALYSIS_FUEL };
	const char **files = line->policy.files.items;
	struct diff *diff;
	int before, after;

	if (line->policy.files.count != 2)
		return cmd_usage_error(line, "diff takes two files, OLD and NEW");
	if (!strcmp(files[0], "-") && !strcmp(files[1], "-"))
		return cmd_usage_error(line, "standard input can be one of the two files only");
	before = load(line, &sides.loaded[0], files[0]);
	after = load(line, &sides.loaded[1], files[1]);
	if (before != STATUS_FINE || after != STATUS_FINE)
		return before > after ? before : after;
	diff = diff_policies(line->arena, sides.loaded[0].policy, sides.loaded[1].policy, &line->gateway, &fuel);
	if (fuel.out)
		return too_complex(line, &sides, &fuel);
	print(line, &sides, diff);
	return status_of(line, diff);
}
