/* A ring of lines, each of its own memory. */
#include "control/control_history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void drop_first(struct control_history *history)
{
	history->bytes -= history->lines[history->first].len;
	free(history->lines[history->first].text);
	history->lines[history->first].text = NULL;
	history->first = (history->first + 1) % CONTROL_HISTORY;
	history->count--;
}

void control_history_add(struct control_history *history, const char *line, size_t len)
{
	char *text = len <= CONTROL_HISTORY_MAX ? malloc(len) : NULL;

	if (!text)
		return;
	memcpy(text, line, len);
	while (history->count == CONTROL_HISTORY || history->bytes > CONTROL_HISTORY_MAX - len)
		drop_first(history);
	size_t at = (history->first + history->count++) % CONTROL_HISTORY;
	history->lines[at].text = text;
	history->lines[at].len = len;
	history->bytes += len;
}

json_t *control_history_json(const struct control_history *history)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < history->count; i++) {
		size_t at = (history->first + i) % CONTROL_HISTORY;
		json_t *line = json_loadb(history->lines[at].text, history->lines[at].len, 0, NULL);
		if (line)
			json_array_append_new(lines, line);
	}
	return lines;
}

void control_history_free(struct control_history *history)
{
	while (history->count)
		drop_first(history);
}

char *control_history_lost(const char *sandbox, const char *id, size_t count, size_t *len)
{
	json_t *object = json_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(object, "version", json_integer(CONTROL_VERSION));
	json_object_set_new(object, "time", control_time(&now));
	json_object_set_new(object, "sandbox", json_string(sandbox));
	json_object_set_new(object, "id", json_string(id));
	json_object_set_new(object, "kind", json_string("lost"));
	json_object_set_new(object, "count", json_integer((json_int_t)count));
	json_object_set_new(object, "because", json_string("the reader was too slow"));
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	*len = text ? strlen(text) : 0;
	if (text)
		text[(*len)++] = '\n';
	return text;
}
