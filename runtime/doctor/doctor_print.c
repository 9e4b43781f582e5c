/* Findings as text and as JSON. What a finding says may hold names that others chose, of chains and links. */
#include "base/escape.h"
#include "doctor/doctor.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define NAME_COLUMN 20

static json_t *text_of(struct doctor_report *report, const char *text)
{
	return json_string(escape_json(report->arena, text));
}

static void add_json(struct doctor_report *report, const struct doctor_check *check,
		     const struct doctor_finding *finding)
{
	json_t *help = json_array(), *each = json_object();

	for (size_t i = 0; i < finding->help_count; i++)
		json_array_append_new(help, text_of(report, finding->help[i]));
	json_object_set_new(each, "name", json_string(check->name));
	json_object_set_new(each, "state", json_string(doctor_state_names[finding->state]));
	json_object_set_new(each, "text", text_of(report, finding->text));
	json_object_set_new(each, "help", help);
	if (!report->checks)
		report->checks = arena_must(json_array());
	json_array_append_new(report->checks, each);
}

void doctor_print(const struct doctor_check *check, const struct doctor_finding *finding, void *context)
{
	struct doctor_report *report = context;

	report->counts[finding->state]++;
	if (report->json) {
		add_json(report, check, finding);
		return;
	}
	fprintf(report->to, "%-8s %-*s %s\n", doctor_state_names[finding->state], NAME_COLUMN, check->name,
		escape_text(report->arena, finding->text));
	for (size_t i = 0; i < finding->help_count; i++)
		fprintf(report->to, "%*s%s\n", 9 + 2, "", escape_text(report->arena, finding->help[i]));
	fflush(report->to);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void end_text(struct doctor_report *report)
{
	size_t notes = report->counts[DOCTOR_NOTE], problems = report->counts[DOCTOR_PROBLEM];

	fprintf(report->to, "\n%zu checks: %zu note%s, %zu problem%s\n", report->counts[DOCTOR_OK] + notes + problems,
		notes, plural(notes), problems, plural(problems));
}

static void end_json(struct doctor_report *report)
{
	json_t *all =
		arena_must(json_pack("{s:i, s:b, s:i, s:i, s:o}", "version", 1, "ok",
				     report->counts[DOCTOR_PROBLEM] == 0, "notes", (int)report->counts[DOCTOR_NOTE],
				     "problems", (int)report->counts[DOCTOR_PROBLEM], "checks", report->checks));

	report->checks = NULL;
	json_dumpf(all, report->to, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', report->to);
	json_decref(all);
}

int doctor_print_end(struct doctor_report *report)
{
	if (!report->checks)
		report->checks = arena_must(json_array());
	if (report->json)
		end_json(report);
	else
		end_text(report);
	if (report->checks)
		json_decref(report->checks);
	report->checks = NULL;
	return fflush(report->to) || ferror(report->to) ? errno ? -errno : -EIO : 0;
}
