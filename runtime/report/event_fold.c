/* A table of what was written in the last second. */
#include "report/event_fold.h"

#include <stdlib.h>
#include <string.h>

bool event_fold_count(struct event_fold *fold, uint64_t key)
{
	if (fold->due_ms)
		for (size_t i = 0; i < EVENT_FOLD_MOST; i++)
			if (fold->keys[i] == key) {
				fold->of[i].count++;
				return true;
			}
	return false;
}

void event_fold_begin(struct event_fold *fold, uint64_t key, const char *line, size_t len, uint64_t now_ms)
{
	size_t at = 0;

	while (at < EVENT_FOLD_MOST && fold->keys[at])
		at++;
	char *copy = at < EVENT_FOLD_MOST ? strndup(line, len) : NULL;
	if (!copy)
		return;
	fold->keys[at] = key;
	fold->of[at] = (struct event_folded){ .line = copy, .since_ms = now_ms };
	if (!fold->due_ms)
		fold->due_ms = now_ms + EVENT_FOLD_MS;
}

static void drop(struct event_fold *fold, size_t at)
{
	free(fold->of[at].line);
	fold->of[at].line = NULL;
	fold->keys[at] = 0;
}

/* When the next second is over, of those that are kept */
static uint64_t next_due(const struct event_fold *fold)
{
	uint64_t due = 0;

	for (size_t i = 0; i < EVENT_FOLD_MOST; i++)
		if (fold->keys[i] && (!due || fold->of[i].since_ms + EVENT_FOLD_MS < due))
			due = fold->of[i].since_ms + EVENT_FOLD_MS;
	return due;
}

/* What goes on stays, and its next second begins; of what does not the next one is a first one again. */
bool event_fold_next(struct event_fold *fold, uint64_t now_ms, bool all, json_t **line, size_t *count,
		     uint64_t *since_ms)
{
	if (!fold->due_ms || (!all && now_ms < fold->due_ms))
		return false;
	for (size_t i = 0; i < EVENT_FOLD_MOST; i++) {
		struct event_folded *folded = &fold->of[i];
		if (!fold->keys[i] || (!all && now_ms < folded->since_ms + EVENT_FOLD_MS))
			continue;
		if (folded->count) {
			*line = json_loads(folded->line, 0, NULL);
			*count = folded->count;
			*since_ms = folded->since_ms;
			folded->count = 0;
			folded->since_ms = now_ms;
			return true;
		}
		drop(fold, i);
	}
	fold->due_ms = next_due(fold);
	return false;
}

int event_fold_wait(const struct event_fold *fold, uint64_t now_ms)
{
	if (!fold->due_ms)
		return -1;
	return fold->due_ms > now_ms ? (int)(fold->due_ms - now_ms) : 0;
}

void event_fold_free(struct event_fold *fold)
{
	for (size_t i = 0; i < EVENT_FOLD_MOST; i++)
		drop(fold, i);
}
