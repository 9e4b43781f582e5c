/* The built-in facts of a policy's meaning. */
#include "eval/builtin.h"

#include <string.h>

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

bool eval_is_dns_only(enum policy_direction direction, enum policy_proto proto, bool has_port, uint16_t port)
{
	return direction == POLICY_EGRESS && policy_proto_has_ports(proto) && has_port && port == FLOW_DNS_PORT;
}

#define FORWARDED "is for one link and never forwarded"

const struct eval_refused_address eval_refused_addresses[EVAL_REFUSED_ADDRESSES] = {
	{ { { ADDR_V4, 0x7f000000 }, 8 }, "loopback", "is the guest's own and never leaves it" },
	{ { { ADDR_V4, 0xe0000000 }, 4 }, "multicast", "is not forwarded" },
	{ { { ADDR_V4, 0xffffffff }, 32 }, "broadcast", FORWARDED },
	{ { { ADDR_V6, 1 }, 128 }, "loopback", "is the guest's own and never leaves it" },
	{ { { ADDR_V6, (u128)0xff << 120 }, 8 }, "multicast", "is not forwarded" },
	{ { { ADDR_V6, (u128)0xfe80 << 112 }, 10 }, "IPv6 link-local", FORWARDED },
};

const struct eval_refused_address *eval_refused_address(enum policy_direction direction, struct addr addr,
							const struct addr_gateway *gateway)
{
	struct addr_carried carried;
	bool carries = addr_carries(addr, &gateway->nat64, &carried);

	for (size_t i = 0; direction == POLICY_EGRESS && i < EVAL_REFUSED_ADDRESSES; i++) {
		const struct eval_refused_address *refused = &eval_refused_addresses[i];

		if ((addr_prefix_contains(refused->prefix, addr) ||
		     (carries && addr_prefix_takes_carried(refused->prefix, &carried))) &&
		    !addr_gateway_has(gateway, addr))
			return refused;
	}
	return NULL;
}

struct addr_set eval_refused_set(struct arena *arena, enum addr_family family, const struct addr_gateway *gateway)
{
	struct addr_set set = addr_set_empty(family), own = addr_set_empty(family);

	for (size_t i = 0; i < EVAL_REFUSED_ADDRESSES; i++) {
		struct addr_prefix prefix = eval_refused_addresses[i].prefix;

		if (prefix.addr.family == family) {
			addr_set_add(arena, &set, addr_prefix_range(prefix));
		} else if (family == ADDR_V6) {
			struct addr_set carrying = addr_embedding_of(arena, prefix, &gateway->nat64);
			set = addr_set_union(arena, &set, &carrying);
		}
	}
	if (family == ADDR_V4 ? gateway->has4 : gateway->has6) {
		u128 value = family == ADDR_V4 ? gateway->v4.value : gateway->v6.value;
		addr_set_add(arena, &own, (struct addr_range){ value, value });
	}
	return addr_set_subtract(arena, &set, &own);
}

static bool is_inside(struct addr_prefix inner, struct addr_prefix outer)
{
	return inner.addr.family == outer.addr.family && inner.len >= outer.len &&
	       addr_prefix_contains(outer, inner.addr);
}

const struct eval_refused_address *eval_refused_target(const struct policy_target *target)
{
	for (size_t i = 0; i < EVAL_REFUSED_ADDRESSES; i++) {
		const struct eval_refused_address *refused = &eval_refused_addresses[i];

		if (target->kind == TARGET_CIDR ?
			    is_inside(target->prefix, refused->prefix) :
			    target->kind == TARGET_GROUP && !strcmp(addr_class_name(target->group), refused->what))
			return refused;
	}
	return NULL;
}

const struct eval_refused_port *eval_refused_ports_of(const struct policy_rule *rule,
						      const struct policy_port_range *ports)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP };
	const struct eval_refused_port *refused = NULL;

	for (size_t i = 0; i < 2; i++)
		for (uint32_t port = ports->lo; port <= ports->hi && (!rule->protos || (rule->protos & protos[i]));
		     port++) {
			refused = eval_refused_port(POLICY_EGRESS, protos[i], (uint16_t)port);
			if (!refused)
				return NULL;
		}
	return refused;
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
