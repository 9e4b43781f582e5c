/* TCP flows whose verdict may depend on the server name that TLS sends: the packet filter diverts them (policy_defers()). The supervisor
 * accepts, judges by the address, connects to where the guest wanted, and judges the name that it is told; a worker without any
 * privilege reads the name and moves the bytes. The messages: names_protocol.h. */
#pragma once
#include "relay/relay.h"
#include "report/denials.h"

struct names; /* the supervisor's handle */

/* In the VM's network namespace, privileged, with addresses in place: opens the listeners, forks the worker. NULL and errno on
 * failure, with a line on standard error. */
struct names *names_open(const struct relay_start *);
int names_fd(const struct names *); /* for the supervisor's epoll loop: readable when there is something to do */
int names_worker_pidfd(const struct names *); /* readable: the worker died, which ends the sandbox */
/* New connections and what the worker asks. denials may be NULL. 0, or -errno where the worker misbehaved or is gone: the
 * caller ends the sandbox. */
int names_serve(struct names *, struct eval_bindings, struct denials *);
/* Another policy: flows that wait for their names are judged by it, and so is what comes. 0 or -errno: the worker is not told,
 * which ends the sandbox */
int names_use_policy(struct names *, const struct policy *);
void names_close(struct names *); /* NULL is fine */

/* A flow that the worker has, for listing it */
struct names_flow {
	uint32_t serial;
	/* With the server name that admitted it, and whether its hello had ECH; sni NULL: it said none, or has not said any yet */
	struct eval_connection connection;
	bool waits;                 /* for its server name, which will be judged */
	struct eval_bindings names; /* of its address when it began */
	struct addr guest;
	uint16_t guest_port;
	uint64_t began_ms; /* clock_ms() */
};
/* Who is told of each one when it is over; one at most. It keeps no pointer. */
void names_tell_ended(struct names *, void (*ended)(void *self, const struct names_flow *), void *self);
/* All of them; `each` ends it early with a value other than 0, which is then the result. It may call names_end(). */
int names_flows(struct names *, int (*each)(const struct names_flow *, void *context), void *context);
/* As relay_end(), relay_ending() and relay_settle() */
int names_end(struct names *, uint32_t serial);
/* Whose limit counts its bytes from now on, a rule's meter; 0: no rule's. One that cannot be counted is to end. 0 or more: fine */
int names_meter(struct names *, uint32_t serial, uint32_t meter);
bool names_ending(const struct names *);
int names_settle(struct names *);
