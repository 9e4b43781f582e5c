/* A TCP segment that asks for a connection where there is one, as a frame. Who has that connection answers with a challenge
 * acknowledgement (RFC 5961, section 4.2), whatever the sequence number, and by that tells where it is. */
#pragma once
#include "base/address.h"

struct forged_end {
	struct addr addr;
	uint16_t port;
};

#define FORGED_SYN_MAX (14 + 40 + 20)
/* The frame's length. Both addresses are of one family */
size_t forged_syn(const uint8_t from_mac[static 6], const uint8_t to_mac[static 6], struct forged_end from,
		  struct forged_end to, uint8_t frame[static FORGED_SYN_MAX]);
