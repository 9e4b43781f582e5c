/* The sockets of the DNS worker, which take privilege to make. */
#pragma once
#include "dns/dns_proxy.h"

/* Listeners on port 53, in the caller's (the VM's) network namespace. 0 or -errno with nothing left open */
int dns_sockets_open(struct proxy_sockets *, const struct addr_gateway *);
void dns_sockets_close(struct proxy_sockets *);
/* One towards a server, unconnected, in the caller's network namespace, that carries `mark`; SOCK_DGRAM or SOCK_STREAM.
 * The descriptor or -errno */
int dns_sockets_upstream(enum upstream_place, int type, uint32_t mark);
