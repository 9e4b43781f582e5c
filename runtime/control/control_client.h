/* One connection: what has come of its request, and what is still to be sent to it. */
#pragma once
#include "control/control.h"

#include <stdint.h>

struct control_client {
	int fd; /* -1: free */
	uint32_t serial;
	bool root;
	bool follower, ended; /* ended: sends nothing any more */
	char *in, *out;
	size_t in_len, in_cap, out_len, out_cap;
	size_t searched;           /* of `in`, in which no line ends */
	struct control_call *call; /* being answered later */
	uint64_t due_ms;           /* when it is closed, should it do nothing; 0: never */
	size_t lost;               /* events, since there was no room */
	uint32_t events;           /* what epoll watches for */
};

/* Reads what is there, some of it. -EAGAIN: nothing is; -EMSGSIZE: the line is longer than `most`; 0: go on */
int control_client_read(struct control_client *, size_t most);
/* The first whole line; NULL: there is none. Valid until the next call. */
const char *control_client_line(struct control_client *, size_t *len);
void control_client_drop_line(struct control_client *, size_t len);
/* Adds to what is to be sent, all or nothing. -ENOSPC beyond `most`, -ENOMEM */
int control_client_add(struct control_client *, const char *bytes, size_t len, size_t most);
/* Sends as much as there is room for; 0 or -errno: it is gone */
int control_client_flush(struct control_client *);
/* Closes it, frees what it holds and all but the descriptor's slot is zero */
void control_client_free(struct control_client *);
