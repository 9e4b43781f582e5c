/* Events as JSON lines. */
#include "report/events.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/write_now.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A guest can be refused as often as it likes; its host's disk is not to be filled by that. */
#define EVENTS_A_SECOND 200
#define EVENTS_BURST 2000

struct events {
	int fd; /* -1: none */
	void (*sink)(void *self, const char *line, size_t len);
	void *sink_self;
	bool is_file, complained;
	uint64_t room, filled_ms; /* in thousandths of a line, as of that time */
	size_t lost;              /* since the last line */
	struct events_counted counted;
};

struct events *events_open(const char *path)
{
	struct events *events = calloc(1, sizeof *events);
	if (!events)
		return NULL;
	events->room = EVENTS_BURST * 1000;
	events->fd = -1;
	if (!path)
		return events;
	/* without waiting for a FIFO's reader, neither now nor when it reads slowly */
	events->fd = strcmp(path, "-") ?
			     open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600) :
			     fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (events->fd >= 0) {
		events->is_file = write_now_is_file(events->fd);
		return events;
	}
	free(events);
	return NULL;
}

static json_t *time_before(uint64_t ms)
{
	struct timespec now;
	struct tm utc;
	char day[32];
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t then = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - ms;
	now = (struct timespec){ .tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000 };
	gmtime_r(&now.tv_sec, &utc);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03ldZ", day, now.tv_nsec / 1000000);
}

/* As `eval` writes it: a number from 1, or what else decided */
static json_t *decider(struct eval_verdict verdict)
{
	switch (verdict.by.kind) {
	case DECIDER_RULE:
		return json_integer((json_int_t)verdict.by.rule + 1);
	case DECIDER_DEFAULT:
		return json_string("default");
	case DECIDER_FLOOR:
		return json_string("floor");
	case DECIDER_REFUSED:
	case DECIDER_HIDDEN:
		return json_string("refused");
	case DECIDER_REBIND:
		return json_string("rebind");
	case DECIDER_LABEL:
		return json_string("limit");
	case DECIDER_NONE:
	case DECIDER_SEVERAL: /* of no single flow */
		break;
	}
	return json_null();
}

static json_t *start_line(const char *kind)
{
	json_t *object = json_object();
	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "time", time_before(0));
	json_object_set_new(object, "kind", json_string(kind));
	return object;
}

static char *finish_line(json_t *object, size_t *len)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	*len = text ? strlen(text) : 0;
	if (text)
		text[(*len)++] = '\n'; /* in place of the terminating zero, which is not written */
	return text;
}

static char *event_line(const struct event *event, size_t *len)
{
	json_t *object = start_line(event->kind);
	json_object_set_new(object, "flow", json_string(event->flow));
	json_object_set_new(object, "rule", decider(event->verdict));
	json_object_set_new(object, "place", json_string(place_or_dash(event->reason->place)));
	json_object_set_new(object, "text", json_string(event->reason->text));
	if (event->reason->because)
		json_object_set_new(object, "because", json_string(event->reason->because));
	if (event->name)
		json_object_set_new(object, "name", json_string(event->name));
	if (event->hello)
		json_object_set_new(object, "hello", json_string(event->hello));
	if (event->sni)
		json_object_set_new(object, "sni", json_string(event->sni));
	if (event->ended)
		json_object_set_new(object, "binding_ended", time_before(event->ended_ago_ms));
	if (event->suggest)
		json_object_set_new(object, "suggest", json_string(event->suggest->rule));
	if (event->option)
		json_object_set_new(object, "option", json_string(event->option));
	if (event->value)
		json_object_set_new(object, "value", json_integer(event->value));
	return finish_line(object, len);
}

/* What was left out is counted before the next line that is not */
static char *lost_line(size_t lost, size_t *len)
{
	json_t *object = start_line("lost");
	json_object_set_new(object, "count", json_integer((json_int_t)lost));
	return finish_line(object, len);
}

static bool take_room(struct events *events)
{
	uint64_t now_ms = clock_ms();
	events->room += (now_ms - events->filled_ms) * EVENTS_A_SECOND;
	if (events->room > EVENTS_BURST * 1000 || !events->filled_ms)
		events->room = EVENTS_BURST * 1000;
	events->filled_ms = now_ms;
	if (events->room < 1000)
		return false;
	events->room -= 1000;
	return true;
}

/* A line that whoever reads has no room for is lost, which is counted; so is one that a pipe would not take whole. */
static void write_line(struct events *events, const char *line, size_t len)
{
	if (line && events->sink)
		events->sink(events->sink_self, line, len);
	if (events->fd < 0)
		return;
	int error = !line ? -ENOMEM : !events->is_file && len > PIPE_BUF ? -EAGAIN : 0;

	if (error == 0)
		error = write_now(events->fd, events->is_file, line, len);
	events->lost += error == -EAGAIN;
	events->counted.lost += error < 0;
	events->counted.written += error == 0;
	if (error < 0 && error != -EAGAIN && !events->complained) {
		events->complained = true;
		log_line("the events file is incomplete: %s", strerror(-error));
	}
}

static void write_lost(struct events *events)
{
	size_t len;
	size_t lost = events->lost;
	if (!lost)
		return;
	CLEANUP_FREE char *line = lost_line(lost, &len);
	events->lost = 0;
	write_line(events, line, len);
	if (events->lost) /* nor is there room for this one */
		events->lost = lost;
}

void events_subscribe(struct events *events, void (*sink)(void *self, const char *line, size_t len), void *self)
{
	events->sink = sink;
	events->sink_self = self;
}

void events_write(struct events *events, const struct event *event)
{
	size_t len;
	if (!events)
		return;
	if (!take_room(events)) {
		events->lost++;
		events->counted.lost++;
		return;
	}
	write_lost(events);
	CLEANUP_FREE char *line = event_line(event, &len);
	write_line(events, line, len);
}

struct events_counted events_counted(const struct events *events)
{
	return events ? events->counted : (struct events_counted){ 0 };
}

void events_close(struct events *events)
{
	if (!events)
		return;
	write_lost(events);
	if (events->fd >= 0)
		close(events->fd);
	free(events);
}
