/* A policy, its ruleset in the interpreter and its names bound, to be asked about packets by unit tests. */
#pragma once
#include "policy_of.h"
#include "dns/bindings.h"
#include "tests/lib/packet.h"
#include "tests/lib/ruleset_run.h"
#include "tests/lib/trial.h"

/* When names are bound; and how long until some end */
#define PROOF_START_MS UINT64_C(1000)
#define PROOF_STEP_MS UINT64_C(300000)

struct proof {
	struct test_policy made;
	struct bindings *bindings;
	struct ruleset_run *run;
	struct run_world world;
	const struct trial *trial; /* that it was made of, and whose names are bound; NULL: none */
	struct packet_ends ends4, ends6;
	LIST_OF(struct addr) bound;
	LIST_OF(struct arena *) others; /* that go with it */
	size_t flows, allowed;
};

/* Before it is lowered: some of its rules count bytes */
void proof_meter(struct proof *, struct random *);
/* Lowers made.policy for made.context.gateway, at a level of optimising; fills all else */
void proof_prepare(struct proof *, int level);
/* The trial's policy, with its names bound; the arena is the proof's from then on */
struct proof proof_of_trial(struct arena *, const struct trial *);
void proof_finish(struct proof *);

/* Whether the address is one that a guest's flow can be to, and the evaluator asked about */
bool proof_asks(const struct proof *, struct addr);
/* What no rule can allow is refused before the rules are asked, whoever the evaluator says decided. */
bool proof_refuses_always(const struct proof *, const struct eval_connection *);

void proof_bind(struct proof *, const char *name, struct addr, uint64_t ttl_ms);
void proof_unbind(struct proof *, const char *name, enum addr_family); /* a negative answer */
/* Time goes on, and what ends by then ends: what the supervisor's timer does */
void proof_pass_time(struct proof *, uint64_t now_ms);

struct eval_connection proof_connection(const struct packet_flow *);
/* A guest's packet into the ruleset */
struct run_result proof_run(const struct proof *, const struct run_world *, const struct packet_flow *);
/* Whether it fares as the evaluator says, by whom it says; shown: what is otherwise is logged. out may be NULL. */
bool proof_packet(const struct proof *, const struct packet_flow *, bool shown, struct run_result *out);
/* Of a trial: makes it small and prints it as commands */
void proof_explain(const struct proof *, struct packet_flow);
