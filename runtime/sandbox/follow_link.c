/* A network manager that takes every link for its own flushes what it did not put there; a link that was down has lost its routes.
 * A link that somebody keeps down is left alone, which is said: that is one way to cut a sandbox off. */
#include "sandbox/follow_link.h"
#include "core/log.h"
#include "net/host_link.h"
#include "net/pool.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <string.h>

static const uint8_t peer_mac[6] = HOST_LINK_PEER_MAC;

/* Adds what is not there; where the subnet has gone to another sandbox meanwhile, the kernel keeps theirs. */
static int restore_family(struct sandbox *sandbox, struct addr gateway, bool *restored)
{
	struct addr hop = pool_sandbox_hop(gateway.family);
	uint8_t len = gateway.family == ADDR_V4 ? POOL_LEN4 : POOL_LEN6;
	struct addr subnet = { gateway.family, addr_prefix_range((struct addr_prefix){ gateway, len }).lo };
	struct rtnl_route route = { .destination = { subnet, len }, .via = &hop, .link = sandbox->host_link.index };

	int error = rtnl_neighbour_add(sandbox->host, sandbox->host_link.index, hop, peer_mac);
	*restored |= error == 0;
	if (error == -EEXIST)
		error = rtnl_neighbour_replace(sandbox->host, sandbox->host_link.index, hop, peer_mac);
	if (error == 0)
		error = rtnl_route_add(sandbox->host, &route);
	*restored |= error == 0;
	return error == -EEXIST ? 0 : error;
}

static void report_up(struct sandbox *sandbox, const struct rtnl_link *link)
{
	bool up = link->flags & IFF_UP;

	if (up == sandbox->link_is_down)
		log_line(up ? "%s is up again: the sandbox has its network back" :
			      "somebody set %s down: the sandbox has no network until it is up",
			 link->name);
	sandbox->link_is_down = !up;
}

int follow_link(struct sandbox *sandbox)
{
	const struct addr_gateway *gateway = &sandbox->gateway;
	struct rtnl_link link = { 0 };
	bool restored = false;

	int error = rtnl_link_by_index(sandbox->host, sandbox->host_link.index, &link);
	if (error == 0)
		report_up(sandbox, &link);
	if (error == 0 && !(link.flags & IFF_UP))
		return 0;
	if (error == 0)
		error = restore_family(sandbox, gateway->v4, &restored);
	if (error == 0 && gateway->has6)
		error = restore_family(sandbox, gateway->v6, &restored);
	if (restored)
		log_line("somebody took the sandbox's routes or neighbours away on %s; put back", link.name);
	if (error < 0 && error != -ENETDOWN && error != -ENODEV)
		log_error("cannot put the sandbox's routes back on %s: %s", link.name, strerror(-error));
	return error == -ENETDOWN || error == -ENODEV ? 0 : error;
}
