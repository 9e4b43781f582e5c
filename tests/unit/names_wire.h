/* The name worker without its process: a client, a server and a supervisor, each by its end of a socket; for its tests. */
#pragma once
#include "names/names_worker.h"

#define WIRE_ROOM 16 /* flows */

extern struct names_loop wire_loop; /* the worker's */
extern int wire_supervisor;         /* the supervisor's end */

struct wire_ends {
	int client, server;
};

struct wire_bytes {
	uint8_t at[HELLO_MAX + 8];
	size_t len;
};

void wire_up(void);
/* Two ends of a TCP connection on the loopback, as the supervisor makes them: a close of `ours` is a reset */
void wire_pair(int *theirs, int *ours);
struct wire_ends wire_start(uint32_t serial, bool server_first);
/* One batch of events, as the worker's loop has it */
int wire_serve_once(int timeout_ms);
void wire_serve(void);
void wire_say(int fd, const void *bytes, size_t len);
/* How many bytes are there to be read; -1: none, it was reset; 0 at the end, too */
ssize_t wire_heard(int fd, void *bytes, size_t most);
void wire_expect_heard(int fd, const void *bytes, size_t len);
void wire_expect_silence(int fd);
/* Nothing was ever sent to the server, and both are gone */
void wire_expect_refused(struct wire_ends ends);
bool wire_next_ask(struct names_ask *ask);
struct names_ask wire_asked(uint32_t serial, enum names_saw saw, const char *name);
void wire_asks_nothing(void);
void wire_answer(const struct names_ask *ask, bool allowed);
bool wire_was_given_back(uint32_t serial);
/* A ClientHello; `name` NULL: without one; `fill` bytes of another extension in front of the name */
struct wire_bytes wire_hello(const char *name, size_t fill);
/* A ServerHello: a HelloRetryRequest, or not */
struct wire_bytes wire_server_hello(bool retry);

/* What TLS 1.3 clients send between their hellos, for middleboxes */
static const uint8_t wire_change_cipher_spec[] = { 20, 3, 3, 0, 1, 1 };
