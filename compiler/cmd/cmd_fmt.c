/* msb-policyc fmt: rewrites policy files in their canonical layout, or with --check and --diff only reports what
 * it would do. A file is replaced whole, by rename, or not at all. */
#include "cmd/cmd.h"
#include "base/escape.h"
#include "syntax/fmt.h"
#include "base/line_diff.h"

#include <stdio.h>
#include <string.h>

static int fail(const char *shown, int error)
{
	fprintf(stderr, "msb-policyc: error: %s: %s\n", shown, strerror(-error));
	return STATUS_SYSTEM;
}

static int is_policy_text(const char *path, const char *stdin_name)
{
	const char *name = source_is_stdin(path) && stdin_name ? stdin_name : path, *dot = strrchr(name, '.');
	return !dot || (strcmp(dot, ".json") != 0 && strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0);
}

/* The layout differs, or the file is standard input: what the options ask for. */
static int deliver(struct cmd_line *line, struct cmd_policy *loaded, const char *file, const char *before,
		   const char *after)
{
	bool differs = strcmp(before, after) != 0;
	const char *shown = escape_text(loaded->arena, sources_get(loaded->sources, 0)->name);
	if (line->show_diff)
		fputs(line_diff(loaded->arena, shown, before, shown, after), stdout);
	if (line->check_only && differs && !line->show_diff)
		printf("%s: not in canonical layout\n", shown);
	if (line->check_only || line->show_diff)
		return differs ? STATUS_NO : STATUS_FINE;
	if (source_is_stream(file)) {
		fputs(after, stdout);
		return STATUS_FINE;
	}
	if (!differs)
		return STATUS_FINE;
	int error = cmd_write_over(loaded->arena, file, after);
	if (error)
		return fail(shown, error);
	printf("%s: rewritten\n", shown);
	return STATUS_FINE;
}

static int format_file(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	uint32_t source;
	(void)unused;
	if (!file)
		return cmd_usage_error(line, "which file? msb-policyc fmt FILE...");
	if (!is_policy_text(file, line->policy.stdin_name))
		return cmd_usage_error(line, "%s: only policy files (*.msb) have a canonical layout",
				       escape_text(loaded->arena, file));
	int error = sources_load(loaded->sources, file, line->policy.stdin_name, &source);
	if (error)
		return fail(escape_text(loaded->arena, file), error);
	if (line->policy.include_root)
		sources_allow(loaded->sources, source, line->policy.include_root);
	if (!cmd_policy_quotable(loaded))
		return STATUS_NO;
	const char *text = fmt_policy(loaded->diags, source);
	if (!text) {
		diags_print_text(loaded->diags, stderr, color_wanted(line->color, stderr));
		return STATUS_NO;
	}
	return deliver(line, loaded, file, sources_get(loaded->sources, source)->text, text);
}

int cmd_fmt(struct cmd_line *line)
{
	return cmd_each_file(line, format_file, NULL);
}
