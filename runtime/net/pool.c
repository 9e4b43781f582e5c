/* Which subnets are free: the pool less every range that the host has a route to, tried from the lowest. Another
 * sandbox may claim the same one in between: then the kernel returns EEXIST, and the next is tried. */
#include "net/pool.h"
#include "core/log.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

/* 172.16.0.0/12 and fd42:6d73:62::/48, microsandbox's own */
static struct addr_prefix default_pool(enum addr_family family)
{
	struct addr_prefix pool = { 0 };

	addr_prefix_parse(family == ADDR_V4 ? "172.16.0.0/12" : "fd42:6d73:62::/48", &pool);
	return pool;
}

static struct addr parsed(const char *text)
{
	struct addr addr = { 0 };

	addr_parse(text, &addr);
	return addr;
}

struct addr pool_host_hop(enum addr_family family)
{
	return parsed(family == ADDR_V4 ? "169.254.0.1" : "fe80::1");
}

struct addr pool_sandbox_hop(enum addr_family family)
{
	return parsed(family == ADDR_V4 ? "169.254.0.2" : "fe80::2");
}

struct routed {
	struct arena *arena;
	LIST_OF(struct addr_range) ranges;
};

/* A default route is no claim on a subnet, nor are its two halves, which VPN clients add to win over it. */
static int add_routed(const struct rtnl_listed *route, void *context)
{
	struct routed *routed = context;

	if (route->destination.len > 1)
		*arena_push(routed->arena, &routed->ranges) = addr_prefix_range(route->destination);
	return 0;
}

/* The first range of the set that ends at or after `value`, or NULL */
static const struct addr_range *range_from(const struct addr_set *set, u128 value)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].hi >= value)
			return &set->items[i];
	return NULL;
}

static int claim_first(struct nl *host, const struct addr_set *taken, struct addr_prefix pool, uint8_t len,
		       uint32_t link, struct addr *gateway)
{
	struct addr_range all = addr_prefix_range(pool);
	u128 size = (u128)1 << ((pool.addr.family == ADDR_V4 ? 32 : 128) - len);
	struct addr hop = pool_sandbox_hop(pool.addr.family);

	for (u128 base = all.lo; base >= all.lo && base + (size - 1) <= all.hi; base += size) {
		const struct addr_range *next = range_from(taken, base);
		if (next && next->lo <= base + (size - 1)) {
			base = next->hi & ~(size - 1);
			continue;
		}
		struct rtnl_route route = { .destination = { { pool.addr.family, base }, len },
					    .via = &hop,
					    .link = link };
		int error = rtnl_route_add(host, &route);
		if (error == 0)
			*gateway = (struct addr){ pool.addr.family, base + 1 };
		if (error != -EEXIST)
			return error;
	}
	return -EADDRNOTAVAIL;
}

static bool is_fixed(const struct policy *policy, enum addr_family family)
{
	return family == ADDR_V4 ? policy->interface.address4.set : policy->interface.address6.set;
}

/* The one subnet that the guest's address is in, where the policy says that; else the pool */
static struct addr_prefix asked_pool(const struct policy *policy, enum addr_family family)
{
	const struct policy_address *guest =
		family == ADDR_V4 ? &policy->interface.address4 : &policy->interface.address6;
	const struct policy_pool *pool = family == ADDR_V4 ? &policy->pool4 : &policy->pool6;
	struct addr_prefix subnet = { guest->addr, family == ADDR_V4 ? POOL_LEN4 : POOL_LEN6 };

	if (!is_fixed(policy, family))
		return pool->set ? pool->prefix : default_pool(family);
	subnet.addr.value = addr_prefix_range(subnet).lo;
	return subnet;
}

static int find_loopback(const struct rtnl_link *link, void *up)
{
	if (!(link->flags & IFF_LOOPBACK))
		return 0;
	*(bool *)up = link->flags & IFF_UP;
	return 1;
}

static bool loopback_is_down(struct nl *host)
{
	bool up = false;

	return rtnl_links(host, find_loopback, &up) >= 0 && !up;
}

int pool_claim(struct nl *host, const struct policy *policy, enum addr_family family, uint32_t link,
	       struct addr *gateway)
{
	struct addr_prefix pool = asked_pool(policy, family);
	struct routed routed = { .arena = arena_new() };
	char text[ADDR_TEXT_MAX];

	int error = rtnl_routes(host, family, add_routed, &routed);
	if (error == 0) {
		struct addr_set taken =
			addr_set_from_ranges(routed.arena, family, routed.ranges.items, routed.ranges.count);
		error = claim_first(host, &taken, pool, family == ADDR_V4 ? POOL_LEN4 : POOL_LEN6, link, gateway);
	}
	arena_free(routed.arena);
	if (error == -EADDRNOTAVAIL) {
		log_error("no free subnet in %s/%u: the host routes all of it", addr_format(pool.addr, text), pool.len);
		log_help(is_fixed(policy, family) ? "another --net-ipv%d-address, or none" :
						    "another pool by --net-ipv%d-pool",
			 family);
	} else if (error == -EINVAL && loopback_is_down(host)) {
		log_error(
			"cannot claim a subnet: loopback is down in this network namespace, so the kernel takes no route");
		log_help("ip link set lo up");
	} else if (error < 0) {
		log_error("cannot claim a subnet: %s", strerror(-error));
	}
	return error;
}
