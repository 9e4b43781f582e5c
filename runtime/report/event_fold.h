/* Events that say the same again: the first is written, the others of a second are counted, and told by one line when it is over. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_FOLD_MOST 256 /* told apart at a time; others are written one by one */
#define EVENT_FOLD_MS 1000

struct event_fold {
	uint64_t keys[EVENT_FOLD_MOST]; /* 0: free */
	struct event_folded {
		char *line; /* the first of them */
		uint64_t since_ms;
		size_t count; /* further ones since then */
	} of[EVENT_FOLD_MOST];
	uint64_t due_ms; /* when the first second is over; 0: nothing is kept */
};

/* Counts one of that key (not 0). false: it is to be written. */
bool event_fold_count(struct event_fold *, uint64_t key);
/* It was written: more of the key are counted from now on. */
void event_fold_begin(struct event_fold *, uint64_t key, const char *line, size_t len, uint64_t now_ms);
/* The next whose second is over (`all`: or not) and of which there were more: its first line as an object (a new reference, NULL where
 * memory is short), how many more and since when. false: none */
bool event_fold_next(struct event_fold *, uint64_t now_ms, bool all, json_t **line, size_t *count, uint64_t *since_ms);
/* Milliseconds until there may be one; -1: nothing is kept */
int event_fold_wait(const struct event_fold *, uint64_t now_ms);
void event_fold_free(struct event_fold *);
