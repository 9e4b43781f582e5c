/* The events file: one JSON object a line, whole lines only, appended. */
#pragma once
#include "eval/suggest.h"
#include "report/reason.h"

struct event {
	const char *kind; /* "deny", "allow", "rebind", "limit" */
	const char *flow; /* as the evaluator's command line takes it */
	struct eval_verdict verdict;
	const struct reason *reason;
	const char *name; /* what the address was looked up by, or NULL */
	const char *
		hello; /* of a flow judged by its server name: why, "name", "malformed hello", …, or of one that hides it; else NULL */
	const char *sni; /* what it sent, fit for a terminal; NULL: none */
	bool ended;      /* its binding did, so long ago */
	uint64_t ended_ago_ms;
	const struct suggestion *suggest; /* the rule that would let it pass, or NULL */
	/* Of a limit: the option that raises it, or NULL, and its number */
	const char *option;
	uint64_t value;
};

struct events;
/* NULL and errno on failure. path NULL: no file, whoever subscribes has them */
struct events *events_open(const char *path);
/* Who gets each line, too, with its newline; one at most. `sink` keeps no pointer. */
void events_subscribe(struct events *, void (*sink)(void *self, const char *line, size_t len), void *self);
/* An event that cannot be written is lost, which is reported the first time. Those over 200 a second (2,000 at once) are left
 * out, and a line of kind "lost" then counts them. `events` may be NULL. */
void events_write(struct events *, const struct event *);
/* Since it was opened: lines written, and events that were left out or lost. NULL is fine */
struct events_counted {
	uint64_t written, lost;
};
struct events_counted events_counted(const struct events *);
void events_close(struct events *); /* NULL is fine */
