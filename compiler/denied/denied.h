/* What runs were denied, as rules and expectations to paste. Who was denied chose what it tried, so each rule is the narrowest
 * that lets it pass (eval/suggest), and what none should allow is only counted. Memory is bounded whatever is read. */
#pragma once
#include "denied/events_read.h"
#include "denied/fragment.h"
#include "eval/eval.h"

/* A rule that denies some of it, which is meant */
struct denied_rule {
	size_t rule;
	enum policy_direction direction; /* of the first */
	const char *flow;                /* the first */
	size_t count;
};

struct denied {
	struct arena *arena;
	struct eval_context context;
	bool judges; /* by the policy of the context; else events are taken at their word */
	struct fragment fragment;
	LIST_OF(struct denied_rule) rules; /* the first DENIED_RULES_MAX */
	size_t denials, allowed, denied, not_offered, limits, rebinds, lost;
};
#define DENIED_RULES_MAX 20

struct denied *denied_new(struct arena *, const struct eval_context *, bool judges);
/* `scratch` need not outlive the call */
void denied_take(struct denied *, struct arena *scratch, const struct event_line *);
