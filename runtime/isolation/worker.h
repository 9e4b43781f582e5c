/* Worker processes: children of the supervisor that read what strangers send. A worker gets its channel and what was
 * opened for it, and enters its jail (worker_jail.h) before it reads anything. */
#pragma once
#include <sys/resource.h>
#include <sys/types.h>

struct worker {
	pid_t pid;   /* 0: none */
	int pidfd;   /* readable: it is dead, which ends the sandbox */
	int control; /* our end of the channel, SOCK_SEQPACKET, without waiting */
};
#define WORKER_NONE ((struct worker){ 0, -1, -1 })

/* Raises the soft limit of open descriptors, which a worker inherits, up to `most`; returns what it was, for
 * worker_restore_descriptors() */
struct rlimit worker_raise_descriptors(rlim_t most);
void worker_restore_descriptors(struct rlimit);
/* Forks: `run` is called in the worker with its end of the channel, and must not return. 0 or -errno, after which
 * worker_end() still has to be called. */
int worker_start(struct worker *, void (*run)(int control, void *context), void *context);
/* Kills it and waits for its end */
void worker_end(struct worker *);
