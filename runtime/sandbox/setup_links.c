/* The links between the guest and the host: made down, opened when everything that judges them is there. */
#include "sandbox/setup_links.h"
#include "core/log.h"
#include "lower/lower.h"
#include "lower/sandbox_net.h"
#include "net/host_link.h"
#include "net/pool.h"
#include "net/sysctl.h"
#include "sandbox/setup_guest.h"

#include <errno.h>
#include <string.h>

static const uint8_t host_mac[6] = HOST_LINK_MAC;
static const uint8_t uplink_mac[6] = HOST_LINK_PEER_MAC;

static int make_tap(struct sandbox *sandbox)
{
	if (sandbox->start->config->vmm == VMM_NONE)
		return rtnl_veth_add(sandbox->vm, (struct rtnl_end){ LOWER_TAP, NULL },
				     (struct rtnl_end){ LOWER_GUEST_LINK, NULL }, sandbox->guest_netns);
	sandbox->tap = rtnl_tap_open(LOWER_TAP);
	return sandbox->tap < 0 ? sandbox->tap : 0;
}

/* Of all links between the guest and the host; the guest's own end is the VMM's. */
static int set_mtu(struct sandbox *sandbox)
{
	uint16_t mtu = sandbox->start->config->policy->interface.mtu;
	const uint32_t links[] = { sandbox->uplink.index, sandbox->tap_link.index, sandbox->bridge.index };
	int error = 0;

	if (!mtu)
		return 0;
	for (size_t i = 0; error == 0 && i < sizeof links / sizeof *links; i++)
		error = rtnl_link_set_mtu(sandbox->vm, links[i], mtu);
	return error == 0 ? rtnl_link_set_mtu(sandbox->host, sandbox->host_link.index, mtu) : error;
}

/* All links, all down. */
int sandbox_find_links(struct sandbox *sandbox)
{
	struct nl *vm = sandbox->vm;
	int error = rtnl_link_by_name(vm, LOWER_UPLINK, &sandbox->uplink);

	if (error == 0)
		error = rtnl_link_by_name(vm, LOWER_BRIDGE, &sandbox->bridge);
	if (error == 0)
		error = rtnl_link_by_name(vm, LOWER_TAP, &sandbox->tap_link);
	sandbox->guest_link = sandbox->tap_link.index;
	return error == 0 ? rtnl_link_set_master(vm, sandbox->tap_link.index, sandbox->bridge.index) : error;
}

int sandbox_make_links(struct sandbox *sandbox)
{
	struct nl *vm = sandbox->vm;

	int error = rtnl_veth_add(vm, (struct rtnl_end){ LOWER_UPLINK, uplink_mac },
				  (struct rtnl_end){ HOST_LINK_PREFIX "%d", host_mac }, sandbox->host_netns);
	if (error == 0)
		error = rtnl_bridge_add(vm, (struct rtnl_end){ LOWER_BRIDGE, NULL });
	if (error < 0)
		return setup_fail("make the sandbox's links", error);
	if ((error = make_tap(sandbox)) < 0)
		return setup_fail("make " LOWER_TAP, error);
	error = sandbox_find_links(sandbox);
	if (error == 0)
		error = rtnl_link_by_index(sandbox->host, sandbox->uplink.peer, &sandbox->host_link);
	return error < 0 ? setup_fail("find the sandbox's links", error) : 0;
}

/* One family: the gateway's address, the guest and the two next hops, none of which is ever asked for by ARP or ND. */
static int configure_family(struct sandbox *sandbox, struct addr gateway)
{
	enum addr_family family = gateway.family;
	struct addr host = pool_host_hop(family), guest = lower_guest(&sandbox->gateway, family);
	struct addr_prefix own = { gateway, family == ADDR_V4 ? POOL_LEN4 : POOL_LEN6 };
	struct rtnl_route to_host = { .destination.addr.family = family, .via = &host, .link = sandbox->uplink.index };
	struct rtnl_route to_proxy = { .destination.addr.family = family,
				       .table = LOWER_DNS_ROUTE_TABLE,
				       .local = true,
				       .link = if_nametoindex("lo") };
	uint8_t guest_mac[6];

	lower_guest_mac(&sandbox->gateway, guest_mac);
	int error = rtnl_address_add(sandbox->vm, sandbox->bridge.index, own);
	if (error == 0)
		error = rtnl_neighbour_add(sandbox->vm, sandbox->bridge.index, guest, guest_mac);
	if (error == 0)
		error = rtnl_neighbour_add(sandbox->vm, sandbox->uplink.index, host, host_mac);
	if (error == 0)
		error = rtnl_neighbour_add(sandbox->host, sandbox->host_link.index, pool_sandbox_hop(family),
					   uplink_mac);
	if (error == 0)
		error = rtnl_route_add(sandbox->vm, &to_host);
	if (error == 0)
		error = rtnl_rule_add(sandbox->vm, family, LOWER_DNS_MARK, LOWER_DNS_ROUTE_TABLE);
	if (error == 0)
		error = rtnl_rule_add(sandbox->vm, family, LOWER_DIVERT_MARK, LOWER_DNS_ROUTE_TABLE);
	if (error == 0)
		error = rtnl_route_add(sandbox->vm, &to_proxy);
	return error;
}

int sandbox_open_links(struct sandbox *sandbox)
{
	struct nl *vm = sandbox->vm;
	uint8_t mac[6], guest[6];

	sandbox_gateway_mac(&sandbox->gateway, mac);
	lower_guest_mac(&sandbox->gateway, guest);
	if (!memcmp(mac, guest, sizeof mac)) {
		log_error("the guest's MAC is the gateway's: another --net-mac");
		return -EADDRINUSE;
	}
	/* the kernel takes IPv6 off a link below its least MTU, and its switches with it */
	int error = set_mtu(sandbox);
	if (error == 0)
		error = sysctl_write("ipv6/conf/" LOWER_UPLINK "/addr_gen_mode", "1");
	if (error == -ENOENT && !sandbox->gateway.has6)
		error = 0;
	if (error == 0)
		error = rtnl_link_set_mac(vm, sandbox->bridge.index, mac);
	const uint32_t links[] = { if_nametoindex("lo"), sandbox->bridge.index, sandbox->tap_link.index,
				   sandbox->uplink.index };
	for (size_t i = 0; error == 0 && i < sizeof links / sizeof *links; i++)
		error = rtnl_link_up(vm, links[i]);
	if (error == 0)
		error = configure_family(sandbox, sandbox->gateway.v4);
	if (error == 0 && sandbox->gateway.has6)
		error = configure_family(sandbox, sandbox->gateway.v6);
	if (error == 0)
		error = rtnl_link_wait(vm, sandbox->uplink.index);
	if (error == 0)
		error = rtnl_link_wait(sandbox->host, sandbox->host_link.index);
	return error < 0 ? setup_fail("configure the sandbox's links", error) : 0;
}
