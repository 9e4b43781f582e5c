/* The name worker's loop and its privileges: pairs of sockets it was given, pipes, memory, and the calls below. It cannot make, bind
 * or connect a socket. */
#include "names/names_worker.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/socket.h"
#include "isolation/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define MESSAGES_A_TURN 16

static const struct worker_jail_call calls[] = {
	WORKER_LOOP_CALLS,
	RELAY_PAIR_CALLS,
};

static bool worker_init(struct names_loop *loop, const struct names_worker_config *config)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = relay_event(RELAY_EVENT_CONTROL, 0, 0) };

	*loop = (struct names_loop){ .control = config->control,
				     .epoll = epoll_create1(EPOLL_CLOEXEC),
				     .epoll_control = epoll_create1(EPOLL_CLOEXEC) };
	loop->now_ms = clock_ms();
	return loop->epoll >= 0 && loop->epoll_control >= 0 && names_flows_init(loop, config->room) &&
	       epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->control, &event) == 0 &&
	       epoll_ctl(loop->epoll_control, EPOLL_CTL_ADD, loop->control, &event) == 0;
}

/* false: the supervisor is gone. Some a turn: flows that have ended make room before more begin. */
static bool control_readable(struct names_loop *loop)
{
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct names_message message;
		int fds[SOCKET_FDS_MAX];
		ssize_t len = socket_receive_fds(loop->control, &message, sizeof message, fds);
		if (len < 0)
			return len == -EAGAIN || len == -EINTR;
		if (len != sizeof message)
			return false;
		if (message.kind == NAMES_PAIR && fds[1] >= 0) {
			names_flow_start(loop, &message, fds[0], fds[1]);
			continue;
		}
		if (message.kind == NAMES_ANEW)
			names_flows_anew(loop);
		if (message.kind == NAMES_VERDICT)
			names_flow_verdict(loop, &message);
		if (message.kind == NAMES_END)
			names_flow_stop(loop, message.serial);
		fd_closep(&fds[0]);
		fd_closep(&fds[1]);
	}
	return true;
}

static bool turn(struct names_loop *loop)
{
	struct epoll_event events[EVENTS_A_TURN];
	int epoll = loop->asked < NAMES_ASKED_MOST ? loop->epoll : loop->epoll_control;
	int count = epoll_wait(epoll, events, EVENTS_A_TURN, loop->pairs.ready ? 0 : names_flows_wait(loop));

	if (count < 0 && errno != EINTR)
		return false;
	loop->now_ms = clock_ms();
	if (count == 0)
		names_give_all_back(loop);
	for (int i = 0; i < count; i++) {
		union relay_event event = { .u64 = events[i].data.u64 };
		if (event.kind == RELAY_EVENT_PAIR)
			relay_pairs_event(&loop->pairs, event, events[i].events);
		else if (!control_readable(loop))
			return false;
	}
	relay_pairs_ready(&loop->pairs);
	names_flows_expire(loop);
	return !loop->lost;
}

_Noreturn void names_worker(const struct names_worker_config *config, uid_t uid)
{
	static struct names_loop loop;
	int keep[] = { config->control };

	prctl(PR_SET_NAME, "msb-names");
	if (worker_jail_keep_only(keep, 1) < 0 || !worker_init(&loop, config) ||
	    worker_jail_enter(uid, calls, sizeof calls / sizeof *calls) < 0)
		_exit(1);
	while (turn(&loop))
		;
	_exit(0); /* the supervisor is gone */
}
