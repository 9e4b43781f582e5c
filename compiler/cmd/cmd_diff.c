/* msb-policyc diff: which flows change verdict between two policies. */
#include "cmd/diff_sides.h"
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

static int load(struct cmd_line *line, struct cmd_policy *loaded, const char *file)
{
	cmd_diff_prepare(loaded, line->arena);
	if (strcmp(file, "/dev/null") != 0)
		return cmd_policy_require(loaded, line, file);
	cmd_diff_absent(loaded, file);
	return STATUS_FINE;
}

static void print(const struct cmd_line *line, const struct diff_sides *sides, const struct diff *diff)
{
	const struct policy *named = sides->loaded[!sides->loaded[1].policy->absent].policy;
	struct diff_notes made;

	switch (line->format) {
	case FORMAT_JSON:
		fputs(diff_json(line->arena, diff), stdout);
		break;
	case FORMAT_MARKDOWN:
		made = cmd_diff_notes(line, line->arena, sides);
		fputs(diff_markdown(line->arena, diff, named->name, &made), stdout);
		break;
	default:
		cmd_diff_print(line, diff_text(line->arena, diff));
	}
}

/* Where one side comes by a pipe, as by `git show`, what it includes does not: an include that changed looks alike. */
static void note_includes(const struct cmd_line *line, const struct diff_sides *sides)
{
	const struct sources *before = sides->loaded[0].sources, *after = sides->loaded[1].sources;

	if (!source_is_stream(line->policy.files.items[0]) && !source_is_stream(line->policy.files.items[1]))
		return;
	for (size_t i = 0; i < before->count; i++)
		for (size_t j = 0; j < after->count; j++) {
			const struct source *one = before->items[i], *other = after->items[j];

			if (one->kind != SOURCE_FILE || other->kind != SOURCE_FILE || strcmp(one->name, other->name) ||
			    source_is_stream(one->name) || !strcmp(one->name, sides->loaded[0].policy->name))
				continue;
			fprintf(stderr,
				"msb-policyc: note: both sides include %s as it is now\n"
				"  help: `msb-policyc diff --git REV` reads includes too as they were\n",
				escape_text(line->arena, one->name));
			return;
		}
}

int cmd_diff(struct cmd_line *line)
{
	struct diff_sides sides;
	const char **files = line->policy.files.items;
	struct diff *diff;
	int before, after, complex;

	if (line->git)
		return cmd_diff_git(line);
	if (line->policy.files.count != 2)
		return cmd_usage_error(line, "diff takes two files, OLD and NEW; or --git REV");
	if (source_is_stdin(files[0]) && source_is_stdin(files[1]))
		return cmd_usage_error(line, "standard input can be one of the two files only");
	before = load(line, &sides.loaded[0], files[0]);
	after = load(line, &sides.loaded[1], files[1]);
	if (before != STATUS_FINE || after != STATUS_FINE)
		return before > after ? before : after;
	note_includes(line, &sides);
	cmd_note_unenforced(line);
	diff = cmd_diff_compare(line, line->arena, &sides, &complex);
	if (!diff) {
		diags_print_text(sides.loaded[complex].diags, stderr, color_wanted(line->color, stderr));
		return STATUS_NO;
	}
	print(line, &sides, diff);
	/* other classes of addresses may open flows as well as close them */
	return cmd_diff_status(line, diff_opens(diff) || diff->networks.count,
			       diff_closes(diff) || diff->settings.count);
}
