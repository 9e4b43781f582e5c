/* Messages between supervisor and relay worker over one SOCK_SEQPACKET pair. Descriptors travel with them.
 *
 * TCP: the supervisor accepts and connects; the worker gets both ends (RELAY_PAIR).
 * UDP: the worker reads the listeners, so that no privileged process copies datagrams. It asks for each peer it does not know
 * yet; the supervisor judges the peer and hands over what the flow needs (RELAY_FLOW), or nothing.
 *
 * Each pair has a serial of the supervisor's, each flow one of the worker's. The worker tells which have ended (RELAY_ENDED), and ends
 * one where it is told to (RELAY_END): both ends of a pair get RST. It answers that soon, whether it has the serial or has not. */
#pragma once
#include "policy/policy.h"
#include "relay/relay_budget.h"
#include "relay/relay_pipes.h"

#include <stdint.h>

/* Published ports and the host's services, and of each TCP and UDP, have room for as many flows each; fewer where the
 * process may not have the descriptors: a pair of connections has two sockets and at most two pipes, a flow one or two
 * sockets. */
#define RELAY_ROOM_MAX 1024
#define RELAY_ROOM_LEAST 16
#define RELAY_SLOTS_MAX (2 * RELAY_ROOM_MAX)
#define RELAY_DESCRIPTORS_OTHER (RELAY_LISTENERS_MAX + 4 * RELAY_PIPES_IDLE + 32)
#define RELAY_DESCRIPTORS_OF_ROOM (6 + 6 + 1 + 2)
#define RELAY_UDP_IDLE_MS (5 * 60000)                /* what RFC 4787, REQ-5 recommends */
#define RELAY_UDP_REFUSED_MS 60000                   /* then a peer that was refused is judged again */
#define RELAY_ASKS_MAX 256                           /* unanswered */
#define RELAY_LISTENERS_MAX (POLICY_PUBLISH_MAX + 4) /* the gateway's own: TCP and UDP of two families */

#define RELAY_ENDED_MAX 32 /* serials with one message */
#define RELAY_END_MS 2000  /* a worker that has not ended by then what it was told to does not obey */

enum relay_kind {
	RELAY_PAIR = 1,
	RELAY_FLOW,
	RELAY_ASK_UDP,
	RELAY_END,
	RELAY_ENDED,
	RELAY_LISTEN,    /* on one more UDP listener of a published port, which comes with it */
	RELAY_UNLISTEN,  /* on that one no more: its flows end */
	RELAY_END_FLOWS, /* of that one, which leads elsewhere from now on */
	RELAY_END_PAIRS, /* the same of TCP: those whose client has that listener */
	RELAY_ANEW,      /* the policy is another: who was refused may ask again */
};

/* What the worker says that a pair or flow has moved, by who began it and back: payload, and of UDP datagrams */
struct relay_moved {
	bool orderly; /* a pair both of whose ends have closed; else it broke, or was ended */
	uint64_t bytes[2], datagrams[2];
};

struct relay_serial {
	uint32_t serial;
	bool pair;                /* else a flow's */
	struct relay_moved moved; /* of RELAY_ENDED */
};

struct relay_message {
	uint32_t kind;
	uint32_t serial;   /* of an ask, and of its answer; of RELAY_PAIR */
	uint32_t listener; /* index of a UDP listener; of an ask, RELAY_LISTEN and RELAY_UNLISTEN */
	bool to_host;      /* of RELAY_PAIR, as is the client */
	struct relay_client client;
	bool allowed; /* of RELAY_FLOW: descriptors come with it: the far end, connected; of a flow to the host also the near end */
	struct sockaddr_in6 peer;  /* who sent the datagram; a sockaddr_in where its family says so */
	struct sockaddr_in6 asked; /* where to, likewise */
	uint8_t ended_count;       /* of RELAY_ENDED; of RELAY_END: 1 */
	struct relay_serial ended[RELAY_ENDED_MAX];
};

/* What the worker starts with */
struct relay_listener {
	int fd;
	bool to_host; /* TPROXY's: for the host's own services, not published */
};

struct relay_worker_config {
	int control;
	struct relay_listener listeners[RELAY_LISTENERS_MAX]; /* of UDP */
	uint32_t listener_count;
	size_t room; /* RELAY_ROOM_LEAST to RELAY_ROOM_MAX */
};
