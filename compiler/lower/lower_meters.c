/* Rules with a limit of bytes of their own. The first packet of a flow that such a rule lets pass gives the flow the rule's meter as its
 * conntrack mark, by which table msb_quota (lower_quotas.c) charges each packet of it, this one among them, whichever way it goes.
 * That table denies what is over: the rule goes on to match here, so no later one takes over.
 *
 * A flow that waits for its server name, since a floor or a rule on names before this one may be asked for it, is no such flow: what the
 * relay opens for it is marked by the supervisor (runtime/names). */
#include "lower/lower_state.h"
#include "base/escape.h"
#include "policy/policy_facts.h"

const char *lower_metered_chain(struct lowering *lowering, const struct policy_rule *rule)
{
	return arena_printf(lowering->arena, "metered_%08x", rule->meter);
}

static void meter_chain(struct lowering *lowering, const struct policy_rule *rule)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_chain(lowering, lower_metered_chain(lowering, rule),
			    arena_printf(lowering->arena, "its bytes are counted in table %s: %s", LOWER_QUOTA_TABLE,
					 escape_nft_comment(lowering->arena, rule->text)));

	lower_defer_for_floor(lowering, chain);
	lower_defer_named(lowering, chain);
	struct rs_rule *mark = lower_rule_from(lowering, chain, LOWER_BRIDGE, NULL);
	rs_ct_mark_set(rs, mark, rule->meter);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, rule->log ? LOWER_CHAIN_LOGGED : LOWER_CHAIN_ADMIT);
}

void lower_meter_chains(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;

	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].meter)
			meter_chain(lowering, &policy->rules.items[i]);
}
