/* Inside the relay worker: one process, one epoll loop, two kinds of flows. */
#pragma once
#include "core/timers.h"
#include "relay/relay_pairs.h"
#include "relay/relay_protocol.h"

#include <sys/types.h>

struct flow_udp;

struct relay_loop {
	struct relay_listener listeners[RELAY_LISTENERS_MAX]; /* fd -1: none */
	int epoll, control;
	uint64_t now_ms;
	struct relay_pairs pairs;
	struct flow_udp *flows;
	size_t slots; /* of pairs, of flows */
	size_t asks;
	/* of published ports, and of the host's services */
	struct budget pair_budgets[2], flow_budgets[2];
	struct timers refused_flows;
	uint32_t *pair_serials; /* by slot; 0: the supervisor knows that it has ended */
	/* What the supervisor is still to hear of: told once a turn */
	struct relay_serial *ended;
	size_t ended_count;
	bool lost; /* it cannot be told what it has to know */
};

/* relay_ended.c. false: no memory */
bool ended_init(struct relay_loop *);
void ended_note(struct relay_loop *, struct relay_serial);
void ended_tell(struct relay_loop *);

/* In the child, after fork, still privileged: keeps its sockets and nothing else, and serves until the supervisor is gone. */
_Noreturn void relay_worker(const struct relay_worker_config *, uid_t uid);

/* relay_tcp.c. Takes the descriptors, whatever comes of it. */
bool pairs_init(struct relay_loop *);
void pair_start(struct relay_loop *, const struct relay_message *, int a, int b);
void pairs_end(struct relay_loop *, uint32_t listener); /* of published ports */
void pair_stop(struct relay_loop *, uint32_t serial);   /* both ends get RST; none has it: fine */

/* relay_udp.c */
bool flows_init(struct relay_loop *);
void flows_readable(struct relay_loop *, uint32_t listener);
void flow_event(struct relay_loop *, union relay_event);
/* Takes what it uses of `fds`, -1 where there is none */
void flow_answer(struct relay_loop *, const struct relay_message *, int fds[static 2]);
void flows_expire(struct relay_loop *);
/* Takes the descriptor, whatever comes of it */
void flows_listen(struct relay_loop *, uint32_t listener, int fd);
void flows_unlisten(struct relay_loop *, uint32_t listener);
void flows_end(struct relay_loop *, uint32_t listener);
/* Ends those that were refused */
void flows_forget_refused(struct relay_loop *);
void flow_stop(struct relay_loop *, uint32_t serial);
