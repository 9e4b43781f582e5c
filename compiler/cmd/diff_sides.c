/* The two policies of a comparison: one that is not there, comparing, what a comment adds, the status. */
#include "cmd/diff_sides.h"
#include "base/escape.h"
#include "diff/diff_bounded.h"
#include "expect/expect.h"
#include "lint/lint.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

void cmd_diff_prepare(struct cmd_policy *loaded, struct arena *arena)
{
	loaded->arena = arena;
	loaded->sources = sources_new(arena);
	loaded->diags = diags_new(arena, loaded->sources);
}

void cmd_diff_absent(struct cmd_policy *loaded, const char *name)
{
	static const struct policy_default nothing = { POLICY_DENY, { SPAN_NO_SOURCE, 0, 0 }, "no policy" };
	struct policy_options none = { .arena = loaded->arena, .net_default = "deny" };

	cmd_diff_prepare(loaded, loaded->arena);
	loaded->policy = options_resolve(&none, NULL, loaded->diags);
	loaded->policy->name = name;
	loaded->policy->egress = loaded->policy->ingress = nothing;
	loaded->policy->absent = true;
	loaded->name = escape_text(loaded->arena, name);
}

/* Nobody connects in where no port is published, whatever is said of ingress: that is then no difference. */
static void settle_ingress(const struct diff_sides *sides)
{
	for (int side = 0; side < 2; side++) {
		struct policy *absent = sides->loaded[side].policy;
		const struct policy *other = sides->loaded[!side].policy;

		if (absent->absent && !other->publishes.count)
			absent->ingress.action = other->ingress.action;
	}
}

struct diff *cmd_diff_compare(const struct cmd_line *line, struct arena *arena, struct diff_sides *sides, int *complex)
{
	const struct diff_side compared[2] = { { sides->loaded[0].policy, sides->loaded[0].diags },
					       { sides->loaded[1].policy, sides->loaded[1].diags } };

	settle_ingress(sides);
	return diff_bounded(arena, compared, &line->gateway, complex);
}

/* ---- what a comment on a pull request adds ---- */

static struct diags *findings(const struct cmd_line *line, struct arena *arena, const struct cmd_policy *loaded)
{
	struct lint_options options = { .gateway = cmd_gateway(line, loaded->policy) };
	struct diags *diags = diags_new(arena, loaded->sources);

	if (line->policy.today)
		date_parse(line->policy.today, &options.today);
	if (!loaded->policy->absent)
		lint_policy(loaded->policy, &options, diags);
	return diags;
}

static bool same_finding(const struct diag *a, const struct diag *b)
{
	if (strcmp(a->id, b->id) || strcmp(a->message, b->message))
		return false;
	return a->example && b->example ? !strcmp(a->example, b->example) : a->example == b->example;
}

static size_t new_findings(const struct cmd_line *line, struct arena *arena, const struct diff_sides *sides)
{
	struct diags *before = findings(line, arena, &sides->loaded[0]);
	struct diags *after = findings(line, arena, &sides->loaded[1]);
	size_t count = 0;

	for (size_t i = 0; i < after->list.count; i++) {
		size_t j = 0;

		while (j < before->list.count && !same_finding(&before->list.items[j], &after->list.items[i]))
			j++;
		count += j == before->list.count;
	}
	return count;
}

struct diff_notes cmd_diff_notes(const struct cmd_line *line, struct arena *arena, const struct diff_sides *sides)
{
	const struct policy *policy = sides->loaded[1].policy;
	struct eval_context context = cmd_context(line, policy);
	struct diff_notes made = { .expects = policy->expects.count, .findings = new_findings(line, arena, sides) };

	if (policy->expects.count)
		made.holding = expect_count_held(expect_run(arena, &context));
	return made;
}

/* ---- what is printed, and what it means ---- */

int cmd_diff_status(const struct cmd_line *line, bool opens, bool differs)
{
	const char *fail_on = line->fail_on ? line->fail_on : "any";

	if (!strcmp(fail_on, "none"))
		return STATUS_FINE;
	return opens || (differs && strcmp(fail_on, "opened") != 0) ? STATUS_NO : STATUS_FINE;
}

void cmd_diff_print(const struct cmd_line *line, const char *text)
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
