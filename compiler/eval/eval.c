/* The reference evaluator: walks the rules in order as semantics are written down, and nothing cleverer.
 * Given a policy, a gateway, bindings and a flow; hands on the verdict and who decided it. */
#include "eval/eval.h"
#include "eval/builtin.h"
#include "eval/eval_index.h"
#include "base/name.h"
#include "policy/policy_facts.h"

#include <string.h>
#include <strings.h>

/* ---- matching ---- */

static bool takes_name_of(const struct policy_target *target, const char *name, size_t len)
{
	size_t want;

	if (!policy_target_is_name(target))
		return false;
	if (len && name[len - 1] == '.')
		len--;
	want = strlen(target->name);
	if (len < want || strncasecmp(name + len - want, target->name, want) != 0)
		return false;
	if (len == want)
		return true;
	return target->kind == TARGET_SUFFIX && name[len - want - 1] == '.';
}

bool eval_target_takes_name(const struct policy_target *target, const char *name)
{
	return takes_name_of(target, name, strlen(name));
}

/* nginx takes what is before a colon for the name */
bool eval_target_takes_server_name(enum policy_action action, const struct policy_target *target, const char *sni)
{
	return takes_name_of(target, sni, action == POLICY_DENY ? strcspn(sni, ":") : strlen(sni));
}

bool eval_target_takes_addr(const struct eval_context *context, enum policy_action action,
			    const struct policy_target *target, struct addr addr)
{
	struct addr_carried carried;

	switch (target->kind) {
	case TARGET_ANY:
		return true;
	case TARGET_GROUP:
		return addr_group_takes(target->group, action == POLICY_DENY, addr, &context->gateway);
	case TARGET_CIDR:
		if (target->prefix.addr.family == addr.family)
			return addr_prefix_contains(target->prefix, addr);
		/* A deny on IPv4 takes in the IPv6 addresses that carry its addresses */
		return action == POLICY_DENY && addr_carries(addr, &context->gateway.nat64, &carried) &&
		       addr_prefix_takes_carried(target->prefix, &carried);
	default:
		return false;
	}
}

static bool rule_takes_name(const struct policy_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_takes_name(&rule->targets.items[i], name))
			return true;
	return false;
}

static bool rule_takes_server_name(const struct policy_rule *rule, const char *sni)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_takes_server_name(rule->action, &rule->targets.items[i], sni))
			return true;
	return false;
}

static bool bound_name_fits(const char *name, void *rule)
{
	return rule_takes_name(rule, name);
}

/* By a name of the rule, where the rule may match at all */
static bool rule_is_bound(const struct eval_context *context, const struct policy_rule *rule, struct addr addr)
{
	return context->bindings.any_name && policy_rule_places(rule, addr, &context->gateway) &&
	       context->bindings.any_name(context->bindings.self, addr, bound_name_fits, (void *)rule);
}

static bool rule_takes_addr(const struct eval_context *context, const struct policy_rule *rule, struct addr addr)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_takes_addr(context, rule->action, &rule->targets.items[i], addr))
			return true;
	return false;
}

static bool sends_server_name(const struct eval_context *context, const struct eval_connection *connection)
{
	return context->policy->server_names && connection->sni && connection->proto == PROTO_TCP &&
	       connection->direction == POLICY_EGRESS;
}

/* Its hello does, where anything looks at hellos */
static bool hides_name(const struct eval_context *context, const struct eval_connection *connection)
{
	return context->policy->server_names && connection->ech && connection->proto == PROTO_TCP &&
	       connection->direction == POLICY_EGRESS;
}

bool eval_rule_takes_ech(const struct policy *policy, const struct policy_rule *rule)
{
	return rule->action == POLICY_DENY || !(rule->no_ech || policy->deny_ech);
}

bool eval_rule_matches_target(const struct eval_context *context, const struct policy_rule *rule,
			      const struct eval_connection *connection)
{
	struct addr addr = addr_unmap(connection->addr);

	if (rule_takes_addr(context, rule, addr))
		return true;
	if (hides_name(context, connection) && !eval_rule_takes_ech(context->policy, rule))
		return false;
	if (!sends_server_name(context, connection))
		return rule_is_bound(context, rule, addr);
	if (!rule_takes_server_name(rule, connection->sni))
		return false;
	/* A deny matches on the server name alone, an allow wants the binding too */
	return rule->action == POLICY_DENY || rule_is_bound(context, rule, addr);
}

bool eval_rule_matches_proto(const struct policy_rule *rule, enum policy_proto proto)
{
	return !rule->protos || (rule->protos & proto);
}

bool eval_rule_matches_port(const struct policy_rule *rule, bool has_port, uint16_t port)
{
	if (!rule->ports.count)
		return true;
	for (size_t i = 0; has_port && i < rule->ports.count; i++)
		if (rule->ports.items[i].lo <= port && port <= rule->ports.items[i].hi)
			return true;
	return false;
}

static bool rule_may_match(const struct policy_rule *rule, const struct eval_connection *connection)
{
	return (rule->directions & connection->direction) && eval_rule_matches_proto(rule, connection->proto) &&
	       eval_rule_matches_port(rule, connection->has_port, connection->port);
}

bool eval_is_quic(const struct eval_connection *connection)
{
	return connection->direction == POLICY_EGRESS && connection->proto == PROTO_UDP && connection->has_port &&
	       connection->port == EVAL_QUIC_PORT;
}

bool eval_rule_judges_quic(const struct policy *policy, const struct policy_rule *rule)
{
	return policy->server_names && policy_rule_has_names(rule) &&
	       policy_rule_fits(rule, POLICY_EGRESS, PROTO_UDP) && policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP) &&
	       eval_rule_matches_port(rule, true, EVAL_QUIC_PORT);
}

/* QUIC has its server name where nothing looks, so what a rule judges by it over TCP does not go by QUIC: an allow where its
 * name is bound, a deny anywhere. Clients fall back to TCP. A rule for UDP alone decides by the binding. */
bool eval_rule_refuses_quic(const struct eval_context *context, const struct policy_rule *rule,
			    const struct eval_connection *connection)
{
	struct addr addr = addr_unmap(connection->addr);

	return eval_is_quic(connection) && eval_rule_judges_quic(context->policy, rule) &&
	       !rule_takes_addr(context, rule, addr) &&
	       (rule->action == POLICY_DENY || rule_is_bound(context, rule, addr));
}

bool eval_rule_refuses_ech(const struct eval_context *context, const struct policy_rule *rule,
			   const struct eval_connection *connection)
{
	return context->policy->deny_ech && hides_name(context, connection) && rule->action == POLICY_DENY &&
	       policy_rule_has_names(rule) && rule_may_match(rule, connection) &&
	       !rule_takes_addr(context, rule, addr_unmap(connection->addr));
}

static struct eval_verdict by_rule(const struct policy *policy, size_t index)
{
	return (struct eval_verdict){ policy->rules.items[index].action, decided_by_rule(index) };
}

static struct eval_verdict by_default(const struct policy *policy, enum policy_direction direction)
{
	return (struct eval_verdict){ policy_default_of(policy, direction)->action, decided_by(DECIDER_DEFAULT) };
}

/* ---- connections ---- */

static bool walk_bound_name(const char *name, void *walk)
{
	eval_walk_add_name(walk, name);
	return false;
}

static void walk_connection(const struct eval_context *context, const struct eval_connection *connection,
			    struct eval_walk *walk)
{
	struct addr addr = addr_unmap(connection->addr);

	eval_walk_start(walk, context->policy);
	if (connection->has_port)
		eval_walk_add_port(walk, connection->port);
	eval_walk_add_addr(walk, addr, &context->gateway.nat64);
	if (connection->sni)
		eval_walk_add_server_name(walk, connection->sni);
	if (context->bindings.any_name)
		context->bindings.any_name(context->bindings.self, addr, walk_bound_name, walk);
}

static struct eval_verdict judge_by_rules(const struct eval_context *context, const struct eval_connection *connection)
{
	const struct policy *policy = context->policy;
	struct eval_walk walk;

	walk_connection(context, connection, &walk);
	if (eval_is_quic(connection) || (policy->deny_ech && connection->ech))
		eval_walk_add_denied_names(&walk);
	for (size_t i; (i = eval_walk_next(&walk)) < policy->rules.count;) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (eval_rule_refuses_quic(context, rule, connection) ||
		    eval_rule_refuses_ech(context, rule, connection))
			return (struct eval_verdict){ POLICY_DENY, decided_by_hidden(i) };
		if (rule_may_match(rule, connection) && eval_rule_matches_target(context, rule, connection))
			return by_rule(policy, i);
	}
	return by_default(policy, connection->direction);
}

bool eval_port_refused(const struct eval_connection *connection)
{
	return connection->has_port && eval_refused_port(connection->direction, connection->proto, connection->port);
}

/* A translator that does not look would take it for an address that it is not (RFC 6052) */
static bool is_malformed(const struct eval_context *context, const struct eval_connection *connection)
{
	return connection->direction == POLICY_EGRESS && addr_is_malformed(connection->addr, &context->gateway.nat64);
}

struct eval_context eval_floor_context(const struct eval_context *context, size_t floor)
{
	struct eval_context of = *context;

	of.policy = context->policy->floors.items[floor];
	return of;
}

static bool reaches(const struct eval_context *context, const struct eval_connection *connection)
{
	return !eval_refused_address(connection->direction, addr_unmap(connection->addr), &context->gateway);
}

struct eval_floor_words eval_floor_words(const struct policy *policy, struct decider by,
					 enum policy_direction direction)
{
	static const struct eval_floor_words tenancy = { .text = "multi-tenant: the default policy must allow it too",
							 .span = { SPAN_NO_SOURCE, 0, 0 } };

	const struct policy *floor = policy->floors.items[by.floor];
	if (floor->is_tenancy)
		return tenancy;
	if (by.rule < floor->rules.count) {
		const struct policy_rule *rule = &floor->rules.items[by.rule];
		return (struct eval_floor_words){ rule->text, rule->because, rule->span };
	}
	const struct policy_default *fallback = policy_default_of(floor, direction);
	return (struct eval_floor_words){ fallback->text, NULL, fallback->span };
}

/* What a floor says, as it counts beside a verdict that allows: its denial, with the rule or default behind it */
static struct eval_verdict by_floor(const struct policy *policy, size_t floor, struct eval_verdict verdict)
{
	bool names_rule = verdict.by.kind == DECIDER_RULE || verdict.by.kind == DECIDER_HIDDEN;
	size_t rule = names_rule ? verdict.by.rule : policy->floors.items[floor]->rules.count;

	return (struct eval_verdict){ POLICY_DENY, decided_by_floor(floor, rule) };
}

static struct eval_verdict judge_above_floors(const struct eval_context *context,
					      const struct eval_connection *connection)
{
	const struct policy *policy = context->policy;
	struct eval_verdict verdict = judge_by_rules(context, connection);

	if (verdict.action == POLICY_ALLOW && !reaches(context, connection))
		return (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_REFUSED) };
	for (size_t i = 0; verdict.action == POLICY_ALLOW && i < policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(context, i);
		struct eval_verdict below = judge_by_rules(&floor, connection);

		if (below.action == POLICY_DENY)
			return by_floor(policy, i, below);
	}
	return verdict;
}

static bool is_node(const struct eval_context *context, const struct eval_connection *connection)
{
	return connection->direction == POLICY_INGRESS && context->gateway.pod &&
	       addr_group_takes(ADDR_CLASS_HOST, false, addr_unmap(connection->addr), &context->gateway);
}

struct eval_verdict eval_connection(const struct eval_context *context, const struct eval_connection *connection)
{
	if (eval_port_refused(connection) || is_malformed(context, connection))
		return (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_REFUSED) };
	if (is_node(context, connection) && !policy_shuts_node_out(context->policy))
		return (struct eval_verdict){ POLICY_ALLOW, decided_by(DECIDER_NODE) };
	return judge_above_floors(context, connection);
}

/* At SYN time no server name has been seen. A deny on a name could still come true by it, an allow on a
 * bound name could still fail by it; the first rule that fits by address ends what is open. Where both let the flow pass, but one
 * counts its bytes that the other does not, it is the name that tells whose they are. */
static enum eval_syn syn_by_rules(const struct eval_context *context, const struct eval_connection *connection)
{
	const struct policy *policy = context->policy;
	struct addr addr = addr_unmap(connection->addr);
	enum policy_action end = by_default(policy, connection->direction).action;
	bool may[2] = { false, false }, plain = false,
	     metered = false;              /* allows of bound names, without a limit of bytes and with one */
	size_t last = policy->rules.count; /* by address */
	struct eval_walk walk;
	uint32_t meter = 0; /* of what decides by address */

	walk_connection(context, connection, &walk);
	for (size_t i; (i = eval_walk_next(&walk)) < last;) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (!rule_may_match(rule, connection))
			continue;
		if (rule_takes_addr(context, rule, addr)) {
			end = rule->action;
			meter = rule->meter;
			last = i;
		} else if (rule->action == POLICY_ALLOW && rule_is_bound(context, rule, addr)) {
			may[POLICY_ALLOW] = true;
			*(rule->meter ? &metered : &plain) = true;
		}
	}
	eval_walk_denied_names(&walk, policy);
	for (size_t i; !may[POLICY_DENY] && (i = eval_walk_next(&walk)) < last;)
		may[POLICY_DENY] = policy->rules.items[i].action == POLICY_DENY &&
				   policy_rule_has_names(&policy->rules.items[i]) &&
				   rule_may_match(&policy->rules.items[i], connection);
	if (may[!end] || metered || (plain && meter))
		return EVAL_SYN_DEFER;
	return end == POLICY_ALLOW ? EVAL_SYN_ALLOW : EVAL_SYN_DENY;
}

enum eval_syn eval_syn(const struct eval_context *context, const struct eval_connection *connection)
{
	enum eval_syn syn;

	if (connection->proto != PROTO_TCP || connection->direction != POLICY_EGRESS || !context->policy->server_names)
		return eval_connection(context, connection).action == POLICY_ALLOW ? EVAL_SYN_ALLOW : EVAL_SYN_DENY;
	if (eval_port_refused(connection) || is_malformed(context, connection) || !reaches(context, connection))
		return EVAL_SYN_DENY;
	syn = syn_by_rules(context, connection);
	for (size_t i = 0; syn != EVAL_SYN_DENY && i < context->policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(context, i);
		enum eval_syn below = syn_by_rules(&floor, connection);

		if (below != EVAL_SYN_ALLOW)
			syn = below;
	}
	return syn;
}

/* ---- DNS ---- */

/* Name targets look at the name alone, `any` and group host at the transport, other targets at nothing. */
bool eval_rule_matches_query(const struct policy_rule *rule, const char *name, enum flow_transport transport)
{
	if (!(rule->directions & POLICY_EGRESS))
		return false;
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (name && eval_target_takes_name(target, name))
			return true;
		if (eval_target_judges_queries(target) &&
		    eval_rule_matches_proto(rule, flow_transport_proto(transport)) &&
		    eval_rule_matches_port(rule, true, flow_transport_port(transport)))
			return true;
	}
	return false;
}

static struct eval_verdict judge_query(const struct policy *policy, const char *name, enum flow_transport transport)
{
	struct eval_walk walk;

	eval_walk_start(&walk, policy);
	eval_walk_add_port(&walk, flow_transport_port(transport));
	if (name)
		eval_walk_add_name(&walk, name);
	for (size_t i; (i = eval_walk_next(&walk)) < policy->rules.count;)
		if (eval_rule_matches_query(&policy->rules.items[i], name, transport))
			return by_rule(policy, i);
	return by_default(policy, POLICY_EGRESS);
}

struct eval_verdict eval_dns(const struct eval_context *context, const char *name, enum flow_transport transport)
{
	const struct policy *policy = context->policy;
	struct eval_verdict verdict = judge_query(policy, name, transport);

	if (verdict.action == POLICY_ALLOW && transport == FLOW_DNS_DOT) /* its port is refused */
		return (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_REFUSED) };
	for (size_t i = 0; verdict.action == POLICY_ALLOW && i < policy->floors.count; i++) {
		struct eval_verdict below = judge_query(policy->floors.items[i], name, transport);

		if (below.action == POLICY_DENY)
			return by_floor(policy, i, below);
	}
	if (verdict.action == POLICY_ALLOW && eval_label_is_too_long(policy, name))
		return (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_LABEL) };
	return verdict;
}

bool eval_label_is_too_long(const struct policy *policy, const char *name)
{
	return policy->dns_label.size && name && !name_equal(name, NAME_HOST_ALIAS) &&
	       name_longest_label(name) > policy->dns_label.size;
}

enum eval_route eval_dns_route(const struct eval_context *context, struct addr resolver, enum flow_transport transport)
{
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = flow_transport_proto(transport),
		.addr = resolver,
		.has_port = true,
		.port = flow_transport_port(transport),
	};

	if (addr_gateway_resolves(&context->gateway, resolver))
		return EVAL_ROUTE_CONFIGURED;
	return judge_above_floors(context, &connection).action == POLICY_ALLOW ? EVAL_ROUTE_DIRECT : EVAL_ROUTE_DENIED;
}

/* ---- rebind protection ---- */

/* Whether rebind protection heeds the rule for this address */
static bool rule_excepts(const struct eval_context *context, const struct policy_rule *rule, struct addr addr)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (eval_rule_excepts(context->policy, rule, target) &&
		    eval_target_takes_addr(context, rule->action, target, addr))
			return true;
	}
	return false;
}

static bool find_exception_of(const struct eval_context *context, struct addr addr, enum policy_proto proto,
			      size_t *out)
{
	const struct policy *policy = context->policy;
	struct eval_walk walk;

	eval_walk_start(&walk, policy);
	eval_walk_add_addr(&walk, addr, &context->gateway.nat64);
	for (size_t i; (i = eval_walk_next(&walk)) < policy->rules.count;) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (!eval_rule_matches_proto(rule, proto) || !rule_excepts(context, rule, addr))
			continue;
		*out = i;
		return rule->action == POLICY_ALLOW;
	}
	return false;
}

static bool find_exception(const struct eval_context *context, struct addr addr, size_t *rule)
{
	size_t found;

	if (!find_exception_of(context, addr, PROTO_TCP, &found) &&
	    !find_exception_of(context, addr, PROTO_UDP, &found))
		return false;
	*rule = found;
	return true;
}

bool eval_answer_exception(const struct eval_context *context, struct addr answer, size_t *rule)
{
	struct addr addr = addr_unmap(answer);
	size_t found, below;

	if (!find_exception(context, addr, &found))
		return false;
	for (size_t i = 0; i < context->policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(context, i);

		if (!find_exception(&floor, addr, &below))
			return false;
	}
	*rule = found;
	return true;
}

/* Of one policy or floor: an allow on the name that says the address is there */
static bool find_within(const struct eval_context *context, const char *name, struct addr addr, size_t *rule)
{
	const struct policy *policy = context->policy;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *of = &policy->rules.items[i];

		if (!of->within.count || !policy_rule_places(of, addr, &context->gateway) || !rule_takes_name(of, name))
			continue;
		*rule = i;
		return true;
	}
	return false;
}

static bool floors_except(const struct eval_context *context, const char *name, struct addr addr)
{
	size_t rule;

	for (size_t i = 0; i < context->policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(context, i);

		if (!find_exception(&floor, addr, &rule) && !find_within(&floor, name, addr, &rule))
			return false;
	}
	return true;
}

bool eval_within_exception(const struct eval_context *context, const char *name, struct addr answer, size_t *rule)
{
	struct addr addr = addr_unmap(answer);

	return find_within(context, name, addr, rule) && floors_except(context, name, addr);
}

bool eval_answer_passes_for(const struct eval_context *context, const char *name, struct addr answer)
{
	struct addr addr = addr_unmap(answer);
	size_t rule;

	if (eval_answer_passes(context, answer) || !name)
		return eval_answer_passes(context, answer);
	return (find_exception(context, addr, &rule) || find_within(context, name, addr, &rule)) &&
	       floors_except(context, name, addr);
}

enum eval_answer eval_answer(const struct eval_context *context, struct addr answer)
{
	size_t rule;

	if (!addr_is_reserved(answer, &context->gateway))
		return EVAL_ANSWER_NOT_RESERVED;
	return eval_answer_exception(context, answer, &rule) ? EVAL_ANSWER_EXCEPTED : EVAL_ANSWER_RESERVED;
}

bool eval_answer_passes(const struct eval_context *context, struct addr answer)
{
	return !context->policy->rebind_protection || eval_answer(context, answer) != EVAL_ANSWER_RESERVED;
}
