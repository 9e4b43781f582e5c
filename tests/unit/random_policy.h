/* Random policies and flows for property tests. Everything follows from the seed. */
#pragma once
#include "policy_of.h"
#include "analysis/analysis.h"
#include "tests/lib/random_rules.h"

/* How many to try where there is no end: MSB_TEST_EFFORT percent of `count`, at least one */
size_t random_effort(size_t count);

/* Rule tokens, comma-joined, drawn from few targets, names and ports so that they overlap a lot */
const char *random_rules(struct arena *, struct random *, size_t count);
/* Any policy of up to `most` rules; the caller frees its arena */
struct test_policy random_policy(struct random *, size_t most);
/* Gives the policy one or two floors without rules on names */
void random_add_floors(struct test_policy *, struct random *);
/* A flow near the boundaries of those targets: connection, query or answer. Names may be bound to it that
 * could not be. */
struct witness random_flow(struct random *);
/* Whether what it says is bound could have been bound */
bool random_flow_is_possible(const struct eval_context *, const struct witness *);
