/* msb-policyc check: what is wrong or risky in a policy. Findings are the answer, so they go to standard
 * output; a person gets a line of counts for each file, a program one document for all. */
#include "cmd/cmd.h"
#include "diag/findings.h"
#include "lint/lint.h"
#include "base/units.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_PER_RUN 1000 /* findings in one document */

static int status_of(const struct cmd_line *line, const struct cmd_policy *loaded)
{
	int status = cmd_policy_status(loaded);

	if (status == STATUS_FINE && line->werror && loaded->diags->warnings)
		return STATUS_NO;
	return status;
}

/* A rule past its date is an error that leaves the policy whole. `first`: of the findings of this file */
static bool is_whole(const struct cmd_policy *loaded, size_t first)
{
	for (size_t i = first; i < loaded->diags->list.count; i++)
		if (loaded->diags->list.items[i].level == DIAG_ERROR &&
		    strcmp(loaded->diags->list.items[i].id, "expired"))
			return false;
	return true;
}

static void find(const struct cmd_line *line, struct cmd_policy *loaded, const char *file)
{
	struct lint_options options = {
		.disabled = line->disabled.items,
		.disabled_count = line->disabled.count,
	};

	size_t first = loaded->diags->list.count;

	cmd_policy_load(loaded, line, file);
	if (line->policy.today)
		date_parse(line->policy.today, &options.today);
	options.gateway = cmd_gateway(line, loaded->policy);
	if (!is_whole(loaded, first)) {
		lint_error_edits(loaded->policy, loaded->diags, first);
		return;
	}
	eval_prepare(loaded->policy);
	lint_policy(loaded->policy, &options, loaded->diags);
}

static int check_text(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	const struct policy *policy;

	(void)unused;
	find(line, loaded, file);
	policy = loaded->policy;
	diags_print_text(loaded->diags, stdout, color_wanted(line->color, stdout));
	printf("%s: %s", loaded->name, diags_counts(loaded->diags));
	if (!loaded->diags->list.count && policy->is_library)
		printf(" (%s)", cmd_library_text(loaded));
	else if (!loaded->diags->list.count)
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

static const char *nearest_id(const struct cmd_line *line, const char *word)
{
	const char **ids;
	size_t count = 0;

	while (finding_texts[count].id)
		count++;
	ids = arena_alloc(line->arena, (count + 1) * sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = finding_texts[i].id;
	return diag_nearest(word, ids);
}

/* A word that is no id would silence nothing, and nobody would see that. */
static int check_disabled(const struct cmd_line *line)
{
	for (size_t i = 0; i < line->disabled.count; i++) {
		const char *id = line->disabled.items[i], *near = nearest_id(line, id);

		if (finding_text(id))
			continue;
		if (near)
			return cmd_usage_error(line, "--disable: no such id: `%s`; did you mean `%s`?", id, near);
		return cmd_usage_error(line, "--disable: no such id: `%s`; check --explain all prints every one", id);
	}
	return STATUS_FINE;
}

/* --explain ID; "all" prints the whole table, which the manual holds as well. */
static int explain_id(const struct cmd_line *line)
{
	const struct finding_text *text = finding_text(line->explain_id);
	const char *near;

	if (text) {
		finding_text_print(text, stdout);
		return STATUS_FINE;
	}
	if (!strcmp(line->explain_id, "all")) {
		for (text = finding_texts; text->id; text++) {
			if (text != finding_texts)
				putchar('\n');
			finding_text_print(text, stdout);
		}
		return STATUS_FINE;
	}
	near = nearest_id(line, line->explain_id);
	if (near)
		return cmd_usage_error(line, "no such id: `%s`; did you mean `%s`?", line->explain_id, near);
	return cmd_usage_error(line, "no such id: `%s`; --explain all prints every one", line->explain_id);
}

int cmd_check(struct cmd_line *line)
{
	if (line->explain_id)
		return explain_id(line);
	if (check_disabled(line) != STATUS_FINE)
		return STATUS_USAGE;
	return line->format == FORMAT_TEXT ? cmd_each_file(line, check_text, NULL) : check_document(line);
}
