/* A pod's link is moved, and routes that led over it are there on both sides: here, to what is outside, and in the pod, to us. */
#include "sandbox/setup_pod.h"
#include "base/arena.h"
#include "core/log.h"
#include "lower/sandbox_net.h"
#include "net/sysctl.h"
#include "netlink/rtnl_redirect.h"
#include "netlink/rtnl_watch.h"
#include "sandbox/netns.h"
#include "sandbox/setup_guest.h"
#include "sandbox/setup_links.h"
#include "sandbox/table_owner.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES_MAX 256

struct pod_link {
	struct nl *nl;    /* rtnetlink in the pod's namespace, until the pod has its link */
	struct nl *watch; /* of our own links */
	uint32_t taken;   /* the link's index where it was */
	const struct addr_gateway *gateway;
	struct rtnl_listed routes[ROUTES_MAX];
	size_t route_count;
	bool too_many;
};

int sandbox_pod_namespaces(struct sandbox *sandbox)
{
	struct pod_link *pod_link = sandbox->pod_link = arena_must(calloc(1, sizeof *pod_link));

	sandbox->host_netns = netns_open();
	sandbox->host = nl_open(NETLINK_ROUTE);
	if (sandbox->host_netns < 0 || !sandbox->host)
		return setup_fail("open the node's network namespace",
				  sandbox->host_netns < 0 ? sandbox->host_netns : -errno);
	int error = netns_enter(sandbox->start->config->pod->netns);
	if (error < 0)
		return setup_fail("enter the pod's network namespace", error);
	pod_link->nl = nl_open(NETLINK_ROUTE);
	if (!pod_link->nl)
		return setup_fail("open netlink in the pod's network namespace", -errno);
	if ((sandbox->vm_netns = netns_new()) < 0)
		return setup_fail("make a network namespace", sandbox->vm_netns);
	sandbox->vm = nl_open(NETLINK_ROUTE);
	sandbox->firewall = nft_open();
	pod_link->watch = rtnl_watch_open();
	sandbox->gateway = sandbox->start->config->pod->gateway;
	return sandbox->vm && sandbox->firewall && pod_link->watch ? 0 : setup_fail("open netlink", -errno);
}

/* Of a family that the pod has an address of */
static bool is_wanted(const struct pod_link *pod_link, const struct rtnl_listed *route)
{
	const struct addr_prefix local = { { ADDR_V6, (u128)0xfe80 << 112 }, 10 };

	bool v4 = route->destination.addr.family == ADDR_V4;

	return (v4 ? pod_link->gateway->has4 : pod_link->gateway->has6) && route->link == pod_link->taken &&
	       route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
	       !(route->destination.addr.family == ADDR_V6 && addr_prefix_contains(local, route->destination.addr)) &&
	       !(route->routed && addr_is_unspecified(route->via));
}

static int note_route(const struct rtnl_listed *route, void *context)
{
	struct pod_link *pod_link = context;

	if (!is_wanted(pod_link, route))
		return 0;
	if (pod_link->route_count == ROUTES_MAX) {
		pod_link->too_many = true;
		return 0;
	}
	pod_link->routes[pod_link->route_count++] = *route;
	return 0;
}

static int read_routes(struct pod_link *pod_link)
{
	int error = rtnl_routes(pod_link->nl, ADDR_V4, note_route, pod_link);

	if (error == 0)
		error = rtnl_routes(pod_link->nl, ADDR_V6, note_route, pod_link);
	if (error == 0 && pod_link->too_many)
		error = -E2BIG;
	return error < 0 ? setup_fail("read the pod's routes", error) : 0;
}

static int take(struct sandbox *sandbox, const struct run_pod *pod)
{
	struct pod_link *pod_link = sandbox->pod_link;
	struct rtnl_link link;
	int error = rtnl_link_by_name(pod_link->nl, pod->link, &link);

	if (error < 0)
		return setup_fail("find the pod's link", error);
	pod_link->taken = link.index;
	pod_link->gateway = &pod->gateway;
	error = read_routes(pod_link);
	if (error < 0)
		return error;
	error = rtnl_link_move(pod_link->nl, link.index, sandbox->vm_netns, LOWER_UPLINK);
	if (error < 0)
		return setup_fail("move the pod's link", error);
	error = rtnl_veth_add(sandbox->vm, (struct rtnl_end){ LOWER_POD_LINK, NULL },
			      (struct rtnl_end){ pod->link, pod->mac }, pod->netns);
	return error < 0 ? setup_fail("make the pod's link", error) : 0;
}

/* The tap's descriptor is this process's alone. The kernel takes a tap away before it lets go of the tap's namespace, and the rules of
 * a namespace only when nobody has it any more: no frame finds a way without rules, whoever is killed, in whatever order. */
static int make_tap(struct sandbox *sandbox)
{
	struct rtnl_link link;

	sandbox->tap = rtnl_tap_open(LOWER_TAP);
	int error = sandbox->tap < 0 ? sandbox->tap : rtnl_tap_offload(sandbox->tap);
	if (error == 0)
		error = rtnl_bridge_add(sandbox->vm, (struct rtnl_end){ LOWER_BRIDGE, NULL });
	if (error == 0)
		error = sandbox_find_links(sandbox);
	if (error == 0)
		error = rtnl_link_by_name(sandbox->vm, LOWER_POD_LINK, &link);
	if (error < 0)
		return setup_fail("make the sandbox's links", error);
	sandbox->guest_link = link.index;
	error = rtnl_redirect(sandbox->vm, sandbox->guest_link, sandbox->tap_link.index);
	return error < 0 ? setup_fail("have tc mirred lead the pod's frames through the sandbox", error) : 0;
}

/* From here on the pod's link ends with the table owner, which outlives the sandbox. */
static int tell_table_owner(struct sandbox *sandbox)
{
	struct table_owner_message message = { .pod_link = sandbox->guest_link };
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);

	int error = nl ? table_owner_tell(sandbox->start->owner, &message, nl_fd(nl)) : -errno;
	return error < 0 ? setup_fail("reach the table owner", error) : 0;
}

int sandbox_pod_take_link(struct sandbox *sandbox)
{
	int error = take(sandbox, sandbox->start->config->pod);

	if (error == 0)
		error = make_tap(sandbox);
	return error < 0 ? error : tell_table_owner(sandbox);
}

/* ---- our side ---- */

static int bring_up(struct sandbox *sandbox, const struct run_pod *pod)
{
	const uint32_t links[] = { if_nametoindex("lo"), sandbox->bridge.index, sandbox->tap_link.index,
				   sandbox->guest_link, sandbox->uplink.index };
	uint8_t mac[6];
	int error = 0;

	sandbox_gateway_mac(&sandbox->gateway, mac);
	for (size_t i = 1; error == 0 && i < 4; i++)
		error = rtnl_link_set_mtu(sandbox->vm, links[i], pod->mtu);
	if (error == 0)
		error = rtnl_link_set_mac(sandbox->vm, sandbox->bridge.index, mac);
	for (size_t i = 0; error == 0 && i < sizeof links / sizeof *links; i++)
		error = rtnl_link_up(sandbox->vm, links[i]);
	return error;
}

static int add_route(struct nl *nl, uint32_t link, const struct rtnl_listed *listed, const struct addr *via,
		     const struct addr *source)
{
	struct rtnl_route route = { .destination = listed->destination, .via = via, .source = source, .link = link };
	int error = rtnl_route_add(nl, &route);

	return error == -EEXIST ? 0 : error;
}

/* Who is asked by ARP looks at who asks: the uplink has the pod's address to ask from, but no route by which it were our own. */
static int ask_as_pod(struct sandbox *sandbox)
{
	struct addr guest = lower_guest(&sandbox->gateway, ADDR_V4);
	struct rtnl_route own = {
		.destination = { guest, 32 }, .table = RT_TABLE_LOCAL, .local = true, .link = sandbox->uplink.index
	};

	int error = rtnl_address_add(sandbox->vm, sandbox->uplink.index, own.destination);
	return error == 0 ? rtnl_route_delete(sandbox->vm, &own) : error;
}

static int route_outside(struct sandbox *sandbox)
{
	struct pod_link *pod_link = sandbox->pod_link;
	int error = 0;

	for (size_t i = 0; error == 0 && i < pod_link->route_count; i++) {
		const struct rtnl_listed *route = &pod_link->routes[i];
		struct addr own = lower_own(&sandbox->gateway, route->destination.addr.family);
		error = add_route(sandbox->vm, sandbox->uplink.index, route, route->routed ? &route->via : NULL, &own);
	}
	return error;
}

static int configure_family(struct sandbox *sandbox, enum addr_family family)
{
	struct nl *vm = sandbox->vm;
	const uint8_t host_len = family == ADDR_V4 ? 32 : 128;
	struct addr guest = lower_guest(&sandbox->gateway, family), own = lower_own(&sandbox->gateway, family);
	struct addr gateway = family == ADDR_V4 ? sandbox->gateway.v4 : sandbox->gateway.v6;
	struct rtnl_route to_guest = { .destination = { guest, host_len }, .link = sandbox->bridge.index };
	struct rtnl_route to_proxy = { .destination.addr.family = family,
				       .table = LOWER_DNS_ROUTE_TABLE,
				       .local = true,
				       .link = if_nametoindex("lo") };

	int error = rtnl_address_add(vm, sandbox->bridge.index, (struct addr_prefix){ own, host_len });
	if (error == 0)
		error = rtnl_route_add(vm, &to_guest);
	if (error == 0)
		error = rtnl_neighbour_add(vm, sandbox->bridge.index, guest, sandbox->start->config->pod->mac);
	if (error == 0)
		error = rtnl_rule_add(vm, family, LOWER_DNS_MARK, LOWER_DNS_ROUTE_TABLE);
	if (error == 0)
		error = rtnl_rule_add(vm, family, LOWER_DIVERT_MARK, LOWER_DNS_ROUTE_TABLE);
	if (error == 0)
		error = rtnl_route_add(vm, &to_proxy);
	if (error == 0 && family == ADDR_V6)
		error = rtnl_neighbour_proxy(vm, sandbox->uplink.index, guest);
	if (error == 0 && family == ADDR_V6)
		error = rtnl_neighbour_proxy(vm, sandbox->bridge.index, gateway);
	return error;
}

/* ---- the pod's side ---- */

/* IPv6 has the gateway on the link and nothing else: what was beside it is behind it now. */
static int route_pod(const struct sandbox *sandbox, uint32_t link)
{
	struct pod_link *pod_link = sandbox->pod_link;
	const struct addr_gateway *gateway = &sandbox->gateway;
	const struct rtnl_listed to_gateway = { .destination = { gateway->v6, 128 } };
	int error = gateway->has6 ? add_route(pod_link->nl, link, &to_gateway, NULL, NULL) : 0;

	for (size_t i = 0; error == 0 && i < pod_link->route_count; i++) {
		const struct rtnl_listed *route = &pod_link->routes[i];
		bool v6 = route->destination.addr.family == ADDR_V6;
		error = add_route(pod_link->nl, link, route,
				  v6            ? &gateway->v6 :
				  route->routed ? &route->via :
						  NULL,
				  NULL);
	}
	return error;
}

static int configure_pod(const struct sandbox *sandbox, const struct run_pod *pod)
{
	struct pod_link *pod_link = sandbox->pod_link;
	struct rtnl_link link;
	struct nl *nl = pod_link->nl;

	int error = rtnl_link_by_name(nl, pod->link, &link);
	if (error == 0)
		error = rtnl_link_set_mtu(nl, link.index, pod->mtu);
	if (error == 0)
		error = rtnl_link_up(nl, link.index);
	if (error == 0 && sandbox->gateway.has4)
		error = rtnl_address_add(nl, link.index, pod->addr4);
	if (error == 0 && sandbox->gateway.has6)
		error = rtnl_address_add(nl, link.index, (struct addr_prefix){ pod->addr6.addr, 128 });
	return error == 0 ? route_pod(sandbox, link.index) : error;
}

/* The pod's namespace ends with its last process, of which we are none. */
static void leave_pod(struct pod_link *pod_link, const struct run_pod *pod)
{
	nl_close(pod_link->nl);
	pod_link->nl = NULL;
	close(pod->netns);
}

int sandbox_pod_open_links(struct sandbox *sandbox)
{
	const struct run_pod *pod = sandbox->start->config->pod;

	int error = sysctl_set_pod_links();
	if (error < 0)
		return error;
	error = bring_up(sandbox, pod);
	if (error == 0 && sandbox->gateway.has4)
		error = configure_family(sandbox, ADDR_V4);
	if (error == 0 && sandbox->gateway.has4)
		error = ask_as_pod(sandbox);
	if (error == 0 && sandbox->gateway.has6)
		error = configure_family(sandbox, ADDR_V6);
	if (error == 0)
		error = route_outside(sandbox);
	if (error == 0)
		error = configure_pod(sandbox, pod);
	leave_pod(sandbox->pod_link, pod);
	if (error < 0)
		return setup_fail("configure the pod's links", error);
	error = rtnl_link_wait(sandbox->vm, sandbox->uplink.index);
	return error < 0 ? setup_fail("use the link that the plugin before made: is its other end up?", error) : 0;
}

int sandbox_pod_fd(const struct sandbox *sandbox)
{
	return nl_fd(sandbox->pod_link->watch);
}

static void ignore(const struct rtnl_event *event, void *unused)
{
	(void)event, (void)unused;
}

bool sandbox_pod_is_gone(struct sandbox *sandbox)
{
	struct rtnl_link link;

	rtnl_watch_read(sandbox->pod_link->watch, ignore, NULL);
	return rtnl_link_by_index(sandbox->vm, sandbox->guest_link, &link) < 0;
}

void sandbox_pod_close(struct sandbox *sandbox)
{
	if (!sandbox->pod_link)
		return;
	nl_close(sandbox->pod_link->nl);
	nl_close(sandbox->pod_link->watch);
	free(sandbox->pod_link);
}
