/* What a run did, and the least policy under which it would do that again. What is told here a guest has chosen: memory is
 * bounded whatever it does, no name becomes text that the grammar does not read back as that name, and no rule is made for
 * what none should allow (eval/suggest). */
#pragma once
#include "eval/eval.h"

#define LEARN_MOST 4096            /* different services, and different names looked up */
#define LEARN_ADDRESSES_MOST 16384 /* pairs of a name and an address of its answers; endpoints of flows */
#define LEARN_NOTES_MOST 50        /* comments of a kind */

struct learn;
/* Lives in the arena. The gateway tells classes of addresses. */
struct learn *learn_new(struct arena *, const struct addr_gateway *);

/* A lookup that passed; as the DNS worker writes names */
void learn_lookup(struct learn *, const char *name);
/* An answer to it. A flow to the address belongs to the name that was looked up last. */
void learn_answer(struct learn *, const char *name, struct addr);
/* A flow out of the sandbox that passed, judged by its address */
void learn_flow(struct learn *, const struct eval_connection *);
/* The same of one that waits for its server name: it counts by its address unless learn_named() tells the name of as many */
void learn_begun(struct learn *, const struct eval_connection *);
/* What such a flow's client has said: `sni`, or NULL. A name that the address was not given for is of no use to a rule on
 * names, which asks for both: the flow is its address's. */
void learn_named(struct learn *, const struct eval_connection *);
/* A flow to there was answered, be it by a refusal. Services that never were are listed in comments, if all answers have been told */
void learn_answered(struct learn *, const struct eval_connection *);
void learn_answers_told(struct learn *);
/* What was refused, as events have it: a comment */
void learn_denied(struct learn *, const char *flow);

struct learn_words {
	const char *sandbox, *within; /* whose run, under which policy */
	const char *day;              /* YYYY-MM-DD */
	size_t lost;                  /* reports of the kernel's that were lost: flows may be missing */
	bool wildcards;               /* propose them, as comments */
};
/* What could not be kept */
struct learn_missing {
	size_t services, names, addresses, denied;
};
struct learn_missing learn_missing(const struct learn *);
/* The policy, in canonical layout: rules, counts as comments, expectations that hold. false: it does not read back as what it
 * was made of, which is a fault; nothing is to be used then. *rules: how many. */
bool learn_text(struct arena *, struct learn *, const struct learn_words *, const char **text, size_t *rules);
