/* What chains that every policy has do besides where server names decide (lower_defer.c); in other policies nothing. */
#include "lower/lower_state.h"

void lower_defer_facts(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;

	lowering->defers = policy_defers(policy);
	for (size_t i = 0; lowering->defers && i < policy->floors.count; i++)
		for (size_t j = 0; j < policy->floors.items[i]->rules.count; j++)
			lowering->floors_defer |= policy_rule_defers(&policy->floors.items[i]->rules.items[j]);
	for (size_t i = 0; lowering->defers && i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (rule->action == POLICY_ALLOW && policy_rule_defers(rule))
			*(rule->log ? &lowering->named_logs : &lowering->named_unlogged) = true;
	}
}

static void match_mark(struct lowering *lowering, struct rs_rule *rule, uint32_t mark)
{
	lower_match(lowering, rule, RS_META_MARK, mark);
}

void lower_defer_forward(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay's flows, whoever sends");
	lower_match(lowering, rule, RS_CT_MARK, LOWER_DIVERTED_CT);
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

const char *lower_new_chain(const struct lowering *lowering)
{
	return lowering->defers ? LOWER_CHAIN_NEW : LOWER_CHAIN_OUTBOUND;
}

void lower_defer_input(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, "handed to the name relay");
	match_mark(lowering, rule, LOWER_DIVERT_MARK);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

void lower_defer_to_gateway(struct lowering *lowering, struct rs_chain *chain, enum rs_field daddr, u128 gateway)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	lower_match(lowering, rule, daddr, gateway);
	match_mark(lowering, rule, LOWER_PASSED_MARK);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_PASSED);
	rule = lower_rule(lowering, chain, "not judged");
	lower_match(lowering, rule, daddr, gateway);
	lower_match_tcp(lowering, rule);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
}

void lower_defer_for_floor(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->floors_defer)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "a floor waits for the server name");
	lower_match(lowering, rule, RS_CT_MARK, LOWER_DIVERTED_CT);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_DEFER);
}

void lower_defer_named(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers || !(lowering->named_logs || lowering->named_unlogged))
		return;
	struct rs_rule *rule =
		lower_rule(lowering, chain, "an allow of a bound name is before: the server name decides");
	LOWER_MATCH_ANY(lowering, rule, RS_META_MARK, LOWER_NAMED_MARK, LOWER_NAMED_LOGGED_MARK);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_DEFER);
}

void lower_defer_logged(struct lowering *lowering, struct rs_chain *chain)
{
	lower_defer_for_floor(lowering, chain);
	if (lowering->named_logs) {
		struct rs_rule *rule = lower_rule(lowering, chain, "logged there");
		match_mark(lowering, rule, LOWER_NAMED_LOGGED_MARK);
		rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_ADMIT);
	}
}

void lower_defer_admit(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match_tcp(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_ADMIT_TCP);
}

/* The kernel finds a flow's socket by itself, ahead of routing (early demux), for packets that conntrack is not let see, too. They
 * do not get to it, and are no reason to end the guest's flow. */
void lower_defer_last_hop(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "of a flow of the name relay's, and ends at this hop");
	lower_match(lowering, rule, RS_CT_STATE, LOWER_CT_UNTRACKED);
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

/* Conntrack may have forgotten a flow of which the relay is first to send on: then it must not become the server's, whose
 * answers the guest's packets would be. The gateway's own addresses are not forwarded to anyway. */
static void mark_relayed(struct lowering *lowering, struct rs_chain *chain, enum rs_field saddr, u128 gateway)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay's, with the server's address");

	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	lower_match_new(lowering, rule);
	lower_match_tcp(lowering, rule);
	rs_match(lowering->ruleset, rule, saddr, rs_number(gateway))->negate = true;
	rs_ct_mark_set(lowering->ruleset, rule, LOWER_DIVERTED_CT);
}

void lower_defer_output(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay's way is out");
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	match_mark(lowering, rule, LOWER_NAMES_MARK);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	if (lowering->gateway.has4)
		mark_relayed(lowering, chain, RS_IP_SADDR, lowering->gateway.v4.value);
	if (lowering->gateway.has6)
		mark_relayed(lowering, chain, RS_IP6_SADDR, lowering->gateway.v6.value);
}

void lower_defer_upstream(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay, as the guest would");
	match_mark(lowering, rule, LOWER_NAMES_MARK);
	lower_match_tcp(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_OUTBOUND);
}
