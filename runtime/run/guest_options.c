/* Reading --env and --workdir. */
#include "run/guest_options.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

/* "NAME=VALUE" in place of what there is for NAME, `length` bytes long */
static void set_variable(struct arena *arena, struct options_list *env, const char *variable, size_t length)
{
	for (size_t i = 0; i < env->count; i++)
		if (!strncmp(env->items[i], variable, length + 1)) {
			env->items[i] = variable;
			return;
		}
	*arena_push(arena, env) = variable;
}

const char *guest_option_env(struct arena *arena, struct run_config *config, const char *value)
{
	size_t length = strcspn(value, "=");

	if (!length)
		return "NAME=VALUE, or NAME to hand on one's own";
	if (value[length]) {
		set_variable(arena, &config->env, value, length);
		return NULL;
	}
	const char *own = getenv(value);
	if (own)
		set_variable(arena, &config->env, arena_printf(arena, "%s=%s", value, own), length);
	return NULL;
}

const char *guest_option_workdir(struct run_config *config, const char *value)
{
	if (*value != '/')
		return "an absolute path, in the guest";
	config->workdir = value;
	return NULL;
}
