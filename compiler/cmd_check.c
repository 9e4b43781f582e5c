/* msb-policyc check: what is wrong or risky in a policy. Findings are the answer, so they go to standard
 * output; a person gets a line of counts for each file, a program one document for all. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_PER_RUN 1000 /* findings in one document */

static int status_of(const struct cmd_line *line, const struct cmd_policy *loaded)
{
	int status = cmd_policy_status(loaded);

	if (status == CMD_FINE && line->werror && loaded->diags->warnings)
		return CMD_NO;
	return status;
}

static void find(const struct cmd_line *line, struct cmd_policy *loaded, const char *file)
{
	cmd_policy_load(loaded, line, file);
}

static int check_text(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	const struct policy *policy;

	(void)unused;
	find(line, loaded, file);
	policy = loaded->policy;
	diags_print_text(loaded->diags, stdout, color_wanted(line->color, stdout));
	printf("%s: %s", loaded->name, diags_counts(loaded->diags));
	if (!loaded->diags->list.count)
		printf(" (%zu rule%s, default egress %s, default ingress %s)", policy->rules.count,
		       policy->rules.count == 1 ? "" : "s", policy_action_name(policy->egress.action),
		       policy_action_name(policy->ingress.action));
	putchar('\n');
	return status_of(line, loaded);
}

/* One document: the findings of all files in one queue. */
static int check_document(struct cmd_line *line)
{
	struct cmd_policy loaded = { .arena = line->arena };
	size_t count = line->policy.files.count;

	loaded.sources = sources_new(line->arena);
	loaded.diags = diags_new(line->arena, loaded.sources);
	loaded.diags->limit = LIMIT_PER_RUN;
	for (size_t i = 0; i < (count ? count : 1); i++)
		find(line, &loaded, count ? line->policy.files.items[i] : NULL);
	if (line->format == FORMAT_JSON)
		diags_print_json(loaded.diags, stdout);
	else if (line->format == FORMAT_SARIF)
		diags_print_sarif(loaded.diags, stdout);
	else
		diags_print_github(loaded.diags, stdout);
	return status_of(line, &loaded);
}

int cmd_check(struct cmd_line *line)
{
	return line->format == FORMAT_TEXT ? cmd_each_file(line, check_text, NULL) : check_document(line);
}
