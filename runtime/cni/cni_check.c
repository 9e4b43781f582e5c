/* CHECK: is the pod's network as ADD made it, with its policy in force, and does somebody serve it. STATUS: could another be added. */
#include "cni/cni_check_links.h"
#include "cni/cni_end.h"
#include "cni/cni_keys.h"
#include "cni/cni_netns.h"
#include "cni/cni_policy.h"
#include "cni/cni_result.h"
#include "core/config.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "isolation/prerequisites.h"
#include "netlink/nft_install.h"

#include <errno.h>
#include <string.h>

/* Who answers is alive */
static int check_sandbox(const struct cni_call *call, const struct cni_state *state)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask one = { .name = state->name, .error = -ENOENT };
	int code = CNI_FINE;

	if (directory >= 0) {
		json_t *request = json_pack("{s:i, s:s}", "version", 1, "command", "check");
		client_ask_all(directory, &one, 1, request, CLIENT_PATIENCE_MS);
		json_decref(request);
	}
	const char *rules = json_string_value(json_object_get(one.answer, "rules"));
	const char *error = json_string_value(json_object_get(one.answer, "error"));
	if (one.error)
		code = cni_fail(call, CNI_NOT_IN_FORCE, "sandbox %s: %s", state->name, client_error_text(one.error));
	else if (error)
		code = cni_fail(call, CNI_NOT_IN_FORCE, "sandbox %s: %s", state->name, error);
	else if (!rules || strcmp(rules, "whole") != 0)
		code = cni_fail(call, CNI_NOT_IN_FORCE,
				"sandbox %s: its rules were changed by somebody else: msb-ctl reload %s puts them back",
				state->name, state->name);
	json_decref(one.answer);
	client_close(&one);
	return code;
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
		return cni_fail(call, CNI_ENVIRONMENT_WRONG, "CNI_NETNS %s: %s", call->netns,
				cni_netns_error_text(netns));
	code = cni_check_links(call, &state, &pod, netns);
	return code ? code : check_sandbox(call, &state);
}

static int look_at_sandbox(const struct cni_call *call, const struct cni_state *state)
{
	(void)call;
	return !state->supervisor || cni_end_is_running(state) ? 0 : 1; /* ADD of the first is not over */
}

int cni_status(struct cni_call *call)
{
	struct run_pod pod = { 0 };
	const struct run_config config = { .vmm = VMM_NONE, .pod = &pod };

	if (cni_keys_check(call))
		return CNI_CONFIG_WRONG;
	if (prerequisites_check(&config) < 0)
		return cni_fail(call, CNI_NOT_AVAILABLE,
				"msb-cni has less than it needs here; `msb-ctl doctor` in its place tells what");
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
