/* A table of settings that are decided when the sandbox is made: addresses are claimed, links are up with their MTU, the host
 * counts flows by the bounds it was given. */
#include "sandbox/reload_fixed.h"

#include <string.h>

static bool same_pool(const struct policy_pool *a, const struct policy_pool *b)
{
	return a->set == b->set &&
	       (!a->set || (addr_equal(a->prefix.addr, b->prefix.addr) && a->prefix.len == b->prefix.len));
}

static bool same_address(const struct policy_address *a, const struct policy_address *b)
{
	return a->set == b->set && (!a->set || addr_equal(a->addr, b->addr));
}

static bool same_mac(const struct policy_interface *a, const struct policy_interface *b)
{
	return a->has_mac == b->has_mac && !memcmp(a->mac, b->mac, sizeof a->mac);
}

/* Those the policy names; what the network's resolver told is the sandbox's */
static bool same_nat64(const struct addr_nat64 *a, const struct addr_nat64 *b)
{
	bool same = a->count == b->count && a->well_known == b->well_known;

	for (size_t i = 0; same && i < a->count; i++)
		same = addr_equal(a->items[i].addr, b->items[i].addr) && a->items[i].len == b->items[i].len;
	return same;
}

const char *reload_fixed_differs(const struct policy *now, const struct policy *wanted)
{
	const struct policy_interface *a = &now->interface, *b = &wanted->interface;
	const struct {
		bool same;
		const char *what;
	} fixed[] = {
		{ same_pool(&now->pool4, &wanted->pool4) && same_pool(&now->pool6, &wanted->pool6), "address pools" },
		{ same_address(&a->address4, &b->address4) && same_address(&a->address6, &b->address6),
		  "the guest's addresses" },
		{ same_mac(a, b), "the guest's MAC" },
		{ a->mtu == b->mtu, "the MTU" },
		{ same_nat64(&now->nat64, &wanted->nat64), "NAT64 prefixes" },
		{ now->multi_tenant == wanted->multi_tenant, "the deployment profile" },
		{ now->max_tcp.most == wanted->max_tcp.most && now->max_udp.most == wanted->max_udp.most,
		  "how many connections there may be at once" },
		{ now->connection_rate.most == wanted->connection_rate.most, "the rate of new connections" },
		{ now->dns_timeout_ms == wanted->dns_timeout_ms, "how long DNS is waited for" },
	};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (!fixed[i].same)
			return fixed[i].what;
	return NULL;
}
