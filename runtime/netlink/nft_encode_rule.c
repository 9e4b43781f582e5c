/* Rules as nf_tables' messages: the same expressions nft makes of the printed text, so that both list alike. */
#include "netlink/nft_encode.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if_arp.h>
#include <string.h>

/* A rule being built, and what its expressions so far imply about the packet */
struct encoding {
	struct nft_build *build;
	struct nftnl_rule *rule;
	bool ether; /* the link has Ethernet headers */
	enum rs_l3 l3;
	uint8_t l4;
};

static struct nftnl_expr *add(struct encoding *to, const char *name)
{
	struct nftnl_expr *expr = arena_must(nftnl_expr_alloc(name));

	nftnl_rule_add_expr(to->rule, expr);
	return expr;
}

static void load_payload(struct encoding *to, const struct rs_field_info *field, unsigned size, uint32_t reg)
{
	struct nftnl_expr *expr = add(to, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, field->key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, field->offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, size);
}

static void load_meta(struct encoding *to, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *expr = add(to, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
}

static void load_exthdr(struct encoding *to, const struct rs_field_info *field, uint32_t reg)
{
	struct nftnl_expr *expr = add(to, "exthdr");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, reg);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, (uint8_t)field->offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP, field->key);
}

/* The field's first `size` bytes into a register */
static void load(struct encoding *to, const struct rs_field_info *field, unsigned size, uint32_t reg)
{
	struct nftnl_expr *expr;

	switch (field->source) {
	case RS_SOURCE_META:
		load_meta(to, field->key, reg);
		break;
	case RS_SOURCE_PAYLOAD:
		load_payload(to, field, size, reg);
		break;
	case RS_SOURCE_EXTHDR:
		load_exthdr(to, field, reg);
		break;
	case RS_SOURCE_CT:
		expr = add(to, "ct");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, field->key);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, reg);
		break;
	case RS_SOURCE_SOCKET:
		expr = add(to, "socket");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_SOCKET_KEY, field->key);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_SOCKET_DREG, reg);
		break;
	case RS_SOURCE_FIB:
		expr = add(to, "fib");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_DREG, reg);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_FLAGS, field->key);
		break;
	}
}

static void compare(struct encoding *to, enum nft_cmp_ops op, const void *data, unsigned size)
{
	struct nftnl_expr *expr = add(to, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, size);
}

static void mask(struct encoding *to, const void *bits, unsigned size)
{
	static const uint8_t zero[16];
	struct nftnl_expr *expr = add(to, "bitwise");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, size);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, bits, size);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, size);
}

/* ---- what a field presupposes ---- */

static void depend_link(struct encoding *to)
{
	uint16_t type = ARPHRD_ETHER; /* host order */

	if (to->ether)
		return;
	load_meta(to, NFT_META_IIFTYPE, NFT_REG_1);
	compare(to, NFT_CMP_EQ, &type, sizeof type);
	to->ether = true;
}

static void depend_l3(struct encoding *to, enum rs_l3 l3)
{
	static const uint16_t ether_types[] = {
		[RS_L3_IPV4] = ETH_P_IP, [RS_L3_IPV6] = ETH_P_IPV6, [RS_L3_ARP] = ETH_P_ARP
	};

	if (to->l3 == l3)
		return;
	if (to->build->table->family == RS_NETDEV) {
		uint16_t type = htons(ether_types[l3]);
		load_meta(to, NFT_META_PROTOCOL, NFT_REG_1);
		compare(to, NFT_CMP_EQ, &type, sizeof type);
	} else {
		uint8_t family = l3 == RS_L3_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
		load_meta(to, NFT_META_NFPROTO, NFT_REG_1);
		compare(to, NFT_CMP_EQ, &family, sizeof family);
	}
	to->l3 = l3;
}

static void depend(struct encoding *to, const struct rs_field_info *field)
{
	if (field->l3 == RS_L3_ETHER)
		depend_link(to);
	else if (field->l3 != RS_L3_NONE)
		depend_l3(to, field->l3);
	if (field->l4 && to->l4 != field->l4) {
		load_meta(to, NFT_META_L4PROTO, NFT_REG_1);
		compare(to, NFT_CMP_EQ, &field->l4, 1);
		to->l4 = field->l4;
	}
}

/* What a match implies about the packet for the expressions after it */
static void learn(struct encoding *to, const struct rs_expr *expr)
{
	u128 value = expr->values.items[0].lo;

	if (expr->negate || expr->values.count != 1)
		return;
	if (expr->field[0] == RS_META_L4PROTO)
		to->l4 = (uint8_t)value;
	if (expr->field[0] == RS_META_NFPROTO)
		to->l3 = value == NFPROTO_IPV4 ? RS_L3_IPV4 : RS_L3_IPV6;
	if (expr->field[0] == RS_ETHER_TYPE)
		to->l3 = value == ETH_P_IP ? RS_L3_IPV4 : value == ETH_P_IPV6 ? RS_L3_IPV6 : RS_L3_ARP;
}

/* ---- matches ---- */

/* A prefix that ends at a byte is compared by loading fewer bytes, any other by masking. */
static void match_prefix(struct encoding *to, const struct rs_field_info *field, const struct rs_value *value,
			 enum nft_cmp_ops op)
{
	struct rs_value bits = { 0 };
	uint8_t data[16], mask_data[16];

	nft_value_bytes(field->type, field->size, value, value->lo, data);
	if (value->prefix % 8 == 0 && value->prefix) {
		load(to, field, value->prefix / 8, NFT_REG_1);
		compare(to, op, data, value->prefix / 8);
		return;
	}
	nft_value_bytes(field->type, field->size, &bits, ~(value->hi - value->lo), mask_data);
	load(to, field, field->size, NFT_REG_1);
	mask(to, mask_data, field->size);
	compare(to, op, data, field->size);
}

/* What a register holds in host order is compared as bytes: the most significant has to come first. */
static void to_network_order(struct encoding *to, unsigned size)
{
	struct nftnl_expr *expr = add(to, "byteorder");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_LEN, size);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_SIZE, size);
}

static void match_range(struct encoding *to, const struct rs_field_info *field, const struct rs_value *value,
			bool negate)
{
	uint8_t lo[16], hi[16];
	bool host = rs_type_info(field->type)->order == RS_ORDER_HOST && field->size > 1;
	enum rs_type type = host ? RS_TYPE_INTEGER : field->type;

	nft_value_bytes(type, field->size, value, value->lo, lo);
	nft_value_bytes(type, field->size, value, value->hi, hi);
	load(to, field, field->size, NFT_REG_1);
	if (host)
		to_network_order(to, field->size);
	if (negate) {
		struct nftnl_expr *expr = add(to, "range");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_OP, NFT_RANGE_NEQ);
		nftnl_expr_set(expr, NFTNL_EXPR_RANGE_FROM_DATA, lo, field->size);
		nftnl_expr_set(expr, NFTNL_EXPR_RANGE_TO_DATA, hi, field->size);
		return;
	}
	compare(to, NFT_CMP_GTE, lo, field->size);
	compare(to, NFT_CMP_LTE, hi, field->size);
}

/* "msb*": the bytes before the star */
static unsigned compared_size(const struct rs_field_info *field, const struct rs_value *value)
{
	size_t len = value->text ? strlen(value->text) : 0;

	return len && value->text[len - 1] == '*' ? (unsigned)len - 1 : field->size;
}

static void match_one(struct encoding *to, const struct rs_field_info *field, const struct rs_value *value, bool negate)
{
	enum nft_cmp_ops op = negate ? NFT_CMP_NEQ : NFT_CMP_EQ;
	uint8_t data[16];

	if (field->type == RS_TYPE_NIBBLE) {
		load(to, field, field->size, NFT_REG_1);
		mask(to, &(uint8_t){ 0x0f }, 1);
		compare(to, op, &(uint8_t){ (uint8_t)value->lo }, 1);
	} else if (value->lo != value->hi && value->prefix != RS_NO_PREFIX) {
		match_prefix(to, field, value, op);
	} else if (value->lo != value->hi) {
		match_range(to, field, value, negate);
	} else if (field->type == RS_TYPE_CT_STATE || field->type == RS_TYPE_CT_STATUS) {
		/* any of the bits; the other way about for != */
		uint32_t bits = (uint32_t)value->lo, none = 0;
		load(to, field, field->size, NFT_REG_1);
		mask(to, &bits, sizeof bits);
		compare(to, negate ? NFT_CMP_EQ : NFT_CMP_NEQ, &none, sizeof none);
	} else {
		nft_value_bytes(field->type, field->size, value, value->lo, data);
		load(to, field, field->size, NFT_REG_1);
		compare(to, op, data, compared_size(field, value));
	}
}

static void lookup(struct encoding *to, const char *set, uint32_t set_id, bool negate, bool verdicts)
{
	struct nftnl_expr *expr = add(to, "lookup");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	if (verdicts)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	if (set_id)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, set_id);
	if (negate)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void encode_match(struct encoding *to, const struct rs_expr *expr)
{
	const struct rs_field_info *field = rs_field_info(expr->field[0]);

	depend(to, field);
	if (expr->values.count == 1) {
		match_one(to, field, &expr->values.items[0], expr->negate);
	} else {
		char name[NFT_ANONYMOUS_MAX];
		uint32_t id =
			nft_encode_anonymous(to->build, expr->field[0], expr->values.items, expr->values.count, name);
		load(to, field, field->size, NFT_REG_1);
		lookup(to, name, id, expr->negate, false);
	}
	learn(to, expr);
}

/* Parts of a concatenation lie in registers one after another, each from a multiple of four bytes on. */
static void encode_lookup(struct encoding *to, const struct rs_expr *expr)
{
	unsigned slot = 0;

	for (size_t i = 0; i < expr->field_count; i++)
		depend(to, rs_field_info(expr->field[i]));
	for (size_t i = 0; i < expr->field_count; i++) {
		const struct rs_field_info *field = rs_field_info(expr->field[i]);
		load(to, field, field->size, slot ? NFT_REG32_00 + slot : NFT_REG_1);
		slot += (field->size + 3) / 4;
	}
	lookup(to, expr->set, 0, expr->negate, expr->kind == RS_VMAP);
}

/* ---- statements ---- */

static void immediate(struct encoding *to, const void *data, unsigned size)
{
	struct nftnl_expr *expr = add(to, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, data, size);
}

static void encode_verdict(struct encoding *to, const struct rs_verdict *verdict)
{
	struct nftnl_expr *expr = add(to, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, nft_verdict_code(verdict));
	if (verdict->chain)
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, verdict->chain);
}

static void encode_reject(struct encoding *to, enum rs_expr_kind kind)
{
	struct nftnl_expr *expr = add(to, "reject");
	bool reset = kind == RS_REJECT_RESET;

	nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE,
			  reset                   ? 0 :
			  kind == RS_REJECT_ROUTE ? NFT_REJECT_ICMPX_NO_ROUTE :
						    NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

static void encode_log(struct encoding *to, const struct rs_expr *log)
{
	struct nftnl_expr *expr = add(to, "log");

	nftnl_expr_set_u16(expr, NFTNL_EXPR_LOG_GROUP, (uint16_t)log->number);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOG_SNAPLEN, log->snaplen);
	if (log->set)
		nftnl_expr_set_str(expr, NFTNL_EXPR_LOG_PREFIX, log->set);
}

static void encode_limit(struct encoding *to, const struct rs_expr *limit)
{
	struct nftnl_expr *expr = add(to, "limit");

	nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_RATE, limit->rate);
	nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_UNIT, limit->per);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_BURST, limit->burst);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, limit->negate ? NFT_LIMIT_F_INV : 0);
}

static void encode_tproxy(struct encoding *to, const struct rs_expr *tproxy)
{
	uint16_t port = htons(tproxy->port);

	immediate(to, &port, sizeof port);
	struct nftnl_expr *expr = add(to, "tproxy");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_TPROXY_FAMILY, tproxy->family == ADDR_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_1);
}

static void encode_snat(struct encoding *to, struct addr source)
{
	bool v4 = source.family == ADDR_V4;
	uint8_t bytes[16];

	addr_to_bytes(source, bytes);
	immediate(to, bytes, v4 ? 4 : 16);
	struct nftnl_expr *expr = add(to, "nat");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
}

static void set_meta(struct encoding *to, uint32_t key, const void *data, unsigned size)
{
	immediate(to, data, size);
	struct nftnl_expr *expr = add(to, "meta");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

static void encode_ct_mark(struct encoding *to, uint32_t mark)
{
	immediate(to, &mark, sizeof mark);
	struct nftnl_expr *expr = add(to, "ct");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

static void encode_object(struct encoding *to, uint32_t type, const char *name)
{
	struct nftnl_expr *expr = add(to, "objref");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, type);
	nftnl_expr_set_str(expr, NFTNL_EXPR_OBJREF_IMM_NAME, name);
}

static void encode_ct_count(struct encoding *to, uint32_t count)
{
	struct nftnl_expr *expr = add(to, "connlimit");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CONNLIMIT_COUNT, count);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
}

static void encode_expr(struct encoding *to, const struct rs_expr *expr)
{
	switch (expr->kind) {
	case RS_MATCH:
		encode_match(to, expr);
		break;
	case RS_LOOKUP:
	case RS_VMAP:
		encode_lookup(to, expr);
		break;
	case RS_COUNTER:
		add(to, "counter");
		break;
	case RS_VERDICT:
		encode_verdict(to, &expr->verdict);
		break;
	case RS_REJECT_RESET:
	case RS_REJECT_ADMIN:
	case RS_REJECT_ROUTE:
		encode_reject(to, expr->kind);
		break;
	case RS_LOG:
		encode_log(to, expr);
		break;
	case RS_LIMIT:
		encode_limit(to, expr);
		break;
	case RS_TPROXY:
		encode_tproxy(to, expr);
		break;
	case RS_MARK_SET:
		set_meta(to, NFT_META_MARK, &expr->number, sizeof expr->number);
		break;
	case RS_CT_MARK_SET:
		encode_ct_mark(to, expr->number);
		break;
	case RS_PKTTYPE_SET:
		set_meta(to, NFT_META_PKTTYPE, &(uint8_t){ (uint8_t)expr->number }, 1);
		break;
	case RS_CT_TIMEOUT:
		encode_object(to, NFT_OBJECT_CT_TIMEOUT, expr->set);
		break;
	case RS_QUOTA:
		encode_object(to, NFT_OBJECT_QUOTA, expr->set);
		break;
	case RS_FLOW_ADD:
		nftnl_expr_set_str(add(to, "flow_offload"), NFTNL_EXPR_FLOW_TABLE_NAME, expr->set);
		break;
	case RS_MASQUERADE:
		add(to, "masq");
		break;
	case RS_SNAT:
		encode_snat(to, expr->source);
		break;
	case RS_NOTRACK:
		add(to, "notrack");
		break;
	case RS_CT_COUNT:
		encode_ct_count(to, expr->number);
		break;
	}
}

static void rule_comment(struct nftnl_rule *rule, const char *comment)
{
	struct nftnl_udata_buf *data = arena_must(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));

	nftnl_udata_put_strz(data, NFTNL_UDATA_RULE_COMMENT, comment);
	nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data), nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
}

static void fill_rule(struct nlmsghdr *message, const void *rule)
{
	nftnl_rule_nlmsg_build_payload(message, (struct nftnl_rule *)(uintptr_t)rule);
}

void nft_encode_rule(struct nft_build *build, const struct rs_chain *chain, const struct rs_rule *rule)
{
	struct encoding to = { .build = build, .rule = arena_must(nftnl_rule_alloc()) };
	struct nft_label label = rule->comment ? (struct nft_label){ "rule", rule->comment } :
						 (struct nft_label){ "a rule of chain", chain->name };

	nftnl_rule_set_u32(to.rule, NFTNL_RULE_FAMILY, nft_family(build->table->family));
	nftnl_rule_set_str(to.rule, NFTNL_RULE_TABLE, build->table->name);
	nftnl_rule_set_str(to.rule, NFTNL_RULE_CHAIN, chain->name);
	for (size_t i = 0; i < rule->exprs.count; i++)
		encode_expr(&to, &rule->exprs.items[i]);
	if (rule->comment)
		rule_comment(to.rule, rule->comment);
	nft_build_message(build, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, label, fill_rule, to.rule);
	nftnl_rule_free(to.rule);
}
