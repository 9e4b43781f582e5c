/* Two steps of the set-up: what the guest needs of processes is started beside the steps between them, the guest itself by the
 * last. 0 or -errno, reported */
#pragma once
#include "sandbox/setup.h"

int sandbox_prepare_guest(struct sandbox *);
int sandbox_start_guest(struct sandbox *);
/* The gateway's MAC derives from its address as the guest's does from the guest's. */
void sandbox_gateway_mac(const struct addr_gateway *, uint8_t mac[static 6]);
