/* msb-policyc init: a policy of the library to start one's own with. */
#include "cmd/cmd.h"
#include "base/escape.h"
#include "policy/library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TEMPLATE "default"

/* The first sentence of its first comment, which tells what it is for */
static int summary_length(const char *text)
{
	return (int)strcspn(text, ".:\n");
}

static int list_templates(void)
{
	for (const struct library_policy *policy = library_policies; policy->name; policy++) {
		const char *text = policy->text + strspn(policy->text, "# ");

		printf("  %-13s %.*s\n", policy->name, summary_length(text), text);
	}
	puts("\nmsb-policyc init NAME prints one, msb-policyc init NAME -o agent.msb writes it into a new file.");
	return STATUS_FINE;
}

static int no_template(const struct cmd_line *line, const char *name)
{
	const char *near = diag_nearest(name, library_names);

	if (near)
		return cmd_usage_error(line, "no such template: `%s`; did you mean `%s`?", name, near);
	return cmd_usage_error(line, "no such template: `%s`; msb-policyc init lists them, -o FILE says where to write",
			       name);
}

/* Its name says how it will be read */
static bool is_policy_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

	return dot && dot != name && !strcmp(dot, ".msb");
}

static int write_policy(const struct cmd_line *line, const char *text)
{
	const char *path = line->out_dir;
	int error;

	if (!is_policy_path(path))
		return cmd_usage_error(line, "-o: `%s`: a policy's file is called NAME.msb", path);
	error = cmd_write_new(path, text);
	if (error == -EEXIST) {
		cmd_usage_error(line, "%s is there already, and stays as it is; choose another name", path);
		return STATUS_SYSTEM;
	}
	if (error)
		return cmd_system_error(line, path, error);
	printf("%s: written; next: msb-policyc test %s\n", escape_text(line->arena, path),
	       escape_text(line->arena, path));
	return STATUS_FINE;
}

int cmd_init(struct cmd_line *line)
{
	const char *name = line->policy.files.count ? line->policy.files.items[0] : NULL, *text;

	if (!name && !line->out_dir)
		return list_templates();
	text = library_text(name ? name : DEFAULT_TEMPLATE);
	if (!text)
		return no_template(line, name);
	if (line->out_dir)
		return write_policy(line, text);
	fputs(text, stdout);
	return STATUS_FINE;
}
