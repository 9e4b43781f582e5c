/* Errors, copies, and whether a policy answers. */
#include "api/api_state.h"
#include "base/escape.h"
#include "policy/policy_facts.h"
#include "policy/policy_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *api_copy(const char *text)
{
	return arena_must(strdup(text));
}

static int fail(char **error, enum msbpolicy_status status, struct arena *arena, const char *text)
{
	if (error)
		*error = api_copy(escape_json(arena, text));
	return status;
}

int api_fail(char **error, enum msbpolicy_status status, const char *fmt, ...)
{
	struct arena *arena = arena_new();
	va_list args;

	va_start(args, fmt);
	fail(error, status, arena, arena_vprintf(arena, fmt, args));
	va_end(args);
	arena_free(arena);
	return status;
}

static const struct diag *first_error(struct arena *arena, const struct diags *diags)
{
	struct diags scratch = *diags;
	const struct diag **sorted;

	scratch.arena = arena; /* a policy that is asked again and again does not grow */
	sorted = diags_sorted(&scratch);
	for (size_t i = 0; i < diags->list.count; i++)
		if (sorted[i]->level == DIAG_ERROR)
			return sorted[i];
	return NULL;
}

int api_fail_diags(char **error, enum msbpolicy_status status, const struct diags *diags)
{
	struct arena *arena = arena_new();
	const struct diag *diag = first_error(arena, diags);
	const char *place = diag ? span_format(arena, diags->sources, diag->span) : NULL;

	if (diag)
		fail(error, status, arena,
		     arena_printf(arena, "%s%s%s [%s]", place ? place : "", place ? ": " : "", diag->message,
				  diag->id));
	else
		fail(error, status, arena, "more errors than are kept");
	arena_free(arena);
	return status;
}

int api_usable(const struct msbpolicy *loaded, bool expired, char **error)
{
	if (loaded->diags->errors && !(expired && policy_is_merely_expired(loaded->diags)))
		return api_fail_diags(error, MSBPOLICY_INVALID, loaded->diags);
	if (loaded->policy->is_library)
		return api_fail(error, MSBPOLICY_INVALID, "%s is a library, and no policy: it is for others to include",
				loaded->policy->name);
	if (!sources_quotable(loaded->sources))
		return api_fail(
			error, MSBPOLICY_INVALID,
			"%s: a link leads out of its directory, so nothing of it is shown: name the file itself, "
			"or allow where it lies by the option include-root [include-outside]",
			loaded->policy->name);
	return MSBPOLICY_OK;
}

struct addr_gateway api_gateway(const struct msbpolicy *loaded)
{
	struct addr_gateway gateway = policy_gateway(loaded->policy, loaded->gateway);

	return loaded->given_gateway ? gateway : policy_place_gateway(loaded->policy, gateway);
}

const char *api_json(struct arena *arena, json_t *object)
{
	char *text = arena_must(json_dumps(object, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_INDENT(2)));
	const char *copy = arena_printf(arena, "%s\n", text);

	free(text);
	json_decref(object);
	return copy;
}

const char *msbpolicy_version(void)
{
	return MSB_VERSION;
}

void msbpolicy_text_free(char *text)
{
	free(text);
}
