/* Chains, matches and rules that the files of lowering share. */
#include "lower/lower_state.h"

enum { CT_INVALID = 1, CT_ESTABLISHED = 2, CT_RELATED = 4, CT_NEW = 8, CT_UNTRACKED = LOWER_CT_UNTRACKED };
enum { CT_CONFIRMED = 8 }; /* IPS_CONFIRMED */
/* Packets a second that are reported: of those refused, and of those that rules with `log` let pass */
enum { REPORT_RATE = 100, REPORT_BURST = 200 };
enum { ND_ROUTER_SOLICIT = 133, ND_NEIGHBOR_SOLICIT = 135, ND_NEIGHBOR_ADVERT = 136 };

struct rs_chain *lower_chain(struct lowering *lowering, const char *name, const char *note)
{
	struct rs_chain *chain = rs_chain_add(lowering->ruleset, lowering->table, name);

	chain->note = note;
	return chain;
}

struct rs_chain *lower_hook_chain(struct lowering *lowering, const char *name, enum rs_hook hook, int priority,
				  enum rs_verdict_kind policy, const char *note)
{
	struct rs_chain *chain =
		rs_base_chain_add(lowering->ruleset, lowering->table, name, RS_FILTER, hook, priority, policy);

	chain->note = note;
	return chain;
}

void lower_match(struct lowering *lowering, struct rs_rule *rule, enum rs_field field, u128 number)
{
	rs_match(lowering->ruleset, rule, field, rs_number(number));
}

void lower_match_tcp(struct lowering *lowering, struct rs_rule *rule)
{
	lower_match(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP);
}

struct rs_rule *lower_rule_from(struct lowering *lowering, struct rs_chain *chain, const char *link,
				const char *comment)
{
	struct rs_rule *rule = lower_rule(lowering, chain, comment);

	rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(link));
	return rule;
}

/* Neighbour discovery; only a neighbour's packets still have hop limit 255 (RFC 4861) */
void lower_match_neighbours(struct lowering *lowering, struct rs_rule *rule)
{
	lower_match(lowering, rule, RS_IP6_HOPLIMIT, 255);
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT);
}

void lower_match_dns_ports(struct lowering *lowering, struct rs_rule *rule)
{
	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	lower_match(lowering, rule, RS_TH_DPORT, LOWER_DNS_PORT);
}

void lower_match_dhcp(struct lowering *lowering, struct rs_rule *rule, unsigned client, unsigned server)
{
	lower_match(lowering, rule, RS_UDP_SPORT, client);
	lower_match(lowering, rule, RS_UDP_DPORT, server);
}

static void match_ct(struct lowering *lowering, struct rs_rule *rule, unsigned state)
{
	lower_match(lowering, rule, RS_CT_STATE, state);
}

void lower_match_new(struct lowering *lowering, struct rs_rule *rule)
{
	match_ct(lowering, rule, CT_NEW);
}

void lower_match_first(struct lowering *lowering, struct rs_rule *rule)
{
	match_ct(lowering, rule, CT_NEW | CT_UNTRACKED);
}

struct rs_rule *lower_confirmed_rule(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match(lowering, rule, RS_CT_STATUS, CT_CONFIRMED);
	return rule;
}

void lower_match_established(struct lowering *lowering, struct rs_rule *rule)
{
	match_ct(lowering, rule, CT_ESTABLISHED);
}

void lower_established(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match_established(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

void lower_related(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_ct(lowering, rule, CT_RELATED);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, "related");
}

void lower_known_flows(struct lowering *lowering, struct rs_chain *chain)
{
	lower_established(lowering, chain);
	lower_related(lowering, chain);
}

void lower_drop_invalid(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	match_ct(lowering, rule, CT_INVALID);
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

unsigned lower_rule_protos(const struct policy_rule *rule, enum addr_family family)
{
	unsigned all = PROTO_TCP | PROTO_UDP | PROTO_OTHER | (family == ADDR_V4 ? PROTO_ICMPV4 : PROTO_ICMPV6);
	unsigned protos = rule->protos ? rule->protos & all : all;

	/* A flow without ports never matches a rule that lists ports */
	return rule->ports.count ? protos & (PROTO_TCP | PROTO_UDP) : protos;
}

void lower_log_allowed(struct lowering *lowering, struct rs_rule *rule)
{
	if (lowering->options->log_all)
		rs_log(lowering->ruleset, rule, LOWER_ALLOW_LOG_GROUP, LOWER_LOG_SNAPLEN, NULL);
	else
		rs_verdict(lowering->ruleset, rule, RS_JUMP, LOWER_CHAIN_REPORT_ALLOWED);
}

/* What the bound keeps from being reported is counted by itself, so that whoever reads the reports can be told how much is missing. */
void lower_report_chain(struct lowering *lowering, const char *name, const char *note, uint32_t group)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, name, note);
	struct rs_rule *rule = lower_rule_from(lowering, chain, LOWER_BRIDGE, NULL);

	rs_limit(rs, rule, REPORT_RATE, RS_SECOND, REPORT_BURST);
	rs_log(rs, rule, group, LOWER_LOG_SNAPLEN, NULL);
	rs_verdict(rs, rule, RS_RETURN, NULL);
	rs_do(rs, lower_rule_from(lowering, chain, LOWER_BRIDGE, "not reported"), RS_COUNTER);
}

/* Others may send as much as they like: the bound is not that of the guest's own packets. */
void lower_shut_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_SHUT, "refused packets to the pod: reported, and dropped");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_limit(rs, rule, REPORT_RATE, RS_SECOND, REPORT_BURST);
	rs_log(rs, rule, LOWER_LOG_GROUP, LOWER_LOG_SNAPLEN, LOWER_SHUT_PREFIX);
	rs_verdict(rs, rule, RS_DROP, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, "not reported"), RS_DROP, NULL);
}

const char *lower_denied_chain(const struct lowering *lowering)
{
	return lowering->options->audit && !lowering->floor ? LOWER_CHAIN_AUDITED : LOWER_CHAIN_REFUSE;
}
