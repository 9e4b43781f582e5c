/* An entry a rule, taken with the first one that decides something. */
#include "report/hits.h"
#include "core/clock.h"

#include <stdlib.h>

void hits_add(struct hits *hits, const struct policy *policy, struct eval_verdict verdict,
	      enum policy_direction direction, bool lookup)
{
	size_t rules = policy->rules.count, index = verdict.by.rule;

	if (verdict.by.kind == DECIDER_DEFAULT)
		index = rules + (direction == POLICY_INGRESS);
	else if (verdict.by.kind != DECIDER_RULE || index >= rules)
		return;
	if (hits->policy != policy)
		hits_free(hits);
	if (!hits->of)
		hits->of = calloc(rules + 2, sizeof *hits->of);
	if (!hits->of)
		return;
	hits->policy = policy;
	hits->of[index].lookups += lookup;
	hits->of[index].last_ms = clock_ms();
}

struct hit hits_of(const struct hits *hits, const struct policy *policy, size_t index)
{
	bool known = hits->of && hits->policy == policy && index < policy->rules.count + 2;

	return known ? hits->of[index] : (struct hit){ 0 };
}

void hits_free(struct hits *hits)
{
	free(hits->of);
	*hits = (struct hits){ 0 };
}
