/* Coverage: the items of a policy, which of them a flow decides, and the counts. Given a policy and the
 * flows of its expectations; hands on what is left to expect. */
#include "expect/coverage.h"

#define FUEL 20000000u

static const enum policy_proto proto_bits[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6 };

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

/* `dns` is one word for a group, two protocols and a port: one item. */
static bool is_dns_shorthand(const struct policy_rule *rule)
{
	return rule->targets.count == 1 && rule->targets.items[0].kind == TARGET_GROUP &&
	       rule->targets.items[0].group == ADDR_CLASS_HOST && rule->ports.count == 1 &&
	       rule->ports.items[0].lo == 53 && rule->ports.items[0].hi == 53 &&
	       rule->ports.items[0].span.start == rule->targets.items[0].span.start;
}

static void add_rule(struct coverage *coverage, size_t index)
{
	const struct policy_rule *rule = &coverage->context->policy->rules.items[index];

	coverage->first[index] = coverage->items.count;
	for (size_t i = 0; i < rule->targets.count; i++)
		add_item(coverage, COVER_TARGET, index, i);
	if (is_dns_shorthand(rule))
		return;
	if (rule->protos & (rule->protos - 1)) /* more than one: a list */
		for (size_t i = 0; i < sizeof proto_bits / sizeof *proto_bits; i++)
			if (rule->protos & proto_bits[i])
				add_item(coverage, COVER_PROTO, index, proto_bits[i]);
	for (size_t i = 0; i < rule->ports.count; i++)
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
	for (size_t i = 0; i < policy->rules.count; i++)
		add_rule(coverage, i);
	coverage->first[policy->rules.count] = coverage->items.count;
	add_item(coverage, COVER_DEFAULT, COVERAGE_EGRESS_DEFAULT, 0);
	if (policy->ingress.span.source != SPAN_NO_SOURCE) {
		add_item(coverage, COVER_DEFAULT, COVERAGE_INGRESS_DEFAULT, 0);
		coverage->rules++;
	}
	return coverage;
}

const char *coverage_item_name(struct arena *arena, const struct coverage *coverage, const struct coverage_item *item)
{
	const struct policy *policy = coverage->context->policy;
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
		return item->rule == COVERAGE_EGRESS_DEFAULT ? policy->egress.text : policy->ingress.text;
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
		       (flow->sni && rule->action == POLICY_DENY && eval_target_takes_name(target, flow->sni));
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
	uint16_t port = transport == FLOW_DNS_DOT ? 853 : 53;
	bool by_name = false;

	if (item->kind == COVER_DEFAULT)
		return true;
	target = &rule->targets.items[item->kind == COVER_TARGET ? item->index : 0];
	for (size_t i = 0; i < rule->targets.count; i++)
		by_name = by_name || eval_target_takes_name(&rule->targets.items[i], name);
	if (item->kind == COVER_TARGET)
		return by_name ? eval_target_takes_name(target, name) :
				 target->kind == TARGET_ANY ||
					 (target->kind == TARGET_GROUP && target->group == ADDR_CLASS_HOST);
	if (by_name)
		return false;
	if (item->kind == COVER_PROTO)
		return item->index == (transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP);
	return rule->ports.items[item->index].lo <= port && port <= rule->ports.items[item->index].hi;
}

/* The rule (or default) behind a verdict; false where neither decided */
static bool decider(struct eval_verdict verdict, enum policy_direction direction, size_t *rule)
{
	if (verdict.by.kind == DECIDER_RULE)
		*rule = verdict.by.rule;
	else if (verdict.by.kind == DECIDER_DEFAULT)
		*rule = direction == POLICY_EGRESS ? COVERAGE_EGRESS_DEFAULT : COVERAGE_INGRESS_DEFAULT;
	else
		return false;
	return true;
}

struct decided {
	bool lookup, connection;
	size_t lookup_rule, connection_rule;
};

static struct decided deciders_of(const struct flow *flow, const struct eval_result *result)
{
	struct decided decided = { false, false, 0, 0 };

	if (flow->kind == FLOW_DNS) {
		decided.lookup = decider(result->verdict, POLICY_EGRESS, &decided.lookup_rule);
		return decided;
	}
	if (flow->kind == FLOW_ANSWER) {
		decided.connection = result->answer == EVAL_ANSWER_EXCEPTED;
		decided.connection_rule = result->verdict.by.rule;
		return decided;
	}
	if (result->has_lookup)
		decided.lookup = decider(result->lookup, POLICY_EGRESS, &decided.lookup_rule);
	if (result->has_syn)
		decided.connection = decider(result->verdict, flow->direction, &decided.connection_rule);
	return decided;
}

static bool item_decides(const struct eval_context *context, const struct coverage_item *item,
			 const struct decided *decided, const struct flow *flow, const struct eval_result *result)
{
	if (decided->lookup && decided->lookup_rule == item->rule &&
	    query_decides(context, item, flow->name, flow->kind == FLOW_DNS ? flow->transport : FLOW_DNS_UDP))
		return true;
	return decided->connection && decided->connection_rule == item->rule &&
	       connection_decides(context, item, flow, result->addr);
}

/* ---- marking ---- */

static void mark_rule(struct coverage *coverage, size_t rule, const struct decided *decided, const struct flow *flow,
		      const struct eval_result *result)
{
	size_t rules = coverage->context->policy->rules.count;
	bool is_rule = rule < rules;
	size_t from = coverage->first[is_rule ? rule : rules];
	size_t to = is_rule ? coverage->first[rule + 1] : coverage->items.count;

	if (is_rule && !coverage->rule_decided[rule]) {
		coverage->rule_decided[rule] = true;
		coverage->rules_decided++;
	}
	for (size_t i = from; i < to; i++) {
		struct coverage_item *item = &coverage->items.items[i];

		if (item->rule != rule || item->decided ||
		    !item_decides(coverage->context, item, decided, flow, result))
			continue;
		item->decided = true;
		coverage->items_decided++;
		if (item->kind == COVER_DEFAULT)
			coverage->rules_decided++;
	}
}

void coverage_mark(struct coverage *coverage, const struct flow *flow, const struct eval_result *result)
{
	struct decided decided = deciders_of(flow, result);

	if (decided.lookup)
		mark_rule(coverage, decided.lookup_rule, &decided, flow, result);
	if (decided.connection && !(decided.lookup && decided.lookup_rule == decided.connection_rule))
		mark_rule(coverage, decided.connection_rule, &decided, flow, result);
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
