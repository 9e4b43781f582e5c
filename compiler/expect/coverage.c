/* Coverage: the items of a policy, which of them a flow decides, and the counts. Given a policy and the
 * flows of its expectations; hands on what is left to expect. */
#include "expect/coverage.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

#define FUEL 20000000u

/* ---- items ---- */

/* NULL for a default */
static const struct policy_rule *item_rule(const struct eval_context *context, const struct coverage_item *item)
{
	return item->kind == COVER_DEFAULT ? NULL : &context->policy->rules.items[item->rule];
}

static void add_item(struct coverage *coverage, enum coverage_kind kind, size_t rule, size_t index)
{
	*arena_push(coverage->arena, &coverage->items) =
		(struct coverage_item){ .kind = kind, .rule = rule, .index = index };
}

static void add_default(struct coverage *coverage, enum policy_direction direction)
{
	*arena_push(coverage->arena, &coverage->items) =
		(struct coverage_item){ .kind = COVER_DEFAULT, .direction = direction };
}

/* `dns` is one word for a group, two protocols and a port: one item. */
static bool is_dns_shorthand(const struct policy_rule *rule)
{
	return rule->targets.count == 1 && rule->targets.items[0].kind == TARGET_GROUP &&
	       rule->targets.items[0].group == ADDR_CLASS_HOST && rule->ports.count == 1 &&
	       rule->ports.items[0].lo == FLOW_DNS_PORT && rule->ports.items[0].hi == FLOW_DNS_PORT &&
	       rule->ports.items[0].span.start == rule->targets.items[0].span.start;
}

/* What an allow of egress names and nothing passes to is decided by no flow. Without ports a rule on addresses has a say in
 * answers all the same. */
static bool is_dead_target(const struct policy_rule *rule, size_t target)
{
	return rule->action == POLICY_ALLOW && rule->directions == POLICY_EGRESS && rule->ports.count &&
	       eval_refused_target(&rule->targets.items[target]);
}

static bool is_dead_port(const struct policy_rule *rule, size_t port)
{
	return rule->action == POLICY_ALLOW && rule->directions == POLICY_EGRESS &&
	       eval_refused_ports_of(rule, &rule->ports.items[port]);
}

/* All of the rule; names have their lookups */
static bool is_dead_rule(const struct policy_rule *rule)
{
	size_t targets = 0, ports = 0;

	for (size_t i = 0; i < rule->targets.count; i++)
		targets += is_dead_target(rule, i);
	for (size_t i = 0; i < rule->ports.count; i++)
		ports += is_dead_port(rule, i);
	return targets == rule->targets.count ||
	       (rule->ports.count && ports == rule->ports.count && !policy_rule_has_names(rule));
}

static void add_rule(struct coverage *coverage, size_t index)
{
	const struct policy_rule *rule = &coverage->context->policy->rules.items[index];

	coverage->first[index] = coverage->items.count;
	if (is_dead_rule(rule)) {
		coverage->rules--;
		return;
	}
	for (size_t i = 0; i < rule->targets.count; i++)
		if (!is_dead_target(rule, i))
			add_item(coverage, COVER_TARGET, index, i);
	if (is_dns_shorthand(rule))
		return;
	if (rule->protos & (rule->protos - 1)) /* more than one: a list */
		for (size_t i = 0; i < POLICY_RULE_PROTOS; i++)
			if (rule->protos & policy_protos[i])
				add_item(coverage, COVER_PROTO, index, policy_protos[i]);
	for (size_t i = 0; i < rule->ports.count; i++)
		if (!is_dead_port(rule, i))
			add_item(coverage, COVER_PORT, index, i);
}

/* The egress default always counts: something decides what no rule does. The ingress default counts when
 * somebody wrote it. */
struct coverage *coverage_new(struct arena *arena, const struct eval_context *context)
{
	struct coverage *coverage = arena_alloc(arena, sizeof *coverage);
	const struct policy *policy = context->policy;

	coverage->arena = arena;
	coverage->context = context;
	coverage->fuel = FUEL;
	coverage->rules = policy->rules.count + 1;
	coverage->rule_decided = arena_alloc(arena, policy->rules.count + 1);
	coverage->first = arena_alloc(arena, (policy->rules.count + 1) * sizeof *coverage->first);
	coverage->left = arena_alloc(arena, (policy->rules.count + 1) * sizeof *coverage->left);
	for (size_t i = 0; i < policy->rules.count; i++) {
		add_rule(coverage, i);
		coverage->left[i] = coverage->items.count - coverage->first[i];
	}
	coverage->first[policy->rules.count] = coverage->items.count;
	add_default(coverage, POLICY_EGRESS);
	if (policy->ingress.span.source != SPAN_NO_SOURCE) {
		add_default(coverage, POLICY_INGRESS);
		coverage->rules++;
	}
	return coverage;
}

const char *coverage_item_name(struct arena *arena, const struct coverage *coverage, const struct coverage_item *item)
{
	const struct policy_rule *rule = item_rule(coverage->context, item);
	const struct policy_port_range *ports;

	switch (item->kind) {
	case COVER_TARGET:
		return policy_target_format(arena, &rule->targets.items[item->index]);
	case COVER_PROTO:
		return policy_proto_name((enum policy_proto)item->index);
	case COVER_PORT:
		ports = &rule->ports.items[item->index];
		return ports->lo == ports->hi ? arena_printf(arena, "port %u", ports->lo) :
						arena_printf(arena, "ports %u-%u", ports->lo, ports->hi);
	default:
		return policy_default_of(coverage->context->policy, item->direction)->text;
	}
}

/* ---- what a flow decides ---- */

static bool names_addr(const struct policy_target *target, const struct flow *flow, struct addr addr)
{
	for (size_t i = 0; i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];

		for (size_t j = 0; j < binding->addrs.count; j++)
			if (addr_equal(addr_unmap(binding->addrs.items[j]), addr) &&
			    eval_target_takes_name(target, binding->name))
				return true;
	}
	return flow->to_name && eval_target_takes_name(target, flow->name);
}

static bool connection_decides(const struct eval_context *context, const struct coverage_item *item,
			       const struct flow *flow, struct addr addr)
{
	const struct policy_rule *rule = item_rule(context, item);
	const struct policy_target *target;

	switch (item->kind) {
	case COVER_TARGET:
		target = &rule->targets.items[item->index];
		return eval_target_takes_addr(context, rule->action, target, addr) || names_addr(target, flow, addr) ||
		       (flow->sni && flow->proto == PROTO_TCP && flow->direction == POLICY_EGRESS &&
			rule->action == POLICY_DENY && eval_target_takes_server_name(rule->action, target, flow->sni));
	case COVER_PROTO:
		return item->index == flow->proto;
	case COVER_PORT:
		return flow->has_port && rule->ports.items[item->index].lo <= flow->port &&
		       flow->port <= rule->ports.items[item->index].hi;
	default:
		return true;
	}
}

/* A name target decides a query by the name alone, `any` and host by port and protocol too. */
static bool query_decides(const struct eval_context *context, const struct coverage_item *item, const char *name,
			  enum flow_transport transport)
{
	const struct policy_rule *rule = item_rule(context, item);
	const struct policy_target *target;
	uint16_t port = flow_transport_port(transport);
	bool by_name = false;

	if (item->kind == COVER_DEFAULT)
		return true;
	target = &rule->targets.items[item->kind == COVER_TARGET ? item->index : 0];
	for (size_t i = 0; i < rule->targets.count; i++)
		by_name = by_name || eval_target_takes_name(&rule->targets.items[i], name);
	if (item->kind == COVER_TARGET)
		return by_name ? eval_target_takes_name(target, name) : eval_target_judges_queries(target);
	if (by_name)
		return false;
	if (item->kind == COVER_PROTO)
		return item->index == flow_transport_proto(transport);
	return rule->ports.items[item->index].lo <= port && port <= rule->ports.items[item->index].hi;
}

/* The rules (or defaults) behind a flow's verdicts; others that decide, or none: not these */
struct decided {
	struct decider lookup, connection;
};

static struct decided deciders_of(const struct flow *flow, const struct eval_result *result)
{
	struct decided decided = { decided_by(DECIDER_NONE), decided_by(DECIDER_NONE) };

	if (flow->kind == FLOW_DNS)
		decided.lookup = result->verdict.by;
	else if (flow->kind == FLOW_ANSWER && result->answer == EVAL_ANSWER_EXCEPTED)
		decided.connection = decided_by_rule(result->verdict.by.rule);
	else if (flow->kind == FLOW_CONNECTION && result->has_lookup)
		decided.lookup = result->lookup.by;
	if (flow->kind == FLOW_CONNECTION && result->has_syn)
		decided.connection = result->verdict.by;
	return decided;
}

static bool is_of(const struct coverage_item *item, struct decider by, enum policy_direction direction)
{
	if (item->kind == COVER_DEFAULT)
		return by.kind == DECIDER_DEFAULT && item->direction == direction;
	return decider_is_rule(by, item->rule);
}

static bool item_decides(const struct eval_context *context, const struct coverage_item *item,
			 const struct decided *decided, const struct flow *flow, const struct eval_result *result)
{
	if (is_of(item, decided->lookup, POLICY_EGRESS) &&
	    query_decides(context, item, flow->name, flow->kind == FLOW_DNS ? flow->transport : FLOW_DNS_UDP))
		return true;
	return is_of(item, decided->connection, flow->direction) &&
	       connection_decides(context, item, flow, result->addr);
}

/* ---- marking ---- */

static void mark(struct coverage *coverage, struct decider by, const struct decided *decided, const struct flow *flow,
		 const struct eval_result *result)
{
	bool is_rule = by.kind == DECIDER_RULE;
	size_t from = coverage->first[is_rule ? by.rule : coverage->context->policy->rules.count];
	size_t to = is_rule ? coverage->first[by.rule + 1] : coverage->items.count;

	if (is_rule && !coverage->rule_decided[by.rule]) {
		coverage->rule_decided[by.rule] = true;
		coverage->rules_decided++;
	}
	for (size_t i = from; i < to && (is_rule || by.kind == DECIDER_DEFAULT); i++) {
		struct coverage_item *item = &coverage->items.items[i];

		if (item->decided || !item_decides(coverage->context, item, decided, flow, result))
			continue;
		item->decided = true;
		coverage->items_decided++;
		if (is_rule)
			coverage->left[by.rule]--;
		if (item->kind == COVER_DEFAULT)
			coverage->rules_decided++;
	}
}

void coverage_mark(struct coverage *coverage, const struct flow *flow, const struct eval_result *result)
{
	struct decided decided = deciders_of(flow, result);

	mark(coverage, decided.lookup, &decided, flow, result);
	if (!decider_equal(decided.lookup, decided.connection) || flow->direction != POLICY_EGRESS)
		mark(coverage, decided.connection, &decided, flow, result);
}

bool coverage_is_complete(const struct coverage *coverage, struct decider by, enum policy_direction direction)
{
	if (by.kind == DECIDER_RULE)
		return !coverage->left[by.rule];
	for (size_t i = coverage->first[coverage->context->policy->rules.count]; i < coverage->items.count; i++)
		if (coverage->items.items[i].direction == direction)
			return coverage->items.items[i].decided;
	return true;
}

/* ---- suggestions ---- */

bool coverage_decides(struct coverage *coverage, const struct coverage_item *item, const struct flow *flow,
		      enum policy_action *action)
{
	struct eval_result result;
	struct decided decided;
	size_t cost = coverage->context->policy->rules.count * 3 + 1;

	if (coverage->fuel < cost)
		return false;
	coverage->fuel -= cost;
	result = eval_flow(coverage->context, flow);
	decided = deciders_of(flow, &result);
	*action = result.verdict.action;
	return item_decides(coverage->context, item, &decided, flow, &result);
}
