/* An explanation as text or JSON. */
#include "explain/explain_print.h"
#include "base/escape.h"
#include "base/units.h"
#include "explain/decision.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

#define VERDICT_COLUMN 76
#define TEXT_WIDTH_MAX 48 /* a longer rule pushes its own line only */

struct view {
	struct arena *arena;
	const struct policy *policy;
	FILE *out; /* NULL: for JSON */
	bool color;
};

/* Colour adds nothing to the word, so that output without it loses nothing. */
static const char *painted(const struct view *view, enum policy_action action, const char *word)
{
	if (!view->color)
		return word;
	return arena_printf(view->arena, "\033[%sm%s\033[0m", action == POLICY_ALLOW ? "32" : "31", word);
}

/* ---- text ---- */

struct widths {
	int place, text;
};

static void widen(int *width, const char *text)
{
	int len = (int)strlen(text);

	*width = len > *width ? len : *width;
}

/* One width for a whole policy, whichever of its rules a step comes to */
static struct widths policy_widths(const struct view *view)
{
	const struct policy *policy = view->policy;
	struct widths widths = { 0, 0 };

	for (size_t i = 0; i < policy->rules.count; i++) {
		widen(&widths.place,
		      place_or_dash(span_format_line(view->arena, policy->sources, policy->rules.items[i].span)));
		widen(&widths.text, escape_text(view->arena, policy->rules.items[i].text));
	}
	widen(&widths.place, place_or_dash(span_format_line(view->arena, policy->sources, policy->egress.span)));
	widen(&widths.text, policy->egress.text);
	if (widths.text > TEXT_WIDTH_MAX)
		widths.text = TEXT_WIDTH_MAX;
	return widths;
}

static void print_row(const struct view *view, const struct explain_row *row, struct widths widths, bool last)
{
	const char *number = row->by.kind == DECIDER_RULE  ? arena_printf(view->arena, "%zu", row->by.rule + 1) :
			     row->by.kind == DECIDER_FLOOR ? "floor" :
							     "-";

	fprintf(view->out, "%5s  %-*s  %-*s   %-5s  %s\n", number, widths.place, place_or_dash(row->place), widths.text,
		escape_text(view->arena, row->text), row->match ? "MATCH" : "no", escape_text(view->arena, row->why));
	if (row->because && last)
		fprintf(view->out, "%*s  because \"%s\"\n", 7 + widths.place, "",
			escape_text(view->arena, row->because));
	if (row->bytes && last)
		fprintf(view->out, "%*s  until %s of its flows have passed\n", 7 + widths.place, "",
			units_size_format(view->arena, row->bytes));
}

static void print_step(const struct view *view, const struct explanation *explanation, const struct explain_step *step,
		       struct widths widths)
{
	const char *head = arena_printf(view->arena, "%-7s  %s", explain_kind_name(step->kind),
					escape_text(view->arena, step->what));
	struct decision decision = decision_of(view->arena, view->policy, step->verdict, step->direction);
	const char *verdict =
		step->verdict.by.kind == DECIDER_REBIND ? "rebind protection" : decision_word(view->arena, &decision);
	bool last = step == &explanation->steps.items[explanation->steps.count - 1];

	if (explanation->steps.count == 1)
		fprintf(view->out, "%s\n", head);
	else
		fprintf(view->out, "%-*s%s%s, %s\n", VERDICT_COLUMN, head,
			(int)strlen(head) < VERDICT_COLUMN ? "" : "  ",
			painted(view, step->verdict.action, policy_action_name(step->verdict.action)), verdict);
	if (step->note)
		fprintf(view->out, "         %s\n", escape_text(view->arena, step->note));
	for (size_t i = 0; i < step->rows.count; i++)
		print_row(view, &step->rows.items[i], widths, last);
}

/* "Not reached: rules 2 and 3, and the default, which would deny it too." */
static void print_not_reached(const struct view *view, const struct explanation *explanation)
{
	const struct explain_step *step = &explanation->steps.items[0];
	const struct policy *policy = view->policy;
	size_t first = explanation->result.verdict.by.rule + 2, last = policy->rules.count;
	enum policy_action fallback = policy_default_of(policy, step->direction)->action;
	const char *rules = "";

	if (explanation->steps.count != 1 || step->kind == EXPLAIN_ANSWER || step->verdict.by.kind != DECIDER_RULE)
		return;
	if (first == last)
		rules = arena_printf(view->arena, "rule %zu, and ", first);
	else if (first + 1 == last)
		rules = arena_printf(view->arena, "rules %zu and %zu, and ", first, last);
	else if (first < last)
		rules = arena_printf(view->arena, "rules %zu to %zu, and ", first, last);
	fprintf(view->out, "Not reached: %sthe default, which would %s it%s.\n", rules, policy_action_name(fallback),
		fallback == step->verdict.action ? " too" : "");
}

static void print_explanation(const struct view *view, const struct explanation *explanation)
{
	const struct flow *flow = explanation->flow;
	struct decision decision = decision_of_flow(view->arena, view->policy, flow, &explanation->result);
	enum policy_action action = explanation->result.verdict.action;
	struct widths widths = policy_widths(view);
	const char *decider = decision_word(view->arena, &decision);

	fprintf(view->out, "%s   %s   ", escape_text(view->arena, flow->text),
		painted(view, action, action == POLICY_ALLOW ? "ALLOW" : "DENY"));
	if (decision.place)
		fprintf(view->out, "%s   %s   %s\n\n", decider, decision.place, decision.text);
	else
		fprintf(view->out, "%s   %s\n\n", decider, decision.text);
	for (size_t i = 0; i < explanation->steps.count; i++)
		print_step(view, explanation, &explanation->steps.items[i], widths);
	print_not_reached(view, explanation);
	if (explanation->after)
		fprintf(view->out, "%s\n", explanation->after);
}

/* ---- JSON ---- */

static json_t *row_json(const struct view *view, const struct explain_row *row)
{
	json_t *object = json_object();

	json_object_set_new(object, "rule",
			    row->by.kind == DECIDER_RULE  ? json_integer((json_int_t)row->by.rule + 1) :
			    row->by.kind == DECIDER_FLOOR ? json_string("floor") :
							    json_string("default"));
	json_object_set_new(object, "place", json_text(view->arena, row->place));
	json_object_set_new(object, "text", json_text(view->arena, row->text));
	json_object_set_new(object, "match", json_boolean(row->match));
	json_object_set_new(object, "why", json_text(view->arena, row->why));
	if (row->bytes)
		json_object_set_new(object, "bytes", json_integer((json_int_t)row->bytes));
	if (row->because)
		json_object_set_new(object, "because", json_text(view->arena, row->because));
	return object;
}

static json_t *step_json(const struct view *view, const struct explain_step *step)
{
	json_t *object = json_object(), *rows = json_array();

	for (size_t i = 0; i < step->rows.count; i++)
		json_array_append_new(rows, row_json(view, &step->rows.items[i]));
	json_object_set_new(object, "step", json_string(explain_kind_name(step->kind)));
	json_object_set_new(object, "what", json_text(view->arena, step->what));
	if (step->note)
		json_object_set_new(object, "note", json_text(view->arena, step->note));
	decision_verdict_json(object, view->arena, view->policy, step->verdict, step->direction);
	json_object_set_new(object, "rules", rows);
	return object;
}

static json_t *explanation_json(const struct view *view, const struct explanation *explanation)
{
	json_t *object = json_object(), *steps = json_array();

	for (size_t i = 0; i < explanation->steps.count; i++)
		json_array_append_new(steps, step_json(view, &explanation->steps.items[i]));
	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "flow", json_text(view->arena, explanation->flow->text));
	decision_flow_json(object, view->arena, view->policy, explanation->flow, &explanation->result);
	json_object_set_new(object, "steps", steps);
	if (explanation->after)
		json_object_set_new(object, "advice", json_text(view->arena, explanation->after));
	return object;
}

void explain_print_text(struct arena *arena, const struct explanation *explanation, FILE *out, bool color)
{
	const struct view view = { arena, explanation->policy, out, color };

	print_explanation(&view, explanation);
}

json_t *explain_json(struct arena *arena, const struct explanation *explanation)
{
	const struct view view = { arena, explanation->policy, NULL, false };

	return explanation_json(&view, explanation);
}

void explain_print_json(json_t *list, FILE *out)
{
	json_dumpf(json_array_size(list) == 1 ? json_array_get(list, 0) : list, out,
		   JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_INDENT(2));
	fputc('\n', out);
}
