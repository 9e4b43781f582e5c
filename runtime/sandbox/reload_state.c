/* What is kept of reloads, and how a failed one is answered. */
#include "sandbox/reload_state.h"

#include <stdlib.h>
#include <unistd.h>

struct reload *reload_new(void)
{
	struct reload *reload = arena_must(calloc(1, sizeof *reload));

	reload->generation = 1;
	if (!getcwd(reload->directory, sizeof reload->directory))
		reload->directory[0] = '\0';
	return reload;
}

const char *reload_directory(const struct reload *reload)
{
	return reload->directory;
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	for (size_t i = 0; i < reload->grant_count; i++)
		free(reload->grants[i].rule);
	arena_free(reload->pending.arena);
	arena_free(reload->arena);
	free(reload);
}

uint64_t reload_generation(const struct reload *reload)
{
	return reload->generation;
}

/* ---- answers ---- */

json_t *reload_failed(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* What is wrong with the policy, each with its place, as msb-policyc would say it */
json_t *reload_findings(struct arena *arena, const struct diags *diags)
{
	const struct diag **sorted = diags_sorted(diags);
	json_t *findings = json_array(), *answer;
	const char *first = NULL;

	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = sorted[i];
		const char *place = span_format(arena, diags->sources, diag->span);
		if (diag->level != DIAG_ERROR)
			continue;
		json_t *finding =
			json_pack("{s:s, s:s?, s:s}", "id", diag->id, "place", place, "message", diag->message);
		if (diag->help)
			json_object_set_new(finding, "help", json_string(diag->help));
		json_array_append_new(findings, finding);
		if (!first)
			first = place ? arena_printf(arena, "%s: %s", place, diag->message) : diag->message;
	}
	answer = reload_failed(first ? first : "the policy has errors");
	json_object_set_new(answer, "findings", findings);
	return answer;
}
