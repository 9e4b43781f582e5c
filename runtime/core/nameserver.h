/* Where the DNS proxy asks: what is known of a nameserver before the sandbox is made. */
#pragma once
#include "base/address.h"

struct nameserver {
	struct addr addr;
	uint16_t port;
	uint32_t link;    /* of a link-local address: the host's index of that link; else 0 */
	char zone[16];    /* its name */
	bool on_host;     /* an address of the host's own, loopback mostly */
	bool by_host;     /* asked by sockets opened in the host's namespace: the sandbox's own do not get there */
	bool unreachable; /* as far as the host's routes tell */
};
#define NAMESERVERS_MAX 8
