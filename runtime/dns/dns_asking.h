/* In the DNS worker: queries for names that no rule decides, where somebody is asked (msb-run --ask).
 *
 * Such a query is *held*: nothing goes upstream for it, and other queries go on. The supervisor is told of its name and says whether it
 * may wait (DNS_VERDICT_HELD) or is to be denied at once. It is answered when another policy is in force by which its name is
 * decided, as any query then is; or after ASKING_HOLD_MS by SERVFAIL, which resolvers do not keep, so that they ask again.
 * What is known of a name is forgotten here with its last query: it is the supervisor who keeps the question.
 *
 * A name is at most once here, however many queries wait for it, and the supervisor has at most one word of each to answer. */
#pragma once
#include "dns/dns_proxy.h"

#define ASKING_HOLD_MS 4000
#define ASKING_NAMES_MAX 64
#define ASKING_QUERIES_MAX 512

struct asking;
/* NULL: no memory */
struct asking *asking_new(void);
void asking_free(struct asking *); /* NULL is fine */
/* Holds the query where its name may be asked about. false: it is to be denied as ever. */
bool asking_hold(struct proxy *, const struct dns_query *, const char *name, struct eval_verdict,
		 const struct client_ref *);
/* From the supervisor; what comes late is nothing */
void asking_told(struct proxy *, const struct dns_verdict *);
/* Another policy is in force: what it decides is judged by it */
void asking_judge_again(struct proxy *);
/* What is due; milliseconds until something is, at most `most_ms` */
void asking_turn(struct proxy *);
int asking_wait(const struct proxy *, int most_ms);
