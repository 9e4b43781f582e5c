/* Chains and rules of the bounds on flows, for either namespace's table. */
#include "lower/limits.h"
#include "lower/sandbox_net.h"

#include <string.h>

#define REPORT_RATE 20 /* refused packets a second that are reported, for each bound */
#define REPORT_BURST 100
#define NEIGHBOURS_PART 4 /* of the rate of new flows */

static const struct {
	const char *name, *chain;
} limits[OVER_COUNT] = {
	[OVER_TCP] = { "tcp", "over_tcp" },
	[OVER_UDP] = { "udp", "over_udp" },
	[OVER_OTHER] = { "other", "over_other" },
	[OVER_RATE] = { "rate", "over_rate" },
	[OVER_QUESTIONS] = { "dns", "over_dns" },
	[OVER_SHARE] = { "share", "over_share" },
	[OVER_ALL] = { "all", "over_all" },
	[OVER_NEIGHBOURS] = { "neighbours", "over_neighbours" },
	[OVER_EGRESS_BYTES] = { "egress-bytes", "over_egress_bytes" },
	[OVER_INGRESS_BYTES] = { "ingress-bytes", "over_ingress_bytes" },
};

uint32_t limit_neighbours(const struct policy *policy)
{
	return (policy->connection_rate.most + NEIGHBOURS_PART - 1) / NEIGHBOURS_PART;
}

const char *limit_name(enum limit limit)
{
	return limits[limit].name;
}

const char *limit_chain(enum limit limit)
{
	return limits[limit].chain;
}

bool limit_by_name(const char *prefix, enum limit *out)
{
	for (size_t i = 0; i < OVER_COUNT; i++) {
		if (strcmp(limits[i].name, prefix) != 0)
			continue;
		*out = (enum limit)i;
		return true;
	}
	return false;
}

static void refusal_chain(const struct limit_chains *chains, const char *name, const char *prefix, bool drop)
{
	struct ruleset *rs = chains->ruleset;
	struct rs_chain *chain = rs_chain_add(rs, chains->table, name);
	/* All less those that are reported: how many are not, for whoever reads the reports */
	rs_do(rs, rs_rule_add(rs, chain, "refused"), RS_COUNTER);
	struct rs_rule *rule = rs_rule_add(rs, chain, NULL);

	rs_limit(rs, rule, REPORT_RATE, RS_SECOND, REPORT_BURST);
	rs_do(rs, rule, RS_COUNTER);
	rs_log(rs, rule, chains->log_group, LOWER_LOG_SNAPLEN, prefix);
	if (drop) {
		rs_verdict(rs, rs_rule_add(rs, chain, NULL), RS_DROP, NULL);
		return;
	}
	rule = rs_rule_add(rs, chain, NULL);
	rs_match(rs, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_do(rs, rule, RS_REJECT_RESET);
	rs_do(rs, rs_rule_add(rs, chain, NULL), RS_REJECT_ADMIN);
}

void limit_refusal_chain(const struct limit_chains *chains, enum limit limit)
{
	refusal_chain(chains, limits[limit].chain, limits[limit].name,
		      chains->silent || limit == OVER_RATE || limit == OVER_NEIGHBOURS);
}

void limit_named_refusal_chain(const struct limit_chains *chains, const char *chain, const char *prefix)
{
	refusal_chain(chains, chain, prefix, chains->silent);
}

static void over(const struct limit_chains *chains, struct rs_rule *rule, enum limit limit, uint32_t most)
{
	rs_ct_count(chains->ruleset, rule, most);
	rs_do(chains->ruleset, rule, RS_COUNTER);
	rs_verdict(chains->ruleset, rule, RS_GOTO, limits[limit].chain);
}

void limit_count(const struct limit_chains *chains, struct rs_chain *chain, enum limit limit, uint32_t most)
{
	if (most)
		over(chains, rs_rule_add(chains->ruleset, chain, NULL), limit, most);
}

static void count_protocol(const struct limit_chains *chains, struct rs_chain *chain, enum limit limit, unsigned proto,
			   uint32_t most)
{
	if (!most)
		return;
	struct rs_rule *rule = rs_rule_add(chains->ruleset, chain, NULL);
	rs_match(chains->ruleset, rule, RS_META_L4PROTO, rs_number(proto));
	over(chains, rule, limit, most);
}

void limit_count_protocols(const struct limit_chains *chains, struct rs_chain *chain, uint32_t tcp, uint32_t udp,
			   uint32_t other)
{
	count_protocol(chains, chain, OVER_TCP, IPPROTO_TCP, tcp);
	count_protocol(chains, chain, OVER_UDP, IPPROTO_UDP, udp);
	if (!other)
		return;
	struct rs_rule *rule = rs_rule_add(chains->ruleset, chain, NULL);
	struct rs_expr *protocols = rs_match(chains->ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_or(chains->ruleset, protocols, rs_number(IPPROTO_UDP));
	protocols->negate = true;
	over(chains, rule, OVER_OTHER, other);
}
