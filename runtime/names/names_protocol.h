/* Messages between supervisor and name worker over one SOCK_SEQPACKET pair.
 *
 * The supervisor accepts, connects, and hands both ends over (NAMES_PAIR). Where the verdict may depend on the server name it gives the
 * flow a serial; the worker asks once with what the client said (NAMES_ASK), and is told whether the flow may go on
 * (NAMES_VERDICT). Where a name of the address's is allowed, the verdict on it comes with the flow, and nobody is asked: most clients
 * say the name that they looked up. A serial is the worker's until the flow is refused, or it is given back when the flow ends: with an
 * ask, or by itself. The worker ends a flow where it is told to (NAMES_END): both ends get RST. It gives the serial back soon then, unless
 * it has done so. */
#pragma once
#include "names/hello.h"
#include "relay/relay_pairs.h"

/* Flows at once; fewer where the process may not have the descriptors: of each, two sockets and at most two pipes */
#define NAMES_ROOM_MAX 4096 /* as many as the sandbox may have TCP connections, unless it says otherwise */
#define NAMES_ROOM_LEAST 16
#define NAMES_DESCRIPTORS_OTHER (4 * RELAY_PIPES_IDLE + 32)
#define NAMES_DESCRIPTORS_OF_ROOM 6
#define NAMES_HELLO_MS 5000     /* from a client's first byte until its hello is whole */
#define NAMES_GIVEN_BACK_MAX 8  /* serials with one message */
#define NAMES_GIVEN_BACK_MS 200 /* after which none waits for an ask any more */
#define NAMES_END_MS 2000       /* a worker that has not ended by then what it was told to does not obey */

#define NAMES_NO_SERIAL 0

_Static_assert(2 * NAMES_ROOM_MAX <= UINT16_MAX, "an event has the index of an end in 16 bits");

enum names_kind {
	NAMES_PAIR = 1,
	NAMES_VERDICT,
	NAMES_ASK,
	NAMES_GIVE_BACK,
	NAMES_FULL,
	NAMES_END,
	NAMES_ANEW, /* to the worker: the policy is another, and what it was told of names beforehand does not hold */
};

/* To the worker */
struct names_message {
	uint32_t kind;
	uint32_t serial;   /* of all of them */
	uint64_t token;    /* of NAMES_VERDICT: the ask's */
	bool judged;       /* of NAMES_PAIR: by its server name; else it goes on as it is */
	bool server_first; /* of NAMES_PAIR: what the server says may pass before the client has said anything */
	bool allowed;      /* of NAMES_VERDICT */
	/* Of NAMES_PAIR: a server name that is allowed, sent so and without ECH; none has length 0 */
	uint8_t foreseen_len;
	char foreseen[HELLO_NAME_MAX];
};

/* What the client said. All but the first are of flows that the worker has ended, which wait for no verdict. */
enum names_saw {
	NAMES_SAW_START,     /* a whole hello, with or without a server name, or what is no TLS */
	NAMES_SAW_MALFORMED, /* a hello that is no hello, or too long, or with urgent bytes */
	NAMES_SAW_SLOW,
	NAMES_SAW_RENAMED, /* a second hello with another name: that one */
	NAMES_SAW_COUNT
};

/* From the worker: NAMES_ASK; serials given back come with it, or by themselves; of NAMES_FULL the kind alone counts */
struct names_ask {
	uint32_t kind;
	uint32_t serial;
	uint64_t token; /* whatever the worker likes */
	uint32_t saw;   /* enum names_saw */
	uint8_t ech, has_name, name_len;
	uint8_t given_back_count;
	uint32_t given_back[NAMES_GIVEN_BACK_MAX];
	uint8_t name[HELLO_NAME_MAX]; /* any bytes */
};
