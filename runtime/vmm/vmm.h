/* What runs the guest's command: QEMU, or the host's own kernel. Both are started last, by the supervisor,
 * inside the VM's pid and network namespaces, and die with them. */
#pragma once
#include "base/address.h"
#include "core/config.h"

#include <stdio.h>
#include <sys/types.h>

struct vmm_start {
	const struct run_config *config;
	struct addr_gateway gateway;
	struct addr guest4, guest6; /* meaningful where the gateway has the family */
	uint8_t mac[6];             /* the guest's */
	uint8_t gateway_mac[6];
	int tap_fd;                               /* VMM_QEMU: the tap, opened without IFF_VNET_HDR; else -1 */
	int guest_netns;                          /* VMM_NONE: the namespace that holds eth0, still down; else -1 */
	bool foreground;                          /* standard input is a terminal, and msb-run owns it */
	int host_stdin, host_stdout, host_stderr; /* what msb-run was given */
	uid_t uid, streams_uid; /* of QEMU and of the process that moves its streams; also their gids */
};

struct vmm {
	pid_t pid; /* its exit status is the command's */
	int pidfd;
	enum accel_kind accel; /* of QEMU */
};

/* The lines "ADDRESS NAME" of /etc/hosts without which a program does not find itself: localhost and the guest's own name */
void vmm_hosts(FILE *, const struct vmm_start *);

/* QEMU's program; NULL where there is none, with a line on standard error */
const char *vmm_qemu_program(void);
/* 0 or -errno, with a line on standard error. On failure nothing runs. */
int vmm_qemu_start(const struct vmm_start *, struct vmm *out);
/* Once pidfd is readable: the command's exit status, 128+N for a signal, 125 where the guest ended without telling it. */
int vmm_finish(struct vmm *);
