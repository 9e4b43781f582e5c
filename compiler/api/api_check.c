/* What is wrong or risky in a policy. */
#include "api/api_state.h"
#include "base/escape.h"
#include "base/text_stream.h"
#include "lint/lint.h"
#include "policy/policy_status.h"

#include <stdio.h>
#include <stdlib.h>

struct msbpolicy_findings {
	struct arena *arena;
	struct msbpolicy_finding *items;
	size_t count;
	const char *json;
};

static const char *text_of(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, escape_json(arena, text)) : NULL;
}

static struct msbpolicy_finding finding_of(struct arena *arena, const struct diags *diags, const struct diag *diag)
{
	static const int severities[] = {
		[DIAG_NOTE] = MSBPOLICY_NOTE, [DIAG_WARNING] = MSBPOLICY_WARNING, [DIAG_ERROR] = MSBPOLICY_ERROR
	};
	struct place place = span_place(diags->sources, diag->span);

	return (struct msbpolicy_finding){
		.severity = severities[diag->level],
		.code = text_of(arena, diag->id),
		.file = text_of(arena, place.file),
		.line = place.line,
		.column = place.column,
		.end_line = place.end_line,
		.end_column = place.end_column,
		.text = text_of(arena, diag->message),
		.label = text_of(arena, diag->label),
		.example = text_of(arena, diag->example),
		.example_verdict = text_of(arena, diag->example_verdict),
		.help = text_of(arena, diag->help),
	};
}

static const char *json_of(struct arena *arena, const struct diags *diags)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream = arena_must(open_memstream(&text, &len));
	const char *copy;

	diags_print_json(diags, stream);
	text_stream_close(stream, &text);
	copy = arena_strndup(arena, arena_must(text), len);
	free(text);
	return copy;
}

static void lint(const struct msbpolicy *loaded, struct diags *diags)
{
	struct lint_options options = { .gateway = api_gateway(loaded),
					.disabled = loaded->disabled.items,
					.disabled_count = loaded->disabled.count };

	if (loaded->options.today)
		date_parse(loaded->options.today, &options.today);
	if (diags->errors && !policy_is_merely_expired(diags))
		lint_error_edits(loaded->policy, diags, 0);
	else
		lint_policy(loaded->policy, &options, diags);
}

/* Those of loading, copied, and what is found in addition */
static struct diags *find(struct arena *arena, const struct msbpolicy *loaded)
{
	struct diags *diags = diags_new(arena, loaded->sources);

	diags->limit = loaded->diags->limit;
	diags->errors = loaded->diags->errors;
	diags->warnings = loaded->diags->warnings;
	diags->notes = loaded->diags->notes;
	for (size_t i = 0; i < loaded->diags->list.count; i++)
		*arena_push(arena, &diags->list) = loaded->diags->list.items[i];
	lint(loaded, diags);
	return diags;
}

int msbpolicy_check(msbpolicy *loaded, msbpolicy_findings **out, char **error)
{
	API_WORKS;
	struct arena *arena = arena_new(), *scratch = arena_new();
	struct diags *diags = find(scratch, loaded);
	const struct diag **sorted = diags_sorted(diags);
	struct msbpolicy_findings *findings = arena_alloc(arena, sizeof *findings);

	if (error)
		*error = NULL;
	findings->arena = arena;
	findings->count = diags->list.count;
	findings->items = arena_alloc(arena, findings->count * sizeof *findings->items);
	for (size_t i = 0; i < findings->count; i++)
		findings->items[i] = finding_of(arena, diags, sorted[i]);
	findings->json = json_of(arena, diags);
	arena_free(scratch);
	*out = findings;
	return MSBPOLICY_OK;
}

size_t msbpolicy_findings_count(const msbpolicy_findings *findings)
{
	return findings->count;
}

const struct msbpolicy_finding *msbpolicy_findings_get(const msbpolicy_findings *findings, size_t index)
{
	return index < findings->count ? &findings->items[index] : NULL;
}

const char *msbpolicy_findings_json(const msbpolicy_findings *findings)
{
	return findings->json;
}

void msbpolicy_findings_free(msbpolicy_findings *findings)
{
	if (findings)
		arena_free(findings->arena);
}
