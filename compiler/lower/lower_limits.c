/* How much may pass: new flows a second, connections at once, and the policy's packets a second. */
#include "lower/lower_state.h"

/* New flows that a guest may start: a page or a package manager opens hundreds at once, while a flood that fills the
 * host's conntrack table (262,144 entries, most kept for one or two minutes) takes tens of thousands. */
#define FLOW_RATE 250
#define FLOW_BURST 1000
#define CT_CONFIRMED 8 /* IPS_CONFIRMED: an earlier packet of the flow was let pass */
/* Faster than any link, and within what the kernel computes with */
#define PACKET_RATE_MAX 100000000u

void lower_admit_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	uint32_t most = lowering->policy->max_connections;
	struct rs_chain *chain = rs_chain_add(rs, lowering->table, LOWER_CHAIN_ADMIT);

	chain->note = "so many new flows, and no more";
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, RS_CT_STATUS, rs_number(CT_CONFIRMED));
	rs_verdict(rs, rule, RS_RETURN, NULL);
	if (!lowering->options->any_flow_rate) {
		rule = lower_rule(lowering, chain, "too many new flows a second");
		rs_limit(rs, rule, FLOW_RATE, RS_SECOND, FLOW_BURST)->negate = true;
		lower_verdict(lowering, rule, RS_DROP, NULL);
	}
	if (most) {
		rule = lower_rule(lowering, chain, arena_printf(lowering->arena, "--max-connections %u", most));
		rs_ct_count(rs, rule, most);
		lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
	}
}

/* `size` packets every `refill_ms` in the shortest of nft's units that expresses it exactly, or within a thousandth;
 * at least 1 */
static void packet_rate(const struct policy_limit *limit, uint64_t *rate, enum rs_unit *unit)
{
	static const enum rs_unit units[] = { RS_SECOND, RS_MINUTE, RS_HOUR, RS_DAY, RS_WEEK };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		u128 packets = (u128)limit->size * (unsigned)units[i] * 1000;
		*unit = units[i];
		*rate = packets / limit->refill_ms > PACKET_RATE_MAX ? PACKET_RATE_MAX :
								       (uint64_t)(packets / limit->refill_ms);
		if (*rate && packets % limit->refill_ms == 0)
			return;
		if (*rate >= 1000) /* within a thousandth */
			return;
	}
	*rate = *rate ? *rate : 1;
}

static uint32_t bucket(uint64_t packets)
{
	return packets > PACKET_RATE_MAX ? PACKET_RATE_MAX : (uint32_t)packets;
}

const char *lower_rate_chain(struct lowering *lowering, const struct policy_limit *limit, const char *name)
{
	struct ruleset *rs = lowering->ruleset;
	uint64_t rate;
	enum rs_unit unit;

	if (!limit->size || !limit->refill_ms)
		return NULL;
	packet_rate(limit, &rate, &unit);
	struct rs_chain *chain = rs_chain_add(rs, lowering->table, name);
	chain->note = "the policy's packets a second";
	if (limit->burst) {
		/* A bucket that is practically never refilled: what may pass once on top */
		struct rs_rule *once = lower_rule(lowering, chain, "the one-time burst");
		rs_limit(rs, once, 1, RS_WEEK, bucket(limit->burst));
		lower_verdict(lowering, once, RS_RETURN, NULL);
	}
	struct rs_rule *rule = lower_rule(lowering, chain, "over the limit");
	rs_limit(rs, rule, rate, unit, bucket(limit->size))->negate = true;
	lower_verdict(lowering, rule, RS_DROP, NULL);
	return name;
}
