/* Small facts about a policy's parts. */
#include "policy/policy_facts.h"

#include <netinet/in.h>
#include <string.h>

const enum policy_proto policy_protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };

enum policy_proto policy_proto_of_ip(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return PROTO_TCP;
	case IPPROTO_UDP:
		return PROTO_UDP;
	case IPPROTO_ICMP:
		return PROTO_ICMPV4;
	case IPPROTO_ICMPV6:
		return PROTO_ICMPV6;
	default:
		return PROTO_OTHER;
	}
}

bool policy_proto_has_ports(enum policy_proto proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP;
}

bool policy_target_is_name(const struct policy_target *target)
{
	return target->kind == TARGET_DOMAIN || target->kind == TARGET_SUFFIX;
}

bool policy_rule_has_names(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (policy_target_is_name(&rule->targets.items[i]))
			return true;
	return false;
}

bool policy_rule_defers(const struct policy_rule *rule)
{
	return policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP) && policy_rule_has_names(rule);
}

static bool has_deferring_rule(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy_rule_defers(&policy->rules.items[i]))
			return true;
	return false;
}

bool policy_defers(const struct policy *policy)
{
	bool found = has_deferring_rule(policy);

	for (size_t i = 0; !found && i < policy->floors.count; i++)
		found = has_deferring_rule(policy->floors.items[i]);
	return found && policy->server_names;
}

bool policy_rule_fits(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	return (rule->directions & direction) && (!rule->protos || (rule->protos & proto)) &&
	       (!rule->ports.count || policy_proto_has_ports(proto));
}

/* Where no name may lead by `in` */
static const enum addr_class never_within[] = { ADDR_CLASS_NONE, ADDR_CLASS_META, ADDR_CLASS_LOOPBACK,
						ADDR_CLASS_HOST };
#define NEVER_WITHIN (sizeof never_within / sizeof *never_within)

bool policy_rule_places(const struct policy_rule *rule, struct addr addr, const struct addr_gateway *gateway)
{
	bool inside = !rule->within.count, is_grant = rule->origin == ORIGIN_GRANT && rule->action == POLICY_ALLOW;
	enum addr_class class;

	if (is_grant && addr_classify(addr, gateway) == ADDR_CLASS_META)
		return false;
	for (size_t i = 0; !inside && i < rule->within.count; i++)
		inside = addr_prefix_contains(rule->within.items[i].prefix, addr);
	if (!inside || !rule->within.count)
		return inside;
	class = addr_classify(addr, gateway);
	for (size_t i = 0; i < NEVER_WITHIN; i++)
		if (class == never_within[i])
			return false;
	return true;
}

struct addr_set policy_rule_places_set(struct arena *arena, const struct policy_rule *rule, enum addr_family family,
				       const struct addr_gateway *gateway)
{
	struct addr_set set = addr_set_empty(family), never;
	struct arena *scratch;

	for (size_t i = 0; i < rule->within.count; i++)
		if (rule->within.items[i].prefix.addr.family == family)
			addr_set_add(arena, &set, addr_prefix_range(rule->within.items[i].prefix));
	if (!set.count)
		return set;
	scratch = arena_new();
	never = addr_set_empty(family);
	for (size_t i = 0; i < NEVER_WITHIN; i++) {
		struct addr_set class = addr_class_set(scratch, never_within[i], family, gateway);
		never = addr_set_union(scratch, &never, &class);
	}
	set = addr_set_subtract(arena, &set, &never);
	arena_free(scratch);
	return set;
}

struct addr_gateway policy_gateway(const struct policy *policy, struct addr_gateway gateway)
{
	gateway.nat64 = policy->nat64;
	gateway.has_guest_mac = policy->interface.has_mac;
	memcpy(gateway.guest_mac, policy->interface.mac, sizeof gateway.guest_mac);
	return gateway;
}

/* Gateway first and guest second in the subnet, as the runtime places them */
static struct addr place_gateway(const struct policy_address *guest, const struct policy_pool *pool,
				 struct addr otherwise)
{
	struct addr gateway = guest->set ? guest->addr : pool->prefix.addr;

	if (guest->set)
		gateway.value--;
	else if (pool->set)
		gateway.value = addr_prefix_range(pool->prefix).lo + 1;
	return guest->set || pool->set ? gateway : otherwise;
}

struct addr_gateway policy_place_gateway(const struct policy *policy, struct addr_gateway gateway)
{
	if (gateway.has4)
		gateway.v4 = place_gateway(&policy->interface.address4, &policy->pool4, gateway.v4);
	if (gateway.has6)
		gateway.v6 = place_gateway(&policy->interface.address6, &policy->pool6, gateway.v6);
	return gateway;
}

const struct policy_default *policy_default_of(const struct policy *policy, enum policy_direction direction)
{
	return direction == POLICY_EGRESS ? &policy->egress : &policy->ingress;
}

bool policy_strips_ech(const struct policy *policy)
{
	return policy->ech_answers == POLICY_ECH_BY_RULES ? policy_defers(policy) :
							    policy->ech_answers == POLICY_ECH_STRIP;
}

enum policy_proto flow_transport_proto(enum flow_transport transport)
{
	return transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP;
}

uint16_t flow_transport_port(enum flow_transport transport)
{
	return transport == FLOW_DNS_DOT ? FLOW_DOT_PORT : FLOW_DNS_PORT;
}

size_t policy_meters(const struct policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rules.count; i++)
		count += policy->rules.items[i].meter != 0;
	return count;
}

bool policy_shuts_node_out(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (rule->action != POLICY_DENY || !(rule->directions & POLICY_INGRESS))
			continue;
		for (size_t j = 0; j < rule->targets.count; j++)
			if (rule->targets.items[j].kind == TARGET_GROUP &&
			    rule->targets.items[j].group == ADDR_CLASS_HOST)
				return true;
	}
	return false;
}
