/* What a guest is started with, and when. */
#include "sandbox/setup_guest.h"
#include "lower/sandbox_net.h"
#include "sandbox/claims.h"

#include <unistd.h>

void sandbox_gateway_mac(const struct addr_gateway *gateway, uint8_t mac[static 6])
{
	uint32_t low = (uint32_t)(gateway->has4 ? gateway->v4 : gateway->v6).value;

	mac[0] = 0x02, mac[1] = 0x6d;
	mac[2] = (uint8_t)(low >> 24), mac[3] = (uint8_t)(low >> 16), mac[4] = (uint8_t)(low >> 8),
	mac[5] = (uint8_t)low;
}

static struct vmm_start start_of(const struct sandbox *sandbox)
{
	struct vmm_start start = {
		.config = sandbox->start->config,
		.gateway = sandbox->gateway,
		.guest4 = lower_guest(&sandbox->gateway, ADDR_V4),
		.tap_fd = sandbox->tap,
		.guest_netns = sandbox->guest_netns,
		.foreground = sandbox->start->foreground,
		.host_stdin = STDIN_FILENO,
		.host_stdout = STDOUT_FILENO,
		.host_stderr = STDERR_FILENO,
		.uid = sandbox->start->claims->uid + ROLE_VMM,
		.streams_uid = sandbox->start->claims->uid + ROLE_STREAMS,
	};

	if (sandbox->gateway.has6)
		start.guest6 = lower_guest(&sandbox->gateway, ADDR_V6);
	lower_guest_mac(&sandbox->gateway, start.mac);
	sandbox_gateway_mac(&sandbox->gateway, start.gateway_mac);
	return start;
}

/* COMMAND's init has its namespaces to prepare, for which it needs no more than addresses. */
int sandbox_prepare_guest(struct sandbox *sandbox)
{
	struct vmm_start start = start_of(sandbox);

	return start.config->vmm == VMM_NONE ? vmm_none_prepare(&start, &sandbox->init) : 0;
}

int sandbox_start_guest(struct sandbox *sandbox)
{
	struct vmm_start start = start_of(sandbox);

	return start.config->vmm == VMM_NONE ? vmm_none_start(&sandbox->init, &start, &sandbox->vmm) :
					       vmm_qemu_start(&start, &sandbox->vmm);
}
