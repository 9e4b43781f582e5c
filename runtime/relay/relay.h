/* Flows that end on the host: published ports, which reach the guest, and the gateway's address, which reaches what the
 * host serves on its loopback. The supervisor listens, judges each flow by the real peer, and connects it; a worker without any
 * privilege moves the bytes, and holds the two ends and nothing else. The messages: relay_protocol.h. */
#pragma once
#include "report/denials.h"

#include <sys/types.h>

struct relay_start {
	const struct policy *policy;
	const struct policy *spared; /* of an audit (eval/audit.h); NULL: none */
	struct addr_gateway gateway;
	struct addr guest4, guest6; /* meaningful where the gateway has the family */
	int host_netns, vm_netns;   /* borrowed */
	uid_t uid;                  /* the worker's; also its gid */
};

struct relay; /* the supervisor's handle */

/* In the VM's network namespace, privileged, with addresses in place: binds the published ports in the host's namespace, opens
 * the gateway's listeners, forks the worker. NULL and errno on failure, with a line on standard error. */
struct relay *relay_open(const struct relay_start *);
int relay_fd(const struct relay *); /* for the supervisor's epoll loop: readable when there is something to do */
int relay_worker_pidfd(const struct relay *); /* readable: the worker died, which ends the sandbox */
/* New connections and what the worker asks. denials may be NULL. 0, or -errno where the worker misbehaved
 * or is gone: the caller ends the sandbox. */
int relay_serve(struct relay *, struct eval_bindings, struct denials *);
void relay_close(struct relay *); /* NULL is fine */
