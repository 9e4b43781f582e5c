/* Lines of bounded length, each a JSON object of which a few members are taken. */
#include "denied/events_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (64u << 10)
#define COUNT_MAX 1000000000

void events_reader_open(struct events_reader *reader, FILE *in)
{
	*reader = (struct events_reader){ .in = in, .buffer = arena_must(malloc(LINE_MAX_BYTES)) };
}

void events_reader_close(struct events_reader *reader)
{
	free(reader->buffer);
	reader->buffer = NULL;
}

/* The line's length without its end; false at the end of the file. A longer one is cut, and is no JSON then. */
static bool read_line(struct events_reader *reader, size_t *len)
{
	int byte;

	*len = 0;
	while ((byte = getc(reader->in)) != EOF && byte != '\n')
		if (*len < LINE_MAX_BYTES)
			reader->buffer[(*len)++] = (char)byte;
	return byte != EOF || *len;
}

static const char *member(struct arena *arena, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? arena_strdup(arena, text) : NULL;
}

/* NULL, or what is wrong with it */
static const char *read_denial(struct arena *arena, const json_t *object, struct event_line *out)
{
	const json_t *rule = json_object_get(object, "rule");

	out->flow = member(arena, object, "flow");
	out->name = member(arena, object, "name");
	out->hello = member(arena, object, "hello");
	out->sni = member(arena, object, "sni");
	out->searched = json_object_get(object, "search") != NULL;
	out->decided_by = json_is_integer(rule) ? "rule" : member(arena, object, "rule");
	if (!out->flow)
		return "a denial without \"flow\"";
	return out->decided_by ? NULL : "a denial without \"rule\"";
}

/* Of an audit: one that rebind protection would have held back, for which there is no rule to suggest */
static bool is_answer(const json_t *object)
{
	const char *flow = json_string_value(json_object_get(object, "flow"));

	return flow && !strncmp(flow, "answer@", strlen("answer@"));
}

/* Of a line that tells several: a number that no sum of a file's overflows */
static bool read_count(const json_t *object, size_t *out)
{
	const json_t *count = json_object_get(object, "count");
	json_int_t number = json_integer_value(count);

	if (count && (!json_is_integer(count) || number <= 0 || number > COUNT_MAX))
		return false;
	*out = count ? (size_t)number : 1;
	return true;
}

static const char *read_object(struct arena *arena, const json_t *object, struct event_line *out)
{
	const json_t *version = json_object_get(object, "version");

	if (!json_is_object(object))
		return "no JSON object";
	if (!json_is_integer(version) || json_integer_value(version) != 1)
		return "no event of version 1, as msb-run --events writes them";
	out->kind = member(arena, object, "kind");
	if (!out->kind)
		return "an event without \"kind\"";
	if (!read_count(object, &out->times))
		return "a \"count\" that is none";
	if (!strcmp(out->kind, "deny") || (!strcmp(out->kind, "audit") && !is_answer(object)))
		return read_denial(arena, object, out);
	if (!strcmp(out->kind, "lost")) {
		if (!json_object_get(object, "count"))
			return "lost events without \"count\"";
		out->lost = out->times;
	}
	return NULL;
}

bool events_reader_next(struct events_reader *reader, struct arena *arena, struct event_line *out)
{
	json_error_t why;
	json_t *object;
	size_t len;

	*out = (struct event_line){ .number = ++reader->number };
	reader->error = NULL;
	if (!read_line(reader, &len))
		return false;
	if (len == LINE_MAX_BYTES) {
		reader->error = "a line of more than 64 KiB";
		return false;
	}
	object = json_loadb(reader->buffer, len, JSON_REJECT_DUPLICATES, &why);
	reader->error = object ? read_object(arena, object, out) : arena_printf(arena, "no JSON: %s", why.text);
	json_decref(object);
	return !reader->error;
}
