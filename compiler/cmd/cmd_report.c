/* msb-policyc report: a policy as a page to show to others. */
#include "cmd/cmd.h"
#include "lint/lint.h"
#include "page/page.h"
#include "base/escape.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

static void add_findings(const struct cmd_line *line, struct cmd_policy *loaded)
{
	struct lint_options options = { .gateway = cmd_gateway(line, loaded->policy) };

	if (line->policy.today)
		date_parse(line->policy.today, &options.today);
	lint_policy(loaded->policy, &options, loaded->diags);
}

/* Nothing that is no page is ever written over by mistake */
static bool is_page_path(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".html") || !strcmp(dot, ".htm"));
}

static int deliver(const struct cmd_line *line, const char *html)
{
	int error;

	if (!line->out_dir) {
		fputs(html, stdout);
		return STATUS_FINE;
	}
	error = cmd_write_over(line->arena, line->out_dir, html);
	if (error)
		return cmd_system_error(line, line->out_dir, error);
	printf("%s: written\n", escape_text(line->arena, line->out_dir));
	return STATUS_FINE;
}

static int report(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	struct fuel fuel = { .left = ANALYSIS_FUEL };
	struct page_input input;
	const char *html = NULL;
	int status = cmd_policy_require(loaded, line, file);

	(void)unused;
	if (status != STATUS_FINE)
		return status;
	add_findings(line, loaded);
	input = (struct page_input){ .policy = loaded->policy,
				     .context = cmd_context(line, loaded->policy),
				     .findings = loaded->diags };
	if (loaded->policy->rules.count <= PAGE_RULES_MAX) {
		input.report = expect_run(loaded->arena, &input.context);
		html = page_html(loaded->arena, &input, &fuel);
	}
	if (html)
		return deliver(line, html);
	fprintf(stderr,
		"msb-policyc: error: %s: too complex for a page: more than %d rules, or too many that overlap\n",
		loaded->name, PAGE_RULES_MAX);
	return STATUS_NO;
}

int cmd_report(struct cmd_line *line)
{
	if (line->out_dir && !is_page_path(line->out_dir))
		return cmd_usage_error(line, "-o: `%s`: a page's file is called NAME.html", line->out_dir);
	return cmd_each_file(line, report, NULL);
}
