/* The sockets of the DNS worker, made before it gives up the privilege that they take. */
#pragma once
#include "dns/dns_proxy.h"

/* Listeners on port 53 and upstream sockets in the caller's (the VM's) network namespace, those towards servers on the host
 * in `host_netns`, with `host_mark`; the caller is back in its namespace afterwards. 0 or -errno with nothing left open. */
int dns_sockets_open(struct proxy_sockets *, const struct dns_start *, const struct nameserver *, size_t count);
/* Those of one place, in the same way */
int dns_sockets_open_place(struct proxy_sockets *, const struct dns_start *, enum upstream_place);
void dns_sockets_close(struct proxy_sockets *);
