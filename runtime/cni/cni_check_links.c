/* The pod's link must be our tap's other end: one of the same name and addresses could be anybody's. */
#include "cni/cni_check_links.h"
#include "cni/cni_end.h"
#include "cni/cni_netns.h"
#include "cni/cni_result.h"
#include "core/fd.h"
#include "lower/sandbox_net.h"
#include "net/sysctl.h"

#include <linux/rtnetlink.h>
#include <string.h>

struct check {
	const struct cni_call *call;
	const struct run_pod *pod;
	const char *sandbox; /* its name */
	struct cni_routes routes;
	const char *where; /* the namespace that is looked at */
	struct nl *nl;     /* of there */
	struct rtnl_link link;
};

#define differs(check, ...) cni_fail((check)->call, CNI_NOT_IN_FORCE, __VA_ARGS__)

static int find_link(struct check *check, const char *name)
{
	int error = check->nl ? rtnl_link_by_name(check->nl, name, &check->link) : -errno;

	if (error < 0)
		return differs(check, "%s in %s: %s", name, check->where, strerror(-error));
	if (!(check->link.flags & IFF_UP))
		return differs(check, "%s in %s is down", name, check->where);
	return CNI_FINE;
}

static int check_mac(const struct check *check)
{
	const char *wanted = cni_result_mac(check->call);
	const uint8_t *mac = check->link.mac;
	char text[18];

	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	if (wanted && strcasecmp(wanted, text) != 0)
		return differs(check, "%s in %s has the MAC %s, and was given %s", check->link.name, check->where, text,
			       wanted);
	return CNI_FINE;
}

/* ---- addresses ---- */

static int is_address(struct addr_prefix address, void *wanted)
{
	const struct addr_prefix *other = wanted;

	return addr_equal(address.addr, other->addr) && address.len == other->len;
}

static int check_address(const struct check *check, struct addr_prefix wanted)
{
	char text[ADDR_TEXT_MAX];
	int found = rtnl_addresses(check->nl, check->link.index, is_address, &wanted);

	if (found < 0)
		return differs(check, "addresses of %s in %s: %s", check->link.name, check->where, strerror(-found));
	if (!found)
		return differs(check, "%s in %s has not its address %s/%u", check->link.name, check->where,
			       addr_format(wanted.addr, text), wanted.len);
	return CNI_FINE;
}

static int check_addresses(const struct check *check)
{
	int code = check->pod->gateway.has4 ? check_address(check, check->pod->addr4) : CNI_FINE;

	if (!code && check->pod->gateway.has6)
		code = check_address(check, (struct addr_prefix){ check->pod->addr6.addr, 128 });
	return code;
}

/* ---- routes ---- */

struct wanted_route {
	struct cni_route route;
	uint32_t link;
};

static int is_route(const struct rtnl_listed *route, void *context)
{
	const struct wanted_route *wanted = context;
	u128 first = addr_prefix_range(wanted->route.destination).lo;

	return route->link == wanted->link && route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
	       route->destination.addr.value == first && route->destination.len == wanted->route.destination.len &&
	       (!wanted->route.has_gateway || (route->routed && addr_equal(route->via, wanted->route.gateway)));
}

static int check_route(const struct check *check, const struct cni_route *route)
{
	struct wanted_route wanted = { *route, check->link.index };
	int found = rtnl_routes(check->nl, route->destination.addr.family, is_route, &wanted);
	char to[ADDR_TEXT_MAX], via[ADDR_TEXT_MAX];

	if (found < 0)
		return differs(check, "routes in %s: %s", check->where, strerror(-found));
	if (!found)
		return differs(check, "%s in %s has not its route to %s/%u%s%s", check->link.name, check->where,
			       addr_format(route->destination.addr, to), route->destination.len,
			       route->has_gateway ? " via " : "",
			       route->has_gateway ? addr_format(route->gateway, via) : "");
	return CNI_FINE;
}

/* Of families that the pod has an address of; in the pod all of IPv6 is behind the gateway. */
static int check_routes(const struct check *check, bool in_pod)
{
	const struct addr_gateway *gateway = &check->pod->gateway;

	for (size_t i = 0; i < check->routes.count; i++) {
		struct cni_route route = check->routes.items[i];
		bool v6 = route.destination.addr.family == ADDR_V6;
		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		if (in_pod && v6) {
			route.has_gateway = true;
			route.gateway = gateway->v6;
		}
		int code = check_route(check, &route);
		if (code)
			return code;
	}
	return CNI_FINE;
}

/* ---- the pod ---- */

/* *out: its link */
static int check_pod(struct check *check, int netns, struct rtnl_link *out)
{
	CLEANUP_NL struct nl *nl = cni_netns_rtnl(netns);

	check->where = check->call->netns;
	check->nl = nl;
	int code = find_link(check, check->call->link);
	if (!code)
		code = check_mac(check);
	if (!code)
		code = check_addresses(check);
	if (!code)
		code = check_routes(check, true);
	*out = check->link;
	return code;
}

/* ---- the namespace between ---- */

static int check_pod_link(struct check *check, const struct rtnl_link *pods)
{
	int code = find_link(check, LOWER_POD_LINK);

	if (!code && (check->link.peer != pods->index || pods->peer != check->link.index))
		code = differs(check, "%s in %s is not the link that ADD made: its other end is not in sandbox %s",
			       pods->name, check->call->netns, check->sandbox);
	return code ? code : find_link(check, LOWER_TAP);
}

static int check_way_to_pod(struct check *check)
{
	const struct addr_gateway *gateway = &check->pod->gateway;
	const struct cni_route to4 = { .destination = { check->pod->addr4.addr, 32 } };
	const struct cni_route to6 = { .destination = { check->pod->addr6.addr, 128 } };
	int code = find_link(check, LOWER_BRIDGE);

	if (!code && gateway->has4)
		code = check_route(check, &to4);
	return !code && gateway->has6 ? check_route(check, &to6) : code;
}

static int check_sysctls(void *context)
{
	const struct check *check = context;
	char wrong[160];

	return sysctl_pod_holds(wrong, sizeof wrong) ? CNI_FINE : differs(check, "%s: %s", check->where, wrong);
}

static int check_between(struct check *check, const struct cni_state *state, const struct rtnl_link *pods)
{
	CLEANUP_FD int netns = cni_end_open_sandbox(state);

	if (netns < 0)
		return differs(check, "sandbox %s has ended: the pod has no network", state->name);
	CLEANUP_NL struct nl *nl = cni_netns_rtnl(netns);
	check->where = arena_printf(check->call->arena, "sandbox %s", state->name);
	check->nl = nl;
	int code = check_pod_link(check, pods);
	if (!code)
		code = check_way_to_pod(check);
	if (!code)
		code = find_link(check, LOWER_UPLINK);
	if (!code)
		code = check_routes(check, false);
	if (code)
		return code;
	code = cni_netns_in(netns, check_sysctls, check);
	return code < 0 ? differs(check, "%s: %s", check->where, strerror(-code)) : code;
}

int cni_check_links(const struct cni_call *call, const struct cni_state *state, const struct run_pod *pod, int netns)
{
	struct check check = { .call = call, .pod = pod, .sandbox = state->name };
	struct rtnl_link link;
	int code = cni_result_routes(call, &check.routes);

	if (!code)
		code = check_pod(&check, netns, &link);
	return code ? code : check_between(&check, state, &link);
}
