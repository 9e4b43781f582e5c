/* Packets that the ruleset's bounds on reports left out: its chains count them (lower_report_chain(), limit_refusal_chain() in
 * compiler/lower), and they are looked at here, once a second while anything is reported and once more after that. */
#pragma once
#include "lower/limits.h"
#include "netlink/netlink.h"

#include <stdint.h>

struct unreported;
/* In the VM's network namespace. `host`: an nfnetlink socket of the host's, from then on this one's, with the sandbox's `table` there;
 * NULL: there is none. NULL and errno on failure */
struct unreported *unreported_open(struct nl *host, const char *table);
void unreported_close(struct unreported *); /* NULL is fine */
/* Something was reported, so that others may not have been */
void unreported_expect(struct unreported *);
/* Milliseconds until it is to be asked again; -1: it is not */
int unreported_wait(const struct unreported *);
/* How many there were since the last call, where it is time to look, or at once: refused ones and ones that were let pass */
struct unreported_counts {
	uint64_t refused, allowed;
	uint64_t over[OVER_COUNT]; /* each limit's, of both namespaces */
	uint64_t meters;           /* limits of rules' bytes */
};
struct unreported_counts unreported_look(struct unreported *, const struct policy *);
struct unreported_counts unreported_look_now(struct unreported *, const struct policy *);
/* Another ruleset in the VM's, whose chains have counted nothing yet */
void unreported_begin_anew(struct unreported *);
