/* Bounds on lookups as a way out: how many different names below one domain leave in a time, and how many questions do. They
 * are about what is sent to a nameserver: what the cache answers, what joins a question under way, and what renews a binding
 * does not count. Memory is taken where names are bounded, once, and never grows: where there is no room to remember one more
 * name, that name is denied. No clock of its own: times come from the caller, and never go back. */
#pragma once
#include "policy/policy.h"

/* Different names that are remembered, of all domains together; and domains */
#define DNS_NAMES_REMEMBERED 32768

struct dns_bounds;
/* What was over */
enum dns_bound { DNS_BOUND_NONE, DNS_BOUND_NAMES_OVER, DNS_BOUND_RATE_OVER };

/* NULL where memory is short. `key` is of the names' hash: nobody must know it. */
struct dns_bounds *dns_bounds_new(const uint8_t key[static 16]);
void dns_bounds_free(struct dns_bounds *); /* NULL is fine */
/* The policy's bounds from now on; what was counted counts on. 0 or -ENOMEM, which leaves all as it was. */
int dns_bounds_use(struct dns_bounds *, const struct policy *, uint64_t now_ms);
/* Whether one more question for `name` (canonical) may go to a server, which it is counted as then. `domain` is a domain that
 * the name is or is below; `type` of the question: one that clients seldom ask for makes it another name, since what is asked for
 * carries something, too. One that is over a bound uses nothing up. */
enum dns_bound dns_bounds_take(struct dns_bounds *, const char *domain, const char *name, uint16_t type,
			       uint64_t now_ms);
/* The domain below which a name's like are counted: of the rule that allows its lookup the `*.domain`, or the one that somebody
 * registered. Points into the name or the policy. */
const char *dns_bounds_domain(const struct policy *, size_t rule, bool by_rule, const char *name);
