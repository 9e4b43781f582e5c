/* DEL and GC: fine where nothing is left to do, for runtimes call again, without a namespace, and after the pod's end. */
#include "cni/cni_end.h"
#include "cni/cni_netns.h"
#include "core/fd.h"

#include <string.h>

static int end(const struct cni_call *call, const struct cni_state *state)
{
	int error = cni_end(state);

	if (error < 0)
		return cni_fail(call, CNI_TRY_AGAIN, "sandbox %s does not end: msb-ctl stop --kill %s", state->name,
				state->name);
	cni_state_remove(state);
	return CNI_FINE;
}

int cni_del(struct cni_call *call)
{
	struct cni_state state;
	int error = cni_state_read(call, call->container, call->link, &state);

	/* Cut off while it was written, or taken away by an ADD of the same that failed beside: what it was of can still be told */
	if (error == -EBADMSG || error == -ENOENT) {
		state = (struct cni_state){ .container = call->container,
					    .link = call->link,
					    .name = cni_end_name(call) };
		error = 0;
	}
	if (error == -EROFS) /* there is no directory, nor could any have been made */
		return CNI_FINE;
	if (error < 0)
		return cni_fail(call, CNI_IO_FAILED, CNI_STATE_DIRECTORY ": %s", strerror(-error));
	CLEANUP_FD int netns = call->netns ? cni_netns_open(call->netns) : -1;
	if (netns >= 0)
		cni_end_give_back(call, &state, netns);
	return end(call, &state);
}

static bool is_valid(const struct cni_call *call, const struct cni_state *state)
{
	const json_t *valid = json_object_get(call->config, "cni.dev/valid-attachments");
	size_t i;
	json_t *each;

	json_array_foreach(valid, i, each)
	{
		const char *container = json_string_value(json_object_get(each, "containerID"));
		const char *link = json_string_value(json_object_get(each, "ifname"));
		if (container && link && !strcmp(container, state->container) && !strcmp(link, state->link))
			return true;
	}
	return false;
}

static int collect(const struct cni_call *call, const struct cni_state *state)
{
	return strcmp(state->network, call->network) != 0 || is_valid(call, state) ? CNI_FINE : end(call, state);
}

int cni_gc(struct cni_call *call)
{
	if (!json_is_array(json_object_get(call->config, "cni.dev/valid-attachments")))
		return cni_fail(call, CNI_CONFIG_WRONG, "GC: `cni.dev/valid-attachments` must be a list");
	int result = cni_state_each(call, collect);
	if (result < 0)
		return cni_fail(call, CNI_IO_FAILED, CNI_STATE_DIRECTORY ": %s", strerror(-result));
	cni_state_sweep(call);
	return result;
}
