/* The diff as a comment on a pull request: the first line lets a bot find its own comment again. */
#include "diff/diff_print.h"
#include "base/escape.h"

#include <string.h>

#define LAST_LINES 1000

static const char *code(struct arena *arena, const char *text)
{
	return escape_markdown_code(arena, text);
}

/* "line 3" of the file that is compared; what an include or the command line says is told from it */
static const char *where(struct arena *arena, const struct policy *policy, struct span span)
{
	struct place place = span_place(policy->sources, span);

	if (!place.file)
		return NULL;
	if (sources_get(policy->sources, span.source)->kind != SOURCE_FILE)
		return code(arena, span_format_line(arena, policy->sources, span));
	if (!strcmp(place.file, policy->name))
		return arena_printf(arena, "line %u", place.line);
	return arena_printf(arena, "%s line %u", code(arena, place.file), place.line);
}

static const char *decider_cell(struct arena *arena, const struct diff *diff, const struct diff_region *region,
				int side)
{
	const struct policy *policy = diff->policies[side];
	const char *because = side ? diff_decider_because(diff, region, side) : NULL;
	const char *cell = code(arena, diff_decider_text(arena, diff, region, side));

	if (region->by[side].kind == DECIDER_RULE) {
		const char *place = where(arena, policy, diff_decider_span(diff, region, side));

		cell = place ? arena_printf(arena, "%s %s", place, cell) : cell;
	}
	return because ? arena_printf(arena, "%s “%s”", cell, escape_markdown_text(arena, because)) : cell;
}

static const char *region_row(struct arena *arena, const struct diff *diff, const struct diff_region *region)
{
	const char *what = code(arena, region->words);

	if (region->except)
		what = arena_printf(arena, "%s except %s", what, code(arena, region->except));
	if (region->by_server_name)
		what = arena_printf(arena, "%s by server name", what);
	if (region->together)
		what = arena_printf(arena, "%s, bound to %s too", what, code(arena, region->together));
	return arena_printf(arena, "| %s | %s | %s | %s | %s |\n",
			    diff_now(region) == POLICY_ALLOW ? "**opens**" : "closes", what,
			    code(arena, region->example_text), decider_cell(arena, diff, region, 0),
			    decider_cell(arena, diff, region, 1));
}

static const char *publish_row(struct arena *arena, const struct diff *diff, const struct diff_publish *change)
{
	const char *place = where(arena, diff->policies[change->added], change->publish->span);
	const char *cell = place ? arena_printf(arena, " %s", place) : "";

	return arena_printf(arena, "| %s | %s | |%s |%s |\n", change->added ? "**opens**" : "closes",
			    diff_publish_text(arena, change, true), change->added ? "" : cell,
			    change->added ? cell : "");
}

static const char *value_cell(struct arena *arena, const struct diff *diff, const struct diff_setting *setting,
			      int side)
{
	const char *place = where(arena, diff->policies[side], setting->spans[side]);
	const char *value = setting->values[side];

	if (!value)
		return "none";
	value = *value ? code(arena, value) : "given";
	return place ? arena_printf(arena, "%s %s", place, value) : value;
}

static const char *setting_row(struct arena *arena, const struct diff *diff, const struct diff_setting *setting)
{
	const char *effect = diff_effect_name(setting->effect);

	return arena_printf(
		arena, setting->effect == DIFF_OPENS ? "| **%s** | %s | | %s | %s |\n" : "| %s | %s | | %s | %s |\n",
		effect, code(arena, setting->name), value_cell(arena, diff, setting, 0),
		value_cell(arena, diff, setting, 1));
}

struct table {
	struct arena *arena;
	struct text *text;
	size_t end, left_out; /* how long the text may become */
};

static void add_row(struct table *table, const char *row)
{
	if (table->left_out || table->text->count + strlen(row) > table->end)
		table->left_out++;
	else
		text_add(table->text, row);
}

static void add_settings(struct table *table, const struct diff *diff, enum diff_effect effect)
{
	for (size_t i = 0; i < diff->settings.count; i++)
		if (diff->settings.items[i].effect == effect)
			add_row(table, setting_row(table->arena, diff, &diff->settings.items[i]));
}

static void add_rows(struct table *table, const struct diff *diff, enum policy_action now)
{
	for (size_t i = 0; i < diff->regions.count; i++)
		if (diff_now(&diff->regions.items[i]) == now)
			add_row(table, region_row(table->arena, diff, &diff->regions.items[i]));
	for (size_t i = 0; i < diff->publishes.count; i++)
		if (diff->publishes.items[i].added == (now == POLICY_ALLOW))
			add_row(table, publish_row(table->arena, diff, &diff->publishes.items[i]));
	add_settings(table, diff, now == POLICY_ALLOW ? DIFF_OPENS : DIFF_CLOSES);
}

void diff_add_absence_markdown(struct text *text, const struct diff *diff)
{
	for (int side = 0; side < 2; side++)
		if (diff->policies[side]->absent)
			text_addf(text, "\nNo policy %s: compared as one under which nothing passes.\n",
				  side ? "afterwards" : "before");
}

void diff_add_table(struct text *text, const struct diff *diff, size_t room)
{
	struct table table = { .arena = text->arena, .text = text, .end = text->count + room };

	if (diff_opens(diff) || diff_closes(diff) || diff->settings.count) {
		text_add(text, "\n| | what | for example | was | now |\n|---|---|---|---|---|\n");
		add_rows(&table, diff, POLICY_ALLOW);
		add_rows(&table, diff, POLICY_DENY);
		add_settings(&table, diff, DIFF_CHANGES);
		if (table.left_out)
			text_addf(text, "\nand %zu more\n", table.left_out);
	} else {
		text_add(text, "\nBoth decide every flow alike.\n");
	}
	for (size_t i = 0; i < diff->networks.count; i++)
		text_addf(text, "\n%s\n", diff_network_text(text->arena, &diff->networks.items[i], true));
}

void diff_add_notes(struct text *text, const struct diff *diff, const struct diff_notes *notes)
{
	if (diff->policies[1]->absent)
		return;
	text_add(text, "\n");
	if (notes->expects)
		text_addf(text, "Expectations: %zu of %zu hold. ", notes->holding, notes->expects);
	if (notes->findings)
		text_addf(text, "Findings: %zu new.\n", notes->findings);
	else
		text_add(text, "Findings: none new.\n");
}

/* A comment must not end early: "--" is no part of one */
static const char *comment_name(struct arena *arena, const char *name)
{
	char *safe = arena_strdup(arena, escape_text(arena, name));

	for (char *at = safe; (at = strstr(at, "--")); at++)
		*at = '_';
	for (char *at = safe; *at; at++)
		if (*at == '<' || *at == '>')
			*at = '_';
	return strlen(safe) > 200 ? arena_strndup(arena, safe, 200) : safe;
}

const char *diff_markdown_counts(struct arena *arena, size_t opens, size_t closes, size_t changes)
{
	const struct {
		const char *word;
		size_t count;
	} counts[] = { { "opens", opens }, { "closes", closes }, { "changes", changes } };
	struct text text = { .arena = arena };

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (counts[i].count)
			text_addf(&text, "%s%s %zu", text.count ? ", " : "", counts[i].word, counts[i].count);
	return text.count ? text_get(&text) : "no change";
}

const char *diff_markdown(struct arena *arena, const struct diff *diff, const char *name,
			  const struct diff_notes *notes)
{
	struct text text = { .arena = arena };

	text_addf(&text, "<!-- msb-policyc diff %s -->\n### Network policy %s: %s\n", comment_name(arena, name),
		  code(arena, name),
		  diff_markdown_counts(arena, diff_opens(diff), diff_closes(diff),
				       diff_count_settings(diff, DIFF_CHANGES)));
	diff_add_absence_markdown(&text, diff);
	diff_add_table(&text, diff, DIFF_COMMENT_MAX - LAST_LINES - text.count);
	diff_add_notes(&text, diff, notes);
	return text_get(&text);
}
