/* The host's table: base chains, each first of its hook where others could rewrite or accept before it:
 *   prerouting -310  before conntrack and anybody's DNAT: from the sandbox's link only its own addresses, and to none of
 *                    the host's, loopback's, broadcast and multicast addresses
 *   input            nothing at all from that link, whatever a DNAT or TPROXY of the host's made of it
 *   forward          from links that forward for our sake only answers: chain strangers, which follows the host's links
 *   forward, output  to that link only what answers it (other sandboxes and neighbours on the LAN never reach it)
 *   output -310      before conntrack and anybody's DNAT (Docker's, of 127.0.0.11 or of a resolver in a container): a marked
 *                    socket asks exactly the nameservers it is for, wherever the host then leads that
 *   postrouting      the sandbox's addresses become the host's
 *   entered, left    ahead of others' chains in forward, behind all in postrouting: what passage.h counts
 * and the bounds of host_limits.h */
#include "net/host_table.h"
#include "core/log.h"
#include "net/host_link.h"
#include "net/passage.h"
#include "net/pool.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#define BEFORE_CONNTRACK (-310)
#define FILTER 0
#define BEFORE_OTHERS (-400)
#define BEHIND_OTHERS 400
#define SOURCE_NAT 100
#define PREDECESSOR_MS 5000
#define STRANGERS "strangers"
/* Bits of an nft ct state */
#define CT_ANSWERS (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))
#define CT_NO_ANSWERS (NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT)

struct builder {
	struct ruleset *ruleset;
	struct rs_table *table;
	const struct host_table *wanted;
};

uint32_t host_table_mark(uint32_t link_index)
{
	return 0x6d000000u | (link_index & 0xffffffu);
}

static struct rs_chain *base_chain(struct builder *builder, const char *name, enum rs_chain_type type,
				   enum rs_hook hook, int priority)
{
	return rs_base_chain_add(builder->ruleset, builder->table, name, type, hook, priority, RS_ACCEPT);
}

/* A rule about what comes from (RS_META_IIF) or goes to (RS_META_OIF) the sandbox's link. */
static struct rs_rule *link_rule(struct builder *builder, struct rs_chain *chain, enum rs_field field,
				 const char *comment)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, comment);

	rs_match(builder->ruleset, rule, field, rs_number(builder->wanted->index));
	return rule;
}

static struct rs_value subnet(struct addr gateway)
{
	return rs_prefix((struct addr_prefix){ gateway, gateway.family == ADDR_V4 ? POOL_LEN4 : POOL_LEN6 });
}

static enum rs_field source_field(struct addr gateway)
{
	return gateway.family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR;
}

static void add_source_rule(struct builder *builder, struct rs_chain *chain, unsigned nfproto, bool active,
			    struct addr gateway)
{
	struct rs_rule *rule = link_rule(builder, chain, RS_META_IIF, active ? "forged source" : "inactive family");

	if (active)
		rs_match(builder->ruleset, rule, source_field(gateway), subnet(gateway))->negate = true;
	else
		rs_match(builder->ruleset, rule, RS_META_NFPROTO, rs_number(nfproto));
	rs_verdict(builder->ruleset, rule, RS_DROP, NULL);
}

static void add_prerouting(struct builder *builder)
{
	const struct addr_gateway *gateway = &builder->wanted->gateway;
	struct rs_chain *chain = base_chain(builder, "prerouting", RS_FILTER, RS_PREROUTING, BEFORE_CONNTRACK);
	struct rs_rule *rule = link_rule(builder, chain, RS_META_IIF, "the host's own addresses");
	struct rs_expr *type = rs_match(builder->ruleset, rule, RS_FIB_DADDR_TYPE, rs_number(RTN_LOCAL));

	rs_or(builder->ruleset, type, rs_number(RTN_BROADCAST));
	rs_or(builder->ruleset, type, rs_number(RTN_ANYCAST));
	rs_or(builder->ruleset, type, rs_number(RTN_MULTICAST));
	rs_verdict(builder->ruleset, rule, RS_DROP, NULL);
	add_source_rule(builder, chain, NFPROTO_IPV4, gateway->has4, gateway->v4);
	add_source_rule(builder, chain, NFPROTO_IPV6, gateway->has6, gateway->v6);
}

static void add_input(struct builder *builder)
{
	struct rs_chain *chain = base_chain(builder, "input", RS_FILTER, RS_INPUT, FILTER);

	rs_verdict(builder->ruleset, link_rule(builder, chain, RS_META_IIF, "nothing to the host"), RS_DROP, NULL);
}

static void add_answers_only(struct builder *builder, struct rs_chain *chain)
{
	struct rs_rule *rule = link_rule(builder, chain, RS_META_OIF, "answers");

	rs_match(builder->ruleset, rule, RS_CT_STATE, rs_number(CT_ANSWERS));
	rs_verdict(builder->ruleset, rule, RS_ACCEPT, NULL);
	rs_verdict(builder->ruleset, link_rule(builder, chain, RS_META_OIF, "nothing new comes in"), RS_DROP, NULL);
}

/* A link that did not forward before we came forwards what answers a sandbox, and takes no one else through the host. By its index,
 * which a new name does not change. */
static void add_stranger_rule(struct ruleset *ruleset, struct rs_chain *chain, uint32_t link, unsigned nfproto)
{
	struct rs_rule *rule = rs_rule_add(ruleset, chain, "the host is no router");

	rs_match(ruleset, rule, RS_META_IIF, rs_number(link));
	rs_match(ruleset, rule, RS_META_NFPROTO, rs_number(nfproto));
	rs_match(ruleset, rule, RS_CT_STATE, rs_number(CT_NO_ANSWERS));
	rs_verdict(ruleset, rule, RS_DROP, NULL);
}

struct ruleset *host_table_strangers(struct arena *arena, const char *name, const struct forward_plan *plan)
{
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_chain *chain = rs_chain_add(ruleset, rs_table_add(ruleset, RS_INET, name), STRANGERS);

	for (size_t i = 0; i < plan->links.count; i++) {
		const struct forward_link *link = &plan->links.items[i];
		if (forward_bars(plan, link, FORWARD_V4))
			add_stranger_rule(ruleset, chain, link->index, NFPROTO_IPV4);
		if (forward_bars(plan, link, FORWARD_V6))
			add_stranger_rule(ruleset, chain, link->index, NFPROTO_IPV6);
	}
	return ruleset;
}

int host_table_bar(struct nft *nft, const char *link, const struct forward_plan *plan)
{
	struct arena *arena = arena_new();
	char why[256];

	int error = nft_refill(nft, host_table_strangers(arena, link, plan), STRANGERS, why, sizeof why);
	arena_free(arena);
	return error;
}

static void add_forward(struct builder *builder)
{
	rs_chain_add(builder->ruleset, builder->table, STRANGERS);
	struct rs_chain *chain = base_chain(builder, "forward", RS_FILTER, RS_FORWARD, FILTER);

	rs_verdict(builder->ruleset, rs_rule_add(builder->ruleset, chain, NULL), RS_JUMP, STRANGERS);
	add_answers_only(builder, chain);
}

static struct rs_rule *marked_rule(struct builder *builder, struct rs_chain *chain, const char *comment)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, comment);

	rs_match(builder->ruleset, rule, RS_META_MARK, rs_number(builder->wanted->mark));
	return rule;
}

static void add_nameserver(struct builder *builder, struct rs_chain *chain, const struct nameserver *server)
{
	struct rs_rule *rule = marked_rule(builder, chain, "a nameserver on the host");

	if (server->link)
		rs_match(builder->ruleset, rule, RS_META_OIFNAME, rs_name(server->zone));
	rs_match(builder->ruleset, rule, server->addr.family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR,
		 rs_number(server->addr.value));
	rs_match(builder->ruleset, rule, RS_TH_DPORT, rs_number(server->port));
	rs_verdict(builder->ruleset, rule, RS_ACCEPT, NULL);
}

static void add_nameservers(struct builder *builder)
{
	struct rs_chain *chain = base_chain(builder, "nameservers", RS_FILTER, RS_OUTPUT, BEFORE_CONNTRACK);

	for (size_t i = 0; i < builder->wanted->server_count; i++)
		if (builder->wanted->servers[i].by_host)
			add_nameserver(builder, chain, &builder->wanted->servers[i]);
	rs_verdict(builder->ruleset, marked_rule(builder, chain, "the DNS worker reaches nothing else"), RS_DROP, NULL);
}

static void add_masquerade(struct builder *builder, struct rs_chain *chain, struct addr gateway)
{
	struct rs_rule *rule = rs_rule_add(builder->ruleset, chain, "masquerade");

	rs_match(builder->ruleset, rule, source_field(gateway), subnet(gateway));
	rs_match(builder->ruleset, rule, RS_META_OIF, rs_number(builder->wanted->index))->negate = true;
	rs_do(builder->ruleset, rule, RS_MASQUERADE);
}

/* The rules are in the order of passage.h. What goes to another sandbox is dropped by us. */
static void add_passage(struct builder *builder, const char *name, enum rs_hook hook, int priority)
{
	struct rs_chain *chain = base_chain(builder, name, RS_FILTER, hook, priority);
	struct rs_rule *rule = link_rule(builder, chain, RS_META_IIF, "new flows");

	rs_match(builder->ruleset, rule, RS_META_OIFNAME, rs_name(HOST_LINKS_NFT))->negate = true;
	rs_match(builder->ruleset, rule, RS_CT_STATE, rs_number(NF_CT_STATE_BIT(IP_CT_NEW)));
	rs_do(builder->ruleset, rule, RS_COUNTER);
	rule = link_rule(builder, chain, RS_META_OIF, "first answers");
	rs_match(builder->ruleset, rule, RS_CT_STATE, rs_number(CT_ANSWERS));
	rs_match(builder->ruleset, rule, RS_CT_STATUS, rs_number(IPS_ASSURED))->negate = true;
	rs_do(builder->ruleset, rule, RS_COUNTER);
}

struct ruleset *host_table_rules(struct arena *arena, const struct host_table *wanted)
{
	struct builder builder = { .ruleset = ruleset_new(arena), .wanted = wanted };

	builder.table = rs_table_add(builder.ruleset, RS_INET, wanted->link);
	builder.table->owner = true;
	add_prerouting(&builder);
	add_input(&builder);
	add_forward(&builder);
	add_nameservers(&builder);
	add_answers_only(&builder, base_chain(&builder, "output", RS_FILTER, RS_OUTPUT, FILTER));
	add_passage(&builder, PASSAGE_ENTERED, RS_FORWARD, BEFORE_OTHERS);
	add_passage(&builder, PASSAGE_LEFT, RS_POSTROUTING, BEHIND_OTHERS);
	struct rs_chain *nat = base_chain(&builder, "postrouting", RS_NAT, RS_POSTROUTING, SOURCE_NAT);
	if (wanted->gateway.has4)
		add_masquerade(&builder, nat, wanted->gateway.v4);
	if (wanted->gateway.has6)
		add_masquerade(&builder, nat, wanted->gateway.v6);
	host_limits_add(builder.ruleset, builder.table, wanted->index, &wanted->gateway, wanted->limits);
	return builder.ruleset;
}

int host_table_set_nameservers(struct nft *nft, const char *link, uint32_t mark, const struct nameserver *servers,
			       size_t count)
{
	struct arena *arena = arena_new();
	const struct host_table wanted = { .link = link, .mark = mark, .servers = servers, .server_count = count };
	struct builder builder = { .ruleset = ruleset_new(arena), .wanted = &wanted };
	char why[256];

	builder.table = rs_table_add(builder.ruleset, RS_INET, link);
	add_nameservers(&builder);
	int error = nft_refill(nft, builder.ruleset, "nameservers", why, sizeof why);
	arena_free(arena);
	return error;
}

/* A link's name is free as soon as the link is gone, but the table of the sandbox that had it before goes a moment later, with
 * that sandbox's last descriptor. Until then a table of that name has another owner: EPERM. */
static int install(struct nft *nft, const struct ruleset *rules, char *why, size_t why_size)
{
	int error = nft_install(nft, rules, why, why_size);

	for (int waited_ms = 0; error == -EPERM && waited_ms < PREDECESSOR_MS; waited_ms += 10) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		error = nft_install(nft, rules, why, why_size);
	}
	return error;
}

int host_table_install(struct nft *nft, const struct host_table *wanted)
{
	struct arena *arena = arena_new();
	struct host_limits plain = *wanted->limits;
	struct host_table without = *wanted;
	char why[256] = "";

	int error = install(nft, host_table_rules(arena, wanted), why, sizeof why);
	if (error == -EOPNOTSUPP || error == -ENOENT) { /* a kernel without CONFIG_NF_CONNTRACK_TIMEOUT, it may be */
		plain.timeouts = false;
		without.limits = &plain;
		error = install(nft, host_table_rules(arena, &without), why, sizeof why);
	}
	if (error < 0)
		log_error("cannot install the host's table %s: %s: %s", wanted->link, why, strerror(-error));
	arena_free(arena);
	return error;
}
