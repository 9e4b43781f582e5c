/* Worker processes: children of the supervisor that read what strangers send. A worker gets its channel and what was
 * opened for it, and enters its jail (worker_jail.h) before it reads anything. */
#pragma once
#include "isolation/worker_jail.h"

#include <seccomp.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Rows of a jail's list: what the loop of every worker calls */
/* clang-format off */
#define WORKER_LOOP_CALLS                                                                        \
	{ SCMP_SYS(epoll_wait), JAIL_ANY, "the loop" },                                          \
	{ SCMP_SYS(epoll_pwait), JAIL_ANY, "the loop, where the C library has no other" },       \
	{ SCMP_SYS(epoll_ctl), JAIL_ANY, "flows come and go" },                                  \
	{ SCMP_SYS(recvfrom), JAIL_ANY, "bytes of known flows, the supervisor's verdicts" },     \
	{ SCMP_SYS(recvmsg), JAIL_ANY, "datagrams with the address they were sent to; descriptors" }, \
	{ SCMP_SYS(sendto), JAIL_ANY, "bytes of known flows, asks to the supervisor" },          \
	{ SCMP_SYS(sendmsg), JAIL_ANY, "datagrams from the address that was asked" },            \
	{ SCMP_SYS(setsockopt), JAIL_LINGER_ONLY, "the orderly close of a connection" },         \
	{ SCMP_SYS(close), JAIL_ANY, "flows that are over" },                                    \
	{ SCMP_SYS(clock_gettime), JAIL_ANY, "timeouts, where the vDSO cannot" },                \
	{ SCMP_SYS(brk), JAIL_ANY, "malloc" },                                                   \
	{ SCMP_SYS(mmap), JAIL_NO_EXEC, "malloc" },                                              \
	{ SCMP_SYS(munmap), JAIL_ANY, "free" },                                                  \
	{ SCMP_SYS(mremap), JAIL_ANY, "realloc" },                                               \
	{ SCMP_SYS(restart_syscall), JAIL_ANY, "SIGSTOP and SIGCONT while it waits" },           \
	{ SCMP_SYS(rt_sigreturn), JAIL_ANY, "the same" },                                        \
	{ SCMP_SYS(exit_group), JAIL_ANY, "the end" }
/* clang-format on */

struct worker {
	pid_t pid;   /* 0: none */
	int pidfd;   /* readable: it is dead, which ends the sandbox */
	int control; /* our end of the channel, SOCK_SEQPACKET, non-blocking */
};
#define WORKER_NONE ((struct worker){ 0, -1, -1 })

/* Raises the soft limit of open descriptors, which a worker inherits, up to `most`; returns what it was, for
 * worker_restore_descriptors() */
struct rlimit worker_raise_descriptors(rlim_t most);
void worker_restore_descriptors(struct rlimit);
/* What descriptors a worker needs: `each` for one of its flows, of which `least` to `most` may be at once, and `other` besides */
struct worker_descriptors {
	const char *worker; /* "the relay" */
	size_t least, most, each, other;
};
rlim_t worker_descriptors_most(const struct worker_descriptors *);
/* For how many flows the limit is enough, as raised for that many. 0, or -EMFILE with lines on standard error, *room unchanged */
int worker_room(const struct worker_descriptors *, size_t *room);
/* Forks: `run` is called in the worker with its end of the channel, and must not return. 0 or -errno, after which
 * worker_end() still has to be called. */
int worker_start(struct worker *, void (*run)(int control, void *context), void *context);
/* Kills it and waits for its end */
void worker_end(struct worker *);
