/* Why a flow fares as it does: every rule considered in each of its steps, and what made it match or not.
 * Reports what the evaluator did; decides nothing. An explanation belongs to the arena given and points into the policy
 * and the flow. Texts are raw: printers escape them. */
#pragma once
#include "eval/eval.h"

struct explain_row {
	struct decider by; /* a rule or the direction's default, of the policy or of a floor (DECIDER_FLOOR) */
	const char *place; /* "agent.msb:6"; NULL: it has none */
	const char *text, *why, *because; /* because: NULL unless it matched and has one */
	uint64_t bytes;                   /* of a match: all that the rule's flows may move; 0: no limit */
	bool match;
};

enum explain_kind { EXPLAIN_LOOKUP, EXPLAIN_ANSWER, EXPLAIN_CONNECT };

struct explain_step {
	enum explain_kind kind;
	const char *what; /* "dns@github.com:udp", "93.184.216.34 tcp 443, bound to github.com" */
	const char *note; /* a second line, or NULL */
	struct eval_verdict verdict;
	enum policy_direction direction;
	LIST_OF(struct explain_row) rows;
};

struct explanation {
	const struct policy *policy;
	const struct flow *flow;
	struct eval_result result;
	LIST_OF(struct explain_step) steps; /* the last one decided */
	const char *after;                  /* a line of advice, or NULL */
};

const char *explain_kind_name(enum explain_kind);
struct explanation *explain_flow(struct arena *, const struct eval_context *, const struct flow *);
