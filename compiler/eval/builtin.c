/* The built-in facts of a policy's meaning. */
#include "eval/builtin.h"

const struct eval_refused_port eval_refused_ports[EVAL_REFUSED_PORTS] = {
	{ 137, PROTO_UDP, "NetBIOS", "NetBIOS names would go past the DNS allowlist" },
	{ 853, PROTO_UDP, "DoQ", "encrypted DNS would go past the DNS allowlist" },
	{ 853, PROTO_TCP, "DoT", "encrypted DNS would go past the DNS allowlist" },
	{ 5353, PROTO_UDP, "mDNS", "multicast DNS would go past the DNS allowlist" },
	{ 5355, PROTO_UDP, "LLMNR", "LLMNR would go past the DNS allowlist" },
};

const struct eval_refused_port *eval_refused_port(enum policy_direction direction, enum policy_proto proto,
						  uint16_t port)
{
	for (size_t i = 0; direction == POLICY_EGRESS && i < EVAL_REFUSED_PORTS; i++)
		if (eval_refused_ports[i].port == port && eval_refused_ports[i].proto == proto)
			return &eval_refused_ports[i];
	return NULL;
}

bool eval_rule_excepts(const struct policy *policy, const struct policy_rule *rule, const struct policy_target *target)
{
	if (!(rule->directions & POLICY_EGRESS) || rule->ports.count)
		return false;
	if (target->kind == TARGET_GROUP)
		return target->group != ADDR_CLASS_PUBLIC || rule->action == POLICY_DENY || policy->is_floor;
	return target->kind == TARGET_CIDR;
}

bool eval_target_judges_queries(const struct policy_target *target)
{
	return target->kind == TARGET_ANY || (target->kind == TARGET_GROUP && target->group == ADDR_CLASS_HOST);
}

bool eval_family_active(const struct addr_gateway *gateway, enum addr_family family)
{
	if (!gateway->has4 && !gateway->has6)
		return true;
	return family == ADDR_V4 ? gateway->has4 : gateway->has6;
}
