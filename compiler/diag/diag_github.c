/* Findings as GitHub's workflow commands: a line each, which Actions shows beside the code. All text in them
 * is escaped, or a policy's could give the runner commands. */
#include "diag/diag.h"
#include "base/escape.h"

static void print_property(const struct diags *diags, FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s=%s,", key, escape_github_property(diags->arena, value));
}

static void print_finding(const struct diags *diags, FILE *out, const struct diag *diag)
{
	struct place place = span_place(diags->sources, diag->span);
	fprintf(out, "::%s ", diag->level == DIAG_NOTE ? "notice" : diag_level_name(diag->level));
	if (place.file) {
		print_property(diags, out, "file", place.file);
		fprintf(out, "line=%u,col=%u,endLine=%u,endColumn=%u,", place.line, place.column, place.end_line,
			place.end_column);
	}
	fprintf(out, "title=%s::%s", escape_github_property(diags->arena, diag->id),
		escape_github_data(diags->arena, diag->message));
	if (diag->label)
		fprintf(out, "; %s", escape_github_data(diags->arena, diag->label));
	if (diag->example)
		fprintf(out, ", e.g. %s %s", escape_github_data(diags->arena, diag->example),
			diag->example_verdict ? escape_github_data(diags->arena, diag->example_verdict) : "");
	for (size_t i = 0; i < diag->related.count; i++)
		fprintf(out, "%%0A%s: %s",
			escape_github_data(diags->arena,
					   span_format(diags->arena, diags->sources, diag->related.items[i].span)),
			escape_github_data(diags->arena, diag->related.items[i].message));
	if (diag->help)
		fprintf(out, "%%0Ahelp: %s", escape_github_data(diags->arena, diag->help));
	fputc('\n', out);
}

void diags_print_github(const struct diags *diags, FILE *out)
{
	const struct diag **sorted = diags_sorted(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		print_finding(diags, out, sorted[i]);
}
