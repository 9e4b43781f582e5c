/* Inside the relay worker: one process, one epoll loop, two kinds of flows. */
#pragma once
#include "core/timers.h"
#include "relay/relay_protocol.h"

#include <sys/types.h>

struct pair; /* relay_tcp.c */
struct flow_udp;

struct relay_loop {
	const struct relay_worker_config *config;
	int epoll, control;
	uint64_t now_ms;
	struct pair *pairs, *ready; /* ready: stopped for fairness, not for want of bytes */
	size_t pair_count;
	struct flow_udp *flows;
	size_t flow_count, asks;
	struct timers idle_flows;
};

enum worker_event { WORKER_CONTROL, WORKER_LISTENER, WORKER_PAIR, WORKER_FLOW };
#define WORKER_EVENT(kind, index) ((uint64_t)(kind) << 32 | (uint32_t)(index))

/* In the child, after fork, still privileged: keeps its sockets and nothing else, and serves until the supervisor is gone. */
_Noreturn void relay_worker(const struct relay_worker_config *, uid_t uid);

/* relay_tcp.c. Each takes the descriptors, whatever comes of it. */
bool pairs_init(struct relay_loop *);
void pair_start(struct relay_loop *, int a, int b);
void pair_event(struct relay_loop *, uint32_t index, uint32_t events);
/* Pairs that were stopped for fairness go on; whether some still are */
bool pairs_ready(struct relay_loop *);

/* relay_udp.c */
bool flows_init(struct relay_loop *);
void flows_readable(struct relay_loop *, uint32_t listener);
void flow_event(struct relay_loop *, uint32_t index);
void flow_answer(struct relay_loop *, const struct relay_message *, int *fds, size_t fd_count);
void flows_expire(struct relay_loop *);
