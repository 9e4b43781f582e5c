/* Collects the edges of a policy's networks, groups and ports. */
#include "flow_edges.h"
#include "eval/builtin.h"

#include <stdlib.h>
#include <string.h>

struct collection {
	struct arena *arena;
	const struct addr_gateway *gateway;
	struct flow_edges *out;
	bool groups[ADDR_CLASS_COUNT][2]; /* seen already: of allow, of deny */
};

#define ADD_ADDR(collection, list, f, v)                              \
	(*arena_push((collection)->arena, &(collection)->out->list) = \
		 (struct addr){ f, (f) == ADDR_V4 ? (v)&UINT32_MAX : (v) })

static void add_range(struct collection *to, enum addr_family family, struct addr_range range)
{
	ADD_ADDR(to, addrs, family, range.lo);
	ADD_ADDR(to, addrs, family, range.hi);
	ADD_ADDR(to, addrs, family, range.lo - 1);
	ADD_ADDR(to, addrs, family, range.hi + 1);
	ADD_ADDR(to, addrs, family, range.lo + (range.hi - range.lo) / 2);
}

static void add_set(struct collection *to, const struct addr_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		ADD_ADDR(to, class_addrs, set->family, set->items[i].lo);
		ADD_ADDR(to, class_addrs, set->family, set->items[i].hi);
		ADD_ADDR(to, class_addrs, set->family, set->items[i].lo - 1);
		ADD_ADDR(to, class_addrs, set->family, set->items[i].hi + 1);
	}
}

static void add_group(struct collection *to, enum addr_class group, bool deny)
{
	if (to->groups[group][deny])
		return;
	to->groups[group][deny] = true;
	for (int six = 0; six < 2; six++) {
		struct addr_set set = addr_group_set(to->arena, group, deny, six ? ADDR_V6 : ADDR_V4, to->gateway);
		add_set(to, &set);
	}
}

static void add_network(struct collection *to, struct addr_prefix prefix)
{
	struct addr_range range = addr_prefix_range(prefix);

	add_range(to, prefix.addr.family, range);
	if (prefix.addr.family == ADDR_V6)
		return;
	struct addr_set carrying = addr_embedding_of(to->arena, prefix, &to->gateway->nat64);
	for (size_t i = 0; i < carrying.count; i++) {
		ADD_ADDR(to, addrs, ADDR_V6, carrying.items[i].lo);
		ADD_ADDR(to, addrs, ADDR_V6, carrying.items[i].hi);
	}
}

static void add_rule(struct collection *to, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		if (target->kind == TARGET_CIDR)
			add_network(to, target->prefix);
		if (target->kind == TARGET_GROUP)
			add_group(to, target->group, rule->action == POLICY_DENY);
	}
	for (size_t i = 0; i < rule->within.count; i++)
		add_network(to, rule->within.items[i].prefix);
	for (size_t i = 0; i < rule->ports.count; i++) {
		const struct policy_port_range *ports = &rule->ports.items[i];
		*arena_push(to->arena, &to->out->ports) = ports->lo;
		*arena_push(to->arena, &to->out->ports) = ports->hi;
		*arena_push(to->arena, &to->out->ports) = (uint16_t)(ports->lo - 1);
		*arena_push(to->arena, &to->out->ports) = (uint16_t)(ports->hi + 1);
	}
}

static int compare_ports(const void *a, const void *b)
{
	return COMPARE(*(const uint16_t *)a, *(const uint16_t *)b);
}

static int compare_addrs(const void *a, const void *b)
{
	const struct addr *x = a, *y = b;

	return x->family != y->family ? COMPARE(x->family, y->family) : COMPARE(x->value, y->value);
}

static size_t once(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	uint8_t *bytes = items;
	size_t kept = 0;

	qsort(items, count, size, compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || compare(bytes + (kept - 1) * size, bytes + i * size))
			memmove(bytes + kept++ * size, bytes + i * size, size);
	return kept;
}

struct flow_edges flow_edges_of(struct arena *arena, const struct policy *policy, const struct addr_gateway *gateway)
{
	static const uint16_t usual[] = { 0, 1, 22, 52, 53, 54, 67, 80, 443, 65535 };
	struct flow_edges out = { 0 };
	struct collection to = { arena, gateway, &out };

	for (size_t i = 0; i < policy->rules.count; i++)
		add_rule(&to, &policy->rules.items[i]);
	for (size_t f = 0; f < policy->floors.count; f++)
		for (size_t i = 0; i < policy->floors.items[f]->rules.count; i++)
			add_rule(&to, &policy->floors.items[f]->rules.items[i]);
	for (int six = 0; six < 2; six++) {
		struct addr_set refused = eval_refused_set(arena, six ? ADDR_V6 : ADDR_V4, gateway);
		add_set(&to, &refused);
	}
	ADD_ADDR(&to, class_addrs, ADDR_V4, gateway->v4.value);
	ADD_ADDR(&to, class_addrs, ADDR_V6, gateway->v6.value);
	ADD_ADDR(&to, class_addrs, ADDR_V4, 0x5db8d822); /* that no rule names: 93.184.216.34, 2606:4700::1111 */
	ADD_ADDR(&to, class_addrs, ADDR_V6, ((u128)0x26064700 << 96) + 0x1111);
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		*arena_push(arena, &out.ports) = usual[i];
	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++)
		*arena_push(arena, &out.ports) = eval_refused_ports[i].port;
	out.ports.count = once(out.ports.items, out.ports.count, sizeof(uint16_t), compare_ports);
	if (out.addrs.count)
		out.addrs.count = once(out.addrs.items, out.addrs.count, sizeof(struct addr), compare_addrs);
	out.class_addrs.count = once(out.class_addrs.items, out.class_addrs.count, sizeof(struct addr), compare_addrs);
	return out;
}
