/* Where the guest, the gateway and the namespace's own sockets are, which lowering and the runtime share. */
#include "lower/sandbox_net.h"

#include <string.h>

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
