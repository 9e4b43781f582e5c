/* Events to whoever wants them, in bounds. */
#include "report/events.h"
#include "core/clock.h"
#include "core/fd.h"
#include "report/event_fold.h"
#include "report/event_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Its host's disk is not to be filled by what a guest is refused. */
#define EVENTS_A_SECOND 200
#define EVENTS_BURST 2000
#define LOST_LINE_MS 1000 /* how often what was lost is told */

struct events {
	const char *sandbox;
	char id[EVENTS_ID_LEN + 1];
	uint64_t secret; /* event_key()'s */
	struct event_sink sinks[EVENT_SINKS_MAX];
	size_t sink_count;
	void (*subscriber)(void *self, const char *line, size_t len, size_t tells);
	void *subscriber_self;
	struct event_fold *fold;        /* made with the first event */
	uint64_t room, filled_ms;       /* in thousandths of a line, as of that time */
	size_t lost[EVENTS_LOST_COUNT]; /* since they were told */
	uint64_t lost_told_ms;          /* the first of these was lost then; 0: none */
	uint64_t short_told_ms;         /* the sinks that have lost lines were tried last */
	struct events_counted counted;
};

static const char *const lost_texts[EVENTS_LOST_COUNT] = {
	[EVENTS_LOST_RATE] = "more than 200 a second",
	[EVENTS_LOST_KERNEL] = "the kernel's queue of refused packets was full",
	[EVENTS_LOST_LOG] = "more than 100 refused packets a second, which are not looked at",
	[EVENTS_LOST_LOGGED] = "more than 100 logged packets a second, which are not looked at",
	[EVENTS_LOST_FLOWS] = "the kernel's queue of flows was full",
	[EVENTS_LOST_METERS] = "more than 20 packets a second over rules' limits of bytes",
	[EVENTS_LOST_OVER + OVER_TCP] = "more than 20 packets a second over the limit of TCP connections",
	[EVENTS_LOST_OVER + OVER_UDP] = "more than 20 packets a second over the limit of UDP flows",
	[EVENTS_LOST_OVER + OVER_OTHER] = "more than 20 packets a second over the limit of other flows",
	[EVENTS_LOST_OVER + OVER_RATE] = "more than 20 packets a second over the rate of new flows",
	[EVENTS_LOST_OVER + OVER_NEIGHBOURS] =
		"more than 20 packets a second over the rate of new flows to the host's own networks",
	[EVENTS_LOST_OVER + OVER_QUESTIONS] = "more than 20 packets a second over the limit of DNS questions",
	[EVENTS_LOST_OVER + OVER_SHARE] = "more than 20 packets a second over the share of the host's conntrack",
	[EVENTS_LOST_OVER + OVER_ALL] =
		"more than 20 packets a second over all sandboxes' share of the host's conntrack",
	[EVENTS_LOST_OVER + OVER_EGRESS_BYTES] = "more than 20 packets a second over the limit of egress bytes",
	[EVENTS_LOST_OVER + OVER_INGRESS_BYTES] = "more than 20 packets a second over the limit of ingress bytes",
};

static void make_id(struct events *events)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		number = clock_ms();
	if (getrandom(&events->secret, sizeof events->secret, 0) != sizeof events->secret)
		events->secret = ~number;
	snprintf(events->id, sizeof events->id, "%016" PRIx64, number);
}

struct events *events_open(const struct events_start *start, const char **failed)
{
	struct events *events = calloc(1, sizeof *events);
	int error = events ? 0 : -ENOMEM;

	*failed = NULL;
	for (const char *const *target = start->sinks; error == 0 && target && *target; target++) {
		error = events->sink_count < EVENT_SINKS_MAX ?
				event_sink_open(&events->sinks[events->sink_count], *target, start->file_limit,
						start->keep) :
				-E2BIG;
		events->sink_count += error == 0;
		*failed = error < 0 ? *target : NULL;
	}
	if (error == 0) {
		events->sandbox = start->sandbox;
		events->room = EVENTS_BURST * 1000;
		make_id(events);
		return events;
	}
	events_close(events);
	errno = -error;
	return NULL;
}

void events_subscribe(struct events *events, void (*sink)(void *self, const char *line, size_t len, size_t tells),
		      void *self)
{
	events->subscriber = sink;
	events->subscriber_self = self;
}

const char *events_id(const struct events *events)
{
	return events->id;
}

struct events_counted events_counted(const struct events *events)
{
	return events ? events->counted : (struct events_counted){ 0 };
}

/* ---- writing ---- */

static json_t *lost_object(const struct events *events, size_t count, const char *why)
{
	json_t *object = event_object("lost", events->sandbox, events->id);
	json_object_set_new(object, "count", json_integer((json_int_t)count));
	json_object_set_new(object, "because", json_string(why));
	return object;
}

/* What a sink has lost is told before the next line that it takes */
static bool tell_sink_lost(const struct events *events, struct event_sink *sink)
{
	size_t len, lost = sink->lost;
	if (!lost)
		return true;
	json_t *object = lost_object(events, lost, event_sink_why(sink));
	CLEANUP_FREE char *line = event_line(object, &len);
	sink->lost = 0;
	bool told = event_sink_write(sink, object, line, len) == 0;
	if (!told)
		sink->lost = lost;
	json_decref(object);
	return told;
}

static bool is_lost_line(const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));

	return kind && !strcmp(kind, "lost");
}

static void write_sink(struct events *events, struct event_sink *sink, const json_t *object, const char *line,
		       size_t len)
{
	bool told = tell_sink_lost(events, sink);

	if (told && event_sink_write(sink, object, line, len) == 0)
		return;
	if (!told) /* in order: what follows the lost ones waits for the line that counts them */
		sink->lost += event_sink_weight(object);
	if (!is_lost_line(object)) /* else these were counted when they were lost */
		events->counted.lost += event_sink_weight(object);
}

/* `object` is taken over; key 0: it is never folded */
static void put(struct events *events, json_t *object, uint64_t key)
{
	size_t len;
	CLEANUP_FREE char *line = event_line(object, &len);

	events->counted.written++;
	if (line && events->subscriber)
		events->subscriber(events->subscriber_self, line, len, event_sink_weight(object));
	for (size_t i = 0; i < events->sink_count; i++)
		write_sink(events, &events->sinks[i], object, line, len);
	if (line && key && events->fold)
		event_fold_begin(events->fold, key, line, len, clock_ms());
	json_decref(object);
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

static bool is_heard(const struct events *events)
{
	return events && (events->subscriber || events->sink_count);
}

void events_lost(struct events *events, enum events_lost why, size_t count)
{
	if (!is_heard(events) || !count)
		return;
	events->lost[why] += count;
	events->counted.lost += count;
	if (!events->lost_told_ms)
		events->lost_told_ms = clock_ms();
}

static void tell_lost(struct events *events)
{
	for (size_t i = 0; i < EVENTS_LOST_COUNT; i++)
		if (events->lost[i]) {
			put(events, lost_object(events, events->lost[i], lost_texts[i]), 0);
			events->lost[i] = 0;
		}
	events->lost_told_ms = 0;
}

static bool is_lost_due(const struct events *events)
{
	return events->lost_told_ms && clock_ms() - events->lost_told_ms >= LOST_LINE_MS;
}

void events_write(struct events *events, const struct event *event)
{
	if (!is_heard(events))
		return;
	uint64_t key = event_key(event, events->secret);
	if (!events->fold && key)
		events->fold = calloc(1, sizeof *events->fold);
	events_settle(events);
	if (key && events->fold && event_fold_count(events->fold, key))
		return;
	if (!take_room(events)) {
		events_lost(events, EVENTS_LOST_RATE, 1);
		return;
	}
	json_t *object = event_object(event->kind, events->sandbox, events->id);
	event_add_members(object, event);
	put(events, object, key);
}

/* ---- what was counted ---- */

static void put_folded(struct events *events, json_t *object, size_t count, uint64_t age_ms)
{
	if (!object || !take_room(events)) {
		json_decref(object);
		events_lost(events, EVENTS_LOST_RATE, count);
		return;
	}
	json_object_set_new(object, "time", event_time_before(0));
	json_object_set_new(object, "count", json_integer((json_int_t)count));
	json_object_set_new(object, "since", event_time_before(age_ms));
	put(events, object, 0);
}

static void unfold(struct events *events, bool all)
{
	uint64_t since_ms, now_ms = clock_ms();
	json_t *object;
	size_t count;

	while (events->fold && event_fold_next(events->fold, now_ms, all, &object, &count, &since_ms))
		put_folded(events, object, count, now_ms > since_ms ? now_ms - since_ms : 0);
}

static bool is_short(const struct events *events)
{
	for (size_t i = 0; i < events->sink_count; i++)
		if (events->sinks[i].lost)
			return true;
	return false;
}

/* A reader that reads again hears what it missed, though nothing else happens. */
static void tell_short(struct events *events)
{
	events->short_told_ms = clock_ms();
	for (size_t i = 0; i < events->sink_count; i++)
		tell_sink_lost(events, &events->sinks[i]);
}

int events_wait(const struct events *events)
{
	if (!is_heard(events))
		return -1;
	int wait = events->fold ? event_fold_wait(events->fold, clock_ms()) : -1;
	bool lost = events->lost_told_ms || is_short(events);
	return lost && (wait < 0 || wait > LOST_LINE_MS) ? LOST_LINE_MS : wait;
}

void events_settle(struct events *events)
{
	if (!is_heard(events))
		return;
	unfold(events, false);
	if (is_lost_due(events))
		tell_lost(events);
	if (is_short(events) && clock_ms() - events->short_told_ms >= LOST_LINE_MS)
		tell_short(events);
}

/* What is counted so far is told, though its second is not over. */
static void flush(struct events *events)
{
	unfold(events, true);
	tell_lost(events);
}

/* In order: what was counted happened before. */
void events_tell(struct events *events, const char *kind, json_t *members)
{
	if (is_heard(events)) {
		flush(events);
		json_t *object = event_object(kind, events->sandbox, events->id);
		json_object_update_missing(object, members);
		put(events, object, 0);
	}
	json_decref(members);
}

void events_close(struct events *events)
{
	if (!events)
		return;
	flush(events);
	tell_short(events);
	for (size_t i = 0; i < events->sink_count; i++)
		event_sink_close(&events->sinks[i]);
	if (events->fold)
		event_fold_free(events->fold);
	free(events->fold);
	free(events);
}
