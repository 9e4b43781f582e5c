/* From policy to ruleset IR: sequences the parts, and the names and addresses the runtime shares. */
#include "lower/lower_state.h"

#include <string.h>

struct ruleset *lower_policy(struct arena *arena, const struct policy *policy, const struct lower_options *options)
{
	struct lowering lowering = {
		.arena = arena,
		.ruleset = ruleset_new(arena),
		.policy = policy,
		.options = options,
		.gateway = options->gateway,
		.guest4 = lower_guest(&options->gateway, ADDR_V4),
		.guest6 = lower_guest(&options->gateway, ADDR_V6),
	};

	lower_defer_facts(&lowering);
	lower_guest_mac(&options->gateway, lowering.guest_mac);
	lowering.table = rs_table_add(lowering.ruleset, RS_INET, LOWER_TABLE);
	lower_rules(&lowering);
	lower_chains(&lowering);
	lower_defer_chains(&lowering);
	lowering.table = rs_table_add(lowering.ruleset, RS_NETDEV, LOWER_TABLE);
	lower_link(&lowering);
	return lowering.ruleset;
}

struct addr lower_guest_addr(struct addr gateway)
{
	gateway.value++;
	return gateway;
}

struct addr lower_guest(const struct addr_gateway *gateway, enum addr_family family)
{
	bool v4 = family == ADDR_V4;

	if (gateway->pod)
		return v4 ? gateway->pod->guest4 : gateway->pod->guest6;
	return lower_guest_addr(v4 ? gateway->v4 : gateway->v6);
}

struct addr lower_own(const struct addr_gateway *gateway, enum addr_family family)
{
	bool v4 = family == ADDR_V4;

	if (gateway->pod)
		return v4 ? LOWER_POD_OWN4 : LOWER_POD_OWN6;
	return v4 ? gateway->v4 : gateway->v6;
}

void lower_guest_mac(const struct addr_gateway *gateway, uint8_t mac[static 6])
{
	if (gateway->has_guest_mac) {
		memcpy(mac, gateway->guest_mac, 6);
		return;
	}
	struct addr guest = lower_guest(gateway, gateway->has4 ? ADDR_V4 : ADDR_V6);

	mac[0] = 0x02; /* locally administered, unicast */
	mac[1] = 0x6d;
	for (int i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(guest.value >> (24 - 8 * i));
}
