/* Events as JSON lines. */
#include "events.h"

#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct events {
	int fd;
	bool complained;
};

struct events *events_open(const char *path)
{
	struct events *events = calloc(1, sizeof *events);
	if (!events)
		return NULL;
	events->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (events->fd >= 0)
		return events;
	free(events);
	return NULL;
}

static json_t *time_now(void)
{
	struct timespec now;
	struct tm utc;
	char day[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03ldZ", day, now.tv_nsec / 1000000);
}

/* As `eval` writes it: a number from 1, or what else decided */
static json_t *decider(struct eval_verdict verdict)
{
	switch (verdict.by) {
	case EVAL_RULE:
		return json_integer((json_int_t)verdict.rule + 1);
	case EVAL_DEFAULT:
		return json_string("default");
	case EVAL_FLOOR:
		return json_string("floor");
	case EVAL_REFUSED:
		return json_string("refused");
	case EVAL_REBIND:
		return json_string("rebind");
	}
	return json_null();
}

static char *event_line(const struct event *event, size_t *len)
{
	json_t *object = json_object();
	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "time", time_now());
	json_object_set_new(object, "kind", json_string(event->kind));
	json_object_set_new(object, "flow", json_string(event->flow));
	json_object_set_new(object, "rule", decider(event->verdict));
	json_object_set_new(object, "place", json_string(event->reason->place));
	json_object_set_new(object, "text", json_string(event->reason->text));
	if (event->reason->because)
		json_object_set_new(object, "because", json_string(event->reason->because));
	if (event->name)
		json_object_set_new(object, "name", json_string(event->name));
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	*len = text ? strlen(text) : 0;
	if (text)
		text[(*len)++] = '\n'; /* in place of the terminating zero, which is not written */
	return text;
}

void events_write(struct events *events, const struct event *event)
{
	size_t len;
	if (!events)
		return;
	CLEANUP_FREE char *line = event_line(event, &len);
	if ((!line || write(events->fd, line, len) != (ssize_t)len) && !events->complained) {
		events->complained = true;
		log_line("the events file is incomplete: %s", strerror(line ? errno : ENOMEM));
	}
}

void events_close(struct events *events)
{
	if (!events)
		return;
	close(events->fd);
	free(events);
}
