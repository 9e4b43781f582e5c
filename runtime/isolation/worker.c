/* Starting and ending worker processes. */
#include "isolation/worker.h"
#include "core/fd.h"
#include "core/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHANNEL_ROOM (1 << 20) /* bytes, either way: the supervisor never waits to send an answer */

struct rlimit worker_raise_descriptors(rlim_t most)
{
	struct rlimit before, more;

	getrlimit(RLIMIT_NOFILE, &before);
	more = before;
	more.rlim_cur = before.rlim_max < most ? before.rlim_max : most;
	if (more.rlim_cur > before.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &more);
	return before;
}

void worker_restore_descriptors(struct rlimit before)
{
	setrlimit(RLIMIT_NOFILE, &before);
}

rlim_t worker_descriptors_most(const struct worker_descriptors *need)
{
	return need->other + need->most * need->each;
}

int worker_room(const struct worker_descriptors *need, size_t *room)
{
	const size_t least = need->other + need->least * need->each;
	struct rlimit now;

	getrlimit(RLIMIT_NOFILE, &now);
	if (now.rlim_cur < least) {
		log_error("too few descriptors for %s: the hard limit is %llu, it needs %zu", need->worker,
			  (unsigned long long)now.rlim_cur, least);
		log_help("raise it: ulimit -Hn %llu, or LimitNOFILE= of the service",
			 (unsigned long long)worker_descriptors_most(need));
		return -EMFILE;
	}
	const size_t fits = (now.rlim_cur - need->other) / need->each;
	*room = fits < need->most ? fits : need->most;
	return 0;
}

int worker_start(struct worker *worker, void (*run)(int control, void *context), void *context)
{
	int pair[2], room = CHANNEL_ROOM;

	*worker = WORKER_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	worker->control = pair[0];
	CLEANUP_FD int theirs = pair[1];
	for (int end = 0; end < 2; end++)
		setsockopt(pair[end], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	worker->pid = fork();
	if (worker->pid == 0)
		run(theirs, context);
	if (worker->pid < 0)
		return -errno;
	worker->pidfd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	return worker->pidfd < 0 ? -errno : 0;
}

void worker_end(struct worker *worker)
{
	/* one that cannot be killed is not waited for: it ends with its channel, or with the pid namespace */
	if (worker->pid > 0 && kill(worker->pid, SIGKILL) == 0)
		waitpid(worker->pid, NULL, 0);
	fd_closep(&worker->control);
	fd_closep(&worker->pidfd);
	*worker = WORKER_NONE;
}
