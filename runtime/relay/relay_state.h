/* What the supervisor keeps of the relay: shared by relay_control.c and relay_policy.c, nobody else's. */
#pragma once
#include "isolation/worker.h"
#include "relay/relay.h"
#include "relay/relay_protocol.h"
#include "relay/relay_records.h"

/* A published port, or the gateway's own */
struct listener {
	bool used;
	int fd;
	bool tcp, to_host;
	enum addr_family family;
	uint16_t guest_port;           /* of a published port */
	struct policy_publish publish; /* likewise: as the policy says it, */
	uint16_t port;                 /* and the host's, where the system chose it */
	uint32_t at;                   /* of UDP: its index in the worker's list */
};

struct relay {
	struct relay_start start;
	struct eval_context context;
	struct listener listeners[RELAY_LISTENERS_MAX];
	size_t count; /* of places, used or not */
	int epoll;
	struct nl *diag; /* in the host's namespace; NULL where the kernel does not tell whose a socket is */
	struct worker worker;
	struct relay_records records;
	void (*ended)(void *self, const struct relay_flow *, const struct relay_moved *); /* NULL: nobody */
	void *ended_self;
	bool changed; /* since the start: what the worker asks may be about a listener that it has no more */
};

/* Binds one; out->fd is the caller's. 0 or -errno */
int relay_publish(const struct relay *, const struct policy_publish *, struct listener *out);
/* 0, -EAGAIN where the worker does not keep up: what was to be handed on is dropped; or -errno */
int relay_hand_on(struct relay *, const struct relay_message *, const int *fds, size_t count);
int relay_watch(struct relay *, size_t listener);
