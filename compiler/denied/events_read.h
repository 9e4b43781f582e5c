/* The events file of msb-run, read back: one JSON object a line. What is in it a guest has chosen, so lines are bounded, and
 * nothing is taken from them but strings. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdio.h>

/* Strings belong to the arena given, and hold until the next line */
struct event_line {
	size_t number; /* from 1 */
	const char *kind;
	const char *flow, *decided_by; /* of denials: "default", "floor" …; a rule's number is "rule" */
	const char *name;              /* NULL: none */
	const char *hello, *sni;       /* of a flow judged by its server name, or that hides it; else NULL */
	bool searched;                 /* a lookup below the guest's search domain */
	size_t lost;                   /* of kind "lost" */
	size_t times;                  /* how many of its kind the line tells: 1, or "count" */
};

struct events_reader {
	FILE *in;
	char *buffer; /* the reader's */
	size_t number;
	const char *error; /* why the last line was none; NULL: the file ended, or could not be read (ferror) */
};

void events_reader_open(struct events_reader *, FILE *);
void events_reader_close(struct events_reader *);
/* false: at the end, or at a line that is no event */
bool events_reader_next(struct events_reader *, struct arena *, struct event_line *);
