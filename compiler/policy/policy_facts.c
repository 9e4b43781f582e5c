/* Small facts about a policy's parts. */
#include "policy/policy_facts.h"

#include <string.h>

const enum policy_proto policy_protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };

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

bool policy_rule_fits(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	return (rule->directions & direction) && (!rule->protos || (rule->protos & proto)) &&
	       (!rule->ports.count || policy_proto_has_ports(proto));
}

struct addr_gateway policy_gateway(const struct policy *policy, struct addr_gateway gateway)
{
	gateway.nat64 = policy->nat64;
	gateway.has_guest_mac = policy->interface.has_mac;
	memcpy(gateway.guest_mac, policy->interface.mac, sizeof gateway.guest_mac);
	return gateway;
}

const struct policy_default *policy_default_of(const struct policy *policy, enum policy_direction direction)
{
	return direction == POLICY_EGRESS ? &policy->egress : &policy->ingress;
}

enum policy_proto flow_transport_proto(enum flow_transport transport)
{
	return transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP;
}

uint16_t flow_transport_port(enum flow_transport transport)
{
	return transport == FLOW_DNS_DOT ? FLOW_DOT_PORT : FLOW_DNS_PORT;
}
