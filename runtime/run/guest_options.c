/* Reading --env, --workdir and --volume. */
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

/* The directory in the guest, from `text` of `length` bytes; NULL where it is none that can be mounted */
static const char *volume_guest(struct arena *arena, const char *text, size_t length)
{
	while (length > 1 && text[length - 1] == '/')
		length--;
	return *text == '/' && length > 1 ? arena_strndup(arena, text, length) : NULL;
}

const char *guest_option_volume(struct arena *arena, struct run_config *config, const char *value)
{
	static const char wanted[] = "HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw, GUEST an absolute path other than /";
	const char *guest = strchr(value, ':');
	const char *mode = guest ? strchr(guest + 1, ':') : NULL;
	struct run_volume *volume = &config->volumes[config->volume_count];

	if (!guest || guest == value || (mode && strcmp(mode, ":ro") && strcmp(mode, ":rw")))
		return wanted;
	if (config->volume_count == VOLUMES_MAX)
		return "4 at most";
	guest++;
	volume->host = arena_strndup(arena, value, (size_t)(guest - 1 - value));
	volume->guest = volume_guest(arena, guest, mode ? (size_t)(mode - guest) : strlen(guest));
	volume->read_only = mode && !strcmp(mode, ":ro");
	if (!volume->guest)
		return wanted;
	for (size_t i = 0; i < config->volume_count; i++)
		if (!strcmp(config->volumes[i].guest, volume->guest))
			return "there is one already at that place of the guest";
	config->volume_count++;
	return NULL;
}
