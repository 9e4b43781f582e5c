/* The control socket's server: who connects is asked who it is, may send one JSON object a line, and gets one a line back. It
 * knows nothing of the sandbox; what is asked goes to a table of commands. The protocol: docs/control.md.
 *
 * Theory of operation: a client is either being read (`reading`), waiting for an answer that comes later (`calling`: nothing more
 * is read of it meanwhile), or a follower of events. Nobody makes the server wait: what a client does not read is kept up to a
 * bound, beyond which a follower loses lines and anybody else is closed; who asks nothing is closed after a while. Memory is taken
 * for clients that are there alone. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_VERSION 1
#define CONTROL_CLIENTS_MAX 32
#define CONTROL_GROUP_MAX 24 /* of them: who is not root, so that root is always let in */
#define CONTROL_FOLLOWERS_MAX 16
#define CONTROL_REQUEST_MAX (64u << 10) /* bytes of a line, … */
#define CONTROL_LARGE_MAX (16u << 20)   /* … of a command that is `large`; one at a time */
#define CONTROL_ANSWER_MAX (16u << 20)
#define CONTROL_LINES_MAX (256u << 10) /* bytes kept for a follower that does not read */
#define CONTROL_IDLE_MS 10000
#define CONTROL_HISTORY 64              /* lines that were published last, which are kept, … */
#define CONTROL_HISTORY_MAX (32u << 10) /* … as long as they have so many bytes together */

struct control_call; /* a request that is being answered */

struct control_command {
	const char *name;
	/* The answer, a new reference: members beside "version" and "ok", or control_error(). NULL: it comes later, by
	 * control_answer(call, …), exactly once, even if the client is gone by then. `request` is the caller's. */
	json_t *(*answer)(void *self, const json_t *request, struct control_call *call);
	bool large; /* its requests may be longer than CONTROL_REQUEST_MAX */
};

struct control_start {
	int listener;                           /* taken over, also on failure */
	const char *name, *id;                  /* of the sandbox and of its run; must outlive it */
	const gid_t *group;                     /* who may ask, besides root; NULL: nobody. Copied */
	const struct control_command *commands; /* the last one has no name */
	void *self;                             /* for them */
};

struct control;
/* NULL and errno on failure */
struct control *control_open(const struct control_start *);
void control_close(struct control *);   /* NULL is fine; what was answered is still sent, as far as there is room */
int control_fd(const struct control *); /* for the supervisor's epoll loop: readable when there is something to do */
void control_serve(struct control *);

/* {"ok": false, "error": …}; `help`, what to do, may be NULL. A new reference */
json_t *control_error(const char *help, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As all output has times: RFC 3339, UTC, milliseconds. A new reference */
struct timespec;
json_t *control_time(const struct timespec *);
/* Ends a call that was not answered at once. The answer's reference is taken over. */
void control_answer(struct control_call *, json_t *answer);
/* While it is being answered: its answer, should it be no error, is followed by the lines that are published from then on. 0, or
 * -EBUSY: there are CONTROL_FOLLOWERS_MAX already */
int control_call_follow(struct control_call *);

/* A line of JSON, its newline included, for everybody who follows; it tells so many events, which count as lost for whom there is no room.
 * Never waits. */
void control_publish(struct control *, const char *line, size_t len, size_t tells);
/* The lines that were published last, a new array of objects */
json_t *control_history(const struct control *);
