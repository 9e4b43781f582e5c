/* From a path or texts, and options, to a policy. */
#include "api/api_state.h"
#include "diag/findings.h"
#include "lower/lower.h"
#include "optimise/optimise.h"
#include "policy/policy_facts.h"
#include "policy/policy_status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX (64u << 20)
#define TEXT_INCLUDED_MAX (1u << 20)
#define FINDINGS_MAX 1000

static struct msbpolicy *loaded_new(void)
{
	struct arena *arena = arena_new();
	struct msbpolicy *loaded = arena_alloc(arena, sizeof *loaded);

	loaded->arena = arena;
	loaded->sources = sources_new(arena);
	loaded->diags = diags_new(arena, loaded->sources);
	loaded->diags->limit = FINDINGS_MAX;
	loaded->options.arena = arena;
	loaded->options.takes_library = true;
	loaded->optimise = OPTIMISE_MOST;
	addr_gateway_parse(ADDR_GATEWAY_DEFAULT, &loaded->gateway);
	return loaded;
}

void msbpolicy_free(msbpolicy *loaded)
{
	if (loaded)
		arena_free(loaded->arena);
}

/* ---- options ---- */

/* Each returns NULL, or why the value is refused */
static const char *take_gateway(struct msbpolicy *loaded, const char *value)
{
	loaded->given_gateway = true;
	return addr_gateway_parse(value, &loaded->gateway);
}

static const char *take_disable(struct msbpolicy *loaded, const char *value)
{
	*arena_push(loaded->arena, &loaded->disabled) = value;
	return finding_text(value) ? NULL : "no such finding";
}

static const char *take_optimise(struct msbpolicy *loaded, const char *value)
{
	loaded->optimise = value[0] - '0';
	return value[0] >= '0' && value[0] <= '2' && !value[1] ? NULL : "0, 1 or 2";
}

static const struct {
	const char *name;
	const char *(*take)(struct msbpolicy *, const char *value);
} own[] = { { "gateway", take_gateway }, { "disable", take_disable }, { "optimise", take_optimise } };

static const char *take_option(struct msbpolicy *loaded, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(name, own[i].name))
			return value ? own[i].take(loaded, value) : "wants a value";
	if (!strcmp(name, "policy"))
		return "the policy is an argument of its own";
	if (!strcmp(name, "floor") && value && source_is_stream(value))
		return "standard input is not read";
	return options_take_named(&loaded->options, name, value) ? NULL :
								   "no such option, or it wants a value, or none";
}

static int take_options(struct msbpolicy *loaded, const struct msbpolicy_option *options, size_t count, char **error)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = arena_strdup(loaded->arena, options[i].name);
		const char *value = options[i].value ? arena_strdup(loaded->arena, options[i].value) : NULL;
		const char *why = take_option(loaded, name, value);

		if (why)
			return api_fail(error, MSBPOLICY_USAGE, "option %s%s%s: %s", name, value ? " " : "",
					value ? value : "", why);
	}
	options_set_today(&loaded->options, time(NULL));
	return MSBPOLICY_OK;
}

/* ---- resolving ---- */

/* Of a policy that only its text keeps from being used the caller may ask what is wrong */
static int resolve(struct msbpolicy *loaded, const char *file, msbpolicy **out, char **error)
{
	static const int statuses[] = { [POLICY_FINE] = MSBPOLICY_OK,
					[POLICY_WRONG] = MSBPOLICY_INVALID,
					[POLICY_BAD_OPTION] = MSBPOLICY_USAGE,
					[POLICY_UNREADABLE] = MSBPOLICY_SYSTEM };
	int status;

	loaded->policy =
		options_resolve(&loaded->options, file ? arena_strdup(loaded->arena, file) : NULL, loaded->diags);
	loaded->sources->texts = NULL; /* the caller's, and nothing is read from here on */
	status = statuses[policy_status(loaded->diags)];
	if (status == MSBPOLICY_OK && loaded->diags->errors) /* past those that are kept */
		status = MSBPOLICY_INVALID;
	if (status != MSBPOLICY_OK)
		api_fail_diags(error, status, loaded->diags);
	if (status > MSBPOLICY_INVALID) {
		msbpolicy_free(loaded);
		return status;
	}
	if (!loaded->diags->errors || policy_is_merely_expired(loaded->diags))
		eval_prepare(loaded->policy);
	*out = loaded;
	return status;
}

int msbpolicy_load_file(const char *path, const struct msbpolicy_option *options, size_t option_count, msbpolicy **out,
			char **error)
{
	API_WORKS;
	struct msbpolicy *loaded;
	int status;

	*out = NULL;
	if (error)
		*error = NULL;
	if (path && source_is_stream(path))
		return api_fail(error, MSBPOLICY_USAGE, "%s: standard input is not read: load its text", path);
	loaded = loaded_new();
	status = take_options(loaded, options, option_count, error);
	if (status == MSBPOLICY_OK)
		return resolve(loaded, path, out, error);
	msbpolicy_free(loaded);
	return status;
}

/* NULL: a text is too long */
static struct source *sources_of(struct arena *arena, const struct msbpolicy_text *texts, size_t count)
{
	struct source *items = arena_alloc(arena, count * sizeof *items);

	for (size_t i = 0; i < count; i++) {
		if (texts[i].len > (i ? TEXT_INCLUDED_MAX : TEXT_MAX))
			return NULL;
		items[i] = (struct source){
			.name = texts[i].name, .text = texts[i].text, .len = texts[i].len, .quotable = true
		};
	}
	return items;
}

int msbpolicy_load_texts(const struct msbpolicy_text *texts, size_t text_count, const struct msbpolicy_option *options,
			 size_t option_count, msbpolicy **out, char **error)
{
	API_WORKS;
	struct source_texts given = { .count = text_count };
	struct msbpolicy *loaded;
	int status;

	*out = NULL;
	if (error)
		*error = NULL;
	if (!text_count)
		return api_fail(error, MSBPOLICY_USAGE, "no text");
	loaded = loaded_new();
	given.items = sources_of(loaded->arena, texts, text_count);
	status = take_options(loaded, options, option_count, error);
	if (status == MSBPOLICY_OK && !given.items)
		status = api_fail(error, MSBPOLICY_USAGE,
				  "a text of more than 64 MiB, or one included of more than 1 MiB");
	if (status == MSBPOLICY_OK) {
		loaded->sources->texts = &given;
		return resolve(loaded, texts[0].name, out, error);
	}
	msbpolicy_free(loaded);
	return status;
}
