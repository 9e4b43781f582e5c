/* What all commands of msb-ctl do alike: errors, JSON, asking, watching. */
#include "base/escape.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void print_error(struct ctl_line *line, const char *fmt, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "msb-ctl: error: %s\n", escape_text(line->arena, arena_vprintf(line->arena, fmt, args)));
}

enum ctl_status ctl_fail(struct ctl_line *line, const char *help, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(line, fmt, args);
	va_end(args);
	if (help)
		fprintf(stderr, "  help: %s\n", escape_text(line->arena, help));
	return CTL_FAILED;
}

enum ctl_status ctl_usage(struct ctl_line *line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(line, fmt, args);
	va_end(args);
	if (line->command)
		fprintf(stderr, "  help: msb-ctl %s --help\n", line->command->name);
	else
		fputs("  help: msb-ctl --help\n", stderr);
	return CTL_USAGE;
}

enum ctl_status ctl_print_json(struct ctl_line *line, json_t *value)
{
	CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);

	json_decref(value);
	if (!text)
		return ctl_fail(line, NULL, "no memory for the output");
	puts(text);
	return fflush(stdout) ? CTL_FAILED : CTL_FINE;
}

static enum ctl_status say_no(struct ctl_line *line, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *help = json_string_value(json_object_get(answer, "help"));

	ctl_fail(line, help, "%s: %s", line->sandbox, error ? error : "refused");
	return CTL_NO;
}

json_t *ctl_ask(struct ctl_line *line, json_t *request, enum ctl_status *status)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask ask = { .name = line->sandbox, .error = directory };

	json_object_set_new(request, "version", json_integer(1));
	if (directory >= 0)
		client_ask_all(directory, &ask, 1, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	if (ask.error < 0 || directory < 0) {
		*status = ctl_fail(line, ask.error == -ENOENT || ask.error == -ECONNREFUSED ? "msb-ctl ps" : NULL,
				   "%s: %s", line->sandbox, client_error_text(ask.error));
		return NULL;
	}
	client_close(&ask);
	if (json_is_true(json_object_get(ask.answer, "ok")))
		return ask.answer;
	*status = say_no(line, ask.answer);
	json_decref(ask.answer);
	return NULL;
}

enum ctl_status ctl_repeat(struct ctl_line *line, enum ctl_status (*once)(struct ctl_line *))
{
	struct timespec pause = { line->watch_ms / 1000, (long)(line->watch_ms % 1000) * 1000000 };
	bool clears = line->watch_ms && line->format == CTL_TEXT && isatty(STDOUT_FILENO);
	enum ctl_status status;

	for (;;) {
		if (clears)
			fputs("\033[H\033[2J", stdout);
		status = once(line);
		if (fflush(stdout))
			return CTL_FAILED;
		if (!line->watch_ms || status != CTL_FINE)
			return status;
		nanosleep(&pause, NULL);
	}
}
