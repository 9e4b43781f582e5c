/* The last lines that were published, for who comes later. */
#pragma once
#include "control/control.h"

struct control_history {
	struct {
		char *text;
		size_t len;
	} lines[CONTROL_HISTORY]; /* the oldest at `first` */
	size_t first, count, bytes;
};

void control_history_add(struct control_history *, const char *line, size_t len);
json_t *control_history_json(const struct control_history *);
void control_history_free(struct control_history *);
/* The line that counts what a reader has not been given, as events have them; malloc()'s, NULL where memory is short */
char *control_history_lost(const char *sandbox, const char *id, size_t count, size_t *len);
