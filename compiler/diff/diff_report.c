/* The report of a repository's change, in each format. */
#include "diff/diff_report.h"
#include "base/escape.h"
#include "diff/diff_print.h"

#include <string.h>

static const char *const fates[] = {
	[DIFF_MODIFIED] = "modified",
	[DIFF_ADDED] = "added",
	[DIFF_REMOVED] = "removed",
	[DIFF_RENAMED] = "renamed",
};

static size_t count(const struct diff_report *report, size_t (*of)(const struct diff *))
{
	size_t sum = 0;

	for (size_t i = 0; i < report->items.count; i++)
		sum += report->items.items[i].diff ? of(report->items.items[i].diff) : 0;
	return sum;
}

size_t diff_report_opens(const struct diff_report *report)
{
	return count(report, diff_opens);
}

size_t diff_report_closes(const struct diff_report *report)
{
	return count(report, diff_closes);
}

static size_t neither(const struct diff *diff)
{
	return diff_count_settings(diff, DIFF_CHANGES);
}

size_t diff_report_changes(const struct diff_report *report)
{
	return count(report, neither);
}

static const char *plural(struct arena *arena, size_t number, const char *one, const char *many)
{
	return arena_printf(arena, "%zu %s", number, number == 1 ? one : many);
}

/* "1a2b3c4d5e" */
static const char *short_base(struct arena *arena, const struct diff_report *report)
{
	return arena_printf(arena, "%.10s", report->base);
}

/* What of a side could not be read, as a sentence */
static const char *error_text(struct arena *arena, const struct diff_item *item, int side)
{
	return arena_printf(
		arena, side ? "not compared, it has %s" : "had %s, and is compared as one under which nothing passes",
		escape_text(arena, item->errors[side]));
}

/* ---- text ---- */

static void add_item(struct text *text, const struct diff_report *report, const struct diff_item *item)
{
	struct arena *arena = text->arena;
	struct diff_sum sum = { 0 };

	if (item->names[0])
		text_addf(text, "--- %s:%s\n", short_base(arena, report), escape_text(arena, item->names[0]));
	else
		text_add(text, "--- /dev/null\n");
	text_addf(text, "+++ %s\n", item->names[1] ? escape_text(arena, item->names[1]) : "/dev/null");
	for (int side = 0; side < 2; side++)
		if (item->errors[side])
			text_addf(text, "! %s: %s\n", side ? "now" : "before", error_text(arena, item, side));
	if (!item->diff)
		return;
	if (!item->errors[0])
		diff_add_absence(text, item->diff);
	diff_add_changes(text, item->diff);
	diff_sum_add(&sum, item->diff);
	if (!*diff_sum_text(arena, &sum) && !item->diff->networks.count)
		text_add(text, "no change: both decide every flow alike\n");
}

static void add_summary(struct text *text, const struct diff_report *report)
{
	struct arena *arena = text->arena;
	struct diff_sum sum = { 0 };
	size_t broken = 0, all = report->items.count + report->alike;
	const char *since = arena_printf(arena, "%s, where `%s` and HEAD part", short_base(arena, report),
					 escape_text(arena, report->revision));

	for (size_t i = 0; i < report->items.count; i++) {
		if (report->items.items[i].diff)
			diff_sum_add(&sum, report->items.items[i].diff);
		else
			broken++;
	}
	if (!report->items.count) {
		text_addf(text, all ? "no change: %s as in %s\n" : "no policies, neither here nor in %s%s\n",
			  all ? plural(arena, all, "policy is", "policies are") : since, all ? since : "");
		return;
	}
	text_addf(text, "\n%s of %zu since %s", plural(arena, report->items.count, "policy", "policies"), all, since);
	if (*diff_sum_text(arena, &sum))
		text_addf(text, ": %s", diff_sum_text(arena, &sum));
	else
		text_add(text, ": no flow changes verdict");
	if (broken)
		text_addf(text, "; %zu could not be compared", broken);
	text_add(text, "\n");
}

const char *diff_report_text(struct arena *arena, const struct diff_report *report)
{
	struct text text = { .arena = arena };

	for (size_t i = 0; i < report->items.count; i++) {
		text_add(&text, i ? "\n" : "");
		add_item(&text, report, &report->items.items[i]);
	}
	add_summary(&text, report);
	return text_get(&text);
}

/* ---- JSON ---- */

static json_t *item_json(struct arena *arena, const struct diff_item *item)
{
	json_t *object = item->diff ? diff_json_document(arena, item->diff) : json_object();

	json_object_del(object, "version");
	diff_json_set(arena, object, "fate", fates[item->fate]);
	diff_json_set(arena, object, "before", item->names[0]);
	diff_json_set(arena, object, "after", item->names[1]);
	diff_json_set(arena, object, "errorBefore", item->errors[0]);
	diff_json_set(arena, object, "error", item->errors[1]);
	if (item->diff) {
		json_object_set_new(object, "newFindings", json_integer((json_int_t)item->notes.findings));
		json_object_set_new(object, "expectations", json_integer((json_int_t)item->notes.expects));
		json_object_set_new(object, "expectationsHolding", json_integer((json_int_t)item->notes.holding));
	}
	return object;
}

const char *diff_report_json(struct arena *arena, const struct diff_report *report)
{
	json_t *document = json_object(), *items = json_array();

	for (size_t i = 0; i < report->items.count; i++)
		json_array_append_new(items, item_json(arena, &report->items.items[i]));
	json_object_set_new(document, "version", json_integer(1));
	diff_json_set(arena, document, "revision", report->revision);
	diff_json_set(arena, document, "base", report->base);
	json_object_set_new(document, "policies", items);
	json_object_set_new(document, "alike", json_integer((json_int_t)report->alike));
	json_object_set_new(document, "changed", json_integer((json_int_t)diff_report_changes(report)));
	json_object_set_new(document, "opened", json_integer((json_int_t)diff_report_opens(report)));
	json_object_set_new(document, "closed", json_integer((json_int_t)diff_report_closes(report)));
	return diff_json_text(arena, document);
}

/* ---- Markdown: one comment ---- */

#define HEAD_MAX 2000 /* characters of a policy's section besides its table */
#define ROOM_MIN 1000
#define NAME_MAX_SHOWN 200

static const char *name_code(struct arena *arena, const char *name)
{
	const char *cut =
		strlen(name) > NAME_MAX_SHOWN ? arena_printf(arena, "…%s", name + strlen(name) - NAME_MAX_SHOWN) : name;

	return escape_markdown_code(arena, cut);
}

static void add_section(struct text *text, const struct diff_item *item, size_t room)
{
	struct arena *arena = text->arena;

	text_addf(text, "\n#### %s", name_code(arena, item->names[1] ? item->names[1] : item->names[0]));
	if (item->fate == DIFF_RENAMED)
		text_addf(text, ", was %s", name_code(arena, item->names[0]));
	else if (item->fate != DIFF_MODIFIED)
		text_addf(text, " %s", fates[item->fate]);
	if (item->diff)
		text_addf(text, ": %s",
			  diff_markdown_counts(arena, diff_opens(item->diff), diff_closes(item->diff),
					       neither(item->diff)));
	text_add(text, "\n");
	for (int side = 0; side < 2; side++)
		if (item->errors[side])
			text_addf(text, "\n**%s**: %s.\n", side ? "Error" : "Before",
				  escape_markdown_text(arena, error_text(arena, item, side)));
	if (!item->diff)
		return;
	if (!item->errors[0])
		diff_add_absence_markdown(text, item->diff);
	diff_add_table(text, item->diff, room);
	diff_add_notes(text, item->diff, &item->notes);
}

/* Every policy gets the same share of what is left, so that the first does not crowd the last out. */
static size_t share(const struct text *text, size_t items_left)
{
	size_t left = DIFF_COMMENT_MAX > text->count ? DIFF_COMMENT_MAX - text->count : 0, each = left / items_left;

	return each > HEAD_MAX ? each - HEAD_MAX : 0;
}

/* What opens or cannot be compared stands first: where there is no room for all it is not that which is left out. */
static bool is_urgent(const struct diff_item *item)
{
	return !item->diff || item->errors[0] || diff_opens(item->diff) || item->diff->networks.count;
}

struct comment {
	struct text text;
	size_t left, left_out; /* sections to come; sections without room */
};

static void add_sections(struct comment *comment, const struct diff_report *report, bool urgent)
{
	for (size_t i = 0; i < report->items.count; i++) {
		const struct diff_item *item = &report->items.items[i];
		size_t room;

		if (is_urgent(item) != urgent)
			continue;
		room = share(&comment->text, comment->left--);
		if (comment->left_out ||
		    (room < ROOM_MIN && comment->text.count + HEAD_MAX + ROOM_MIN > DIFF_COMMENT_MAX))
			comment->left_out++;
		else
			add_section(&comment->text, item, room < ROOM_MIN ? ROOM_MIN : room);
	}
}

const char *diff_report_markdown(struct arena *arena, const struct diff_report *report)
{
	struct comment comment = { .text = { .arena = arena }, .left = report->items.count };
	struct text *text = &comment.text;
	size_t broken = 0;

	for (size_t i = 0; i < report->items.count; i++)
		broken += !report->items.items[i].diff;
	text_addf(text, "<!-- msb-policyc diff -->\n### Network policies: %s%s\n",
		  diff_markdown_counts(arena, diff_report_opens(report), diff_report_closes(report),
				       diff_report_changes(report)),
		  broken ? arena_printf(arena, ", %zu could not be compared", broken) : "");
	text_addf(text, "\n%s changed since %s, %zu not.\n", plural(arena, report->items.count, "policy", "policies"),
		  escape_markdown_code(arena, short_base(arena, report)), report->alike);
	add_sections(&comment, report, true);
	add_sections(&comment, report, false);
	if (comment.left_out)
		text_addf(text, "\n**%s changed and not shown here**: run `msb-policyc diff --git`.\n",
			  plural(arena, comment.left_out, "more policy", "more policies"));
	return text_get(text);
}
