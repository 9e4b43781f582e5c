/* Whether the host lets pass what the sandbox may send. Another firewall of the host's (Docker's, ufw's, firewalld's, one of
 * the administrator's own) may drop a forwarded packet after us. Which of its rules will cannot be computed, but that one
 * does can be counted: the sandbox's table counts new flows and their first answers where they enter forwarding, ahead of
 * other chains, and again where they leave. */
#pragma once
#include "netlink/netlink.h"

#include <stdbool.h>

/* The chains of the sandbox's table that count; each has a rule for each way, in this order */
#define PASSAGE_ENTERED "entered"
#define PASSAGE_LEFT "left"
enum { PASSAGE_OUT, PASSAGE_BACK, PASSAGE_WAYS };
/* What has entered and not left for so many looks, a second each, was dropped: a queue to user space takes less. */
#define PASSAGE_PATIENCE 2

struct passage {
	struct nl *nl; /* nfnetlink, in the host's namespace */
	const char *table;
	uint64_t missing[PASSAGE_WAYS][PASSAGE_PATIENCE + 1]; /* entered less left; the newest first */
	uint64_t reported[PASSAGE_WAYS];
	unsigned silence; /* looks at which nothing is reported */
};

/* In the host's namespace. `table`, of family inet, is the caller's. 0 or -errno. */
int passage_open(struct passage *, const char *table);
/* Has no new flow ever entered, and so none made an entry in the host's conntrack? false where that cannot be read. `nl` as above */
bool passage_unused(struct nl *, const char *table);
/* Every second, in the host's namespace: reports what was lost, the chains that may have dropped it, and what would let it pass,
 * on standard error. At the end, when there is no later look, what is missing now counts as lost. */
void passage_look(struct passage *, bool at_end);
