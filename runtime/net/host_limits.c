/* Bounds in the host's table, see host_limits.h. */
#include "net/host_limits.h"
#include "core/log.h"
#include "lower/sandbox_net.h"
#include "net/flow_grants.h"
#include "net/flow_reserve.h"
#include "net/host_link.h"
#include "net/sysctl.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

/* Ahead of all others, and of what counts how many of the flows they let pass */
#define FORWARD_FIRST (-401)
/* After conntrack and mangling, before destination NAT; one directly behind the other */
#define EVERYONE (-141)
#define SETTLE (-140)
#define QUESTIONS 4096
#define ONE_OF 16       /* a sandbox's share of the table */
#define ALL_OF 2        /* all sandboxes' */
#define RESERVABLE_OF 4 /* of which this is for reservations */
/* The kernel walks all of a list for a new flow, so the flows of all are spread over several. */
#define LISTS_MAX 8
#define LIST_SIZE 8192
/* Bits of an nft ct state; related: what a helper of the host's expects */
#define CT_FIRST (NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_BIT(IP_CT_RELATED))

/* ---- the numbers ---- */

static uint32_t within(uint32_t wanted, uint32_t share)
{
	return share && (!wanted || wanted > share) ? share : wanted;
}

static uint32_t part_of(uint64_t table, unsigned parts)
{
	uint64_t part = table / parts;

	return part > UINT32_MAX ? UINT32_MAX : table && !part ? 1 : (uint32_t)part;
}

void host_limits_make(const struct policy *policy, uint64_t table, struct host_limits *limits)
{
	limits->share = part_of(table, ONE_OF);
	limits->reservable = table < RESERVABLE_OF ? 0 : part_of(table, RESERVABLE_OF);
	limits->all = part_of(table, ALL_OF) - limits->reservable;
	limits->tcp = within(policy->max_tcp.most, limits->share);
	limits->udp = within(policy->max_udp.most, limits->share);
	limits->other = within(POLICY_OTHER_CONNECTIONS, limits->share);
	limits->questions = within(QUESTIONS, limits->share);
	limits->grant_tcp = flow_grants_fit(limits->tcp, policy->connection_rate.most);
	limits->grant_udp = flow_grants_fit(limits->udp, policy->connection_rate.most);
	limits->relayed = policy_defers(policy);
	/* a second for the way, one for rounding */
	uint64_t question_s = policy->dns_timeout_ms / 1000 + 2;
	limits->question_s = question_s > 600 ? 600 : (uint32_t)question_s;
}

int host_limits_read(const struct policy *policy, struct host_limits *limits)
{
	char text[32];

	int error = sysctl_read("netfilter/nf_conntrack_max", text, sizeof text);
	if (error < 0) {
		log_error("cannot read net.netfilter.nf_conntrack_max, which bounds the sandbox's connections: %s",
			  strerror(-error));
		return error;
	}
	host_limits_make(policy, strtoull(text, NULL, 10), limits);
	return 0;
}

static uint64_t sum_of(const struct host_limits *limits)
{
	return (uint64_t)limits->tcp + limits->udp + limits->other + limits->questions;
}

/* Whether the bounds for protocols could let more through than the sandbox's share */
static bool share_counts(const struct host_limits *limits)
{
	return limits->share && sum_of(limits) > limits->share;
}

uint64_t host_limits_most(const struct host_limits *limits)
{
	return share_counts(limits) ? limits->share : sum_of(limits);
}

/* ---- one sandbox ---- */

struct builder {
	struct ruleset *ruleset;
	struct rs_table *table;
	uint32_t link; /* its index */
	const struct addr_gateway *gateway;
	const struct host_limits *limits;
	struct limit_chains chains;
};

static struct rs_rule *first_of_link(struct builder *builder, struct rs_chain *chain)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);

	rs_match(builder->ruleset, rule, RS_META_IIF, rs_number(builder->link));
	return rule;
}

static void pass_known(struct builder *builder, struct rs_chain *chain)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);

	rs_match(builder->ruleset, rule, RS_CT_STATUS, rs_number(IPS_CONFIRMED));
	rs_verdict(builder->ruleset, rule, RS_RETURN, NULL);
}

static void set_timeout(struct builder *builder, struct rs_chain *chain, unsigned proto, const char *policy)
{
	if (!builder->limits->timeouts)
		return;
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);
	rs_match(builder->ruleset, rule, RS_META_L4PROTO, rs_number(proto));
	rs_ct_timeout(builder->ruleset, rule, policy);
}

static void flows_from(struct builder *builder, struct rs_chain *chain, struct addr source, const char *to)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);

	rs_match(builder->ruleset, rule, source.family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR,
		 rs_number(source.value));
	rs_verdict(builder->ruleset, rule, RS_GOTO, to);
}

static bool grants(const struct host_limits *limits)
{
	return limits->grant_tcp || limits->grant_udp;
}

static void goto_grant(struct builder *builder, struct rs_chain *chain, unsigned proto, enum limit limit)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);

	rs_match(builder->ruleset, rule, RS_META_L4PROTO, rs_number(proto));
	rs_verdict(builder->ruleset, rule, RS_GOTO, flow_grants_chain(limit));
}

/* What the name relay opens is the guest's; the DNS proxy's TCP goes to port 53, or counts for a flow of the guest's. */
static void relayed_from(struct builder *builder, struct rs_chain *chain, struct addr gateway)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, "the name relay's");

	rs_match(builder->ruleset, rule, gateway.family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR,
		 rs_number(gateway.value));
	rs_match(builder->ruleset, rule, RS_TCP_DPORT, rs_number(LOWER_DNS_PORT))->negate = true;
	rs_verdict(builder->ruleset, rule, RS_GOTO, "guest_flows");
}

/* By a grant only what has the guest's own address, or is relayed: flow_grants.h counts by that. */
static void add_guest_flows(struct builder *builder)
{
	const struct host_limits *limits = builder->limits;
	struct rs_chain *chain = rs_chain_add(builder->ruleset, builder->table, "guest_flows");

	set_timeout(builder, chain, IPPROTO_TCP, "tcp");
	set_timeout(builder, chain, IPPROTO_UDP, "udp");
	if (limits->grant_tcp)
		goto_grant(builder, chain, IPPROTO_TCP, OVER_TCP);
	if (limits->grant_udp)
		goto_grant(builder, chain, IPPROTO_UDP, OVER_UDP);
	limit_count_protocols(&builder->chains, chain, limits->grant_tcp ? 0 : limits->tcp,
			      limits->grant_udp ? 0 : limits->udp, limits->other);
	if (limits->grant_tcp)
		flow_grants_add(builder->ruleset, builder->table, OVER_TCP, limits->tcp);
	if (limits->grant_udp)
		flow_grants_add(builder->ruleset, builder->table, OVER_UDP, limits->udp);
}

static void add_sources(struct builder *builder, struct rs_chain *chain, struct addr gateway)
{
	if (grants(builder->limits))
		flows_from(builder, chain, lower_guest_addr(gateway), "guest_flows");
	if (builder->limits->relayed)
		relayed_from(builder, chain, gateway);
	flows_from(builder, chain, gateway, "questions");
}

static void add_new_flows(struct builder *builder)
{
	const struct host_limits *limits = builder->limits;
	struct rs_chain *chain = rs_chain_add(builder->ruleset, builder->table, "new_flows");

	pass_known(builder, chain);
	if (share_counts(limits))
		limit_count(&builder->chains, chain, OVER_SHARE, limits->share);
	if (builder->gateway->has4)
		add_sources(builder, chain, builder->gateway->v4);
	if (builder->gateway->has6)
		add_sources(builder, chain, builder->gateway->v6);
	if (grants(limits))
		rs_verdict(builder->ruleset, rs_rule_add(builder->ruleset, chain, "forged source"), RS_DROP, NULL);
	else
		rs_verdict(builder->ruleset, rs_rule_add(builder->ruleset, chain, NULL), RS_GOTO, "guest_flows");

	chain = rs_chain_add(builder->ruleset, builder->table, "questions");
	set_timeout(builder, chain, IPPROTO_TCP, "tcp");
	set_timeout(builder, chain, IPPROTO_UDP, "dns");
	limit_count(&builder->chains, chain, OVER_QUESTIONS, limits->questions);
	add_guest_flows(builder);
}

/* A flow that is over counts for nothing but keeps its entry, so it is not kept for long; an established one for a day, as in
 * the sandbox's namespace. */
static void add_timeouts(struct builder *builder)
{
	struct rs_timeout *tcp = rs_timeout_add(builder->ruleset, builder->table, "tcp", IPPROTO_TCP);

	tcp->seconds[RS_TCP_SYN_SENT] = 30;
	tcp->seconds[RS_TCP_SYN_RECV] = 30;
	tcp->seconds[RS_TCP_ESTABLISHED] = 86400;
	tcp->seconds[RS_TCP_FIN_WAIT] = 30;
	tcp->seconds[RS_TCP_CLOSE_WAIT] = 60;
	tcp->seconds[RS_TCP_LAST_ACK] = 30;
	tcp->seconds[RS_TCP_TIME_WAIT] = 10;
	tcp->seconds[RS_TCP_CLOSE] = 5;
	tcp->seconds[RS_TCP_SYN_SENT2] = 30;
	tcp->seconds[RS_TCP_RETRANS] = 300;
	tcp->seconds[RS_TCP_UNACK] = 300;
	struct rs_timeout *udp = rs_timeout_add(builder->ruleset, builder->table, "udp", IPPROTO_UDP);
	udp->seconds[RS_UDP_UNREPLIED] = 15;
	udp->seconds[RS_UDP_REPLIED] = 120;
	struct rs_timeout *dns = rs_timeout_add(builder->ruleset, builder->table, "dns", IPPROTO_UDP);
	dns->seconds[RS_UDP_UNREPLIED] = builder->limits->question_s;
	dns->seconds[RS_UDP_REPLIED] = builder->limits->question_s;
}

static void add_limits(struct builder *builder)
{
	struct rs_chain *chain = rs_base_chain_add(builder->ruleset, builder->table, "limits", RS_FILTER, RS_FORWARD,
						   FORWARD_FIRST, RS_ACCEPT);
	struct rs_rule *rule = first_of_link(builder, chain);

	rs_match(builder->ruleset, rule, RS_CT_STATE, rs_number(CT_FIRST));
	rs_verdict(builder->ruleset, rule, RS_GOTO, "new_flows");
	add_new_flows(builder);
	if (builder->limits->timeouts)
		add_timeouts(builder);
}

/* ---- all sandboxes ----
 *
 * The packet's type, in this order: host (as it came), broadcast (one table has counted it), other (two have); multicast (over
 * the bound). */

static unsigned list_count(uint32_t all)
{
	uint32_t lists = all / LIST_SIZE;

	return lists > LISTS_MAX ? LISTS_MAX : lists ? lists : 1;
}

static const char *list_name(struct builder *builder, unsigned list)
{
	return arena_printf(builder->ruleset->arena, "count%u", list);
}

/* One of the lists, each as likely */
static void spread(struct builder *builder, struct rs_chain *chain, unsigned lists)
{
	for (unsigned list = 0; list < lists; list++) {
		struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, NULL);
		if (list + 1 < lists)
			rs_match(builder->ruleset, rule, RS_META_RANDOM, rs_range(0, UINT32_MAX / (lists - list)));
		rs_verdict(builder->ruleset, rule, RS_GOTO, list_name(builder, list));
	}
}

static void add_counts(struct builder *builder, unsigned lists)
{
	struct ruleset *rs = builder->ruleset;

	for (unsigned list = 0; list < lists; list++) {
		struct rs_chain *chain = rs_chain_add(rs, builder->table, list_name(builder, list));
		struct rs_rule *rule = rs_rule_add(rs, chain, NULL);
		rs_ct_count(rs, rule, builder->limits->all / lists);
		rs_do(rs, rule, RS_COUNTER);
		rs_pkttype_set(rs, rule, RS_PKT_MULTICAST);
		rs_verdict(rs, rule, RS_RETURN, NULL);
		rs_verdict(rs, rs_rule_add(rs, chain, NULL), RS_GOTO, "counted");
	}
	struct rs_chain *chain = rs_chain_add(rs, builder->table, "counted");
	struct rs_rule *rule = rs_rule_add(rs, chain, NULL);
	rs_match(rs, rule, RS_META_PKTTYPE, rs_number(RS_PKT_BROADCAST));
	rs_pkttype_set(rs, rule, RS_PKT_OTHER);
	rs_verdict(rs, rule, RS_RETURN, NULL);
	rs_pkttype_set(rs, rs_rule_add(rs, chain, NULL), RS_PKT_BROADCAST);
}

static void add_everyone(struct builder *builder)
{
	struct ruleset *rs = builder->ruleset;
	unsigned lists = list_count(builder->limits->all);
	struct rs_chain *chain =
		rs_base_chain_add(rs, builder->table, "everyone", RS_FILTER, RS_PREROUTING, EVERYONE, RS_ACCEPT);
	struct rs_rule *rule = rs_rule_add(rs, chain, NULL);

	rs_match(rs, rule, RS_META_IIFNAME, rs_name(HOST_LINKS_NFT));
	rs_match(rs, rule, RS_CT_STATE, rs_number(CT_FIRST));
	rs_match(rs, rule, RS_META_PKTTYPE, rs_range(RS_PKT_HOST, RS_PKT_BROADCAST));
	rs_verdict(rs, rule, RS_GOTO, "everyone_new");
	chain = rs_chain_add(rs, builder->table, "everyone_new");
	pass_known(builder, chain);
	rule = rs_rule_add(rs, chain, "reserved");
	rs_match(rs, rule, RS_META_IIFGROUP, rs_range(FLOW_RESERVE_GROUP, FLOW_RESERVE_GROUP | FLOW_RESERVE_MAX));
	rs_verdict(rs, rule, RS_RETURN, NULL);
	spread(builder, chain, lists);
	add_counts(builder, lists);
}

/* Its own packets get their type back, or are refused. */
static void add_settle(struct builder *builder)
{
	struct ruleset *rs = builder->ruleset;
	struct rs_chain *chain =
		rs_base_chain_add(rs, builder->table, "settle", RS_FILTER, RS_PREROUTING, SETTLE, RS_ACCEPT);

	rs_verdict(rs, first_of_link(builder, chain), RS_GOTO, "settled");
	chain = rs_chain_add(rs, builder->table, "settled");
	struct rs_rule *rule = rs_rule_add(rs, chain, NULL);
	rs_match(rs, rule, RS_META_PKTTYPE, rs_number(RS_PKT_MULTICAST));
	rs_pkttype_set(rs, rule, RS_PKT_HOST);
	rs_verdict(rs, rule, RS_GOTO, limit_chain(OVER_ALL));
	rs_pkttype_set(rs, rs_rule_add(rs, chain, NULL), RS_PKT_HOST);
}

/* ---- all of it ---- */

void host_limits_add(struct ruleset *ruleset, struct rs_table *table, uint32_t link, const struct addr_gateway *gateway,
		     const struct host_limits *limits)
{
	static const enum limit refusals[] = { OVER_TCP, OVER_UDP, OVER_OTHER, OVER_QUESTIONS, OVER_SHARE, OVER_ALL };
	struct builder builder = {
		.ruleset = ruleset,
		.table = table,
		.link = link,
		.gateway = gateway,
		.limits = limits,
		.chains = { ruleset, table, limits->log_group, limits->silent },
	};

	add_limits(&builder);
	if (limits->all && !limits->reserved) {
		add_everyone(&builder);
		add_settle(&builder);
	}
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		limit_refusal_chain(&builder.chains, refusals[i]);
}
