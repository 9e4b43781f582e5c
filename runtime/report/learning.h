/* What a run does, for --learn: told by whoever judges it, written as a policy at the end. NULL is a run that learns nothing. */
#pragma once
#include "core/config.h"
#include "eval/eval.h"

struct learning;
/* NULL unless the run learns */
struct learning *learning_open(const struct run_config *, const struct addr_gateway *);
void learning_close(struct learning *);

void learning_lookup(struct learning *, const char *name); /* passed; canonical */
void learning_bound(struct learning *, const char *name, const struct addr *, size_t count);
void learning_flow(struct learning *, const struct eval_connection *);
/* One that waits for its server name; and what its client has said */
void learning_begun(struct learning *, const struct eval_connection *);
void learning_named(struct learning *, const struct eval_connection *);
/* A flow to there was answered; all answers have been told, none was lost */
void learning_answered(struct learning *, const struct eval_connection *);
void learning_answers_told(struct learning *);
void learning_denied(struct learning *, const char *flow);
/* So many reports did not get here */
void learning_lost(struct learning *, size_t count);
/* By which people know a rule of the policy in force: its number, under --learn that in the bound; 0: it is none of the bound's, but in
 * front of all, or the default. bound NULL: nothing is learnt */
size_t learning_rule_number(const struct policy *bound, size_t index);
/* Writes the policy to `fd`, whole or not at all, and says on standard error what it is and what it lacks */
void learning_finish(struct learning *, int fd);
