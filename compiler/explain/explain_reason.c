/* Reasons: the first thing that keeps a rule from matching, in the order in which the evaluator looks
 * (direction, protocol, port, target), or what made it match. */
#include "explain/explain_reason.h"
#include "base/text.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

#include <string.h>

#define SHOWN 3 /* of a list; more are counted */

static const char *transport_name(enum flow_transport transport)
{
	return transport == FLOW_DNS_UDP ? "udp" : "tcp";
}

/* What goes before item `i` of a list of so many */
static const char *joint(size_t i, size_t count)
{
	return !i ? "" : i + 1 == count ? " or " : ", ";
}

/* "22 or 443", "22, 80, 443 or 3 more" */
static const char *ports_text(struct arena *arena, const struct policy_rule *rule)
{
	size_t count = rule->ports.count, shown = count > SHOWN + 1 ? SHOWN : count;
	struct text text = { .arena = arena };

	for (size_t i = 0; i < shown; i++) {
		const struct policy_port_range *ports = &rule->ports.items[i];

		text_addf(&text, "%s%u", joint(i, count), ports->lo);
		if (ports->lo != ports->hi)
			text_addf(&text, "-%u", ports->hi);
	}
	if (shown < count)
		text_addf(&text, " or %zu more", count - shown);
	return text_get(&text);
}

/* "tcp", "tcp or udp" */
static const char *protos_text(struct arena *arena, unsigned protos)
{
	struct text text = { .arena = arena };

	for (unsigned bit = PROTO_TCP; bit <= PROTO_ICMPV6; bit <<= 1)
		if (protos & bit)
			text_addf(&text, "%s%s", text.count ? " or " : "", policy_proto_name((enum policy_proto)bit));
	return text.count ? text_get(&text) : "any";
}

static const char *wrong_direction(const struct policy_rule *rule)
{
	return rule->directions & POLICY_EGRESS ? "for egress" : "for ingress";
}

static const char *wrong_port(struct arena *arena, const struct policy_rule *rule, bool has_port, unsigned port)
{
	if (!has_port)
		return "it lists ports, this flow has none";
	return arena_printf(arena, "port %u is not %s", port, ports_text(arena, rule));
}

/* ---- connections ---- */

const char *explain_bound_name(const struct flow *flow, struct addr addr, const struct policy_rule *rule)
{
	for (size_t i = 0; i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];

		for (size_t j = 0; j < binding->addrs.count; j++) {
			if (!addr_equal(addr_unmap(binding->addrs.items[j]), addr))
				continue;
			for (size_t k = 0; !rule || k < rule->targets.count; k++)
				if (!rule || eval_target_takes_name(&rule->targets.items[k], binding->name))
					return binding->name;
		}
	}
	return NULL;
}

/* "github.com", "github.com or raw.githubusercontent.com", "pypi.org, … or 7 more" */
static const char *names_text(struct arena *arena, const struct policy_rule *rule)
{
	size_t count = 0, shown = 0;
	struct text text = { .arena = arena };

	for (size_t i = 0; i < rule->targets.count; i++)
		count += policy_target_is_name(&rule->targets.items[i]);
	for (size_t i = 0; i < rule->targets.count && (shown < SHOWN || count <= SHOWN + 1); i++) {
		if (!policy_target_is_name(&rule->targets.items[i]))
			continue;
		text_addf(&text, "%s%s", joint(shown++, count), policy_target_format(arena, &rule->targets.items[i]));
	}
	if (shown < count)
		text_addf(&text, " or %zu more", count - shown);
	return text_get(&text);
}

static const char *not_by_name(struct arena *arena, const struct eval_context *context, const struct policy_rule *rule,
			       const struct explain_connection *flow, const char *addr)
{
	const char *names = names_text(arena, rule), *sni = flow->connection.sni;

	if (!policy_rule_places(rule, addr_unmap(flow->connection.addr), &context->gateway))
		return arena_printf(arena, "%s is not%s%s", addr, policy_within_format(arena, rule),
				    policy_rule_places(rule, addr_unmap(flow->connection.addr), NULL) ?
					    " (the host's never is)" :
					    "");

	if (flow->connection.ech && context->policy->server_names && !eval_rule_takes_ech(context->policy, rule))
		return context->policy->deny_ech ? "its hello hides a name (ECH), which `tls ech deny` does not trust" :
						   "its hello hides a name (ECH), which `no-ech` does not take";
	if (sni && context->policy->server_names && flow->connection.proto == PROTO_TCP &&
	    flow->connection.direction == POLICY_EGRESS) {
		for (size_t i = 0; i < rule->targets.count; i++)
			if (eval_target_takes_server_name(rule->action, &rule->targets.items[i], sni))
				return arena_printf(arena, "server name %s fits, %s is not bound to %s", sni, addr,
						    names);
		return arena_printf(arena, "server name %s is not %s", sni, names);
	}
	return arena_printf(arena, "%s is not bound to %s", addr, names);
}

static const char *not_by_target(struct arena *arena, const struct eval_context *context,
				 const struct policy_target *target, struct addr addr, const char *shown)
{
	enum addr_class class = addr_classify(addr, &context->gateway);

	if (target->kind == TARGET_GROUP)
		return arena_printf(arena, "%s is %s, not %s", shown, addr_class_name(class),
				    addr_class_name(target->group));
	if (target->prefix.addr.family != addr.family)
		return arena_printf(arena, "%s is %s", shown,
				    addr.family == ADDR_V4 ? "IPv4, not IPv6" : "IPv6, not IPv4");
	return arena_printf(arena, "%s is not %s%s", shown,
			    target->prefix.len == (addr.family == ADDR_V4 ? 32 : 128) ? "" : "in ",
			    policy_target_format(arena, target));
}

/* Groups and CIDRs one by one while they are few, names together. */
static const char *wrong_target(struct arena *arena, const struct eval_context *context, const struct policy_rule *rule,
				const struct explain_connection *flow)
{
	struct addr addr = addr_unmap(flow->connection.addr);
	char shown[ADDR_TEXT_MAX];
	struct text text = { .arena = arena };
	size_t told = 0;
	bool names = false;

	addr_format(addr, shown);
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (policy_target_is_name(target)) {
			names = true;
			continue;
		}
		if (++told > SHOWN)
			continue;
		text_addf(&text, "%s%s", text.count ? "; " : "", not_by_target(arena, context, target, addr, shown));
	}
	if (told > SHOWN)
		text_addf(&text, "; nor %zu more", told - SHOWN);
	if (names)
		text_addf(&text, "%s%s", text.count ? "; " : "", not_by_name(arena, context, rule, flow, shown));
	return text_get(&text);
}

const char *explain_no_connection(struct arena *arena, const struct eval_context *context,
				  const struct policy_rule *rule, const struct explain_connection *flow)
{
	const struct eval_connection *connection = &flow->connection;

	if (!(rule->directions & connection->direction))
		return wrong_direction(rule);
	if (!eval_rule_matches_proto(rule, connection->proto))
		return arena_printf(arena, "%s is not %s", policy_proto_name(connection->proto),
				    protos_text(arena, rule->protos));
	if (!eval_rule_matches_port(rule, connection->has_port, connection->port))
		return wrong_port(arena, rule, connection->has_port, connection->port);
	return wrong_target(arena, context, rule, flow);
}

static const char *by_address(struct arena *arena, const struct eval_context *context, const struct policy_rule *rule,
			      struct addr addr)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (!eval_target_takes_addr(context, rule->action, target, addr))
			continue;
		if (target->kind == TARGET_ANY)
			return "any address";
		if (target->kind == TARGET_GROUP)
			return arena_printf(arena, "class %s", addr_class_name(target->group));
		return arena_printf(arena, "%s %s",
				    target->prefix.addr.family == addr.family ? "in" : "carries an address in",
				    policy_target_format(arena, target));
	}
	return NULL;
}

static const char *by_name(struct arena *arena, const struct eval_context *context, const struct policy_rule *rule,
			   const struct explain_connection *flow, struct addr addr)
{
	const char *bound = explain_bound_name(flow->flow, addr, rule), *sni = flow->connection.sni;

	if (!context->policy->server_names || flow->connection.proto != PROTO_TCP ||
	    flow->connection.direction != POLICY_EGRESS)
		sni = NULL;
	if (sni && bound)
		return arena_printf(arena, "bound to %s, server name %s", bound, sni);
	if (sni)
		return arena_printf(arena, "server name %s", sni);
	return arena_printf(arena, "bound to %s", bound ? bound : "a name of it");
}

const char *explain_match_connection(struct arena *arena, const struct eval_context *context,
				     const struct policy_rule *rule, const struct explain_connection *flow)
{
	const struct eval_connection *connection = &flow->connection;
	struct addr addr = addr_unmap(connection->addr);
	const char *address = by_address(arena, context, rule, addr);
	struct text why = { .arena = arena };

	text_add(&why, address ? address : by_name(arena, context, rule, flow, addr));
	if (rule->protos)
		text_addf(&why, ", %s", policy_proto_name(connection->proto));
	if (rule->ports.count)
		text_addf(&why, ", port %u", connection->port);
	return text_get(&why);
}

/* ---- queries ---- */

static bool judges_by_transport(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_judges_queries(&rule->targets.items[i]))
			return true;
	return false;
}

const char *explain_no_query(struct arena *arena, const struct policy_rule *rule, const char *name,
			     enum flow_transport transport)
{
	if (!(rule->directions & POLICY_EGRESS))
		return wrong_direction(rule);
	if (judges_by_transport(rule)) {
		if (!eval_rule_matches_proto(rule, transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP))
			return arena_printf(arena, "asked by %s, not %s", transport_name(transport),
					    protos_text(arena, rule->protos));
		return wrong_port(arena, rule, true, flow_transport_port(transport));
	}
	if (policy_rule_has_names(rule))
		return arena_printf(arena, "%s is not %s", name[0] ? name : ".", names_text(arena, rule));
	return rule->targets.items[0].kind == TARGET_CIDR ? "addresses judge no lookups" :
							    "only group host judges lookups";
}

/* Group host among the targets, and not by the word `dns`, which says what it is for */
static bool says_host(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (rule->targets.items[i].kind == TARGET_GROUP && rule->targets.items[i].group == ADDR_CLASS_HOST)
			return !strstr(rule->text, "@dns");
	return false;
}

const char *explain_match_query(struct arena *arena, const struct policy_rule *rule, const char *name,
				enum flow_transport transport)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		const char *rest = rule->ports.count ? " (ports play no part)" : "";

		if (!eval_target_takes_name(target, name))
			continue;
		if (target->kind == TARGET_SUFFIX)
			return arena_printf(arena, "name %s, of %s%s", name, policy_target_format(arena, target), rest);
		return arena_printf(arena, "name %s%s", name, rest);
	}
	return arena_printf(arena, "every name, asked by %s, port %u%s", transport_name(transport),
			    flow_transport_port(transport),
			    says_host(rule) ? ", because group host judges lookups" : "");
}
