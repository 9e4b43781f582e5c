/* Flows between the relay of published ports and the guest, without conntrack: what belongs to one is what the kernel
 * finds a socket of the relay's for. So an answer may be as late as the relay waits for it, and neither a full table nor a
 * timeout of conntrack's ends a flow that both ends still have.
 *
 * The relay's sockets are connected, to the guest's address and the published port: nothing else of the guest's matches. */
#include "lower/lower_state.h"

static bool publishes(const struct lowering *lowering)
{
	return lowering->policy->publishes.count > 0;
}

void lower_relayed_from_guest(struct lowering *lowering, struct rs_chain *chain)
{
	if (!publishes(lowering))
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "published ports");
	lower_match(lowering, rule, RS_SOCKET_MARK, LOWER_RELAY_MARK);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
}

void lower_relayed_to_guest(struct lowering *lowering, struct rs_chain *chain)
{
	if (!publishes(lowering))
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "published ports");
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	lower_match(lowering, rule, RS_META_MARK, LOWER_RELAY_MARK);
	rs_do(lowering->ruleset, rule, RS_NOTRACK);
}

void lower_relayed_input(struct lowering *lowering, struct rs_chain *chain)
{
	if (!publishes(lowering))
		return;
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, "published ports: answers to the relay");
	lower_match(lowering, rule, RS_SOCKET_MARK, LOWER_RELAY_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}
