/* Where the DNS proxy asks: what is known of a nameserver before the sandbox is made. */
#pragma once
#include "base/address.h"

struct nameserver {
	struct addr addr;
	uint16_t port;
	bool on_host; /* an address of the host's own, loopback mostly: reached by sockets opened in the host's namespace */
};
#define NAMESERVERS_MAX 8
