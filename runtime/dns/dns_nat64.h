/* Which NAT64 prefixes the network has, as its resolvers tell (RFC 7050): the AAAA records of ipv4only.arpa, whose only
 * IPv4 addresses are 192.0.0.170 and 192.0.0.171. Nobody vouches for the answer: see addr_nat64_find(). */
#pragma once
#include "core/nameserver.h"
#include "isolation/worker.h"

#define DNS_NAT64_MS 1000 /* how long the answer is waited for */

struct dns_nat64 {
	struct worker worker;
	uint64_t until_ms; /* 0: nothing was asked */
};
#define DNS_NAT64_NONE ((struct dns_nat64){ WORKER_NONE, 0 })

/* In the host's namespace, where there is a route to all of IPv6: starts a worker of that uid, which asks and reads the
 * answers. 0 or -errno; asking nobody is no error. dns_nat64_end() ends it in any case. */
int dns_nat64_ask(struct dns_nat64 *, const struct nameserver *, size_t count, uid_t);
/* The prefixes that were told, once, waiting for the answer as long as that may take. Returns how many */
size_t dns_nat64_take(struct dns_nat64 *, struct addr_prefix out[static ADDR_NAT64_MAX]);
void dns_nat64_end(struct dns_nat64 *);

/* What addresses of ipv4only.arpa say: a prefix is one of the six lengths, with a well-known address behind it and nothing
 * else; an address that can be read in two ways says nothing. Returns how many, each once. */
size_t dns_nat64_prefixes(const struct addr *, size_t count, struct addr_prefix out[static ADDR_NAT64_MAX]);
