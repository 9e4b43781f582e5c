/* Frames that are sent in one go. */
#pragma once
#include "packet.h"

enum { BATCH_MAX = 256 };

struct batch {
	uint8_t frames[BATCH_MAX][PACKET_MAX];
	size_t lens[BATCH_MAX];
	unsigned count;
};

/* The frames of one flow's packet, one or two, behind those of the batch */
void batch_add(struct batch *, const struct packet_ends *, const struct packet_flow *);
/* By a packet socket; the batch is empty then. What finds no room is tried until it does; exits with 3 where it cannot be sent. */
void batch_send(int fd, struct batch *);
