/* What of the denials is printed on standard error, and when: each different one once, ten at most; each limit once, beside those. Where
 * standard input is a terminal, which may show an editor, lines wait for the end. */
#pragma once
#include "report/events.h"

#define DENIALS_KNOWN_MAX 16384 /* different ones told apart; a power of two */
#define DENIALS_FLOW_LINES 10
/* Of limits, where they have to wait: after many a reload some may be left out, which were events all the same */
#define DENIALS_LIMIT_LINES 128

struct denials_lines {
	bool quiet, waits;
	struct {
		char *denial, *hint; /* the hint may be NULL */
	} held[DENIALS_FLOW_LINES + DENIALS_LIMIT_LINES];
	size_t held_count, flow_lines;
	size_t known_count;
	uint64_t known[DENIALS_KNOWN_MAX]; /* hashes of what was printed; 0: free */
};

void denials_lines_init(struct denials_lines *, bool quiet);
void denials_lines_free(struct denials_lines *);
/* Whether this is the first of its kind. Where there are more kinds than fit, no further one counts as first. */
bool denials_lines_is_first(struct denials_lines *, const struct event *);
/* "denied FLOW   RULE (PLACE) "REASON"  NAME  TLS to SNI"; `what`: "denied", "would deny", …. `hint`: what would let it pass, or NULL */
void denials_lines_flow(struct denials_lines *, struct arena *, const char *what, const struct event *,
			const char *hint);
void denials_lines_limit(struct denials_lines *, const char *line);
/* Prints what has waited. */
void denials_lines_finish(struct denials_lines *);
