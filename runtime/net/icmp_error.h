/* An ICMP error as a router sends it, as a frame. */
#pragma once
#include "base/address.h"

struct icmp_ends {
	struct addr_gateway gateway; /* sends it */
	uint8_t guest_mac[6], gateway_mac[6];
};

#define ICMP_QUOTED_MAX 128
#define ICMP_FRAME_MAX (14 + 40 + 8 + ICMP_QUOTED_MAX)

/* "No route" about `len` bytes of a packet, its IP header first; the frame's length, or 0 where there is nothing to tell, or nobody */
size_t icmp_no_route(const struct icmp_ends *, const uint8_t *packet, size_t len, uint8_t frame[static ICMP_FRAME_MAX]);
