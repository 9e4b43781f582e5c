/* The ruleset IR as text: values and names in nft's spelling, and --emit ir, which leaves nothing out. */
#include "ruleset/ruleset.h"
#include "base/text.h"

/* Spellings that nft's grammar or its own tables know, so that no text depends on /etc/protocols. */
static const struct {
	enum rs_type type;
	unsigned value;
	const char *name;
} symbols[] = {
	{ RS_TYPE_NFPROTO, 2, "ipv4" },
	{ RS_TYPE_NFPROTO, 10, "ipv6" },
	{ RS_TYPE_PROTO, IPPROTO_ICMP, "icmp" },
	{ RS_TYPE_PROTO, IPPROTO_TCP, "tcp" },
	{ RS_TYPE_PROTO, IPPROTO_UDP, "udp" },
	{ RS_TYPE_PROTO, IPPROTO_ICMPV6, "icmpv6" },
	{ RS_TYPE_ETHER_TYPE, 0x0800, "ip" },
	{ RS_TYPE_ETHER_TYPE, 0x0806, "arp" },
	{ RS_TYPE_ETHER_TYPE, 0x86dd, "ip6" },
	{ RS_TYPE_ARP_OP, 1, "request" },
	{ RS_TYPE_ARP_OP, 2, "reply" },
	{ RS_TYPE_ICMP_TYPE, 3, "destination-unreachable" },
	{ RS_TYPE_ICMP_TYPE, 4, "source-quench" },
	{ RS_TYPE_ICMP_TYPE, 5, "redirect" },
	{ RS_TYPE_ICMP_TYPE, 11, "time-exceeded" },
	{ RS_TYPE_ICMP_TYPE, 12, "parameter-problem" },
	{ RS_TYPE_ICMPV6_TYPE, 1, "destination-unreachable" },
	{ RS_TYPE_ICMPV6_TYPE, 2, "packet-too-big" },
	{ RS_TYPE_ICMPV6_TYPE, 3, "time-exceeded" },
	{ RS_TYPE_ICMPV6_TYPE, 4, "parameter-problem" },
	{ RS_TYPE_ICMPV6_TYPE, 133, "nd-router-solicit" },
	{ RS_TYPE_ICMPV6_TYPE, 135, "nd-neighbor-solicit" },
	{ RS_TYPE_ICMPV6_TYPE, 136, "nd-neighbor-advert" },
	{ RS_TYPE_FIB_TYPE, 2, "local" },
	{ RS_TYPE_FIB_TYPE, 3, "broadcast" },
	{ RS_TYPE_FIB_TYPE, 4, "anycast" },
	{ RS_TYPE_FIB_TYPE, 5, "multicast" },
	{ RS_TYPE_PKTTYPE, RS_PKT_HOST, "host" },
	{ RS_TYPE_PKTTYPE, RS_PKT_BROADCAST, "broadcast" },
	{ RS_TYPE_PKTTYPE, RS_PKT_MULTICAST, "multicast" },
	{ RS_TYPE_PKTTYPE, RS_PKT_OTHER, "other" },
	{ RS_TYPE_EXISTS, 0, "missing" },
	{ RS_TYPE_EXISTS, 1, "exists" },
};

static const struct {
	enum rs_type type;
	unsigned bit;
	const char *name;
} bit_names[] = {
	{ RS_TYPE_CT_STATE, 1, "invalid" },    { RS_TYPE_CT_STATE, 2, "established" },
	{ RS_TYPE_CT_STATE, 4, "related" },    { RS_TYPE_CT_STATE, 8, "new" },
	{ RS_TYPE_CT_STATE, 64, "untracked" }, { RS_TYPE_CT_STATUS, 8, "confirmed" },
};

static const char *bits_format(struct arena *arena, enum rs_type type, unsigned bits)
{
	struct text text = { .arena = arena };

	for (size_t i = 0; i < sizeof bit_names / sizeof *bit_names; i++)
		if (bit_names[i].type == type && bits & bit_names[i].bit)
			text_addf(&text, "%s%s", text.count ? "," : "", bit_names[i].name);
	return text_get(&text);
}

static const char *number_format(struct arena *arena, enum rs_type type, u128 number)
{
	char buf[ADDR_TEXT_MAX];
	unsigned long long n = (unsigned long long)number;

	if (type == RS_TYPE_IPV4 || type == RS_TYPE_IPV6) {
		struct addr addr = { type == RS_TYPE_IPV4 ? ADDR_V4 : ADDR_V6, number };
		return arena_strdup(arena, addr_format(addr, buf));
	}
	if (type == RS_TYPE_ETHER)
		return arena_printf(arena, "%02llx:%02llx:%02llx:%02llx:%02llx:%02llx", n >> 40 & 0xff, n >> 32 & 0xff,
				    n >> 24 & 0xff, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff);
	if (type == RS_TYPE_MARK)
		return arena_printf(arena, "0x%08llx", n);
	if (type == RS_TYPE_BYTE)
		return arena_printf(arena, "0x%02llx", n);
	if (type == RS_TYPE_CT_STATE || type == RS_TYPE_CT_STATUS)
		return bits_format(arena, type, (unsigned)n);
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		if (symbols[i].type == type && symbols[i].value == n)
			return symbols[i].name;
	}
	return arena_printf(arena, "%llu", n);
}

const char *rs_value_format(struct arena *arena, enum rs_type type, const struct rs_value *value)
{
	unsigned bits = type == RS_TYPE_IPV4 ? 32 : 128;

	if (value->text)
		return arena_printf(arena, "\"%s\"", value->text);
	const char *lo = number_format(arena, type, value->lo);
	if (value->lo == value->hi)
		return lo;
	if (value->prefix != RS_NO_PREFIX && value->prefix < bits)
		return arena_printf(arena, "%s/%u", lo, value->prefix);
	return arena_printf(arena, "%s-%s", lo, number_format(arena, type, value->hi));
}

const char *rs_timeout_state_name(const struct rs_timeout *timeout, size_t state)
{
	static const char *const tcp[] = { "syn_sent",  "syn_recv", "established", "fin_wait", "close_wait", "last_ack",
					   "time_wait", "close",    "syn_sent2",   "retrans",  "unack" };
	static const char *const udp[] = { "unreplied", "replied" };

	return timeout->proto == IPPROTO_TCP ? tcp[state] : udp[state];
}

const char *rs_pkttype_name(enum rs_pkttype type)
{
	static const char *const names[] = { "host", "broadcast", "multicast", "other" };

	return names[type];
}

const char *rs_unit_name(enum rs_unit unit)
{
	switch (unit) {
	case RS_SECOND:
		return "second";
	case RS_MINUTE:
		return "minute";
	case RS_HOUR:
		return "hour";
	case RS_DAY:
		return "day";
	case RS_WEEK:
		return "week";
	}
	return "second";
}

const char *rs_hook_name(enum rs_hook hook)
{
	static const char *const names[] = { "none",   "prerouting",  "input",  "forward",
					     "output", "postrouting", "ingress" };
	return names[hook];
}

const char *rs_chain_type_name(enum rs_chain_type type)
{
	static const char *const names[] = { "filter", "nat", "route" };
	return names[type];
}

const char *rs_family_name(enum rs_family family)
{
	return family == RS_INET ? "inet" : "netdev";
}

const char *rs_verdict_format(struct arena *arena, const struct rs_verdict *verdict)
{
	static const char *const names[] = { "accept", "drop", "jump", "goto", "return" };

	return verdict->chain ? arena_printf(arena, "%s %s", names[verdict->kind], verdict->chain) :
				names[verdict->kind];
}

static const char *const expr_names[] = {
	[RS_MATCH] = "match",
	[RS_LOOKUP] = "lookup",
	[RS_VMAP] = "vmap",
	[RS_COUNTER] = "counter",
	[RS_VERDICT] = "verdict",
	[RS_REJECT_RESET] = "reject-reset",
	[RS_REJECT_ADMIN] = "reject-admin",
	[RS_REJECT_ROUTE] = "reject-route",
	[RS_LOG] = "log",
	[RS_LIMIT] = "limit",
	[RS_TPROXY] = "tproxy",
	[RS_MARK_SET] = "mark-set",
	[RS_CT_MARK_SET] = "ct-mark-set",
	[RS_MASQUERADE] = "masquerade",
	[RS_SNAT] = "snat",
	[RS_CT_COUNT] = "ct-count",
	[RS_NOTRACK] = "notrack",
	[RS_PKTTYPE_SET] = "pkttype-set",
	[RS_CT_TIMEOUT] = "ct-timeout",
	[RS_QUOTA] = "quota",
	[RS_FLOW_ADD] = "flow-add",
};

static void format_expr(struct text *out, const struct rs_expr *expr)
{
	char source[ADDR_TEXT_MAX];

	text_addf(out, "\t\t\t%s", expr_names[expr->kind]);
	for (size_t i = 0; i < expr->field_count; i++)
		text_addf(out, "%s%s", i ? " . " : " ", rs_field_info(expr->field[i])->nft);
	if (expr->kind == RS_MATCH || expr->kind == RS_LOOKUP)
		text_add(out, expr->negate ? " !=" : " ==");
	for (size_t i = 0; i < expr->values.count; i++)
		text_addf(out, "%s%s", i ? ", " : " ",
			  rs_value_format(out->arena, rs_field_info(expr->field[0])->type, &expr->values.items[i]));
	if (expr->set && expr->kind == RS_LOG)
		text_addf(out, " prefix \"%s\"", expr->set);
	else if (expr->set)
		text_addf(out, " @%s", expr->set);
	if (expr->kind == RS_VERDICT)
		text_addf(out, " %s", rs_verdict_format(out->arena, &expr->verdict));
	if (expr->kind == RS_LOG)
		text_addf(out, " group %u snaplen %u", expr->number, expr->snaplen);
	if (expr->kind == RS_LIMIT)
		text_addf(out, "%s %llu/%s burst %u", expr->negate ? " over" : "", (unsigned long long)expr->rate,
			  rs_unit_name(expr->per), expr->burst);
	if (expr->kind == RS_TPROXY)
		text_addf(out, " ipv%d port %u", expr->family, expr->port);
	if (expr->kind == RS_SNAT)
		text_addf(out, " %s", addr_format(expr->source, source));
	if (expr->kind == RS_MARK_SET || expr->kind == RS_CT_MARK_SET)
		text_addf(out, " 0x%08x", expr->number);
	if (expr->kind == RS_CT_COUNT)
		text_addf(out, " over %u", expr->number);
	if (expr->kind == RS_PKTTYPE_SET)
		text_addf(out, " %s", rs_pkttype_name(expr->number));
	text_add(out, "\n");
}

static void format_key(struct text *out, const struct rs_set *set, const struct rs_element *element)
{
	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		text_addf(out, "%s%s", i ? " . " : "", rs_value_format(out->arena, set->type[i], &element->key[i]));
}

static void format_set(struct text *out, const struct rs_set *set)
{
	text_addf(out, "\tset %s type", set->name);
	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		text_addf(out, "%s%s", i ? " . " : " ", rs_type_info(set->type[i])->nft);
	text_addf(out, "%s%s%s%s", set->interval ? " interval" : "", set->timeout ? " timeout" : "",
		  set->map ? " map" : "", set->runtime ? " runtime" : "");
	text_add(out, set->counters ? " counters" : "");
	if (set->size)
		text_addf(out, " size %u", set->size);
	if (set->comment)
		text_addf(out, " comment \"%s\"", set->comment);
	if (set->note)
		text_addf(out, " # %s", set->note);
	text_add(out, "\n");
	for (size_t i = 0; i < set->elements.count; i++) {
		const struct rs_element *element = &set->elements.items[i];
		text_add(out, "\t\telement ");
		format_key(out, set, element);
		if (element->timeout_ms)
			text_addf(out, " timeout %llums", (unsigned long long)element->timeout_ms);
		if (set->map)
			text_addf(out, " : %s", rs_verdict_format(out->arena, &element->verdict));
		if (element->comment)
			text_addf(out, " comment \"%s\"", element->comment);
		text_add(out, "\n");
	}
}

static void format_timeout(struct text *out, const struct rs_timeout *timeout)
{
	text_addf(out, "\ttimeout %s protocol %s", timeout->name, timeout->proto == IPPROTO_TCP ? "tcp" : "udp");
	for (size_t i = 0; i < RS_TIMEOUT_STATES; i++)
		if (timeout->seconds[i])
			text_addf(out, " %s %u", rs_timeout_state_name(timeout, i), timeout->seconds[i]);
	text_add(out, "\n");
}

static void format_flowtable(struct text *out, const struct rs_flowtable *flowtable)
{
	text_addf(out, "\tflowtable %s priority %d devices %s %s\n", flowtable->name, flowtable->priority,
		  flowtable->devices[0], flowtable->devices[1]);
}

static void format_chain(struct text *out, const struct rs_chain *chain)
{
	text_addf(out, "\tchain %s", chain->name);
	if (chain->hook != RS_HOOK_NONE)
		text_addf(out, " %s %s priority %d policy %s", rs_chain_type_name(chain->type),
			  rs_hook_name(chain->hook), chain->priority, chain->policy == RS_DROP ? "drop" : "accept");
	if (chain->device)
		text_addf(out, " device %s", chain->device);
	if (chain->note)
		text_addf(out, " # %s", chain->note);
	text_add(out, "\n");
	for (size_t i = 0; i < chain->rules.count; i++) {
		const struct rs_rule *rule = &chain->rules.items[i];
		text_add(out, "\t\trule");
		if (rule->comment)
			text_addf(out, " \"%s\"", rule->comment);
		text_add(out, "\n");
		for (size_t j = 0; j < rule->exprs.count; j++)
			format_expr(out, &rule->exprs.items[j]);
	}
}

const char *ruleset_format(struct arena *arena, const struct ruleset *ruleset)
{
	struct text out = { .arena = arena };

	for (size_t t = 0; t < ruleset->tables.count; t++) {
		const struct rs_table *table = &ruleset->tables.items[t];
		text_addf(&out, "table %s %s%s\n", rs_family_name(table->family), table->name,
			  table->owner ? " owner" : "");
		for (size_t i = 0; i < table->timeouts.count; i++)
			format_timeout(&out, &table->timeouts.items[i]);
		for (size_t i = 0; i < table->quotas.count; i++)
			text_addf(&out, "\tquota %s over %llu bytes\n", table->quotas.items[i].name,
				  (unsigned long long)table->quotas.items[i].bytes);
		for (size_t i = 0; i < table->sets.count; i++)
			format_set(&out, &table->sets.items[i]);
		for (size_t i = 0; i < table->flowtables.count; i++)
			format_flowtable(&out, &table->flowtables.items[i]);
		for (size_t i = 0; i < table->chains.count; i++)
			format_chain(&out, &table->chains.items[i]);
	}
	return text_get(&out);
}
