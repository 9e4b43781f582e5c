/* What waits for an answer, and answering it. */
#include "base/units.h"
#include "ctl/ctl_sections.h"
#include "ctl/running.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

/* ---- pending ---- */

static const char *const heads[] = { "ID", "WHAT", "ASKED", "TRIES", "STATE", "ALLOW WOULD PUT" };

/* A flow with the name that its address is known by */
static const char *what(struct arena *arena, const json_t *question)
{
	const char *name = section_text(question, "name", ""), *flow = section_text(question, "flow", "");

	if (!strcmp(section_text(question, "kind", ""), "name"))
		return arena_printf(arena, "dns@%s", name);
	return *name ? arena_printf(arena, "%s %s", flow, name) : flow;
}

static void print_table(struct ctl_line *line, const json_t *list)
{
	struct table *table = table_new(line->arena, heads, sizeof heads / sizeof *heads, 1);
	const json_t *question;
	size_t index;

	table_align_right(table, 0);
	table_align_right(table, 3);
	json_array_foreach(list, index, question)
	{
		table_cell(table, "%llu", (unsigned long long)section_number(question, "id"));
		table_cell(table, "%s", what(line->arena, question));
		table_cell(table, "%s ago", table_duration(line->arena, section_number(question, "asked_ms")));
		table_cell(table, "%llu", (unsigned long long)section_number(question, "tries"));
		table_cell(table, "%s", json_is_true(json_object_get(question, "held")) ? "waits" : "refused");
		table_cell(table, "%s", section_text(question, "rule", ""));
	}
	table_print(table, stdout, table_terminal_width());
}

static enum ctl_status once(struct ctl_line *line)
{
	enum ctl_status status = CTL_FAILED;
	json_t *answer = ctl_ask(line, json_pack("{s:s}", "command", "pending"), &status);

	if (!answer)
		return status;
	if (line->format == CTL_JSON)
		return ctl_print_json(line, answer);
	const json_t *list = json_object_get(answer, "pending");
	if (json_array_size(list))
		print_table(line, list);
	else
		puts("nothing waits for an answer");
	json_decref(answer);
	return CTL_FINE;
}

enum ctl_status ctl_pending(struct ctl_line *line)
{
	return ctl_repeat(line, once);
}

/* ---- answer ---- */

struct wish {
	uint64_t id, for_ms;
	const char *verdict, *rule, *time;
};

static enum ctl_status read_line(struct ctl_line *line, struct wish *wish)
{
	wish->time = line->values[ANSWER_FOR];
	wish->rule = line->values[ANSWER_RULE];
	if (line->word_count != 2 || !units_number(line->words[0], &wish->id) || !wish->id)
		return ctl_usage(line, "which question, and what? msb-ctl answer NAME ID allow, deny or once");
	wish->verdict = line->words[1];
	if (strcmp(wish->verdict, "allow") && strcmp(wish->verdict, "deny") && strcmp(wish->verdict, "once"))
		return ctl_usage(line, "`%s`: allow, deny or once", wish->verdict);
	if (wish->time && !strcmp(wish->verdict, "once"))
		return ctl_usage(line, "once is for one connection; leave out --for");
	if (wish->time && !ctl_read_grant_time(line->arena, wish->time, &wish->for_ms))
		return ctl_usage(line, "for how long? --for 10m: s, m or h, 24h at most");
	const char *action = strcmp(wish->verdict, "deny") ? "allow" : "deny", *word = wish->rule;
	if (word)
		wish->rule = ctl_grant_rule(line, action, word);
	if (word && !wish->rule)
		return ctl_usage(line, "`%s` is no rule that says %s", word, action);
	return CTL_FINE;
}

static void print_answer(struct ctl_line *line, const json_t *answer, const void *context)
{
	const struct wish *wish = context;
	const char *denied_by = section_text(answer, "denied_by", "");
	const char *how_long = !strcmp(wish->verdict, "once") ? "once" :
			       wish->time                     ? arena_printf(line->arena, "for %s", wish->time) :
								"until the sandbox ends, for 24h at most";

	printf("grant %llu: %s %s\n", (unsigned long long)section_number(answer, "id"),
	       section_text(answer, "rule", ""), how_long);
	if (*denied_by)
		printf("what was asked is denied all the same, by %s\n", denied_by);
}

enum ctl_status ctl_answer(struct ctl_line *line)
{
	struct wish wish = { 0 };
	enum ctl_status status = read_line(line, &wish);

	if (status != CTL_FINE)
		return status;
	json_t *request =
		json_pack("{s:s, s:I, s:s}", "command", "answer", "id", (json_int_t)wish.id, "verdict", wish.verdict);
	if (wish.rule)
		json_object_set_new(request, "rule", json_string(wish.rule));
	if (wish.for_ms)
		json_object_set_new(request, "for_ms", json_integer((json_int_t)wish.for_ms));
	return ctl_change(line, request, print_answer, &wish);
}
