/* Asking sandboxes over their control sockets: one line out, one line in, every wait bounded. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLIENT_PATIENCE_MS 2000

/* A sandbox that is asked, and what came of it */
struct client_ask {
	const char *name; /* valid: run_name_valid() */
	pid_t only;       /* the one that this process listens for, no other of that name; 0: whichever has it */
	/* 0: `answer` is one, an object of our version (it may say "ok": false); -ENOENT, -ECONNREFUSED: there is none;
	 * -ETIMEDOUT: it does not answer; -EPROTO: it answers rubbish; -EPERM, -EACCES: not for us; -EAGAIN: it is busy;
	 * -ESTALE: another one has the name; of gather(), -EINPROGRESS: it is starting, or ending */
	int error;
	json_t *answer; /* NULL unless error is 0; the caller's */
	/* the client's own */
	int fd;
	char *in;
	size_t in_len, in_cap;
	size_t sent;   /* of the request */
	size_t handed; /* of `in`: by client_line(), until it is called again */
	uint64_t retry_ms;
};
/* Asks all of them the same at once, until `patience_ms` are over. The request stays the caller's. */
void client_ask_all(int run_directory, struct client_ask *, size_t count, json_t *request, unsigned patience_ms);

/* The names in the run directory that are sandboxes', running or not, sorted; an array of strings, or NULL and *error */
json_t *client_names(int run_directory, int *error);

/* One, whose connection goes on: the answer as above in ask->answer, then lines by client_line(). The descriptor is ask->fd. */
void client_follow(int run_directory, struct client_ask *, json_t *request, unsigned patience_ms);
/* The next line, without its newline, valid until the next call: 1; 0: the sandbox has ended; -ETIMEDOUT, -EPROTO, -errno.
 * wait_ms -1: without end */
int client_line(struct client_ask *, int wait_ms, const char **line, size_t *len);
void client_close(struct client_ask *);
/* What such an error means, for people */
const char *client_error_text(int error);
