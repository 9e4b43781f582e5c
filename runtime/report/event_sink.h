/* Where events go: a file of bounded size, a pipe, the system's journal. Nothing here waits for a reader, and what cannot be written is
 * counted by the sink that could not. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_SINKS_MAX 4
#define EVENT_JOURNAL "journald"
#define EVENT_KEEP_DEFAULT 3

struct event_sink {
	const char *target; /* as given: a path, "-", EVENT_JOURNAL */
	int fd, directory;  /* the directory of a file that is to be renamed; else -1 */
	const char *name;   /* in it */
	bool is_file, is_journal, complained;
	uint64_t size, limit; /* bytes; limit 0: none */
	unsigned keep;        /* former files, NAME.1 … */
	size_t lost;          /* events since its last line: one that tells several counts for as many */
	int why;              /* -errno of the last one that was lost */
};

/* 0 or -errno. `target` must outlive it. */
int event_sink_open(struct event_sink *, const char *target, uint64_t limit, unsigned keep);
/* Why it could not be opened: the errno that events_open() left */
const char *event_sink_error(const char *target, int error);
/* One line, its newline included, and what it was made from. 0, or -errno: it is lost, and counted */
int event_sink_write(struct event_sink *, const json_t *event, const char *line, size_t len);
/* How many events a line tells */
size_t event_sink_weight(const json_t *event);
/* Why its last line was lost */
const char *event_sink_why(const struct event_sink *);
void event_sink_close(struct event_sink *);
