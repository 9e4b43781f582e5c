/* CHECK: is the pod's link still the one behind the policy, and does somebody serve it. STATUS: could another be added. */
#include "cni/cni_end.h"
#include "cni/cni_netns.h"
#include "cni/cni_policy.h"
#include "cni/cni_result.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "netlink/nft_install.h"

#include <string.h>

static bool answers(const struct cni_state *state)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask one = { .name = state->name };

	if (directory < 0)
		return false;
	json_t *request = json_pack("{s:i, s:s}", "version", 1, "command", "ps");
	client_ask_all(directory, &one, 1, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	json_decref(one.answer);
	client_close(&one);
	return one.error == 0;
}

static const char *mac_of(const struct cni_call *call)
{
	const json_t *links = json_object_get(json_object_get(call->config, "prevResult"), "interfaces");
	size_t i;
	json_t *link;

	json_array_foreach(links, i, link)
	{
		const char *name = json_string_value(json_object_get(link, "name"));
		const char *sandbox = json_string_value(json_object_get(link, "sandbox"));
		if (name && sandbox && *sandbox && !strcmp(name, call->link))
			return json_string_value(json_object_get(link, "mac"));
	}
	return NULL;
}

static int check_link(const struct cni_call *call, int netns)
{
	const char *mac = mac_of(call);
	struct rtnl_link link;
	char text[18];
	int error = cni_netns_link(netns, call->link, &link);

	if (error < 0)
		return cni_fail(call, CNI_NOT_IN_FORCE, "%s in %s: %s", call->link, call->netns, strerror(-error));
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", link.mac[0], link.mac[1], link.mac[2], link.mac[3],
		 link.mac[4], link.mac[5]);
	if (mac && strcasecmp(mac, text) != 0)
		return cni_fail(call, CNI_NOT_IN_FORCE, "%s in %s has the MAC %s, and was given %s", call->link,
				call->netns, text, mac);
	if (!(link.flags & IFF_UP))
		return cni_fail(call, CNI_NOT_IN_FORCE, "%s in %s is down", call->link, call->netns);
	return CNI_FINE;
}

int cni_check(struct cni_call *call)
{
	struct run_pod pod = { 0 };
	struct cni_state state;

	int code = cni_result_read(call, &pod);
	if (code)
		return code;
	if (cni_state_read(call, call->container, call->link, &state) < 0)
		return cni_fail(call, CNI_NOT_IN_FORCE, "%s of %s is behind no policy", call->link, call->container);
	CLEANUP_FD int netns = cni_netns_open(call->netns);
	if (netns < 0)
		return cni_fail(call, CNI_ENVIRONMENT_WRONG, "CNI_NETNS %s: %s", call->netns, strerror(-netns));
	code = check_link(call, netns);
	if (code)
		return code;
	if (!answers(&state))
		return cni_fail(call, CNI_NOT_IN_FORCE, "sandbox %s does not answer: the pod has no network",
				state.name);
	return CNI_FINE;
}

static int look_at_sandbox(const struct cni_call *call, const struct cni_state *state)
{
	(void)call;
	return cni_end_is_running(state) ? 0 : 1;
}

int cni_status(struct cni_call *call)
{
	struct nft *nft = nft_open();
	CLEANUP_FD int directory = cni_state_directory();
	CLEANUP_FD int run = run_directory_open();
	struct cni_policy policy;
	struct cni_policy_error error;

	if (!nft)
		return cni_fail(call, CNI_NOT_AVAILABLE, "the kernel has no nf_tables: %s", strerror(errno));
	nft_close(nft);
	if (directory < 0 || run < 0)
		return cni_fail(call, CNI_NOT_AVAILABLE, "%s: %s", directory < 0 ? CNI_STATE_DIRECTORY : RUN_DIRECTORY,
				strerror(directory < 0 ? -directory : -run));
	if (!cni_policy_choose(call->arena, call->config, NULL, &policy, &error))
		return cni_fail(call, CNI_NOT_AVAILABLE, "%s", error.message);
	if (cni_state_each(call, look_at_sandbox))
		return cni_fail(call, CNI_LIMITED,
				"a pod's sandbox has ended before the pod, which has no network: msb-ctl ps");
	return CNI_FINE;
}
