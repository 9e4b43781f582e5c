/* Packets that the ruleset's bound on reports left out: its chains count them (lower_report_chain() in compiler/lower), and they are
 * looked at here, once a second while anything is reported and once more after that. */
#pragma once
#include <stdint.h>

struct unreported;
/* In the VM's network namespace. NULL and errno on failure */
struct unreported *unreported_open(void);
void unreported_close(struct unreported *); /* NULL is fine */
/* Something was reported, so that others may not have been */
void unreported_expect(struct unreported *);
/* Milliseconds until it is to be asked again; -1: it is not */
int unreported_wait(const struct unreported *);
/* How many there were since the last call, where it is time to look, or at once: refused ones and ones that were let pass */
struct unreported_counts {
	uint64_t refused, allowed;
};
struct unreported_counts unreported_look(struct unreported *);
struct unreported_counts unreported_look_now(struct unreported *);
/* Another ruleset, whose chains have counted nothing yet */
void unreported_begin_anew(struct unreported *);
