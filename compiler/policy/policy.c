/* A policy in words: the names of its enumerations, canonical rule tokens, and `--emit policy`. */
#include "policy/policy.h"
#include "policy/policy_facts.h"
#include "policy/rule_help.h"
#include "base/escape.h"
#include "base/text.h"
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const char *const action_names[] = { [POLICY_DENY] = "deny", [POLICY_ALLOW] = "allow" };
static_assert(POLICY_DENY == 0 && POLICY_ALLOW == 1 && sizeof action_names / sizeof *action_names == 2,
	      "a name for each action");
static const char *const direction_names[] = {
	[POLICY_EGRESS] = "egress", [POLICY_INGRESS] = "ingress", [POLICY_EGRESS | POLICY_INGRESS] = "any"
};
static_assert((POLICY_EGRESS | POLICY_INGRESS) + 1 == sizeof direction_names / sizeof *direction_names,
	      "a name for each set of directions");

/* In the order they are printed: the dns macro yields udp,tcp */
static const struct {
	enum policy_proto proto;
	const char *name;
} protos[] = {
	{ PROTO_UDP, "udp" },       { PROTO_TCP, "tcp" },     { PROTO_ICMPV4, "icmpv4" },
	{ PROTO_ICMPV6, "icmpv6" }, { PROTO_OTHER, "other" },
};
static_assert((PROTO_OTHER << 1) - 1 == (PROTO_TCP | PROTO_UDP | PROTO_ICMPV4 | PROTO_ICMPV6 | PROTO_OTHER) &&
		      1 << sizeof protos / sizeof *protos == PROTO_OTHER << 1,
	      "a name for each protocol");

const char *policy_action_name(enum policy_action action)
{
	return action_names[action];
}

const char *policy_forbid_words(enum policy_forbid what)
{
	static const char *const words[FORBID_COUNT] = { [FORBID_PUBLISH] = "publish",
							 [FORBID_NAMESERVER] = "nameserver",
							 [FORBID_POOL] = "pool",
							 [FORBID_REBIND_OFF] = "rebind-protection off" };

	return words[what];
}

const char *policy_direction_name(enum policy_direction direction)
{
	return direction_names[direction];
}

const char *policy_proto_name(enum policy_proto proto)
{
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (protos[i].proto == proto)
			return protos[i].name;
	return "any";
}

static unsigned bits(unsigned value)
{
	return (unsigned)__builtin_popcount(value);
}

/* ---- rule tokens ---- */

static const char *prefix_format(struct arena *arena, struct addr_prefix prefix, bool always_len)
{
	char buf[ADDR_TEXT_MAX];
	bool v4 = prefix.addr.family == ADDR_V4;
	const char *addr = addr_format(prefix.addr, buf);
	bool single = prefix.len == (v4 ? 32 : 128);
	const char *len = single && !always_len ? "" : arena_printf(arena, "/%u", prefix.len);

	return arena_printf(arena, v4 ? "%s%s" : "[%s%s]", addr, len);
}

const char *policy_target_format(struct arena *arena, const struct policy_target *target)
{
	switch (target->kind) {
	case TARGET_ANY:
		return "any";
	case TARGET_GROUP:
		return addr_class_name(target->group);
	case TARGET_CIDR:
		return prefix_format(arena, target->prefix, false);
	case TARGET_DOMAIN:
		/* a bare word would be a keyword or a group, a bare star a suffix, "10.0.0.x" an address that is none */
		if (!strchr(target->name, '.') || target->name[0] == '*' || rule_is_network(target->name))
			return arena_printf(arena, "domain=%s", target->name);
		return target->name;
	case TARGET_SUFFIX:
		return arena_printf(arena, target->name[0] == '*' ? "suffix=%s" : "*.%s", target->name);
	}
	return "any";
}

static void add_targets(struct text *text, const struct policy_rule *rule)
{
	bool list = rule->targets.count > 1;

	if (rule->group_name) {
		text_add(text, rule->group_name);
		return;
	}
	text_add(text, list ? "{" : "");
	for (size_t i = 0; i < rule->targets.count; i++)
		text_addf(text, "%s%s", i ? "," : "", policy_target_format(text->arena, &rule->targets.items[i]));
	text_add(text, list ? "}" : "");
}

static void add_protos(struct text *text, unsigned set, const char *between)
{
	const char *before = "";

	if (!set)
		text_add(text, "any");
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (set & protos[i].proto) {
			text_addf(text, "%s%s", before, protos[i].name);
			before = between;
		}
}

static void add_ports(struct text *text, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->ports.count; i++) {
		struct policy_port_range ports = rule->ports.items[i];
		text_addf(text, ports.lo == ports.hi ? "%s%u" : "%s%u-%u", i ? "," : "", ports.lo, ports.hi);
	}
}

/* Whether the rule is what `ACTION@dns` means */
static bool is_dns_macro(const struct policy_rule *rule)
{
	return rule->directions == POLICY_EGRESS && !rule->group_name && rule->targets.count == 1 &&
	       rule->targets.items[0].kind == TARGET_GROUP && rule->targets.items[0].group == ADDR_CLASS_HOST &&
	       rule->protos == (PROTO_UDP | PROTO_TCP) && rule->ports.count == 1 &&
	       rule->ports.items[0].lo == FLOW_DNS_PORT && rule->ports.items[0].hi == FLOW_DNS_PORT;
}

const char *policy_within_format(struct arena *arena, const struct policy_rule *rule)
{
	struct text text = { .arena = arena };
	bool list = rule->within.count > 1;

	if (!rule->within.count)
		return "";
	for (size_t i = 0; i < rule->within.count; i++)
		text_addf(&text, "%s%s",
			  i    ? "," :
			  list ? " in {" :
				 " in ",
			  policy_target_format(arena, &rule->within.items[i]));
	text_add(&text, list ? "}" : "");
	return text_get(&text);
}

const char *policy_rule_format(struct arena *arena, const struct policy_rule *rule)
{
	struct text text = { .arena = arena };

	text_add(&text, policy_action_name(rule->action));
	if (rule->directions != POLICY_EGRESS)
		text_addf(&text, ":%s", direction_names[rule->directions]);
	text_add(&text, "@");
	if (is_dns_macro(rule)) {
		text_add(&text, "dns");
		return text_get(&text);
	}
	add_targets(&text, rule);
	if (rule->protos || rule->ports.count) {
		text_add(&text, bits(rule->protos) > 1 ? ":{" : ":");
		add_protos(&text, rule->protos, ",");
		text_add(&text, bits(rule->protos) > 1 ? "}" : "");
	}
	if (rule->ports.count) {
		text_add(&text, rule->ports.count > 1 ? ":{" : ":");
		add_ports(&text, rule);
		text_add(&text, rule->ports.count > 1 ? "}" : "");
	}
	text_add(&text, policy_within_format(arena, rule));
	return text_get(&text);
}

/* ---- --emit policy: nothing abbreviated, groups spelt out, a line an item, columns by tabs ---- */

static void add_spelt_target(struct text *text, const struct policy_target *target)
{
	if (target->kind == TARGET_CIDR)
		text_add(text, prefix_format(text->arena, target->prefix, true));
	else if (target->kind == TARGET_DOMAIN)
		text_addf(text, "domain=%s", target->name);
	else if (target->kind == TARGET_SUFFIX)
		text_addf(text, "suffix=%s", target->name);
	else
		text_add(text, policy_target_format(text->arena, target));
}

static const char *spelt_rule(struct arena *arena, const struct policy_rule *rule)
{
	struct text text = { .arena = arena };
	bool list = rule->targets.count > 1;

	text_addf(&text, "%s:%s@%s", policy_action_name(rule->action), direction_names[rule->directions],
		  list ? "{" : "");
	for (size_t i = 0; i < rule->targets.count; i++) {
		text_add(&text, i ? "," : "");
		add_spelt_target(&text, &rule->targets.items[i]);
	}
	text_add(&text, list ? "}:" : ":");
	add_protos(&text, rule->protos, "+");
	text_add(&text, ":");
	if (!rule->ports.count)
		text_add(&text, "any");
	for (size_t i = 0; i < rule->ports.count; i++)
		text_addf(&text, "%s%u-%u", i ? "," : "", rule->ports.items[i].lo, rule->ports.items[i].hi);
	for (size_t i = 0; i < rule->within.count; i++) {
		text_add(&text, i ? "," : " in ");
		add_spelt_target(&text, &rule->within.items[i]);
	}
	return text_get(&text);
}

static const char *clean(struct text *text, const char *bytes)
{
	return escape_terminal(text->arena, bytes, strlen(bytes));
}

const char *policy_relative(struct arena *arena, const struct policy *policy, const char *place)
{
	const char *top = escape_text(arena, policy->name), *slash = strrchr(top, '/');
	size_t directory = slash ? (size_t)(slash + 1 - top) : 0;

	if (directory && !strncmp(place, top, directory))
		return place + directory;
	return place[0] == '/' ? strrchr(place, '/') + 1 : place;
}

const char *policy_origin(struct arena *arena, const struct policy *policy, struct span span)
{
	if (span.source == SPAN_NO_SOURCE)
		return "default policy";
	return policy_relative(arena, policy, span_format_line(arena, policy->sources, span));
}

static const char *place(struct text *text, const struct policy *policy, struct span span)
{
	const char *shown = span_format(text->arena, policy->sources, span);

	return shown ? policy_relative(text->arena, policy, shown) : "-";
}

static void add_rule(struct text *text, const struct policy *policy, size_t index)
{
	const struct policy_rule *rule = &policy->rules.items[index];

	text_addf(text, "rule %zu\t%s\t%s\t%s", index + 1, spelt_rule(text->arena, rule),
		  place(text, policy, rule->span), clean(text, rule->text));
	if (rule->because)
		text_addf(text, "\tbecause \"%s\"", clean(text, rule->because));
	if (rule->until.year)
		text_addf(text, "\tuntil %04d-%02d-%02d", rule->until.year, rule->until.month, rule->until.day);
	if (rule->bytes)
		text_addf(text, "\tbytes %s", units_size_format(text->arena, rule->bytes));
	text_addf(text, "%s%s\n", rule->no_ech ? "\tno-ech" : "", rule->log ? "\tlog" : "");
}

static void add_limit(struct text *text, const char *what, const struct policy_limit *limit)
{
	if (!limit->size)
		return;
	text_addf(text, "limit %s %" PRIu64 "/%" PRIu64 "ms", what, limit->size, limit->refill_ms);
	if (limit->burst)
		text_addf(text, " burst %" PRIu64, limit->burst);
	text_add(text, "\n");
}

static void add_quota(struct text *text, const char *direction, const struct policy_limit *limit)
{
	if (limit->size)
		text_addf(text, "limit %s bytes %" PRIu64 "\n", direction, limit->size);
}

const struct policy_limit *policy_dns_limit(const struct policy *policy, enum policy_dns_limit which)
{
	switch (which) {
	case POLICY_DNS_LABEL:
		return &policy->dns_label;
	case POLICY_DNS_NAMES:
		return &policy->dns_names;
	default:
		return &policy->dns_rate;
	}
}

const char *const policy_dns_limit_names[POLICY_DNS_LIMITS] = { "label", "names", "rate" };

static const char *interval_text(struct arena *arena, uint64_t ms)
{
	return ms % 1000  ? arena_printf(arena, "%" PRIu64 "ms", ms) :
	       ms % 60000 ? arena_printf(arena, "%" PRIu64 "s", ms / 1000) :
			    arena_printf(arena, "%" PRIu64 "m", ms / 60000);
}

const char *policy_dns_limit_text(struct arena *arena, const struct policy *policy, enum policy_dns_limit which)
{
	const struct policy_limit *limit = policy_dns_limit(policy, which);
	const char *text = arena_printf(arena, "limit dns %s %" PRIu64, policy_dns_limit_names[which], limit->size);

	if (limit->refill_ms)
		text = arena_printf(arena, "%s/%s", text, interval_text(arena, limit->refill_ms));
	return limit->burst ? arena_printf(arena, "%s burst %" PRIu64, text, limit->burst) : text;
}

static void add_dns_limits(struct text *text, const struct policy *policy)
{
	if (policy->dns_label.size)
		text_addf(text, "limit dns label %" PRIu64 "\n", policy->dns_label.size);
	add_limit(text, "dns names", &policy->dns_names);
	add_limit(text, "dns rate", &policy->dns_rate);
}

const char *policy_nameserver_host(struct arena *arena, const struct policy_nameserver *server, bool bracketed)
{
	char buf[ADDR_TEXT_MAX];

	if (server->is_name)
		return server->name;
	if (!server->zone)
		return arena_strdup(arena, bracketed ? addr_format_bracketed(server->addr, buf) :
						       addr_format(server->addr, buf));
	return arena_printf(arena, bracketed ? "[%s%%%s]" : "%s%%%s", addr_format(server->addr, buf), server->zone);
}

static void add_dns(struct text *text, const struct policy *policy)
{
	for (size_t i = 0; i < policy->nameservers.count; i++) {
		const struct policy_nameserver *server = &policy->nameservers.items[i];
		text_addf(text, "dns nameserver %s:%u\t%s\n",
			  clean(text, policy_nameserver_host(text->arena, server, true)), server->port,
			  server->is_name ? "host" : "addr");
	}
	text_addf(text, "dns timeout %" PRIu64 "ms\n", policy->dns_timeout_ms);
	if (policy->binding_minimum_ms != POLICY_BINDING_MINIMUM_MS)
		text_addf(text, "dns binding-minimum %" PRIu64 "ms\n", policy->binding_minimum_ms);
	if (policy->ech_answers != POLICY_ECH_BY_RULES)
		text_addf(text, "dns ech %s\n", policy->ech_answers == POLICY_ECH_STRIP ? "strip" : "keep");
	text_addf(text, "dns rebind-protection %s\n", policy->rebind_protection ? "on" : "off");
}

static void add_tls(struct text *text, const struct policy *policy)
{
	if (policy->deny_ech)
		text_add(text, "tls ech deny\n");
	if (!policy->server_names)
		text_add(text, "server-names off\n");
}

static void add_nat64(struct text *text, const struct policy *policy)
{
	char buf[ADDR_TEXT_MAX];

	if (policy->nat64.well_known)
		text_add(text, "dns nat64-prefix 64:ff9b::/96\n");
	for (size_t i = 0; i < policy->nat64.count; i++)
		text_addf(text, "dns nat64-prefix %s/%u\n", addr_format(policy->nat64.items[i].addr, buf),
			  policy->nat64.items[i].len);
}

static void add_interface(struct text *text, const struct policy_interface *interface)
{
	const uint8_t *mac = interface->mac;
	char buf[ADDR_TEXT_MAX];

	if (interface->has_mac)
		text_addf(text, "interface mac %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
			  mac[5]);
	if (interface->mtu)
		text_addf(text, "interface mtu %u\n", interface->mtu);
	if (interface->address4.set)
		text_addf(text, "interface address %s\n", addr_format(interface->address4.addr, buf));
	if (interface->address6.set)
		text_addf(text, "interface address %s\n", addr_format(interface->address6.addr, buf));
}

static void add_settings(struct text *text, const struct policy *policy)
{
	add_limit(text, "egress bandwidth", &policy->egress_bandwidth);
	add_limit(text, "egress ops", &policy->egress_ops);
	add_limit(text, "ingress bandwidth", &policy->ingress_bandwidth);
	add_limit(text, "ingress ops", &policy->ingress_ops);
	add_quota(text, "egress", &policy->egress_bytes);
	add_quota(text, "ingress", &policy->ingress_bytes);
	add_dns_limits(text, policy);
	if (policy->pool4.set)
		text_addf(text, "pool %s\n", prefix_format(text->arena, policy->pool4.prefix, true));
	if (policy->pool6.set)
		text_addf(text, "pool %s\n", prefix_format(text->arena, policy->pool6.prefix, true));
	if (policy->max_tcp.given && !policy->max_tcp.specific && policy->max_tcp.most == policy->max_udp.most) {
		text_addf(text, "max-connections %" PRIu32 "\n", policy->max_tcp.most);
	} else {
		text_addf(text, "max-tcp-connections %" PRIu32 "\n", policy->max_tcp.most);
		text_addf(text, "max-udp-connections %" PRIu32 "\n", policy->max_udp.most);
	}
	if (policy->connection_rate.most != POLICY_CONNECTION_RATE)
		text_addf(text, "max-connection-rate %" PRIu32 "\n", policy->connection_rate.most);
	add_interface(text, &policy->interface);
	if (policy->accept_queue != POLICY_ACCEPT_QUEUE)
		text_addf(text, "tcp-accept-queue-size %" PRIu32 "\n", policy->accept_queue);
	if (policy->multi_tenant)
		text_add(text, "deployment multi-tenant\n");
}

static void add_rules(struct text *text, const struct policy *policy)
{
	text_addf(text, "default egress %s\t%s\n", policy_action_name(policy->egress.action),
		  place(text, policy, policy->egress.span));
	text_addf(text, "default ingress %s\t%s\n", policy_action_name(policy->ingress.action),
		  place(text, policy, policy->ingress.span));
	for (size_t i = 0; i < policy->rules.count; i++)
		add_rule(text, policy, i);
}

static void add_floor(struct text *text, const struct policy *policy, const struct policy *floor)
{
	text_addf(text, "floor %s\n", clean(text, policy_relative(text->arena, policy, floor->name)));
	add_rules(text, floor);
	for (size_t i = 0; i < FORBID_COUNT; i++)
		if (floor->forbids[i].set)
			text_addf(text, "forbid %s\t%s\n", policy_forbid_words((enum policy_forbid)i),
				  place(text, floor, floor->forbids[i].span));
}

const char *policy_format(struct arena *arena, const struct policy *policy)
{
	struct text text = { .arena = arena };
	char buf[ADDR_TEXT_MAX];

	add_rules(&text, policy);
	for (size_t i = 0; i < policy->publishes.count; i++) {
		const struct policy_publish *publish = &policy->publishes.items[i];
		text_addf(&text, "publish %s:%u:%u/%s\t%s\n", addr_format_bracketed(publish->bind, buf),
			  publish->host_port, publish->guest_port, policy_proto_name(publish->proto),
			  place(&text, policy, publish->span));
	}
	add_dns(&text, policy);
	add_tls(&text, policy);
	add_nat64(&text, policy);
	add_settings(&text, policy);
	for (size_t i = 0; i < policy->expects.count; i++)
		text_addf(&text, "expect %s %s\t%s\n", policy_action_name(policy->expects.items[i].action),
			  clean(&text, policy->expects.items[i].flow.text),
			  place(&text, policy, policy->expects.items[i].span));
	for (size_t i = 0; i < policy->floors.count; i++)
		if (!policy->floors.items[i]->is_tenancy)
			add_floor(&text, policy, policy->floors.items[i]);
	return text_get(&text);
}
