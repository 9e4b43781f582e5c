/* The host's network, followed while the sandbox runs: the kernel tells what changes, and soon after, once for all that comes
 * at once, everyone who follows it looks anew. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sandbox;
struct host_watch;

/* In the host's namespace, before anything is read there. NULL and errno on failure. */
struct host_watch *host_watch_open(void);
void host_watch_close(struct host_watch *); /* NULL is fine */

/* Once the sandbox is set up: has that epoll tell, with `reference`, when there is something to read. 0 or -1 and errno */
int host_watch_enroll(const struct sandbox *, int epoll, uint32_t reference);
/* It told. */
void host_watch_wake(struct host_watch *);
/* At most how many milliseconds later host_watch_run() has something to do; -1: nothing */
int host_watch_wait(const struct sandbox *);
/* Does what is due. Not 0: the sandbox cannot go on. */
int host_watch_run(struct sandbox *);
/* The table owner has counted the sandbox's flows; false: it is gone, or says something else. */
bool host_watch_counted(struct sandbox *);
/* When the guest has ended: what is lost on the way through the host and not yet reported */
void host_watch_end(struct sandbox *);
