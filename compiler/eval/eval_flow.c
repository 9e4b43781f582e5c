/* The meaning of a flow expression: what a client does. A name is looked up and what the lookup gave is
 * connected to; the evaluator judges each step. */
#include "eval/eval.h"
#include "eval/eval_index.h"
#include "eval/builtin.h"
#include "base/name.h"

#include <string.h>

static bool any_flow_name(const void *self, struct addr addr, bool (*each)(const char *name, void *context),
			  void *context)
{
	const struct flow *flow = self;

	for (size_t i = 0; i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];

		for (size_t j = 0; j < binding->addrs.count; j++)
			if (addr_equal(addr_unmap(binding->addrs.items[j]), addr) && each(binding->name, context))
				return true;
	}
	return false;
}

struct eval_bindings eval_flow_bindings(const struct flow *flow)
{
	return (struct eval_bindings){ any_flow_name, flow };
}

/* ---- a public address that no rule names ---- */

static struct addr get_usual_public(enum addr_family family)
{
	struct addr addr;

	addr_parse(family == ADDR_V4 ? "93.184.216.34" : "2606:2800:220:1:248:1893:25c8:1946", &addr);
	return addr;
}

static bool is_named(const struct policy *policy, struct addr addr)
{
	struct addr carried;

	for (size_t i = 0; i < policy->floors.count; i++)
		if (is_named(policy->floors.items[i], addr))
			return true;
	for (size_t i = 0; i < policy->nat64.count; i++)
		if (addr_prefix_contains(policy->nat64.items[i], addr))
			return true;
	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].within.count; j++)
			if (addr_prefix_contains(policy->rules.items[i].within.items[j].prefix, addr))
				return true;
	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].targets.count; j++) {
			const struct policy_target *target = &policy->rules.items[i].targets.items[j];

			if (target->kind != TARGET_CIDR)
				continue;
			if (addr_prefix_contains(target->prefix, addr) ||
			    (addr_embedded_v4(addr, NULL, &carried) && addr_prefix_contains(target->prefix, carried)))
				return true;
		}
	return false;
}

struct ranges {
	struct addr_range *items;
	size_t count, cap;
};

static void add_networks(struct arena *arena, const struct policy_targets *targets, enum addr_family family,
			 struct ranges *out)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].kind == TARGET_CIDR && targets->items[i].prefix.addr.family == family)
			*arena_push(arena, out) = addr_prefix_range(targets->items[i].prefix);
}

static void add_named(struct arena *arena, const struct policy *policy, enum addr_family family, struct ranges *ranges)
{
	for (size_t i = 0; i < policy->floors.count; i++)
		add_named(arena, policy->floors.items[i], family, ranges);
	for (size_t i = 0; family == ADDR_V6 && i < policy->nat64.count; i++)
		*arena_push(arena, ranges) = addr_prefix_range(policy->nat64.items[i]);
	for (size_t i = 0; i < policy->rules.count; i++) {
		add_networks(arena, &policy->rules.items[i].targets, family, ranges);
		add_networks(arena, &policy->rules.items[i].within, family, ranges);
	}
}

static struct addr_set collect_named(struct arena *arena, const struct policy *policy, enum addr_family family)
{
	struct ranges ranges = { NULL, 0, 0 };

	add_named(arena, policy, family, &ranges);
	return addr_set_from_ranges(arena, family, ranges.items, ranges.count);
}

struct addr eval_unnamed_public(const struct policy *policy, enum addr_family family)
{
	struct addr usual = get_usual_public(family), indexed;
	struct arena *arena;
	struct addr_set public, named, free_set;

	if (eval_index_unnamed(policy, family, &indexed))
		return indexed;
	if (!is_named(policy, usual))
		return usual;
	arena = arena_new();
	public = addr_class_set(arena, ADDR_CLASS_PUBLIC, family, NULL);
	named = collect_named(arena, policy, family);
	free_set = addr_set_subtract(arena, &public, &named);
	for (size_t i = 0; i < free_set.count; i++)
		if (free_set.items[i].lo > usual.value || i + 1 == free_set.count) {
			usual.value = free_set.items[i].lo;
			break;
		}
	arena_free(arena);
	return usual;
}

void eval_prepare(struct policy *policy)
{
	eval_index_make(policy, eval_unnamed_public(policy, ADDR_V4), eval_unnamed_public(policy, ADDR_V6));
}

/* ---- lookups ---- */

static const struct flow_binding *binding_of(const struct flow *flow, const char *name)
{
	for (size_t i = 0; i < flow->resolve.count; i++)
		if (name_equal(flow->resolve.items[i].name, name))
			return &flow->resolve.items[i];
	return NULL;
}

struct lookup {
	struct addr addrs[64]; /* as many as an answer binds */
	size_t count;
	bool made_up;
	struct flow_binding binding; /* when made up: binds the address while the connection is judged */
};

static void add_address(struct lookup *lookup, const struct addr_gateway *gateway, struct addr addr)
{
	if (eval_family_active(gateway, addr.family) && lookup->count < sizeof lookup->addrs / sizeof *lookup->addrs)
		lookup->addrs[lookup->count++] = addr;
}

static void resolve_addresses(const struct eval_context *context, const struct flow *flow, struct lookup *lookup)
{
	const struct flow_binding *binding = binding_of(flow, flow->name);
	const struct addr_gateway *gateway = &context->gateway;
	bool wants6;

	if (name_equal(flow->name, NAME_HOST_ALIAS)) {
		if (gateway->has4)
			add_address(lookup, gateway, gateway->v4);
		if (gateway->has6)
			add_address(lookup, gateway, gateway->v6);
		return;
	}
	for (size_t i = 0; binding && i < binding->addrs.count; i++)
		add_address(lookup, gateway, addr_unmap(binding->addrs.items[i]));
	if (binding)
		return;
	wants6 = flow->proto == PROTO_ICMPV6 || !eval_family_active(gateway, ADDR_V4);
	lookup->made_up = true;
	add_address(lookup, gateway, eval_unnamed_public(context->policy, wants6 ? ADDR_V6 : ADDR_V4));
}

/* One held-back address turns the whole answer, all of its family, into NXDOMAIN. Those are taken out;
 * *blocked is the first of them. */
static bool drop_held_back(const struct eval_context *context, const char *name, struct lookup *lookup,
			   struct addr *blocked)
{
	bool bad4 = false, bad6 = false;
	size_t kept = 0;

	for (size_t i = lookup->count; i-- > 0;) {
		if (eval_answer_passes_for(context, name, lookup->addrs[i]))
			continue;
		*blocked = lookup->addrs[i];
		if (blocked->family == ADDR_V4)
			bad4 = true;
		else
			bad6 = true;
	}
	for (size_t i = 0; i < lookup->count; i++)
		if (!(lookup->addrs[i].family == ADDR_V4 ? bad4 : bad6))
			lookup->addrs[kept++] = lookup->addrs[i];
	lookup->count = kept;
	return bad4 || bad6;
}

/* ---- flows ---- */

/* The bindings of the flow, and those of its own lookup */
struct flow_names {
	const struct eval_context *context;
	const struct flow *flow;
	const struct lookup *lookup;
};

static bool any_lookup_name(const void *self, struct addr addr, bool (*each)(const char *name, void *context),
			    void *context)
{
	const struct flow_names *names = self;

	for (size_t i = 0; i < names->lookup->count; i++)
		if (addr_equal(names->lookup->addrs[i], addr))
			return each(names->flow->name, context) || any_flow_name(names->flow, addr, each, context);
	if (names->flow->resolve.count)
		return any_flow_name(names->flow, addr, each, context);
	return names->context->bindings.any_name &&
	       names->context->bindings.any_name(names->context->bindings.self, addr, each, context);
}

static struct eval_connection connection_of(const struct flow *flow, struct addr addr)
{
	return (struct eval_connection){
		.direction = flow->direction,
		.proto = flow->proto,
		.addr = addr,
		.has_port = flow->has_port,
		.port = flow->port,
		.sni = flow->sni,
		.ech = flow->ech,
	};
}

static void judge_connection(const struct eval_context *context, const struct eval_connection *connection,
			     struct eval_result *result)
{
	result->verdict = eval_connection(context, connection);
	result->syn = eval_syn(context, connection);
	result->has_syn = true;
	result->addr = addr_unmap(connection->addr);
	result->has_addr = true;
}

static void connect_each(const struct eval_context *context, const struct flow *flow, const struct lookup *lookup,
			 bool bound, struct eval_result *result)
{
	struct flow_names names = { context, flow, lookup };
	struct eval_context with = *context;

	result->bound = bound;
	if (bound)
		with.bindings = (struct eval_bindings){ any_lookup_name, &names };
	for (size_t i = 0; i < lookup->count; i++) {
		struct eval_connection connection = connection_of(flow, lookup->addrs[i]);

		if (i && eval_connection(&with, &connection).action != POLICY_ALLOW)
			continue;
		judge_connection(&with, &connection, result);
		if (result->verdict.action == POLICY_ALLOW)
			return;
	}
}

static struct eval_result judge_to_name(const struct eval_context *context, const struct flow *flow)
{
	struct eval_result result = { .has_lookup = true };
	struct lookup lookup = { .count = 0 };
	struct addr blocked;

	result.lookup = result.verdict = eval_dns(context, flow->name, FLOW_DNS_UDP);
	if (result.lookup.action == POLICY_DENY)
		return result;
	resolve_addresses(context, flow, &lookup);
	result.made_up = lookup.made_up;
	/* The proxy answers the host alias itself: no upstream, no rebind check */
	if (!name_equal(flow->name, NAME_HOST_ALIAS))
		result.answer_blocked = drop_held_back(context, flow->name, &lookup, &blocked);
	if (lookup.count) {
		connect_each(context, flow, &lookup, true, &result);
		return result;
	}
	result.verdict = (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_REBIND) };
	result.no_address = !result.answer_blocked;
	result.has_addr = result.answer_blocked;
	if (result.answer_blocked)
		result.addr = blocked;
	return result;
}

/* A peer connects whether or not the guest ever looked its name up; only a lookup that passes binds it. */
static struct eval_result judge_from_name(const struct eval_context *context, const struct flow *flow)
{
	struct eval_result result = { .has_lookup = false };
	struct lookup lookup = { .count = 0 };
	bool bound = eval_dns(context, flow->name, FLOW_DNS_UDP).action == POLICY_ALLOW;

	resolve_addresses(context, flow, &lookup);
	result.made_up = lookup.made_up;
	if (bound && !name_equal(flow->name, NAME_HOST_ALIAS))
		for (size_t i = 0; i < lookup.count; i++)
			bound = bound && eval_answer_passes_for(context, flow->name, lookup.addrs[i]);
	if (!lookup.count)
		lookup.addrs[lookup.count++] = eval_unnamed_public(context->policy, ADDR_V4);
	connect_each(context, flow, &lookup, bound, &result);
	return result;
}

static struct eval_result judge_to_address(const struct eval_context *context, const struct flow *flow)
{
	struct eval_context with = *context;
	struct eval_connection connection = connection_of(flow, flow->addr);
	struct eval_result result = { .has_lookup = false };

	if (flow->resolve.count)
		with.bindings = eval_flow_bindings(flow);
	judge_connection(&with, &connection, &result);
	return result;
}

static struct eval_result judge_answer(const struct eval_context *context, const struct flow *flow)
{
	bool blocked = !eval_answer_passes(context, flow->addr);
	enum eval_answer answer = eval_answer(context, flow->addr);
	struct decider by = decided_by(DECIDER_REBIND);
	size_t rule;

	if (answer == EVAL_ANSWER_EXCEPTED && eval_answer_exception(context, flow->addr, &rule))
		by = decided_by_rule(rule);
	return (struct eval_result){
		.verdict = { blocked ? POLICY_DENY : POLICY_ALLOW, by },
		.answer = answer,
		.answer_blocked = blocked,
		.has_addr = true,
		.addr = flow->addr,
	};
}

struct eval_result eval_flow(const struct eval_context *context, const struct flow *flow)
{
	switch (flow->kind) {
	case FLOW_DNS:
		return (struct eval_result){ .verdict = eval_dns(context, flow->name, flow->transport) };
	case FLOW_ANSWER:
		return judge_answer(context, flow);
	default:
		if (!flow->to_name)
			return judge_to_address(context, flow);
		return flow->direction == POLICY_EGRESS ? judge_to_name(context, flow) : judge_from_name(context, flow);
	}
}
