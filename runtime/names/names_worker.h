/* Inside the name worker. Theory of operation: the client's direction of a flow that is to be judged has a limit of no bytes at first, the
 * server's one too unless the server may speak first. Then
 *
 *   HELLO     what the client sends is looked at where it is, without being taken (MSG_PEEK), until it is a whole hello or no TLS
 *   ASKED     the supervisor judges, unless it has done so beforehand; a refusal resets both ends, and the server has got nothing
 *   ANSWER    the hello passes and nothing behind it, until the server's first record is seen: it may be a HelloRetryRequest
 *   SECOND    then what comes next must be a hello that says the same
 *   OPEN      both directions without a limit; no way leads back
 *
 * What is no TLS, and what is not to be judged, goes on from ASKED, or from the start, to OPEN. */
#pragma once
#include "names/names_protocol.h"

#include <sys/types.h>

struct names_worker_config {
	int control;
	size_t room; /* NAMES_ROOM_LEAST to NAMES_ROOM_MAX */
};

enum names_stage { NAMES_OPEN, NAMES_HELLO, NAMES_ASKED, NAMES_ANSWER, NAMES_SECOND };

/* Beside the pair of the same slot */
struct names_held {
	enum names_stage stage;
	uint32_t serial;      /* NAMES_NO_SERIAL: none, or not ours any more */
	bool tls;             /* from ASKED on: it began with the hello below */
	uint8_t foreseen_len; /* a server name that the supervisor has allowed already */
	char foreseen[HELLO_NAME_MAX];
	struct timer patience;
	struct hello hello;
};

struct names_loop {
	int epoll, control;
	int epoll_control; /* for the channel alone */
	size_t asked;      /* verdicts that are still to come */
	uint64_t now_ms;
	struct relay_pairs pairs;
	struct budget budget;
	struct names_held *flows;
	struct timers patience;
	uint32_t *given_back; /* serials that wait to be */
	size_t given_back_count, given_back_most;
	bool full; /* has been told */
	bool lost; /* the supervisor cannot be told what it has to know */
};

/* In the child, after fork, still privileged: keeps its channel and nothing else, and serves until the supervisor is gone. */
_Noreturn void names_worker(const struct names_worker_config *, uid_t uid);

/* names_flow.c. `epoll` and `control` are set; false: no memory */
bool names_flows_init(struct names_loop *, size_t room);
/* Takes the descriptors, whatever comes of it: the client's end and the server's */
void names_flow_start(struct names_loop *, const struct names_message *, int client, int server);
void names_flows_anew(struct names_loop *); /* NAMES_ANEW */
void names_flow_verdict(struct names_loop *, const struct names_message *);
void names_flow_stop(struct names_loop *, uint32_t serial); /* both ends get RST; none has it: fine */
void names_flows_expire(struct names_loop *);
/* Milliseconds until something ends by time; -1: never */
int names_flows_wait(const struct names_loop *);

/* Verdicts are waited for before more is looked at: so many fit into the channel that none has to be refused unasked. */
#define NAMES_ASKED_MOST 64

/* names_tell.c: what the supervisor is told. false: the channel has no room, and the flow has to end. */
bool names_tell(struct names_loop *, struct names_held *, enum names_saw, const struct hello *, uint64_t token);
void names_tell_full(struct names_loop *);
void names_give_back(struct names_loop *, struct names_held *);
void names_give_all_back(struct names_loop *); /* that wait; what has no room waits on */
