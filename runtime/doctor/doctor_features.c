/* nf_tables, tried: a ruleset of one rule goes into the kernel of a throw-away network namespace by the same encoder that
 * installs policies. */
#include "doctor/doctor_features.h"
#include "core/fd.h"
#include "doctor/doctor.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_install.h"
#include "netlink/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>

#define LOOPBACK "lo"
#define ANY_GROUP 1
#define ANY_MARK 1
#define ANY_PORT 1

/* ---- what is tried ---- */

static void nothing(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_COUNTER);
}

static void refuse(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	static const enum rs_expr_kind others[] = { RS_REJECT_ADMIN, RS_REJECT_ROUTE };
	struct rs_rule *reset = rs_rule_add(ruleset, chain, NULL);

	(void)table;
	rs_match(ruleset, reset, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_do(ruleset, reset, RS_REJECT_RESET);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), others[i]);
}

static void log_packets(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_log(ruleset, rs_rule_add(ruleset, chain, NULL), ANY_GROUP, 128, "doctor");
}

static void quota(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	rs_quota_add(ruleset, table, "tried", 1000);
	rs_quota(ruleset, rs_rule_add(ruleset, chain, NULL), "tried");
}

static void limit(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_limit(ruleset, rs_rule_add(ruleset, chain, NULL), 10, RS_SECOND, 5);
}

static void count_connections(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_ct_count(ruleset, rs_rule_add(ruleset, chain, NULL), 10);
}

static void state_and_mark(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	(void)table;
	rs_match(ruleset, rule, RS_CT_STATE, rs_number(NF_CT_STATE_BIT(IP_CT_ESTABLISHED)));
	rs_match(ruleset, rule, RS_CT_MARK, rs_number(ANY_MARK));
	rs_ct_mark_set(ruleset, rule, ANY_MARK);
	rs_mark_set(ruleset, rule, ANY_MARK);
}

static void not_tracked(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	chain->priority = -300; /* ahead of conntrack */
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_NOTRACK);
}

static void timeouts(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	struct rs_timeout *timeout = rs_timeout_add(ruleset, table, "udp", IPPROTO_UDP);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	timeout->seconds[RS_UDP_UNREPLIED] = timeout->seconds[RS_UDP_REPLIED] = 15;
	rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_UDP));
	rs_ct_timeout(ruleset, rule, "udp");
}

static void to_socket(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	chain->priority = -150; /* mangle */
	for (enum addr_family family = ADDR_V4; family <= ADDR_V6; family++) {
		struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);
		rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
		rs_tproxy(ruleset, rule, family, ANY_PORT);
	}
}

static void of_socket(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_match(ruleset, rs_rule_add(ruleset, chain, NULL), RS_SOCKET_MARK, rs_number(ANY_MARK));
}

static void fib(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	rs_match(ruleset, rs_rule_add(ruleset, chain, NULL), RS_FIB_DADDR_TYPE, rs_number(RTN_LOCAL));
}

static void masquerade(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	chain->priority = 100;
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_MASQUERADE);
}

static void source(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	(void)table;
	chain->priority = 100;
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_SNAT)->source = (struct addr){ ADDR_V4, 1 };
}

/* Headers, and what else a packet is known by */
static void packet_facts(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	static const enum rs_field fields[] = { RS_IP6_ROUTING,  RS_IP_HDRLENGTH,  RS_IP_FIRST_BYTE, RS_META_RANDOM,
						RS_META_PKTTYPE, RS_META_IIFGROUP, RS_META_LENGTH };

	(void)table;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);
		if (fields[i] == RS_IP_FIRST_BYTE)
			rs_match(ruleset, rule, RS_IP_TTL, rs_number(1));
		rs_match(ruleset, rule, fields[i], rs_number(1));
	}
	rs_pkttype_set(ruleset, rs_rule_add(ruleset, chain, NULL), RS_PKT_OTHER);
}

static void sets(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	struct rs_set *pairs = rs_set_add(ruleset, table, "pairs", RS_TYPE_IPV4);
	pairs->type[1] = RS_TYPE_PORT;
	pairs->interval = true;
	*arena_push(ruleset->arena, &pairs->elements) =
		(struct rs_element){ .key = { rs_range(10, 20), rs_range(22, 25) } };
	struct rs_set *bound = rs_set_add(ruleset, table, "bound", RS_TYPE_IPV6);
	bound->timeout = bound->runtime = bound->counters = true;
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_lookup_pair(ruleset, rule, "pairs", RS_IP_DADDR, RS_TH_DPORT);
	rs_lookup(ruleset, rs_rule_add(ruleset, chain, NULL), "bound", RS_IP6_DADDR);
}

static void verdict_map(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	struct rs_set *map = rs_set_add(ruleset, table, "ways", RS_TYPE_IPV4);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL), *last = rs_rule_add(ruleset, chain, NULL);

	rule = &chain->rules.items[0];
	map->map = map->interval = true;
	*arena_push(ruleset->arena, &map->elements) =
		(struct rs_element){ .key = { rs_range(10, 20) }, .verdict = { RS_JUMP, "other" } };
	struct rs_expr *lookup = rs_lookup(ruleset, rule, "ways", RS_IP_DADDR);
	lookup->kind = RS_VMAP;
	rs_verdict(ruleset, last, RS_GOTO, "other");
	rs_chain_add(ruleset, table, "other");
}

static void past_the_chains(struct ruleset *ruleset, struct rs_table *table, struct rs_chain *chain)
{
	struct rs_flowtable *flowtable = rs_flowtable_add(ruleset, table, "fast", 0);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	flowtable->devices[0] = LOWER_TAP; /* two: the kernel refuses one twice */
	flowtable->devices[1] = LOWER_UPLINK;
	rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_flow_add(ruleset, rule, "fast");
}

/* ---- trying it ---- */

struct ruleset *doctor_feature_ruleset(struct arena *arena, const struct doctor_feature *feature, bool owned)
{
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_table *table = rs_table_add(ruleset, feature->family, "doctor");
	struct rs_chain *chain = rs_base_chain_add(ruleset, table, "tried", feature->type, feature->hook, 0, RS_ACCEPT);

	table->owner = owned;
	if (feature->hook == RS_INGRESS)
		chain->device = LOOPBACK;
	feature->build(ruleset, table, chain);
	return ruleset;
}

static void install(const struct doctor_check *check, struct doctor_finding *finding, bool owned)
{
	const struct doctor_feature *feature = check->of;
	struct arena *arena = arena_new();
	struct nft *nft = nft_open();
	char why[256] = "";

	int error = nft ? nft_install(nft, doctor_feature_ruleset(arena, feature, owned), why, sizeof why) : -errno;
	if (error < 0) {
		doctor_say(finding, feature->optional ? DOCTOR_NOTE : DOCTOR_PROBLEM, "the kernel does not take it: %s",
			   strerror(-error));
		doctor_help_module(finding, feature->module, feature->config);
	} else {
		doctor_say(finding, DOCTOR_OK, "tried");
	}
	nft_close(nft);
	arena_free(arena);
}

static void try_rule(const struct doctor_check *check, struct doctor_finding *finding)
{
	install(check, finding, false);
}

static void try_owner(const struct doctor_check *check, struct doctor_finding *finding)
{
	install(check, finding, true);
}

/* A flowtable takes links, which have to be there */
static void try_with_links(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);
	CLEANUP_FD int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	int error = nl ? rtnl_veth_add(nl, (struct rtnl_end){ LOWER_TAP, NULL },
				       (struct rtnl_end){ LOWER_UPLINK, NULL }, here) :
			 -errno;
	if (error < 0)
		doctor_fail(finding, "make a pair of links", error);
	else
		install(check, finding, false);
}

#define FEATURE(...) (&(const struct doctor_feature){ __VA_ARGS__ })
#define RULE(title, todo, ...)                                                                                       \
	{                                                                                                            \
		.name = title, .run = try_rule, .help = todo, .namespaces = CLONE_NEWNET, .of = FEATURE(__VA_ARGS__) \
	}

static const struct doctor_check checks[] = {
	RULE("nf_tables", NULL, nothing, RS_FORWARD, RS_FILTER, RS_INET, "nf_tables",
	     "CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET"),
	{ .name = "nf_tables owner",
	  .run = try_owner,
	  .help = "tables that end with their process: Linux 5.12 or later",
	  .namespaces = CLONE_NEWNET,
	  .of = FEATURE(nothing, RS_FORWARD, RS_FILTER, RS_INET, "nf_tables", "CONFIG_NF_TABLES") },
	RULE("nf_tables netdev", NULL, nothing, RS_INGRESS, RS_FILTER, RS_NETDEV, "nf_tables",
	     "CONFIG_NF_TABLES_NETDEV, CONFIG_NETFILTER_INGRESS"),
	RULE("nft sets", "ranges of several fields: Linux 5.6 or later", sets, RS_FORWARD, RS_FILTER, RS_INET,
	     "nf_tables", "CONFIG_NF_TABLES"),
	RULE("nft verdict maps", NULL, verdict_map, RS_FORWARD, RS_FILTER, RS_INET, "nf_tables", "CONFIG_NF_TABLES"),
	RULE("nft headers", NULL, packet_facts, RS_PREROUTING, RS_FILTER, RS_INET, "nf_tables", "CONFIG_NF_TABLES"),
	RULE("nft reject", NULL, refuse, RS_FORWARD, RS_FILTER, RS_INET, "nft_reject_inet",
	     "CONFIG_NFT_REJECT, CONFIG_NFT_REJECT_INET"),
	RULE("nft log", NULL, log_packets, RS_FORWARD, RS_FILTER, RS_INET, "nft_log",
	     "CONFIG_NFT_LOG, CONFIG_NETFILTER_NETLINK_LOG"),
	RULE("nft limit", NULL, limit, RS_FORWARD, RS_FILTER, RS_INET, "nft_limit", "CONFIG_NFT_LIMIT"),
	RULE("nft quota", "policies without a limit of bytes work without", quota, RS_FORWARD, RS_FILTER, RS_INET,
	     "nft_quota", "CONFIG_NFT_QUOTA", true),
	RULE("nft connlimit", NULL, count_connections, RS_FORWARD, RS_FILTER, RS_INET, "nft_connlimit",
	     "CONFIG_NFT_CONNLIMIT"),
	RULE("nft ct", NULL, state_and_mark, RS_FORWARD, RS_FILTER, RS_INET, "nft_ct", "CONFIG_NFT_CT"),
	RULE("nft notrack", NULL, not_tracked, RS_PREROUTING, RS_FILTER, RS_INET, "nft_ct", "CONFIG_NFT_CT"),
	RULE("nft ct timeout", NULL, timeouts, RS_FORWARD, RS_FILTER, RS_INET, "nft_ct",
	     "CONFIG_NFT_CT, CONFIG_NF_CONNTRACK_TIMEOUT"),
	RULE("nft tproxy", NULL, to_socket, RS_PREROUTING, RS_FILTER, RS_INET, "nft_tproxy",
	     "CONFIG_NFT_TPROXY, CONFIG_NF_TPROXY_IPV4, CONFIG_NF_TPROXY_IPV6"),
	RULE("nft socket", NULL, of_socket, RS_PREROUTING, RS_FILTER, RS_INET, "nft_socket", "CONFIG_NFT_SOCKET"),
	RULE("nft fib", NULL, fib, RS_PREROUTING, RS_FILTER, RS_INET, "nft_fib_inet",
	     "CONFIG_NFT_FIB_INET, CONFIG_NFT_FIB_IPV4, CONFIG_NFT_FIB_IPV6"),
	RULE("nft masquerade", NULL, masquerade, RS_POSTROUTING, RS_NAT, RS_INET, "nft_masq",
	     "CONFIG_NFT_MASQ, CONFIG_NFT_NAT"),
	RULE("nft snat", NULL, source, RS_POSTROUTING, RS_NAT, RS_INET, "nft_nat", "CONFIG_NFT_NAT"),
	{ .name = "nft flowtable",
	  .run = try_with_links,
	  .help = "sandboxes work without; with it established flows take the kernel less",
	  .namespaces = CLONE_NEWNET,
	  .of = FEATURE(past_the_chains, RS_FORWARD, RS_FILTER, RS_INET, "nft_flow_offload",
			"CONFIG_NFT_FLOW_OFFLOAD, CONFIG_NF_FLOW_TABLE_INET", true) },
};
const struct doctor_group doctor_features = { checks, sizeof checks / sizeof *checks };
