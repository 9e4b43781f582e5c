/* A sandbox has ended when nobody claims its name any more: then its network namespace has no process left. */
#include "cni/cni_end.h"
#include "cni/cni_netns.h"
#include "cni/cni_result.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "lower/sandbox_net.h"
#include "sandbox/claims.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define END_MS 5000
#define LOOK_MS 10

const char *cni_end_name(const struct cni_call *call)
{
	const char *pod_namespace = NULL, *pod_name = NULL;
	char *args = arena_strdup(call->arena, call->args ? call->args : ""), *rest = args;

	for (char *each; (each = strsep(&rest, ";"));) {
		if (!strncmp(each, "K8S_POD_NAMESPACE=", 18) && each[18])
			pod_namespace = each + 18;
		else if (!strncmp(each, "K8S_POD_NAME=", 13) && each[13])
			pod_name = each + 13;
	}
	return cni_state_name(call, pod_namespace, pod_name);
}

bool cni_end_is_running(const struct cni_state *state)
{
	CLEANUP_FD int directory = run_directory_look(false);

	return directory >= 0 && claims_is_taken(directory, state->name) != 0;
}

static bool wait_for_end(const struct cni_state *state, uint64_t ms)
{
	for (uint64_t until = clock_ms() + ms; cni_end_is_running(state);) {
		if (clock_ms() >= until)
			return false;
		nanosleep(&(const struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	}
	return true;
}

/* A number may be another's by now: only a process of ours is killed. */
static void kill_own(pid_t pid)
{
	CLEANUP_FD int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	char path[64], name[32] = "";

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	CLEANUP_FD int comm = open(path, O_RDONLY | O_CLOEXEC);
	if (pidfd < 0 || comm < 0 || read(comm, name, sizeof name - 1) < 0 || strncmp(name, "msb-", 4) != 0)
		return;
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

int cni_end_by_force(const struct cni_state *state)
{
	if (!cni_end_is_running(state))
		return 0;
	kill_own(state->launcher);
	kill_own(state->supervisor);
	return wait_for_end(state, END_MS) ? 0 : -ETIMEDOUT;
}

int cni_end_open_sandbox(const struct cni_state *state)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", state->supervisor);
	int fd = state->supervisor > 0 && cni_end_is_running(state) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	return fd < 0 ? -ESRCH : fd;
}

/* The pod's link goes first, its peer with it: while the kernel takes a namespace apart it still forwards for a moment, with no
 * rules any more. */
static void close_link(const struct cni_state *state)
{
	CLEANUP_FD int sandbox = cni_end_open_sandbox(state);
	CLEANUP_NL struct nl *nl = sandbox < 0 ? NULL : cni_netns_rtnl(sandbox);
	struct rtnl_link link;

	if (nl && rtnl_link_by_name(nl, LOWER_POD_LINK, &link) == 0)
		rtnl_link_delete(nl, link.index);
}

int cni_end(const struct cni_state *state)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask one = { .name = state->name };

	if (directory < 0 || !cni_end_is_running(state))
		return 0;
	close_link(state);
	json_t *request = json_pack("{s:i, s:s, s:b}", "version", 1, "command", "stop", "kill", 0);
	client_ask_all(directory, &one, 1, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	json_decref(one.answer);
	client_close(&one);
	return one.error == 0 && wait_for_end(state, END_MS) ? 0 : cni_end_by_force(state);
}

/* ---- the link ---- */

static int add_addresses(const struct cni_call *call, int netns)
{
	CLEANUP_NL struct nl *nl = cni_netns_rtnl(netns);
	struct rtnl_link link;
	const json_t *addresses = json_object_get(json_object_get(call->config, "prevResult"), "ips");
	size_t i;
	json_t *address;

	int error = nl ? rtnl_link_by_name(nl, call->link, &link) : -errno;
	json_array_foreach(addresses, i, address)
	{
		struct addr_prefix prefix;
		const char *text = json_string_value(json_object_get(address, "address"));
		if (error == 0 && text && addr_prefix_parse(text, &prefix))
			error = rtnl_address_add(nl, link.index, prefix);
	}
	return error;
}

void cni_end_give_back(const struct cni_call *call, const struct cni_state *state, int netns)
{
	CLEANUP_FD int sandbox = cni_end_open_sandbox(state);
	CLEANUP_NL struct nl *nl = sandbox < 0 ? NULL : cni_netns_rtnl(sandbox);
	struct rtnl_link link, uplink;

	if (!nl || rtnl_link_by_name(nl, LOWER_UPLINK, &uplink) < 0 ||
	    rtnl_link_by_name(nl, LOWER_POD_LINK, &link) < 0 || rtnl_link_delete(nl, link.index) < 0)
		return;
	cni_netns_close_far_end(nl, &uplink);
	if (rtnl_link_move(nl, uplink.index, netns, state->link) == 0)
		add_addresses(call, netns);
}
