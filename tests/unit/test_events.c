/* Events: whole lines, no more of them than a disk bears, what says the same again counted. */
#include "report/events.h"
#include "report/event_fold.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLOOD 50000

static struct reason by_default = { .text = "default egress deny" };
static char path[] = "/tmp/msb-events.XXXXXX";

static struct events *open_file(void)
{
	static const char *sinks[] = { path, NULL };
	const struct events_start start = { .sandbox = "test", .sinks = sinks };
	const char *failed;

	close(mkstemp(path));
	struct events *events = events_open(&start, &failed);
	cr_assert(events);
	return events;
}

static void deny(struct events *events, const char *flow)
{
	struct event event = {
		.kind = "deny", .flow = flow, .verdict = { POLICY_DENY, { DECIDER_DEFAULT, 0 } }, .reason = &by_default
	};

	events_write(events, &event);
}

/* The lines of the file, as objects */
static json_t *read_events(void)
{
	json_t *lines = json_array();
	FILE *file = fopen(path, "r");
	char line[8192];

	while (fgets(line, sizeof line, file)) {
		cr_assert(strchr(line, '\n'), "a whole line");
		json_array_append_new(lines, json_loads(line, 0, NULL));
	}
	fclose(file);
	unlink(path);
	return lines;
}

static json_int_t integer(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

static const char *text(const json_t *event, const char *key)
{
	const char *value = json_string_value(json_object_get(event, key));

	return value ? value : "";
}

Test(events, a_flood_of_different_ones_is_bounded_and_counted)
{
	struct events *events = open_file();
	unsigned long written = 0, lost = 0;
	char flow[64];
	size_t i;
	json_t *event;

	for (int number = 0; number < FLOOD; number++) {
		snprintf(flow, sizeof flow, "egress@203.0.113.1:udp:%d", number);
		deny(events, flow);
	}
	struct events_counted counted = events_counted(events);
	events_close(events);
	json_t *lines = read_events();
	json_array_foreach(lines, i, event)
	{
		if (!strcmp(text(event, "kind"), "lost"))
			lost += (unsigned long)integer(event, "count");
		else
			written++;
	}
	json_decref(lines);
	cr_assert_geq(written, 2000);
	cr_assert_lt(written, FLOOD / 2);
	cr_assert_eq(written + lost, FLOOD, "%lu written, %lu lost", written, lost);
	cr_assert_eq(counted.lost, lost);
}

Test(events, those_that_say_the_same_are_counted_and_none_is_missing)
{
	struct events *events = open_file();
	unsigned long told[2] = { 0 }, written = 0;
	size_t i;
	json_t *event;

	for (int number = 0; number < FLOOD; number++)
		deny(events, number % 10 ? "egress@203.0.113.1:tcp:443" : "egress@203.0.113.2:tcp:443");
	events_close(events);
	json_t *lines = read_events();
	json_array_foreach(lines, i, event)
	{
		bool more = json_object_get(event, "count");
		written++;
		told[!strcmp(text(event, "flow"), "egress@203.0.113.2:tcp:443")] +=
			more ? (unsigned long)integer(event, "count") : 1;
		cr_assert_str_eq(text(event, "kind"), "deny");
		cr_assert_eq(more, json_object_get(event, "since") != NULL);
		cr_assert(!more || strcmp(text(event, "since"), text(event, "time")) <= 0);
	}
	json_decref(lines);
	cr_assert_eq(told[0], FLOOD / 10 * 9);
	cr_assert_eq(told[1], FLOOD / 10);
	cr_assert_lt(written, 100, "%lu lines", written);
}

Test(events, what_was_counted_is_told_within_about_a_second)
{
	struct events *events = open_file();

	for (int i = 0; i < 3; i++)
		deny(events, "dns@a.example:udp");
	cr_assert_eq(events_counted(events).written, 1);
	int wait = events_wait(events);
	cr_assert(wait > 0 && wait <= EVENT_FOLD_MS, "%d ms", wait);
	usleep(((unsigned)wait + 5) * 1000);
	events_settle(events);
	cr_assert_eq(events_counted(events).written, 2);
	deny(events, "dns@a.example:udp"); /* its next second goes on: counted again */
	cr_assert_eq(events_counted(events).written, 2);
	events_close(events);
	json_t *lines = read_events();
	cr_assert_eq(json_array_size(lines), 3);
	cr_assert_eq(integer(json_array_get(lines, 1), "count"), 2);
	cr_assert_eq(integer(json_array_get(lines, 2), "count"), 1);
	json_decref(lines);
}

Test(events, nothing_to_wait_for_when_nothing_was_counted)
{
	struct events *events = open_file();

	cr_assert_eq(events_wait(events), -1);
	deny(events, "dns@a.example:udp");
	usleep((EVENT_FOLD_MS + 5) * 1000);
	events_settle(events);
	cr_assert_eq(events_wait(events), -1);
	events_close(events);
	json_decref(read_events());
}

Test(events, what_happens_to_the_sandbox_is_told_in_a_flood_and_in_order)
{
	struct events *events = open_file();
	char flow[64];

	for (int number = 0; number < 3000; number++) {
		snprintf(flow, sizeof flow, "egress@203.0.113.1:udp:%d", number);
		deny(events, flow);
	}
	deny(events, "egress@203.0.113.1:udp:0");
	events_tell(events, "reload", json_pack("{s:i, s:s}", "generation", 2, "kind", "forged"));
	events_close(events);
	json_t *lines = read_events();
	size_t count = json_array_size(lines);
	const json_t *last = json_array_get(lines, count - 1), *before = json_array_get(lines, count - 2);
	cr_assert_str_eq(text(last, "kind"), "reload");
	cr_assert_eq(integer(last, "generation"), 2);
	cr_assert_str_eq(text(before, "kind"), "lost");
	json_decref(lines);
}

Test(events, every_line_says_whose_it_is_and_of_which_run)
{
	struct events *events = open_file();
	char id[EVENTS_ID_LEN + 1];
	size_t i;
	json_t *event;

	strcpy(id, events_id(events));
	cr_assert_eq(strspn(id, "0123456789abcdef"), EVENTS_ID_LEN);
	deny(events, "dns@a.example:udp");
	deny(events, "dns@a.example:udp");
	events_lost(events, EVENTS_LOST_KERNEL, 1);
	events_tell(events, "stop", json_pack("{s:i}", "status", 0));
	events_close(events);
	json_t *lines = read_events();
	cr_assert_eq(json_array_size(lines), 4);
	json_array_foreach(lines, i, event)
	{
		cr_expect_str_eq(text(event, "sandbox"), "test");
		cr_expect_str_eq(text(event, "id"), id);
		cr_expect_eq(strlen(text(event, "time")), 24);
		cr_expect_eq(integer(event, "version"), 1);
	}
	json_decref(lines);
}

static char *heard;
static size_t heard_len;

static void hear(void *self, const char *line, size_t len, size_t tells)
{
	FILE *out = self;

	cr_assert_eq(tells, 1);
	fwrite(line, 1, len, out);
}

Test(events, without_a_sink_the_subscriber_has_them_all)
{
	const struct events_start start = { .sandbox = "test" };
	const char *failed;
	struct events *events = events_open(&start, &failed);
	FILE *out = open_memstream(&heard, &heard_len);

	deny(events, "dns@before.example:udp"); /* nobody hears that */
	events_subscribe(events, hear, out);
	deny(events, "dns@a.example:udp");
	deny(events, "dns@a.example:udp");
	events_close(events);
	fclose(out);
	cr_assert_not(strstr(heard, "before.example"));
	cr_assert(strstr(heard, "\"flow\":\"dns@a.example:udp\""));
	cr_assert(strstr(heard, "\"count\":1"));
	free(heard);
}

/* A FIFO that has room for nothing: what a line would have told is counted, not the line */
Test(events, a_sink_that_loses_a_line_loses_all_that_it_tells)
{
	const char *sinks[] = { path, NULL }, *failed;
	const struct events_start start = { .sandbox = "test", .sinks = sinks };
	char zeros[4096] = "", line[8192];

	close(mkstemp(path));
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	while (write(reader, zeros, sizeof zeros) > 0)
		continue;
	struct events *events = events_open(&start, &failed);
	cr_assert(events);
	for (int i = 0; i < 40; i++)
		deny(events, "dns@a.example:udp");
	events_tell(events, "reload", NULL); /* which tells of the 39 before */
	events_lost(events, EVENTS_LOST_KERNEL, 5);
	events_tell(events, "reload", NULL);
	cr_assert_eq(events_counted(events).lost, 40 + 5 + 2);
	while (read(reader, zeros, sizeof zeros) > 0)
		continue;
	usleep(1100000);
	events_settle(events);
	ssize_t len = read(reader, line, sizeof line - 1);
	cr_assert_gt(len, 0);
	line[len] = '\0';
	json_t *told = json_loads(line, 0, NULL);
	cr_assert(told, "%s", line);
	cr_assert_str_eq(text(told, "kind"), "lost");
	cr_assert_eq(integer(told, "count"), 40 + 5 + 2, "%s", line);
	json_decref(told);
	events_close(events);
	close(reader);
	unlink(path);
}
