/* Requests and answers as JSON: jansson does the parsing, with bounds on depth of its own. */
#include "control/control_request.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ERROR_TEXT_MAX 2048

json_t *control_error(const char *help, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	json_t *answer = json_object(), *error = json_string(text);
	/* cut in the middle of a character, say */
	json_object_set_new(answer, "error", error ? error : json_string("failed"));
	json_object_set_new(answer, "ok", json_false());
	if (help)
		json_object_set_new(answer, "help", json_string(help));
	return answer;
}

json_t *control_time(const struct timespec *time)
{
	struct tm utc;
	char seconds[32];

	gmtime_r(&time->tv_sec, &utc);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03ldZ", seconds, time->tv_nsec / 1000000);
}

static const struct control_command *find_command(const struct control_command *commands, const char *name)
{
	for (; commands->name; commands++)
		if (!strcmp(commands->name, name))
			return commands;
	return NULL;
}

/* What is wrong with a request that is JSON; NULL: nothing */
static json_t *judge(const struct control_command *commands, const json_t *request, size_t len,
		     const struct control_command **command)
{
	const json_t *version = json_object_get(request, "version");
	const char *name = json_string_value(json_object_get(request, "command"));

	if (!json_is_object(request))
		return control_error(NULL, "a request is an object");
	if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION)
		return control_error("msb-ctl and msb-run are to be of one version", "\"version\" is to be %d",
				     CONTROL_VERSION);
	if (!name)
		return control_error(NULL, "\"command\" is to be a string");
	*command = find_command(commands, name);
	if (!*command)
		return control_error("msb-ctl and msb-run are to be of one version", "no such command");
	if (len > CONTROL_REQUEST_MAX && !(*command)->large)
		return control_error(NULL, "a request of %s has at most %u bytes", name, CONTROL_REQUEST_MAX);
	return NULL;
}

/* A short value takes jansson a hundred times its bytes: what one request may take altogether, freed or not */
#define PARSE_MOST (8u * CONTROL_LARGE_MAX)
static size_t parse_room;
static bool parse_room_ran_out;

static void *take_room(size_t size)
{
	parse_room_ran_out = parse_room_ran_out || size > parse_room;
	if (parse_room_ran_out)
		return NULL;
	parse_room -= size;
	return malloc(size);
}

static json_t *parse_within_room(const char *line, size_t len, json_error_t *why)
{
	json_malloc_t take;
	json_free_t give;

	parse_room = PARSE_MOST;
	parse_room_ran_out = false;
	json_get_alloc_funcs(&take, &give);
	json_set_alloc_funcs(take_room, give);
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, why);
	json_set_alloc_funcs(take, give);
	return request;
}

static json_t *parse_error(const json_error_t *why)
{
	return parse_room_ran_out ? control_error(NULL, "the request has too many parts") :
				    control_error(NULL, "no JSON: %s", why->text);
}

json_t *control_request_parse(const struct control_command *commands, const char *line, size_t len,
			      const struct control_command **command, json_t **error)
{
	json_error_t why;
	json_t *request = parse_within_room(line, len, &why);

	*command = NULL;
	*error = request ? judge(commands, request, len, command) : parse_error(&why);
	if (!*error)
		return request;
	json_decref(request);
	return NULL;
}

char *control_answer_line(json_t *answer, size_t *len)
{
	char *text = NULL;

	if (answer) {
		json_object_set_new(answer, "version", json_integer(CONTROL_VERSION));
		if (!json_object_get(answer, "ok"))
			json_object_set_new(answer, "ok", json_true());
		text = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII);
		json_decref(answer);
	}
	*len = text ? strlen(text) : 0;
	if (text && *len < CONTROL_ANSWER_MAX) {
		text[(*len)++] = '\n'; /* in place of the terminating zero, which is not sent */
		return text;
	}
	free(text);
	text = strdup("{\"version\":1,\"ok\":false,\"error\":\"the answer is too large\"}\n");
	*len = text ? strlen(text) : 0;
	return text;
}
