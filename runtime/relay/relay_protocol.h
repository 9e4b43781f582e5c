/* Messages between supervisor and relay worker over one SOCK_SEQPACKET pair. Descriptors travel with them.
 *
 * TCP: the supervisor accepts and connects; the worker gets both ends (RELAY_PAIR).
 * UDP: the worker reads the listeners, so that no privileged process copies datagrams. It asks for each peer it does not know
 * yet; the supervisor judges the peer and hands over what the flow needs (RELAY_FLOW), or nothing. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define RELAY_PAIRS_MAX 1024
#define RELAY_FLOWS_MAX 1024
#define RELAY_UDP_IDLE_MS 60000
#define RELAY_ASKS_MAX 256 /* unanswered */
#define RELAY_LISTENERS_MAX 64

enum relay_kind { RELAY_PAIR = 1, RELAY_FLOW, RELAY_ASK_UDP };

struct relay_message {
	uint32_t kind;
	uint32_t serial;   /* of an ask, and of its answer */
	uint32_t listener; /* index of a UDP listener; of an ask */
	bool allowed; /* of RELAY_FLOW: descriptors come with it: the far end, connected; of a flow to the host also the near end */
	struct sockaddr_in6 peer;  /* who sent the datagram; a sockaddr_in where its family says so */
	struct sockaddr_in6 asked; /* where to, likewise */
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
};
