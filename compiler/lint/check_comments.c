/* Comments that silence findings, and those that do nothing: who reads `# lint: ignore` believes that it was needed. */
#include "diag/findings.h"
#include "lint/checks.h"

#include <stdlib.h>
#include <string.h>

#define FORM "# lint: ignore ID reason"

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->source != y->source ? (x->source > y->source) - (x->source < y->source) :
					(x->start > y->start) - (x->start < y->start);
}

static bool was_heard(const struct lint *lint, size_t count, struct span comment)
{
	return count && bsearch(&comment, lint->heard.items, count, sizeof comment, compare_spans);
}

/* What does not depend on the policy alone: a date that comes nearer, the bound on the work */
static bool may_speak_later(const char *id)
{
	return !strcmp(id, "expires-soon") || !strcmp(id, "too-complex");
}

static void unknown_id(struct lint *lint, struct diag *diag, const struct lint_comment *comment, const char *id)
{
	const struct source *source = sources_get(lint->policy->sources, comment->span.source);
	uint32_t start = (uint32_t)(comment->id - source->text);
	size_t count = 0;
	const char **ids, *near;

	while (finding_texts[count].id)
		count++;
	ids = arena_alloc(lint->arena, (count + 1) * sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = finding_texts[i].id;
	near = diag_nearest(id, ids);
	if (!near)
		return;
	diag->label = arena_printf(lint->arena, "did you mean `%s`?", near);
	offer_replace(lint, lint_offer(lint, diag, "write `%s`", near),
		      (struct span){ comment->span.source, start, start + (uint32_t)comment->id_len }, near);
	offer_remove_comment(lint, lint_offer(lint, diag, "remove the comment"), comment->span);
}

/* What is wrong with it whatever the policy; false: nothing */
static bool is_malformed(struct lint *lint, const struct lint_comment *comment, const char *id)
{
	const struct finding_text *text = finding_text(id);
	struct diag *diag;

	if (!comment->ignores || !comment->id_len)
		lint_warn(lint, "useless-ignore", comment->span, "this comment silences nothing")->help = FORM;
	else if (!text)
		unknown_id(lint, lint_warn(lint, "useless-ignore", comment->span, "no finding is called `%s`", id),
			   comment, id);
	else if (!comment->has_reason)
		lint_warn(lint, "useless-ignore", comment->span, "without a reason this comment silences nothing")
			->help = arena_printf(lint->arena, "# lint: ignore %s REASON", id);
	else if (!strcmp(text->level, "error") && !may_speak_later(id)) {
		diag = lint_warn(lint, "useless-ignore", comment->span, "`%s` is an error, and none is silenced", id);
		diag->help = "remove the comment";
		offer_remove_comment(lint, lint_offer(lint, diag, "remove the comment"), comment->span);
	} else
		return false;
	return true;
}

static void check_comment(struct lint *lint, const struct lint_comment *comment, bool own, size_t heard)
{
	const char *id = comment->id ? arena_strndup(lint->arena, comment->id, comment->id_len) : "";
	struct diag *diag;

	/* an included file's may be needed where another includes it */
	if (is_malformed(lint, comment, id) || !own || lint->fuel.out || may_speak_later(id) ||
	    was_heard(lint, heard, comment->span))
		return;
	diag = lint_warn(lint, "useless-ignore", comment->span, "there is no `%s` here to silence", id);
	diag->help = "remove the comment, or put it on the finding's line or the line above";
	offer_remove_comment(lint, lint_offer(lint, diag, "%s", diag->help), comment->span);
}

static bool has_comments(const struct source *source)
{
	size_t len = strlen(source->name);

	return source->kind == SOURCE_FILE && source->quotable && (len < 5 || strcmp(source->name + len - 5, ".json"));
}

void check_comments(struct lint *lint)
{
	const struct sources *sources = lint->policy->sources;
	uint32_t top = lint_top_source(lint);
	size_t heard = lint->heard.count;

	if (heard)
		qsort(lint->heard.items, heard, sizeof *lint->heard.items, compare_spans);
	for (uint32_t i = top; i < sources->count; i++) {
		struct lint_comment comment;

		for (uint32_t at = 0;
		     has_comments(sources->items[i]) && source_next_lint_comment(sources, i, &at, &comment);)
			check_comment(lint, &comment, i == top, heard);
	}
}
