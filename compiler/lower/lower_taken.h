/* Which ports rules take: as bits, to reckon with; and those of the wide rules of one part of the address space as sets, that
 * many chains look into. For lower_bound.c. */
#pragma once
#include "policy/policy.h"
#include "ruleset/ruleset.h"

#define TAKEN_PORTS 65536

/* The flows that some rules take: of TCP and UDP by port */
struct taken {
	uint64_t tcp[TAKEN_PORTS / 64], udp[TAKEN_PORTS / 64];
	unsigned others; /* PROTO_ bits */
};
void taken_add(struct taken *, const struct policy_rule *, enum addr_family);
void taken_list(struct arena *, const uint64_t *ports, struct policy_port_list *out);

/* ---- as sets ----
 * Ports by the rule that is first to take them are in the rules' order, so what is taken before a rule is the first runs of
 * them, as many as there are. That number's digits, of four bits, say which sets hold these runs: 0x123 of them are in the
 * set of the first 0x100, in that of the 0x20 behind, and in that of the 3 behind. So a few sets serve the chains of all
 * rules, however many, and a packet meets one set for each digit. */

enum taken_proto { TAKEN_TCP, TAKEN_UDP, TAKEN_PROTOS };
#define TAKEN_LEVELS 5 /* digits: more than there are ports */

struct taken_run {
	uint32_t rule; /* which takes these ports first */
	uint16_t lo, hi;
};
struct taken_runs {
	struct taken_run *items; /* by rule */
	size_t count, cap;
	bool *made[TAKEN_LEVELS]; /* the sets that there are */
};
struct taken_fresh {
	bool *made;
	size_t weight;
};

/* Addresses that the same wide rules take in */
struct taken_wide {
	enum addr_family family;
	uint32_t groups[2];
	const char *name; /* its sets' begin with it */
	struct taken all;
	struct taken_runs ports[TAKEN_PROTOS];
	size_t weight;                     /* runs in the sets that there are */
	LIST_OF(struct taken_fresh) fresh; /* sets made since taken_forget() */
};

/* One rule after another, in order */
void taken_settle(struct arena *, struct taken_wide *, const struct policy_rule *, uint32_t number);
/* How many runs are taken before that rule */
size_t taken_before(const struct taken_wide *, enum taken_proto, uint32_t rule);
/* How many runs the sets have that are still to be made for so many */
size_t taken_to_make(const struct taken_wide *, enum taken_proto, size_t count);
/* The set for a digit of `count`, added to the table where there is none yet; NULL: the digit is 0 */
const char *taken_set(struct arena *lasting, struct taken_wide *, enum taken_proto, size_t count, unsigned level,
		      struct ruleset *, struct rs_table *);
/* What was made since taken_forget() is not there after all */
void taken_undo(struct taken_wide *);
void taken_forget(struct taken_wide *);
