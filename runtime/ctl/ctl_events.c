/* What a sandbox reports: the last ones, or all from now on. */
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "report/event_text.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static void print_text(const json_t *event)
{
	struct arena *arena = arena_new();

	puts(event_text(arena, event, true));
	arena_free(arena);
}

static bool print_event(const struct ctl_line *line, const json_t *event)
{
	if (line->format == CTL_TEXT) {
		print_text(event);
	} else {
		CLEANUP_FREE char *text = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
		if (text)
			puts(text);
	}
	return !fflush(stdout);
}

static enum ctl_status show_last(struct ctl_line *line)
{
	enum ctl_status status = CTL_FINE;
	json_t *answer = ctl_ask(line, json_pack("{s:s}", "command", "events"), &status);
	const json_t *events = json_object_get(answer, "events");

	for (size_t i = 0; i < json_array_size(events) && status == CTL_FINE; i++)
		if (!print_event(line, json_array_get(events, i)))
			status = CTL_FAILED;
	json_decref(answer);
	return status;
}

static enum ctl_status read_lines(struct ctl_line *line, struct client_ask *ask)
{
	const char *text;
	size_t len;
	int got;

	while ((got = client_line(ask, -1, &text, &len)) > 0) {
		json_t *event = json_loadb(text, len, 0, NULL);
		bool sane = json_is_object(event), taken = sane && print_event(line, event);
		json_decref(event);
		if (!sane)
			return ctl_fail(line, NULL, "%s: %s", line->sandbox, client_error_text(-EPROTO));
		if (!taken)
			return CTL_FAILED;
	}
	return got < 0 ? ctl_fail(line, NULL, "%s: %s", line->sandbox, client_error_text(got)) : CTL_FINE;
}

/* Until the sandbox has ended */
static enum ctl_status follow(struct ctl_line *line)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask ask = { .name = line->sandbox, .fd = -1, .error = directory };
	json_t *request = json_pack("{s:i, s:s, s:b}", "version", 1, "command", "events", "follow", 1);
	enum ctl_status status;

	if (directory >= 0)
		client_follow(directory, &ask, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	const char *error = text_of(ask.answer, "error");
	if (ask.error < 0)
		status = ctl_fail(line, "msb-ctl ps", "%s: %s", line->sandbox, client_error_text(ask.error));
	else if (error)
		status = ctl_fail(line, text_of(ask.answer, "help"), "%s: %s", line->sandbox, error);
	else
		status = read_lines(line, &ask);
	json_decref(ask.answer);
	client_close(&ask);
	return status;
}

enum ctl_status ctl_events(struct ctl_line *line)
{
	return line->values[EVENTS_FOLLOW] ? follow(line) : show_last(line);
}
