/* See host_table.h. Base chains, each first of its hook where others could rewrite or accept before it:
 *   prerouting -310  before conntrack and anybody's DNAT: from the sandbox's link only its own addresses, and to none of
 *                    the host's, loopback's, broadcast and multicast addresses
 *   input            nothing at all from that link, whatever a DNAT or TPROXY of the host's made of it
 *   forward, output  to that link only what answers it (other sandboxes and neighbours on the LAN never reach it)
 *   output           a marked socket reaches exactly the nameservers it is for
 *   postrouting      the sandbox's addresses become the host's */
#include "host_table.h"
#include "log.h"
#include "pool.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define BEFORE_CONNTRACK (-310)
#define FILTER 0
#define SOURCE_NAT 100
/* Bits of an nft ct state */
#define CT_ANSWERS (1u << IP_CT_ESTABLISHED << 1 | 1u << IP_CT_RELATED << 1)

struct builder {
	struct ruleset *ruleset;
	struct rs_table *table;
	struct rs_rule *rule; /* the one being built */
	const struct host_table *wanted;
};

uint32_t host_table_mark(uint32_t link_index)
{
	return 0x6d000000u | (link_index & 0xffffffu);
}

static struct rs_expr *add_expr(struct builder *builder, enum rs_expr_kind kind)
{
	struct rs_expr *expr = arena_push(builder->ruleset->arena, &builder->rule->exprs);

	expr->kind = kind;
	return expr;
}

static struct rs_expr *match_field(struct builder *builder, enum rs_field field)
{
	struct rs_expr *expr = add_expr(builder, RS_MATCH);

	expr->field[0] = field;
	expr->field_count = 1;
	return expr;
}

static void add_number(struct builder *builder, struct rs_expr *expr, u128 number)
{
	struct rs_value *value = arena_push(builder->ruleset->arena, &expr->values);

	value->lo = value->hi = number;
	value->prefix = RS_NO_PREFIX;
}

static void match_number(struct builder *builder, enum rs_field field, u128 number)
{
	add_number(builder, match_field(builder, field), number);
}

static void match_link(struct builder *builder, enum rs_field field, bool negate)
{
	struct rs_expr *expr = match_field(builder, field);
	struct rs_value *value = arena_push(builder->ruleset->arena, &expr->values);

	value->text = builder->wanted->link;
	value->prefix = RS_NO_PREFIX;
	expr->negate = negate;
}

static void match_subnet(struct builder *builder, struct addr gateway, bool negate)
{
	bool v4 = gateway.family == ADDR_V4;
	struct rs_expr *expr = match_field(builder, v4 ? RS_IP_SADDR : RS_IP6_SADDR);
	struct rs_value *value = arena_push(builder->ruleset->arena, &expr->values);
	struct addr_range range =
		addr_prefix_range((struct addr_prefix){ gateway, v4 ? POOL_LEN4 : POOL_LEN6 });

	*value = (struct rs_value){ .lo = range.lo, .hi = range.hi, .prefix = v4 ? POOL_LEN4 : POOL_LEN6 };
	expr->negate = negate;
}

static void verdict(struct builder *builder, enum rs_verdict_kind kind)
{
	add_expr(builder, RS_VERDICT)->verdict.kind = kind;
}

static struct rs_chain *base_chain(struct builder *builder, const char *name, enum rs_chain_type type,
				   enum rs_hook hook, int priority)
{
	return rs_base_chain_add(builder->ruleset, builder->table, name, type, hook, priority, RS_ACCEPT);
}

static void start_rule(struct builder *builder, struct rs_chain *chain, const char *comment)
{
	builder->rule = rs_rule_add(builder->ruleset, chain, comment);
}

static void add_source_rule(struct builder *builder, struct rs_chain *chain, enum addr_family family, bool active,
			    struct addr gateway)
{
	start_rule(builder, chain, active ? "forged source" : "inactive family");
	match_link(builder, RS_META_IIFNAME, false);
	if (active)
		match_subnet(builder, gateway, true);
	else
		match_number(builder, RS_META_NFPROTO, family == ADDR_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	verdict(builder, RS_DROP);
}

static void add_prerouting(struct builder *builder)
{
	static const unsigned own[] = { RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST };
	const struct addr_gateway *gateway = &builder->wanted->gateway;
	struct rs_chain *chain = base_chain(builder, "prerouting", RS_FILTER, RS_PREROUTING, BEFORE_CONNTRACK);

	start_rule(builder, chain, "the host's own addresses");
	match_link(builder, RS_META_IIFNAME, false);
	struct rs_expr *type = match_field(builder, RS_FIB_DADDR_TYPE);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		add_number(builder, type, own[i]);
	verdict(builder, RS_DROP);
	add_source_rule(builder, chain, ADDR_V4, gateway->has4, gateway->v4);
	add_source_rule(builder, chain, ADDR_V6, gateway->has6, gateway->v6);
}

static void add_input(struct builder *builder)
{
	start_rule(builder, base_chain(builder, "input", RS_FILTER, RS_INPUT, FILTER), "nothing to the host");
	match_link(builder, RS_META_IIFNAME, false);
	verdict(builder, RS_DROP);
}

static void add_answers_only(struct builder *builder, struct rs_chain *chain)
{
	start_rule(builder, chain, "answers");
	match_link(builder, RS_META_OIFNAME, false);
	struct rs_expr *state = match_field(builder, RS_CT_STATE);
	add_number(builder, state, CT_ANSWERS);
	verdict(builder, RS_ACCEPT);
	start_rule(builder, chain, "nothing new comes in");
	match_link(builder, RS_META_OIFNAME, false);
	verdict(builder, RS_DROP);
}

static void add_nameserver(struct builder *builder, struct rs_chain *chain, const struct dns_server *server)
{
	start_rule(builder, chain, "a nameserver on the host");
	match_number(builder, RS_META_MARK, builder->wanted->mark);
	match_number(builder, server->addr.family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR, server->addr.value);
	match_number(builder, RS_TH_DPORT, server->port);
	verdict(builder, RS_ACCEPT);
}

static void add_output(struct builder *builder)
{
	struct rs_chain *chain = base_chain(builder, "output", RS_FILTER, RS_OUTPUT, FILTER);

	for (size_t i = 0; i < builder->wanted->server_count; i++)
		if (builder->wanted->servers[i].on_host)
			add_nameserver(builder, chain, &builder->wanted->servers[i]);
	start_rule(builder, chain, "the DNS worker reaches nothing else");
	match_number(builder, RS_META_MARK, builder->wanted->mark);
	verdict(builder, RS_DROP);
	add_answers_only(builder, chain);
}

static void add_masquerade(struct builder *builder, struct rs_chain *chain, struct addr gateway)
{
	start_rule(builder, chain, "masquerade");
	match_subnet(builder, gateway, false);
	match_link(builder, RS_META_OIFNAME, true);
	add_expr(builder, RS_MASQUERADE);
}

struct ruleset *host_table_rules(struct arena *arena, const struct host_table *wanted)
{
	struct builder builder = { .ruleset = ruleset_new(arena), .wanted = wanted };

	builder.table = rs_table_add(builder.ruleset, RS_INET, wanted->link);
	builder.table->owner = true;
	add_prerouting(&builder);
	add_input(&builder);
	add_answers_only(&builder, base_chain(&builder, "forward", RS_FILTER, RS_FORWARD, FILTER));
	add_output(&builder);
	struct rs_chain *nat = base_chain(&builder, "postrouting", RS_NAT, RS_POSTROUTING, SOURCE_NAT);
	if (wanted->gateway.has4)
		add_masquerade(&builder, nat, wanted->gateway.v4);
	if (wanted->gateway.has6)
		add_masquerade(&builder, nat, wanted->gateway.v6);
	return builder.ruleset;
}

int host_table_install(struct nft *nft, const struct host_table *wanted)
{
	struct arena *arena = arena_new();
	char why[256] = "";

	int err = nft_install(nft, host_table_rules(arena, wanted), why, sizeof why);
	if (err)
		log_error("cannot install the host's table %s: %s: %s", wanted->link, why, strerror(-err));
	arena_free(arena);
	return err;
}
