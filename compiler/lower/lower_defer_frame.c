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
		lowering->named_logs |= rule->action == POLICY_ALLOW && rule->log && policy_rule_defers(rule);
	}
}

static void match_mark(struct lowering *lowering, struct rs_rule *rule, uint32_t mark)
{
	lower_match(lowering, rule, RS_META_MARK, mark);
}

static void match_tcp(struct lowering *lowering, struct rs_rule *rule)
{
	lower_match(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP);
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
	match_tcp(lowering, rule);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
}

void lower_defer_logged(struct lowering *lowering, struct rs_chain *chain)
{
	if (lowering->floors_defer) {
		struct rs_rule *rule = lower_rule(lowering, chain, "a floor waits for the server name");
		lower_match(lowering, rule, RS_CT_MARK, LOWER_DIVERTED_CT);
		rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_DEFER);
	}
	if (lowering->named_logs) {
		struct rs_rule *rule = lower_rule(lowering, chain, "logged there");
		match_mark(lowering, rule, LOWER_NAMED_LOGGED_MARK);
		rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_ADMIT);
	}
}

void lower_defer_admit(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_tcp(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_ADMIT_TCP);
}

void lower_defer_output(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay's way is out");
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	match_mark(lowering, rule, LOWER_NAMES_MARK);
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

void lower_defer_upstream(struct lowering *lowering, struct rs_chain *chain)
{
	if (!lowering->defers)
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, "the name relay, as the guest would");
	match_mark(lowering, rule, LOWER_NAMES_MARK);
	match_tcp(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_OUTBOUND);
}
