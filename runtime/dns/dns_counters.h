/* What the DNS worker counts, in memory that it shares with the supervisor: the worker alone writes, the supervisor reads. Numbers
 * alone, so that a worker that lies can make statistics wrong and nothing else. */
#pragma once
#include "policy/policy.h"

#include <stddef.h>
#include <stdint.h>

/* What became of a question of the guest's: each has one */
enum dns_outcome {
	DNS_ANSWERED, /* with records, or that there are none of that type */
	DNS_NO_NAME,  /* the server says that there is no such name */
	DNS_DENIED,   /* by the policy, rebind protection among it */
	DNS_FAILED,   /* no server knew, or there was no room for one more question */
	DNS_REFUSED,  /* no question that is answered: malformed, another class */
	DNS_OUTCOMES
};
extern const char *const dns_outcome_names[DNS_OUTCOMES];

/* How long the guest waited where a server was asked: at most so many milliseconds, the last has no end */
#define DNS_LATENCIES 11
extern const uint32_t dns_latency_ms[DNS_LATENCIES - 1];

struct dns_counters {
	uint64_t by_rcode[16];               /* replies */
	uint64_t blocked;                    /* of those with NXDOMAIN: by the policy */
	uint64_t limited[POLICY_DNS_LIMITS]; /* refused by a bound on lookups, or let pass by an audit in spite of it */
	uint64_t cached;                     /* of them all: without asking a server */
	uint64_t waited[DNS_LATENCIES];
	uint64_t waited_ms; /* together */
};

/* Shared with what is forked from then on; NULL where memory is short */
struct dns_counters *dns_counters_new(void);
void dns_counters_free(struct dns_counters *); /* NULL is fine */

/* By the worker; NULL: nobody wants to know */
void dns_count_reply(struct dns_counters *, const uint8_t *reply, size_t len);
void dns_count_blocked(struct dns_counters *);
void dns_count_limited(struct dns_counters *, enum policy_dns_limit);
void dns_count_cached(struct dns_counters *);
void dns_count_wait(struct dns_counters *, uint64_t ms);

/* By the supervisor */
struct dns_counted {
	uint64_t outcomes[DNS_OUTCOMES];
	uint64_t limited[POLICY_DNS_LIMITS];
	uint64_t cached;
	uint64_t waited[DNS_LATENCIES], waited_count, waited_ms;
};
void dns_counters_read(const struct dns_counters *, struct dns_counted *out);
