/* What an audit does with a flow that the policy denies: reported, and let pass, unless it is for a metadata service or the gateway. A
 * floor's denials, and what no rule decides, never get here. */
#include "lower/lower_state.h"

static void refuse_group(struct lowering *lowering, struct rs_chain *chain, enum addr_class group,
			 enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "never, whatever is audited");

	rs_lookup(lowering->ruleset, rule, lower_group_set(lowering, group, POLICY_DENY, family),
		  family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR);
	lower_verdict(lowering, rule, RS_GOTO, LOWER_CHAIN_REFUSE);
}

void lower_audited_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain;

	if (!lowering->options->audit)
		return;
	chain = lower_chain(lowering, LOWER_CHAIN_AUDITED, "the policy denies it: reported, and let pass");
	for (enum addr_family family = ADDR_V4; family; family = family == ADDR_V4 ? ADDR_V6 : 0) {
		if (family == ADDR_V4 ? !lowering->gateway.has4 : !lowering->gateway.has6)
			continue;
		refuse_group(lowering, chain, ADDR_CLASS_META, family);
		refuse_group(lowering, chain, ADDR_CLASS_HOST, family);
	}
	lower_defer_for_floor(lowering, chain);
	rs_log(rs, lower_rule_from(lowering, chain, LOWER_BRIDGE, NULL), LOWER_ALLOW_LOG_GROUP, LOWER_LOG_SNAPLEN,
	       NULL);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_ADMIT);
}
