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
