/* How much may pass: new flows a second, those to the gateway at once, and the policy's packets a second. */
#include "lower/limits.h"
#include "lower/lower_state.h"

/* Faster than any link, and within what the kernel computes with */
#define PACKET_RATE_MAX 100000000u

/* A page or a package manager opens hundreds at once, while a flood that fills a host's conntrack table (262,144 entries, most
 * kept for one or two minutes) takes tens of thousands. */
#define BURST_SECONDS 4

static void bound_rate(struct lowering *lowering, struct rs_chain *chain)
{
	uint32_t rate = lowering->policy->connection_rate.most;

	if (!rate || lowering->options->any_flow_rate)
		return;
	struct rs_rule *rule =
		lower_rule(lowering, chain, arena_printf(lowering->arena, "--max-connection-rate %u", rate));
	rs_limit(lowering->ruleset, rule, rate, RS_SECOND, rate * BURST_SECONDS)->negate = true;
	lower_verdict(lowering, rule, RS_GOTO, limit_chain(OVER_RATE));
}

#define CHAIN_RATE "rate"

void lower_share_rate(struct lowering *lowering, struct rs_chain *chain)
{
	if (lowering->policy->connection_rate.most && !lowering->options->any_flow_rate)
		rs_verdict(lowering->ruleset, lower_rule(lowering, chain, NULL), RS_JUMP, CHAIN_RATE);
}

static void rate_chain(struct lowering *lowering)
{
	if (lowering->policy->connection_rate.most && !lowering->options->any_flow_rate)
		bound_rate(lowering,
			   lower_chain(lowering, CHAIN_RATE, "new flows a second, whoever opens them further"));
}

static void let_own_pass(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "the DNS proxy's, to a resolver the guest chose");

	rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE))->negate = true;
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

/* What the policy allows ends here, wherever it came from, so that refused flows count for nothing. How many flows at once is
 * counted in the host's table, and here for those that end in this namespace, of which that knows nothing. */
void lower_admit_chain(struct lowering *lowering)
{
	const struct limit_chains chains = {
		.ruleset = lowering->ruleset,
		.table = lowering->table,
		.log_group = LOWER_LOG_GROUP,
		.silent = lowering->options->silent,
	};
	static const enum limit refusals[] = { OVER_RATE, OVER_TCP, OVER_UDP, OVER_OTHER };
	struct ruleset *rs = lowering->ruleset;
	const struct policy *policy = lowering->policy;
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_ADMIT,
			    "allowed by the policy: so many new flows a second, so many at once to the gateway");

	if (lowering->defers) {
		let_own_pass(lowering, chain);
		lower_defer_admit(lowering, chain);
		rs_verdict(rs, lower_confirmed_rule(lowering, chain), RS_ACCEPT, NULL);
		lower_share_rate(lowering, chain);
	} else {
		rs_verdict(rs, lower_confirmed_rule(lowering, chain), RS_ACCEPT, NULL);
		let_own_pass(lowering, chain);
		bound_rate(lowering, chain);
	}
	struct rs_rule *rule = lower_rule(lowering, chain, "how many of these is counted in the host's table");
	rs_match(rs, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	rs_verdict(rs, rule, RS_ACCEPT, NULL);
	if (lowering->defers) {
		rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_PASSED);
		chain = lower_chain(lowering, LOWER_CHAIN_PASSED, "to the gateway: so many at once");
		rs_verdict(rs, lower_confirmed_rule(lowering, chain), RS_ACCEPT, NULL);
	}
	limit_count_protocols(&chains, chain, policy->max_tcp.most, policy->max_udp.most, POLICY_OTHER_CONNECTIONS);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_ACCEPT, NULL);
	if (lowering->defers)
		rate_chain(lowering);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		limit_refusal_chain(&chains, refusals[i]);
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
