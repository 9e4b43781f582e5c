/* Inside the relay worker: one process, one epoll loop, two kinds of flows. */
#pragma once
#include "core/timers.h"
#include "relay/relay_pipes.h"
#include "relay/relay_protocol.h"

#include <sys/types.h>

struct pair; /* relay_tcp.c */
struct flow_udp;

struct relay_loop {
	const struct relay_worker_config *config;
	int epoll, control;
	uint64_t now_ms;
	struct pair *pairs, *ready; /* ready: stopped for fairness, though there are bytes */
	struct relay_pipes pipes;
	struct flow_udp *flows;
	size_t slots; /* of pairs, of flows */
	size_t asks;
	/* of published ports, and of the host's services */
	struct budget pair_budgets[2], flow_budgets[2];
	struct timers refused_flows;
};

/* What an event of the loop is about, in epoll's 64 bits. A slot may be freed and taken anew between an event's being
 * fetched and its turn: the generation, which changes with each use of a slot, tells whose it was. A pair's index is twice
 * its slot's, and one more for the second of its ends. */
enum relay_event_kind { RELAY_EVENT_CONTROL, RELAY_EVENT_LISTENER, RELAY_EVENT_PAIR, RELAY_EVENT_FLOW };
union relay_event {
	struct {
		uint32_t generation; /* of a slot's use; 0 where there is no slot */
		uint16_t index, kind;
	};
	uint64_t u64;
};
static inline uint64_t relay_event(enum relay_event_kind kind, size_t index, uint32_t generation)
{
	return (union relay_event){ { generation, (uint16_t)index, (uint16_t)kind } }.u64;
}

/* In the child, after fork, still privileged: keeps its sockets and nothing else, and serves until the supervisor is gone. */
_Noreturn void relay_worker(const struct relay_worker_config *, uid_t uid);

/* relay_tcp.c. Each takes the descriptors, whatever comes of it. */
bool pairs_init(struct relay_loop *);
void pair_start(struct relay_loop *, const struct relay_message *, int a, int b);
void pair_event(struct relay_loop *, union relay_event, uint32_t events);
void pairs_expire(struct relay_loop *);
/* Pairs that were stopped for fairness go on; whether some still are */
bool pairs_ready(struct relay_loop *);

/* relay_udp.c */
bool flows_init(struct relay_loop *);
void flows_readable(struct relay_loop *, uint32_t listener);
void flow_event(struct relay_loop *, union relay_event);
/* Takes what it uses of `fds`, -1 where there is none */
void flow_answer(struct relay_loop *, const struct relay_message *, int fds[static 2]);
void flows_expire(struct relay_loop *);
