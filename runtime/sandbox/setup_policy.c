/* What the steps of the set-up share, and those of them that another policy may ask for while the sandbox runs. */
#include "core/log.h"
#include "lower/sandbox_net.h"
#include "sandbox/claims.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <string.h>

int setup_fail(const char *what, int error)
{
	log_error("cannot %s: %s", what, strerror(-error));
	return error;
}

uid_t setup_uid(const struct sandbox *sandbox, enum role role)
{
	return sandbox->start->claims->uid + role;
}

struct relay_start setup_relay_start(const struct sandbox *sandbox, enum role role)
{
	struct relay_start start = {
		.policy = sandbox->start->config->policy,
		.spared = sandbox->start->config->spared,
		.gateway = sandbox->gateway,
		.guest4 = lower_guest(&sandbox->gateway, ADDR_V4),
		.host_netns = sandbox->host_netns,
		.vm_netns = sandbox->vm_netns,
		.uid = setup_uid(sandbox, role),
	};

	if (sandbox->gateway.has6)
		start.guest6 = lower_guest(&sandbox->gateway, ADDR_V6);
	return start;
}

int setup_start_names(struct sandbox *sandbox, const struct policy *policy)
{
	struct relay_start start = setup_relay_start(sandbox, ROLE_NAMES);

	start.policy = policy;
	sandbox->names = names_open(&start);
	return sandbox->names ? 0 : -errno; /* reported */
}

int setup_bandwidth(struct sandbox *sandbox, const struct policy *policy)
{
	int error = shape_change(sandbox->vm, sandbox->uplink.index, &policy->egress_bandwidth, &sandbox->egress);
	return error < 0 ?
		       error :
		       shape_change(sandbox->vm, sandbox->guest_link, &policy->ingress_bandwidth, &sandbox->ingress);
}
