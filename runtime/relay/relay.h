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
/* A published port as it was bound, by index, from 0; false: there are no more. Tell it apart by `tcp` and the guest's port */
struct relay_published {
	struct addr bind;
	uint16_t host_port, guest_port;
	bool tcp;
};
bool relay_published(const struct relay *, size_t index, struct relay_published *out);
void relay_close(struct relay *); /* NULL is fine */

/* Why a port cannot be published, and what to do; into the arena */
const char *relay_not_published(struct arena *, const struct policy_publish *, int error);
/* Another policy while the sandbox runs. Ports that it publishes anew are bound first: 0, or -errno with the one that cannot be in
 * *failed, which is NULL where it is none's fault, and nothing changed. Nobody is served there until it is taken: then ports that
 * are published no more are closed, and whom it concerns is judged by it. relay_policy_take(): 0, or -errno where the worker is
 * not told, which ends the sandbox. */
struct relay_change;
int relay_policy_prepare(struct relay *, const struct policy *, struct relay_change **out,
			 const struct policy_publish **failed);
int relay_policy_take(struct relay *, struct relay_change *);
void relay_policy_drop(struct relay_change *); /* NULL is fine */
/* A flow that the worker has, for listing it */
struct relay_flow {
	uint32_t serial;
	bool pair; /* TCP; else UDP */
	bool to_host;
	struct addr peer; /* who began it: a client of a published port, or the guest */
	uint16_t peer_port;
	struct addr asked; /* the guest's address, or the gateway's */
	uint16_t port;     /* the guest's, or the one dialled at the gateway */
	uint64_t began_ms; /* clock_ms() */
};
/* Who is told of each one when it is over, with what the worker says that it has moved (relay_protocol.h); one at most. It keeps no
 * pointer. */
struct relay_moved;
void relay_tell_ended(struct relay *, void (*ended)(void *self, const struct relay_flow *, const struct relay_moved *),
		      void *self);
/* All of them; `each` ends it early with a value other than 0, which is then the result. It may call relay_end(). */
int relay_flows(struct relay *, int (*each)(const struct relay_flow *, void *context), void *context);
/* The worker is to end it, a pair by a reset at both ends. 1: from now on; 0: it has ended, or is to end already. What is left of it is
 * relay_settle()'s: again while relay_ending(), every few milliseconds. 0, or -EPROTO: the worker does not obey; or another
 * -errno: it is gone. The caller ends the sandbox. */
int relay_end(struct relay *, bool pair, uint32_t serial);
bool relay_ending(const struct relay *);
int relay_settle(struct relay *);
