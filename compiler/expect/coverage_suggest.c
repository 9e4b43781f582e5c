/* Flows to expect: candidates for an item of a policy, tried against the evaluator until one is decided by
 * it. A candidate is only ever printed when the evaluator says that the item decides it. */
#include "base/text.h"
#include "expect/coverage.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"

#include <string.h>

struct attempt {
	struct coverage *coverage;
	const struct coverage_item *item;
	const char *found; /* the expect line */
	struct flow flow;  /* and its flow */
};

static bool try_flow(struct attempt *attempt, struct flow *flow)
{
	enum policy_action action;

	if (!coverage_decides(attempt->coverage, attempt->item, flow, &action))
		return false;
	attempt->found = arena_printf(attempt->coverage->arena, "expect %s%s%s", policy_action_name(action),
				      action == POLICY_ALLOW ? " " : "  ", flow->text);
	attempt->flow = *flow;
	return true;
}

static bool try_query(struct attempt *attempt, const char *name, enum flow_transport transport)
{
	static const char *const suffix[] = { [FLOW_DNS_UDP] = "", [FLOW_DNS_TCP] = ":tcp", [FLOW_DNS_DOT] = ":dot" };
	struct flow flow = { .kind = FLOW_DNS, .name = name, .transport = transport };

	flow.text = arena_printf(attempt->coverage->arena, "dns@%s%s", flow_name_text(attempt->coverage->arena, name),
				 suffix[transport]);
	return try_flow(attempt, &flow);
}

/* ---- connections: protocols and ports that the rule (or nothing) asks for ---- */

static const uint16_t usual_ports[] = { 443, 80, 22, 8080, 53, 1, 65535 };

static bool try_connection(struct attempt *attempt, struct flow *flow, enum policy_proto proto, uint16_t port)
{
	struct text text = { .arena = attempt->coverage->arena };
	char buf[ADDR_TEXT_MAX];

	if (flow->sni && proto != PROTO_TCP) /* nobody looks for one there */
		return false;
	flow->proto = proto;
	flow->has_port = policy_proto_has_ports(proto);
	flow->port = port;
	text_addf(&text, "%s@%s:%s", policy_direction_name(flow->direction),
		  flow->to_name ? flow_name_text(text.arena, flow->name) : addr_format_bracketed(flow->addr, buf),
		  policy_proto_name(proto));
	if (flow->has_port)
		text_addf(&text, ":%u", flow->port);
	for (size_t i = 0; i < flow->resolve.count; i++)
		text_addf(&text, " resolve=%s=%s", flow->resolve.items[i].name,
			  addr_format(flow->resolve.items[i].addrs.items[0], buf));
	if (flow->sni)
		text_addf(&text, " sni=%s", flow->sni);
	flow->text = text_get(&text);
	return try_flow(attempt, flow);
}

static bool try_range(struct attempt *attempt, struct flow *flow, enum policy_proto proto,
		      const struct policy_port_range *ports)
{
	if (try_connection(attempt, flow, proto, ports->lo) || try_connection(attempt, flow, proto, ports->hi))
		return true;
	for (size_t i = 0; i < sizeof usual_ports / sizeof *usual_ports; i++)
		if (ports->lo < usual_ports[i] && usual_ports[i] < ports->hi &&
		    try_connection(attempt, flow, proto, usual_ports[i]))
			return true;
	return false;
}

static bool try_ports(struct attempt *attempt, struct flow *flow, const struct policy_rule *rule,
		      enum policy_proto proto)
{
	const struct coverage_item *item = attempt->item;

	if (!policy_proto_has_ports(proto))
		return try_connection(attempt, flow, proto, 0);
	if (!rule || !rule->ports.count) {
		for (size_t i = 0; i < sizeof usual_ports / sizeof *usual_ports; i++)
			if (try_connection(attempt, flow, proto, usual_ports[i]))
				return true;
		return false;
	}
	if (item->kind == COVER_PORT)
		return try_range(attempt, flow, proto, &rule->ports.items[item->index]);
	for (size_t i = 0; i < rule->ports.count && i < 16; i++)
		if (try_range(attempt, flow, proto, &rule->ports.items[i]))
			return true;
	return false;
}

static bool family_fits(const struct flow *flow, enum policy_proto proto)
{
	if (flow->to_name)
		return true;
	return !(proto == PROTO_ICMPV4 && flow->addr.family == ADDR_V6) &&
	       !(proto == PROTO_ICMPV6 && flow->addr.family == ADDR_V4);
}

static bool try_protos(struct attempt *attempt, struct flow *flow, const struct policy_rule *rule)
{
	for (size_t i = 0; i < POLICY_RULE_PROTOS; i++) {
		if (rule && rule->protos && !(rule->protos & policy_protos[i]))
			continue;
		if (family_fits(flow, policy_protos[i]) && try_ports(attempt, flow, rule, policy_protos[i]))
			return true;
	}
	return false;
}

static bool try_directions(struct attempt *attempt, struct flow *flow, const struct policy_rule *rule,
			   unsigned directions)
{
	flow->kind = FLOW_CONNECTION;
	for (unsigned direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction <<= 1) {
		flow->direction = (enum policy_direction)direction;
		if ((directions & direction) && try_protos(attempt, flow, rule))
			return true;
	}
	return false;
}

static bool try_addr(struct attempt *attempt, struct addr addr, const struct policy_rule *rule, unsigned directions)
{
	struct flow flow = { .addr = addr };

	return try_directions(attempt, &flow, rule, directions);
}

/* ---- targets ---- */

static const char *const of_class[ADDR_CLASS_COUNT][4] = {
	[ADDR_CLASS_PRIVATE] = { "10.0.0.5", "192.168.1.1", "100.64.0.1", "fd00::5" },
	[ADDR_CLASS_LOOPBACK] = { "127.0.0.1", "::1" },
	[ADDR_CLASS_LINK_LOCAL] = { "169.254.1.1", "fe80::1" },
	[ADDR_CLASS_META] = { "169.254.169.254", "100.100.100.200", "fd00:ec2::254" },
	[ADDR_CLASS_MULTICAST] = { "224.0.0.251", "ff02::fb" },
};

static bool try_class(struct attempt *attempt, enum addr_class class, const struct policy_rule *rule,
		      unsigned directions)
{
	const struct eval_context *context = attempt->coverage->context;
	struct addr addr;

	if (class == ADDR_CLASS_PUBLIC)
		return try_addr(attempt, eval_unnamed_public(context->policy, ADDR_V4), rule, directions) ||
		       try_addr(attempt, eval_unnamed_public(context->policy, ADDR_V6), rule, directions);
	if (class == ADDR_CLASS_HOST)
		return (context->gateway.has4 && try_addr(attempt, context->gateway.v4, rule, directions)) ||
		       (context->gateway.has6 && try_addr(attempt, context->gateway.v6, rule, directions));
	for (size_t i = 0; i < 4 && of_class[class][i]; i++)
		if (addr_parse(of_class[class][i], &addr) && try_addr(attempt, addr, rule, directions))
			return true;
	return false;
}

static bool try_every_class(struct attempt *attempt, const struct policy_rule *rule, unsigned directions)
{
	for (int class = ADDR_CLASS_PUBLIC; class < ADDR_CLASS_COUNT; class ++)
		if (try_class(attempt, (enum addr_class) class, rule, directions))
			return true;
	return false;
}

static bool try_prefix(struct attempt *attempt, struct addr_prefix prefix, const struct policy_rule *rule)
{
	struct addr_range range = addr_prefix_range(prefix);
	u128 values[] = { prefix.addr.value, range.lo, range.lo + (range.hi > range.lo), range.hi,
			  range.lo + (range.hi - range.lo) / 2 };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (try_addr(attempt, (struct addr){ prefix.addr.family, values[i] }, rule, rule->directions))
			return true;
	/* A deny on IPv4 matches the IPv6 addresses with one of its own embedded: 64:ff9b::/96 */
	return rule->action == POLICY_DENY && prefix.addr.family == ADDR_V4 &&
	       try_addr(attempt, (struct addr){ ADDR_V6, ((u128)0x64ff9b << 96) + range.lo }, rule, rule->directions);
}

/* The name with an address of IPv6 */
static bool try_name_v6(struct attempt *attempt, const struct policy_rule *rule, struct flow flow)
{
	struct arena *arena = attempt->coverage->arena;
	struct flow_binding *binding = arena_push(arena, &flow.resolve);

	binding->name = flow.name;
	*arena_push(arena, &binding->addrs) = eval_unnamed_public(attempt->coverage->context->policy, ADDR_V6);
	return try_directions(attempt, &flow, rule, rule->directions);
}

/* A deny on a name sees it in a server name, whatever the address is bound to. */
static bool try_server_name(struct attempt *attempt, const struct policy_rule *rule, const char *name)
{
	struct flow flow = { .addr = eval_unnamed_public(attempt->coverage->context->policy, ADDR_V4), .sni = name };

	return rule->action == POLICY_DENY && try_directions(attempt, &flow, rule, rule->directions & POLICY_EGRESS);
}

static bool try_name(struct attempt *attempt, const struct policy_target *target, const struct policy_rule *rule)
{
	struct arena *arena = attempt->coverage->arena;
	struct flow flow = { .to_name = true, .name = target->name };

	if (target->kind == TARGET_SUFFIX)
		flow.name = arena_printf(arena, "www.%s", target->name);
	if (rule->action == POLICY_DENY && (rule->directions & POLICY_EGRESS) &&
	    try_query(attempt, flow.name, FLOW_DNS_UDP))
		return true;
	return try_directions(attempt, &flow, rule, rule->directions) ||
	       ((rule->directions & POLICY_EGRESS) && try_query(attempt, flow.name, FLOW_DNS_UDP)) ||
	       try_server_name(attempt, rule, flow.name) || try_name_v6(attempt, rule, flow);
}

static bool try_target(struct attempt *attempt, const struct policy_rule *rule, const struct policy_target *target)
{
	bool asks = (rule->directions & POLICY_EGRESS) && rule->ports.count == 1 &&
		    rule->ports.items[0].lo == FLOW_DNS_PORT;

	switch (target->kind) {
	case TARGET_CIDR:
		return try_prefix(attempt, target->prefix, rule);
	case TARGET_DOMAIN:
	case TARGET_SUFFIX:
		return try_name(attempt, target, rule);
	case TARGET_GROUP:
		if (asks && target->group == ADDR_CLASS_HOST &&
		    (try_query(attempt, "example.com", FLOW_DNS_UDP) ||
		     try_query(attempt, "example.com", FLOW_DNS_TCP)))
			return true;
		return try_class(attempt, target->group, rule, rule->directions) ||
		       (target->group == ADDR_CLASS_HOST && (rule->directions & POLICY_EGRESS) &&
			try_query(attempt, "example.com", FLOW_DNS_UDP));
	default:
		return try_every_class(attempt, rule, rule->directions) ||
		       ((rule->directions & POLICY_EGRESS) && try_query(attempt, "example.com", FLOW_DNS_UDP));
	}
}

static bool try_default(struct attempt *attempt)
{
	if (attempt->item->direction == POLICY_INGRESS)
		return try_every_class(attempt, NULL, POLICY_INGRESS);
	return try_query(attempt, "example.com", FLOW_DNS_UDP) || try_every_class(attempt, NULL, POLICY_EGRESS);
}

static void try_item(struct attempt *attempt)
{
	const struct coverage_item *item = attempt->item;
	const struct policy_rule *rule;

	if (item->kind == COVER_DEFAULT) {
		try_default(attempt);
		return;
	}
	rule = &attempt->coverage->context->policy->rules.items[item->rule];
	for (size_t i = 0; i < rule->targets.count && !attempt->found; i++)
		if (item->kind != COVER_TARGET || item->index == i)
			try_target(attempt, rule, &rule->targets.items[i]);
}

const char *coverage_suggest(struct coverage *coverage, const struct coverage_item *item)
{
	struct attempt attempt = { .coverage = coverage, .item = item };

	try_item(&attempt);
	return attempt.found;
}

size_t coverage_suggest_all(struct coverage *coverage, const char ***lines)
{
	size_t count = 0;

	*lines = arena_alloc(coverage->arena, (coverage->items.count + 1) * sizeof **lines);
	for (size_t i = 0; i < coverage->items.count; i++) {
		struct attempt attempt = { .coverage = coverage, .item = &coverage->items.items[i] };
		struct eval_result result;

		if (attempt.item->decided)
			continue;
		try_item(&attempt);
		if (!attempt.found)
			continue;
		result = eval_flow(coverage->context, &attempt.flow);
		coverage_mark(coverage, &attempt.flow, &result);
		(*lines)[count++] = attempt.found;
	}
	return count;
}

const char *coverage_suggest_rule(struct coverage *coverage, size_t rule)
{
	const char *found = NULL;

	for (size_t i = coverage->first[rule]; i < coverage->first[rule + 1] && !found; i++)
		found = coverage_suggest(coverage, &coverage->items.items[i]);
	return found;
}
