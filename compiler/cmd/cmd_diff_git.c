/* msb-policyc diff --git REV: what the work tree changes of the policies as they are where REV and HEAD part. */
#include "base/escape.h"
#include "cmd/git_pairs.h"
#include "diff/diff_report.h"

#include <string.h>

static bool merely_expired(const struct cmd_policy *loaded)
{
	for (size_t i = 0; i < loaded->diags->list.count; i++)
		if (loaded->diags->list.items[i].level == DIAG_ERROR &&
		    strcmp(loaded->diags->list.items[i].id, "expired"))
			return false;
	return true;
}

/* "2 errors: bad-target at lib.msb:3:7, no such group" */
static const char *errors_of(struct arena *arena, const struct cmd_policy *loaded)
{
	const struct diag **sorted = diags_sorted(loaded->diags);
	const char *counts = diags_counts(loaded->diags);

	for (size_t i = 0; i < loaded->diags->list.count; i++)
		if (sorted[i]->level == DIAG_ERROR) {
			const char *place = span_format(arena, loaded->sources, sorted[i]->span);

			return arena_printf(arena, "%s, first %s%s%s", counts,
					    sources_quotable(loaded->sources) ? sorted[i]->message : sorted[i]->id,
					    place ? " at " : "", place ? place : "");
		}
	return counts;
}

/* Why the side is no policy to compare; NULL: it is one */
static const char *why_not(const struct git_pair *pair, int side)
{
	const struct cmd_policy *loaded = &pair->sides.loaded[side];

	if (cmd_policy_status(loaded) != STATUS_FINE && !merely_expired(loaded))
		return errors_of(pair->arena, loaded);
	if (!sources_quotable(loaded->sources))
		return "a link that leads out of its directory, so that nothing of it is shown";
	return NULL;
}

static enum diff_fate fate_of(const struct git_pair *pair)
{
	return !pair->paths[0] ? DIFF_ADDED :
	       !pair->paths[1] ? DIFF_REMOVED :
	       pair->renamed   ? DIFF_RENAMED :
				 DIFF_MODIFIED;
}

static void compare(const struct cmd_line *line, struct git_pair *pair, struct diff_item *item)
{
	int complex;

	*item = (struct diff_item){ .fate = fate_of(pair), .names = { pair->paths[0], pair->paths[1] } };
	for (int side = 0; side < 2; side++)
		item->errors[side] = why_not(pair, side);
	if (item->errors[1])
		return;
	if (item->errors[0]) {
		pair->sides.loaded[0] = (struct cmd_policy){ .arena = pair->arena };
		cmd_diff_absent(&pair->sides.loaded[0], "/dev/null");
	}
	item->diff = cmd_diff_compare(line, pair->arena, &pair->sides, &complex);
	if (item->diff)
		item->notes = cmd_diff_notes(line, pair->arena, &pair->sides);
	else
		item->errors[1] = errors_of(pair->arena, &pair->sides.loaded[complex]);
}

static void print(const struct cmd_line *line, const struct diff_report *report)
{
	switch (line->format) {
	case FORMAT_JSON:
		fputs(diff_report_json(line->arena, report), stdout);
		break;
	case FORMAT_MARKDOWN:
		fputs(diff_report_markdown(line->arena, report), stdout);
		break;
	default:
		cmd_diff_print(line, diff_report_text(line->arena, report));
	}
}

/* Errors of the work tree, with their lines, where people look for them */
static void print_errors(const struct cmd_line *line, const struct git_pair *pair)
{
	const struct cmd_policy *loaded = &pair->sides.loaded[1];

	diags_print_text(loaded->diags, stderr, color_wanted(line->color, stderr));
	fprintf(stderr, "%s: %s\n", escape_text(line->arena, pair->paths[1] ? pair->paths[1] : pair->paths[0]),
		diags_counts(loaded->diags));
}

static int status_of(const struct cmd_line *line, const struct diff_report *report, const struct git_pairs *pairs)
{
	bool opens = diff_report_opens(report) > 0;
	int status = STATUS_FINE;

	for (size_t i = 0; i < report->items.count; i++) {
		const struct diff_item *item = &report->items.items[i];

		/* other classes of addresses may open flows as well as close them; so may what nobody could read */
		opens = opens || item->errors[0] || (item->diff && item->diff->networks.count);
		if (!item->diff) {
			status = cmd_policy_status(&pairs->items[i].sides.loaded[1]) == STATUS_SYSTEM ? STATUS_SYSTEM :
													STATUS_NO;
			print_errors(line, &pairs->items[i]);
		}
	}
	return status != STATUS_FINE ?
		       status :
		       cmd_diff_status(line, opens, diff_report_closes(report) || diff_report_changes(report));
}

static int review_changes(struct cmd_line *line, struct git_review *review, struct git_pairs *pairs)
{
	struct diff_report report = { .revision = line->git, .base = review->base };

	if (!git_pairs_load(review, line, pairs))
		return STATUS_SYSTEM;
	git_pairs_join(review, pairs);
	report.alike = pairs->alike;
	for (size_t i = 0; i < pairs->count; i++)
		compare(line, &pairs->items[i], arena_push(line->arena, &report.items));
	print(line, &report);
	return status_of(line, &report, pairs);
}

int cmd_diff_git(struct cmd_line *line)
{
	struct git_review review;
	struct git_pairs pairs = { 0 };
	int status = git_review_open(&review, line);

	cmd_note_unenforced(line);
	if (status == STATUS_FINE)
		status = review_changes(line, &review, &pairs);
	git_pairs_free(&pairs);
	git_review_close(&review);
	return status;
}
