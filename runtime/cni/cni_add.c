/* ADD: the pod's link is replaced by one behind its policy. Whatever fails leaves nothing, and the pod without network. */
#include "cni/cni_daemon.h"
#include "cni/cni_end.h"
#include "cni/cni_keys.h"
#include "cni/cni_netns.h"
#include "cni/cni_result.h"
#include "cni/cni_state.h"
#include "core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct node {
	struct arena *arena;
	const struct addr_pod *pod;
	LIST_OF(struct addr) addresses;
};

/* IPv6's link-local ones hold on another link than the pod's; the gateway's may be on the link of each pod. */
static bool is_wanted(const struct node *node, struct addr addr)
{
	enum addr_class class = addr_classify(addr, NULL);

	if (class == ADDR_CLASS_LOOPBACK || (class == ADDR_CLASS_LINK_LOCAL && addr.family == ADDR_V6) ||
	    addr_equal(addr, node->pod->guest4) || addr_equal(addr, node->pod->guest6))
		return false;
	for (size_t i = 0; i < node->addresses.count; i++)
		if (addr_equal(addr, node->addresses.items[i]))
			return false;
	return true;
}

static int add_address(struct addr_prefix address, void *context)
{
	struct node *node = context;

	if (is_wanted(node, address.addr))
		*arena_push(node->arena, &node->addresses) = address.addr;
	return 0;
}

/* What `host` names besides the gateway: all of it, however many pods there are */
static int find_nodes(const struct cni_call *call, struct addr_pod *pod)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_ROUTE);
	struct node node = { .arena = call->arena, .pod = pod };
	int error = nl ? rtnl_addresses(nl, 0, add_address, &node) : -errno;

	if (error < 0)
		return cni_fail(call, CNI_FAILED, "the node's addresses: %s", strerror(-error));
	pod->nodes = node.addresses.items;
	pod->node_count = node.addresses.count;
	return CNI_FINE;
}

static int read_link(const struct cni_call *call, struct run_pod *pod)
{
	struct rtnl_link link;
	int error = cni_netns_link(pod->netns, call->link, &link);

	if (error < 0)
		return cni_fail(call, CNI_FAILED, "%s in %s: %s", call->link, call->netns, cni_netns_error_text(error));
	if (!strcmp(link.kind, "ipvlan"))
		return cni_fail(
			call, CNI_CONFIG_WRONG,
			"%s is an ipvlan, which gets only what is for an address of its own, and routes nothing: "
			"take bridge, ptp or macvlan",
			call->link);
	memcpy(pod->mac, link.mac, sizeof pod->mac);
	pod->mtu = link.mtu;
	pod->link = call->link;
	pod->gateway.pod = &pod->pod;
	pod->gateway.has_guest_mac = true;
	memcpy(pod->gateway.guest_mac, link.mac, sizeof link.mac);
	return CNI_FINE;
}

static int fail_with_log(const struct cni_call *call, const struct cni_state *state, unsigned code)
{
	const char *text = cni_state_log_text(call, state);

	int status = cni_fail(call, code ? code : CNI_FAILED, "%s",
			      text                  ? text :
			      code == CNI_TRY_AGAIN ? "the pod's network took more than a minute to set up" :
						      "the pod's network could not be set up");
	cni_end_by_force(state);
	cni_state_remove(state);
	return status;
}

static int print(const struct cni_call *call, const struct run_pod *pod)
{
	json_t *result = cni_result_make(call, pod);

	json_dumpf(result, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(result);
	return 0;
}

static int start(const struct cni_call *call, struct run_pod *pod, struct cni_state *state)
{
	int error = cni_state_write(call, state);
	CLEANUP_FD int log = error < 0 ? error : cni_state_log(state);
	struct pod_ready ready;

	if (log < 0) {
		cni_state_remove(state);
		return cni_fail(call, CNI_IO_FAILED, CNI_STATE_DIRECTORY ": %s", strerror(-log));
	}
	if (!cni_daemon_start(call, pod, state->name, log, &ready))
		return fail_with_log(call, state, ready.code);
	state->supervisor = ready.supervisor;
	state->launcher = ready.launcher;
	error = cni_state_write(call, state);
	if (error == 0)
		return print(call, pod);
	cni_end_by_force(state);
	cni_state_remove(state);
	return cni_fail(call, CNI_IO_FAILED, CNI_STATE_DIRECTORY ": %s", strerror(-error));
}

/* One of an ADD before, whose processes are gone, is nobody's. */
static int make_room(struct cni_call *call)
{
	struct cni_state before;

	if (cni_state_read(call, call->container, call->link, &before) < 0)
		return CNI_FINE;
	call->is_held = cni_end_is_running(&before);
	if (call->is_held)
		return cni_fail(call, CNI_FAILED, "%s of %s is behind a policy already, as sandbox %s: DEL comes first",
				call->link, call->container, before.name);
	cni_state_remove(&before);
	return CNI_FINE;
}

int cni_add(struct cni_call *call)
{
	struct run_pod pod = { 0 };
	int code = cni_keys_check(call);

	if (code == CNI_FINE)
		code = cni_result_read(call, &pod);
	if (code == CNI_FINE)
		code = cni_result_dns(call, &pod);
	if (code)
		return code;
	CLEANUP_FD int netns = cni_netns_open(call->netns);
	if (netns < 0)
		return cni_fail(call, CNI_ENVIRONMENT_WRONG, "CNI_NETNS %s: %s", call->netns,
				cni_netns_error_text(netns));
	pod.netns = netns;
	code = read_link(call, &pod);
	if (code == CNI_FINE)
		code = make_room(call);
	if (code == CNI_FINE)
		code = find_nodes(call, &pod.pod);
	if (code)
		return code;
	struct cni_state state = {
		.network = call->network, .container = call->container, .link = call->link, .name = cni_end_name(call)
	};
	return start(call, &pod, &state);
}
