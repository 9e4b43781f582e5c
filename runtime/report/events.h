/* Events: one JSON object a line, whole lines only. What each kind says: docs/events.md.
 *
 * Theory of operation: an event becomes a line, which goes to the subscriber (whoever follows over the control socket) and to each sink.
 * One that says the same as another of the last second is counted instead, and told once a second. More than EVENTS_A_SECOND lines are
 * not written of what a guest does, whatever it does; these are counted by reason, and a line of kind "lost" tells how many. Memory is
 * bounded by the table of what was written in the last second. */
#pragma once
#include "eval/suggest.h"
#include "lower/limits.h"
#include "report/event_sink.h"
#include "report/reason.h"

/* What went through a flow that has ended; "sent" is by who began it. */
struct event_traffic {
	bool bytes_known, packets_known;
	uint64_t bytes_sent, bytes_received, packets_sent, packets_received;
	uint64_t duration_ms;
	const char *end; /* how: "closed", "reset", "timeout", "stop", …; NULL: nobody knows */
};

struct event {
	const char *kind; /* "deny", "allow", "audit", "ask", "rebind", "limit", "quota", "flow-end" */
	const char *flow; /* as the evaluator's command line takes it */
	struct eval_verdict verdict;
	const struct reason *reason;
	const struct eval_connection *connection; /* that flow; NULL: none */
	uint16_t source_port;                     /* of who began it; 0: not known */
	const char *question, *protocol;          /* of a lookup, and of an answer to it; else NULL */
	const char *search;        /* the search domain that a lookup is below, and reported as; else NULL */
	const struct addr *answer; /* of rebind protection's; else NULL */
	const char *class;         /* that address's, or the connection's far one; NULL: none */
	const char *name;          /* what the address was looked up by, or NULL */
	const char *
		hello; /* of a flow judged by its server name: why, "name", "malformed hello", …, or of one that hides it; else NULL */
	const char *sni; /* what it sent, fit for a terminal; NULL: none */
	bool ended;      /* its binding did, so long ago */
	uint64_t ended_ago_ms;
	const struct suggestion *suggest; /* the rule that would let it pass, or NULL */
	/* Of a limit: the option that raises it, or NULL, and its number */
	const char *option;
	uint64_t value;
	const struct event_traffic *traffic; /* of "flow-end"; else NULL */
};

#define EVENTS_ID_LEN 16

struct events_start {
	const char *sandbox;      /* its name; must outlive the events */
	const char *const *sinks; /* at most EVENT_SINKS_MAX, NULL-terminated; NULL: none */
	uint64_t file_limit;      /* bytes of a file; 0: no limit */
	unsigned keep;            /* former files */
};

struct events;
/* NULL and errno on failure; then *failed is the sink, or NULL. Without sinks, events are for the subscriber alone. */
struct events *events_open(const struct events_start *, const char **failed);
void events_close(struct events *); /* NULL is fine */
/* Who gets each line, too, with its newline, and how many events it tells; one at most. It must not wait, nor write events, and keeps no pointer. */
void events_subscribe(struct events *, void (*sink)(void *self, const char *line, size_t len, size_t tells),
		      void *self);
/* What tells this run's events from another's of the same name: EVENTS_ID_LEN hexadecimal digits */
const char *events_id(const struct events *);

/* `events` may be NULL in all of these. An event that cannot be written is lost, which is said the first time. */
void events_write(struct events *, const struct event *);
/* What happens to the sandbox, not what its guest does ("start", "reload", "grant", …): never folded, and not kept back because a guest
 * floods. `members` follow those that all events have; the reference is taken over. */
void events_tell(struct events *, const char *kind, json_t *members);
/* Why events are lost before any sink could have taken them */
enum events_lost {
	EVENTS_LOST_RATE,   /* more than EVENTS_A_SECOND */
	EVENTS_LOST_KERNEL, /* the kernel's queue to us was full */
	EVENTS_LOST_LOG,    /* refused packets past the ruleset's bound on what is logged */
	EVENTS_LOST_LOGGED, /* and packets that rules with `log` let pass */
	EVENTS_LOST_FLOWS,  /* beginnings and ends of flows that the kernel's queue had no room for */
	EVENTS_LOST_METERS, /* packets past a rule's limit of bytes, and past the bound on what is logged of them */
	EVENTS_LOST_OVER,   /* the same of each other limit, by its number */
	EVENTS_LOST_COUNT = EVENTS_LOST_OVER + OVER_COUNT
};
void events_lost(struct events *, enum events_lost, size_t count);
/* Milliseconds until events_settle() has something to write; -1: nothing */
int events_wait(const struct events *);
/* Tells what was counted, where it is time */
void events_settle(struct events *);
/* Since it was opened: lines that were made, and events that no line tells or that a sink did not take (counted for each sink) */
struct events_counted {
	uint64_t written, lost;
};
struct events_counted events_counted(const struct events *);
