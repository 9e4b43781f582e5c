/* One direction between two connected TCP sockets: bytes go from socket to pipe to socket without being copied to us. It reads
 * no further before what it has read is with the other end, so a peer that does not read stops the other end only. The end of
 * the direction is passed on as its end.
 *
 * Events are edges: an end counts as readable, or writable, from its event until a call says that it is not.
 *
 * splice() stops in front of an urgent byte (tcp(7), MSG_OOB) and never gets past it: that one is passed on by itself. */
#pragma once
#include "relay/relay_pipes.h"

#include <stdint.h>

#define RELAY_UNLIMITED SIZE_MAX

struct relay_half {
	int from, to;
	struct relay_pipe pipe; /* none where nothing is held */
	size_t held;            /* in the pipe */
	uint64_t passed_on;     /* bytes that went to `to` */
	size_t limit; /* how many more bytes may pass, before that the end does not; RELAY_UNLIMITED: all there are */
	bool readable, writable;
	bool urgent;  /* `from` has an urgent byte, now or soon to be read; under a limit it breaks the connection */
	bool closing; /* FIN has arrived behind what is still to be read */
	bool moved;   /* bytes, since it was last asked */
	bool ended;   /* FIN came from `from` */
	bool passed;  /* and went to `to` */
};

/* Without a limit. A socket takes bytes unless it says otherwise, or is known to be connecting still (not writable until its event
 * comes); that there are some is told by its event. */
struct relay_half relay_half_between(int from, int to);
/* Moves what can be moved. 1: there is more, but others shall have their turn; 0: it waits for an event, or for its limit to be
 * raised; -1: the connection is broken */
int relay_half_move(struct relay_half *, struct relay_pipes *);
