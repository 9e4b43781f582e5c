/* The ruleset IR: its tables of fields and types, and the functions that build it. */
#include "ruleset/ruleset.h"
#include "base/escape.h"

#include <linux/netfilter/nf_tables.h>

static const struct rs_type_info types[RS_TYPE_COUNT] = {
#define RS_TYPE(id, nft, number, size, order) [RS_TYPE_##id] = { nft, number, size, RS_ORDER_##order },
#include "ruleset/fields.def"
};

static const struct rs_field_info fields[RS_FIELD_COUNT] = {
#define RS_FIELD(id, nft, type, size, source, key, offset, l3, l4) \
	[RS_##id] = { nft, RS_TYPE_##type, size, RS_SOURCE_##source, key, offset, RS_L3_##l3, l4 },
#include "ruleset/fields.def"
};

const struct rs_type_info *rs_type_info(enum rs_type type)
{
	return &types[type];
}

const struct rs_field_info *rs_field_info(enum rs_field field)
{
	return &fields[field];
}

/* What is added is written whole: a list that passes have made shorter has remains behind its end. */

struct ruleset *ruleset_new(struct arena *arena)
{
	struct ruleset *ruleset = arena_alloc(arena, sizeof *ruleset);

	ruleset->arena = arena;
	return ruleset;
}

struct rs_table *rs_table_add(struct ruleset *ruleset, enum rs_family family, const char *name)
{
	struct rs_table *table = arena_push(ruleset->arena, &ruleset->tables);

	*table = (struct rs_table){ .family = family, .name = name };
	return table;
}

struct rs_set *rs_set_add(struct ruleset *ruleset, struct rs_table *table, const char *name, enum rs_type type)
{
	struct rs_set *set = arena_push(ruleset->arena, &table->sets);

	*set = (struct rs_set){ .name = name, .type = { type } };
	return set;
}

struct rs_timeout *rs_timeout_add(struct ruleset *ruleset, struct rs_table *table, const char *name, uint8_t proto)
{
	struct rs_timeout *timeout = arena_push(ruleset->arena, &table->timeouts);

	*timeout = (struct rs_timeout){ .name = name, .proto = proto };
	return timeout;
}

void rs_quota_add(struct ruleset *ruleset, struct rs_table *table, const char *name, uint64_t bytes)
{
	*arena_push(ruleset->arena, &table->quotas) = (struct rs_quota){ name, bytes };
}

struct rs_flowtable *rs_flowtable_add(struct ruleset *ruleset, struct rs_table *table, const char *name, int priority)
{
	struct rs_flowtable *flowtable = arena_push(ruleset->arena, &table->flowtables);

	flowtable->name = name;
	flowtable->priority = priority;
	return flowtable;
}

struct rs_chain *rs_chain_add(struct ruleset *ruleset, struct rs_table *table, const char *name)
{
	struct rs_chain *chain = arena_push(ruleset->arena, &table->chains);

	*chain = (struct rs_chain){ .name = name };
	return chain;
}

struct rs_chain *rs_base_chain_add(struct ruleset *ruleset, struct rs_table *table, const char *name,
				   enum rs_chain_type type, enum rs_hook hook, int priority,
				   enum rs_verdict_kind policy)
{
	struct rs_chain *chain = rs_chain_add(ruleset, table, name);

	chain->type = type;
	chain->hook = hook;
	chain->priority = priority;
	chain->policy = policy;
	return chain;
}

struct rs_rule *rs_rule_add(struct ruleset *ruleset, struct rs_chain *chain, const char *comment)
{
	struct rs_rule *rule = arena_push(ruleset->arena, &chain->rules);

	*rule = (struct rs_rule){ .comment = comment ? escape_nft_comment(ruleset->arena, comment) : NULL };
	return rule;
}

void rs_set_comment(struct ruleset *ruleset, struct rs_set *set, const char *comment)
{
	set->comment = escape_nft_comment(ruleset->arena, comment);
}

/* A range that is a prefix is written as one. */
static struct rs_value addr_value(enum addr_family family, struct addr_range range)
{
	struct rs_value value = rs_range(range.lo, range.hi);
	unsigned bits = family == ADDR_V4 ? 32 : 128, len = bits;
	u128 size = range.hi - range.lo; /* one less than the number of addresses */

	while (len > 0 && size & ((u128)1 << (bits - len)))
		len--;
	bool power = bits - len == 128 ? size == ~(u128)0 : size == ((u128)1 << (bits - len)) - 1;
	if (power && !(range.lo & size))
		value.prefix = (uint8_t)len;
	return value;
}

void rs_set_add_addrs(struct ruleset *ruleset, struct rs_set *set, const struct addr_set *addrs)
{
	for (size_t i = 0; i < addrs->count; i++) {
		struct rs_element *element = arena_push(ruleset->arena, &set->elements);
		*element = (struct rs_element){ .key = { addr_value(addrs->family, addrs->items[i]) } };
	}
}

struct rs_value rs_number(u128 number)
{
	return rs_range(number, number);
}

struct rs_value rs_range(u128 lo, u128 hi)
{
	return (struct rs_value){ .lo = lo, .hi = hi, .prefix = RS_NO_PREFIX };
}

struct rs_value rs_prefix(struct addr_prefix prefix)
{
	return addr_value(prefix.addr.family, addr_prefix_range(prefix));
}

struct rs_value rs_name(const char *interface)
{
	return (struct rs_value){ .prefix = RS_NO_PREFIX, .text = interface };
}

struct rs_expr *rs_do(struct ruleset *ruleset, struct rs_rule *rule, enum rs_expr_kind kind)
{
	struct rs_expr *expr = arena_push(ruleset->arena, &rule->exprs);

	*expr = (struct rs_expr){ .kind = kind };
	return expr;
}

void rs_or(struct ruleset *ruleset, struct rs_expr *expr, struct rs_value value)
{
	*arena_push(ruleset->arena, &expr->values) = value;
}

struct rs_expr *rs_match(struct ruleset *ruleset, struct rs_rule *rule, enum rs_field field, struct rs_value value)
{
	struct rs_expr *expr = rs_do(ruleset, rule, RS_MATCH);

	expr->field[0] = field;
	expr->field_count = 1;
	rs_or(ruleset, expr, value);
	return expr;
}

struct rs_expr *rs_lookup(struct ruleset *ruleset, struct rs_rule *rule, const char *set, enum rs_field field)
{
	struct rs_expr *expr = rs_do(ruleset, rule, RS_LOOKUP);

	expr->set = set;
	expr->field[0] = field;
	expr->field_count = 1;
	return expr;
}

struct rs_expr *rs_lookup_pair(struct ruleset *ruleset, struct rs_rule *rule, const char *set, enum rs_field first,
			       enum rs_field second)
{
	struct rs_expr *expr = rs_lookup(ruleset, rule, set, first);

	expr->field[1] = second;
	expr->field_count = 2;
	return expr;
}

struct rs_expr *rs_limit(struct ruleset *ruleset, struct rs_rule *rule, uint64_t rate, enum rs_unit per, uint32_t burst)
{
	struct rs_expr *expr = rs_do(ruleset, rule, RS_LIMIT);

	expr->rate = rate;
	expr->per = per;
	expr->burst = burst;
	return expr;
}

void rs_ct_count(struct ruleset *ruleset, struct rs_rule *rule, uint32_t over)
{
	rs_do(ruleset, rule, RS_CT_COUNT)->number = over;
}

void rs_pkttype_set(struct ruleset *ruleset, struct rs_rule *rule, enum rs_pkttype type)
{
	rs_do(ruleset, rule, RS_PKTTYPE_SET)->number = type;
}

void rs_ct_timeout(struct ruleset *ruleset, struct rs_rule *rule, const char *policy)
{
	rs_do(ruleset, rule, RS_CT_TIMEOUT)->set = policy;
}

void rs_quota(struct ruleset *ruleset, struct rs_rule *rule, const char *quota)
{
	rs_do(ruleset, rule, RS_QUOTA)->set = quota;
}

void rs_flow_add(struct ruleset *ruleset, struct rs_rule *rule, const char *flowtable)
{
	rs_do(ruleset, rule, RS_FLOW_ADD)->set = flowtable;
}

void rs_log(struct ruleset *ruleset, struct rs_rule *rule, uint32_t group, uint32_t snaplen, const char *prefix)
{
	struct rs_expr *expr = rs_do(ruleset, rule, RS_LOG);

	expr->set = prefix;
	expr->number = group;
	expr->snaplen = snaplen;
}

void rs_mark_set(struct ruleset *ruleset, struct rs_rule *rule, uint32_t mark)
{
	rs_do(ruleset, rule, RS_MARK_SET)->number = mark;
}

void rs_ct_mark_set(struct ruleset *ruleset, struct rs_rule *rule, uint32_t mark)
{
	rs_do(ruleset, rule, RS_CT_MARK_SET)->number = mark;
}

void rs_tproxy(struct ruleset *ruleset, struct rs_rule *rule, enum addr_family family, uint16_t port)
{
	struct rs_expr *expr = rs_do(ruleset, rule, RS_TPROXY);

	expr->family = family;
	expr->port = port;
}

void rs_verdict(struct ruleset *ruleset, struct rs_rule *rule, enum rs_verdict_kind kind, const char *chain)
{
	rs_do(ruleset, rule, RS_VERDICT)->verdict = (struct rs_verdict){ kind, chain };
}
