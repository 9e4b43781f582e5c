/* Columns that a person can read down; what a kind of event has to say beyond its flow is a row of a table. */
#include "report/event_text.h"
#include "base/escape.h"
#include "base/units.h"
#include "report/hello_words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KIND_WIDTH = 5, FLOW_WIDTH = 29 };

static const char *member(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static bool number(const json_t *event, const char *key, json_int_t *out)
{
	const json_t *value = json_object_get(event, key);

	*out = json_integer_value(value);
	return json_is_integer(value);
}

/* "2026-11-28T09:26:41.123Z" in milliseconds; false: it is none */
static bool read_time(const char *text, long long *ms)
{
	struct tm tm = { 0 };
	int milli, end = 0;

	if (!text ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &milli, &end) != 7 ||
	    end != 24)
		return false;
	tm.tm_year -= 1900, tm.tm_mon -= 1;
	*ms = (long long)timegm(&tm) * 1000 + milli;
	return true;
}

/* "rule 1 deny@meta (agent.msb:6)" */
static const char *rule_text(struct arena *arena, const json_t *event)
{
	const char *text = member(event, "text"), *place = member(event, "place");
	json_int_t rule;

	if (!text)
		return "";
	if (number(event, "rule", &rule))
		text = arena_printf(arena, "rule %" JSON_INTEGER_FORMAT " %s", rule, text);
	return place && strcmp(place, "-") ? arena_printf(arena, "%s (%s)", text, place) : text;
}

/* "37 more in 1.0 s"; NULL: it is no count of others */
static const char *more_text(struct arena *arena, const json_t *event)
{
	long long now, since;
	json_int_t count;

	if (!number(event, "count", &count) || !read_time(member(event, "since"), &since) ||
	    !read_time(member(event, "time"), &now))
		return NULL;
	return arena_printf(arena, "%" JSON_INTEGER_FORMAT " more in %.1f s", count, (double)(now - since) / 1000);
}

/* "  1234 B sent, 5678 B received in 2.0 s, closed" */
static const char *traffic_text(struct arena *arena, const json_t *event)
{
	const char *end = member(event, "end");
	const char *text = " ";
	json_int_t sent, received, ms;

	if (number(event, "bytes_sent", &sent) && number(event, "bytes_received", &received))
		text = arena_printf(arena, "  %" JSON_INTEGER_FORMAT " B sent, %" JSON_INTEGER_FORMAT " B received",
				    sent, received);
	if (!number(event, "duration_ms", &ms))
		return "";
	text = arena_printf(arena, "%s in %.1f s", text, (double)ms / 1000);
	return end ? arena_printf(arena, "%s, %s", text, end) : text;
}

/* Each behind two blanks */
static const char *rest_text(struct arena *arena, const json_t *event)
{
	static const struct {
		const char *key, *before, *after;
	} parts[] = {
		{ "because", "\"", "\"" },
		{ "name", "", "" },
	};
	const char *rest = "", *hello = member(event, "hello"), *sni = member(event, "sni");

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *text = member(event, parts[i].key);
		if (text)
			rest = arena_printf(arena, "%s  %s%s%s", rest, parts[i].before, text, parts[i].after);
	}
	if (hello || sni)
		rest = arena_printf(arena, "%s  %s", rest, hello_words(arena, hello ? hello : HELLO_NAME, sni));
	return arena_printf(arena, "%s%s", rest, traffic_text(arena, event));
}

/* ", 3 flows ended"; "" where none were */
static const char *flows_text(struct arena *arena, const json_t *event)
{
	json_int_t ended;

	if (!number(event, "flows_ended", &ended) || !ended)
		return "";
	return arena_printf(arena, ", %" JSON_INTEGER_FORMAT " flow%s ended", ended, ended == 1 ? "" : "s");
}

static const char *generation_text(struct arena *arena, const json_t *event)
{
	json_int_t generation;

	return number(event, "generation", &generation) ?
		       arena_printf(arena, ", generation %" JSON_INTEGER_FORMAT, generation) :
		       "";
}

/* "agent.msb, generation 3, 2 flows ended" */
static const char *policy_text(struct arena *arena, const json_t *event, const char *policy)
{
	bool audited = json_is_true(json_object_get(event, "audit"));

	const char *text = arena_printf(arena, "%s%s%s%s", policy, generation_text(arena, event),
					flows_text(arena, event), audited ? ", not enforced: an audit" : "");
	const char *rule = member(event, "text"), *because = member(event, "because");

	return because ? arena_printf(arena, "%s stays: %s%s%s", text, rule ? rule : "", rule ? ": " : "", because) :
			 text;
}

/* "status 0, 12 denied, after 3.5 s" */
static const char *stop_text(struct arena *arena, const json_t *event)
{
	json_int_t status = 0, denied = 0, up_ms = 0;

	number(event, "status", &status);
	number(event, "denied", &denied);
	number(event, "up_ms", &up_ms);
	return arena_printf(arena, "status %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " denied, after %.1f s",
			    status, denied, (double)up_ms / 1000);
}

/* "1 allow@pypi.org:tcp:443 for 600 s, generation 2" */
static const char *grant_text(struct arena *arena, const json_t *event)
{
	const char *rule = member(event, "text"), *because = member(event, "because");
	json_int_t id = 0, for_ms;

	number(event, "grant", &id);
	const char *text = arena_printf(arena, "%" JSON_INTEGER_FORMAT " %s", id, rule ? rule : "?");
	if (number(event, "for_ms", &for_ms))
		text = arena_printf(arena, "%s for %" JSON_INTEGER_FORMAT " s", text, for_ms / 1000);
	if (because)
		text = arena_printf(arena, "%s: %s", text, because);
	return arena_printf(arena, "%s%s%s", text, generation_text(arena, event), flows_text(arena, event));
}

/* "512 events: the reader was too slow" */
static const char *lost_text(struct arena *arena, const json_t *event)
{
	const char *because = member(event, "because");
	json_int_t count;

	number(event, "count", &count);
	return arena_printf(arena, "%" JSON_INTEGER_FORMAT " event%s%s%s", count, count == 1 ? "" : "s",
			    because ? ": " : "", because ? because : "");
}

/* "1 process killed for memory: limit 64M" */
static const char *oom_text(struct arena *arena, const json_t *event)
{
	json_int_t killed = 0, most;

	number(event, "killed", &killed);
	const char *text = arena_printf(arena, "%" JSON_INTEGER_FORMAT " process%s killed for memory", killed,
					killed == 1 ? "" : "es");
	return number(event, "memory_max", &most) && most > 0 ?
		       arena_printf(arena, "%s: limit %s", text, units_size_format(arena, (uint64_t)most)) :
		       text;
}

/* `width` of a flow */
static const char *said(struct arena *arena, const json_t *event, const char *kind, int width)
{
	const char *flow = member(event, "flow"), *more = more_text(arena, event), *policy = member(event, "policy");

	if (!strcmp(kind, "lost"))
		return lost_text(arena, event);
	if (policy)
		return policy_text(arena, event, policy);
	if (!strcmp(kind, "oom"))
		return oom_text(arena, event);
	if (!strcmp(kind, "stop"))
		return stop_text(arena, event);
	if (!strcmp(kind, "grant") || !strcmp(kind, "grant-end"))
		return grant_text(arena, event);
	if (!flow)
		return arena_printf(arena, "%s%s", rule_text(arena, event), rest_text(arena, event));
	if (more)
		return arena_printf(arena, "%-*s  %s", width, flow, more);
	const char *rule = rule_text(arena, event);
	return arena_printf(arena, "%-*s%s%s%s", width, flow, *rule ? "  " : "", rule, rest_text(arena, event));
}

const char *event_text(struct arena *arena, const json_t *event, bool with_time)
{
	const char *time = member(event, "time"), *kind = member(event, "kind");
	bool timed = time && strlen(time) == 24 && time[10] == 'T';

	kind = kind ? kind : "?";
	const char *word = strcmp(kind, "flow-end") != 0 ? kind : "end"; /* as short as others of flows */
	size_t over = strlen(word) > KIND_WIDTH ? strlen(word) - KIND_WIDTH : 0;
	int width = FLOW_WIDTH - (int)(over < FLOW_WIDTH ? over : FLOW_WIDTH);
	const char *line = arena_printf(arena, "%-*s  %s", KIND_WIDTH, word, said(arena, event, kind, width));
	if (with_time)
		line = arena_printf(arena, "%.12s  %s", timed ? time + 11 : "-", line);
	size_t len = strlen(line);
	while (len && line[len - 1] == ' ')
		len--;
	return escape_terminal(arena, line, len);
}
