/* The relay's loop and its privileges: sockets it was given, pipes, memory, and the calls below. It cannot make, bind or
 * connect a socket. */
#include "relay/relay_worker.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/socket.h"
#include "isolation/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new pair has two events at once and one at its end: flows end as fast as others begin */
#define EVENTS_A_TURN 64
#define MESSAGES_A_TURN 16
#define TELL_AGAIN_MS 20 /* where the supervisor did not keep up */

static const struct worker_jail_call calls[] = {
	WORKER_LOOP_CALLS,
	RELAY_PAIR_CALLS,
};

static bool watch(const struct relay_loop *loop, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool worker_init(struct relay_loop *loop, const struct relay_worker_config *config)
{
	*loop = (struct relay_loop){ .control = config->control, .slots = 2 * config->room };
	for (uint32_t i = 0; i < RELAY_LISTENERS_MAX; i++)
		loop->listeners[i] =
			i < config->listener_count ? config->listeners[i] : (struct relay_listener){ -1, false };
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->now_ms = clock_ms();
	if (loop->epoll < 0 || !pairs_init(loop) || !flows_init(loop) ||
	    !watch(loop, loop->control, relay_event(RELAY_EVENT_CONTROL, 0, 0)))
		return false;
	for (uint32_t i = 0; i < config->listener_count; i++)
		if (!watch(loop, config->listeners[i].fd, relay_event(RELAY_EVENT_LISTENER, i, 0)))
			return false;
	return true;
}

/* What it does not have has ended, of which the supervisor hears, or has heard. */
static void end_told(struct relay_loop *loop, const struct relay_message *message)
{
	for (size_t i = 0; i < message->ended_count && i < RELAY_ENDED_MAX; i++)
		(message->ended[i].pair ? pair_stop : flow_stop)(loop, message->ended[i].serial);
}

/* false: the supervisor is gone. Some a turn: flows that have ended make room before more begin. */
static bool control_readable(struct relay_loop *loop)
{
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct relay_message message;
		int fds[SOCKET_FDS_MAX];
		ssize_t len = socket_receive_fds(loop->control, &message, sizeof message, fds);
		if (len < 0)
			return len == -EAGAIN || len == -EINTR;
		if (len != sizeof message)
			return false;
		if (message.kind == RELAY_PAIR && fds[1] >= 0) {
			pair_start(loop, &message, fds[0], fds[1]);
			continue;
		}
		if (message.kind == RELAY_FLOW)
			flow_answer(loop, &message, fds);
		else if (message.kind == RELAY_LISTEN)
			flows_listen(loop, message.listener, TAKE_FD(fds[0]));
		else if (message.kind == RELAY_UNLISTEN)
			flows_unlisten(loop, message.listener);
		else if (message.kind == RELAY_END_FLOWS)
			flows_end(loop, message.listener);
		else if (message.kind == RELAY_END_PAIRS)
			pairs_end(loop, message.listener);
		else if (message.kind == RELAY_ANEW)
			flows_forget_refused(loop);
		else if (message.kind == RELAY_END)
			end_told(loop, &message);
		fd_closep(&fds[0]);
		fd_closep(&fds[1]);
	}
	return true;
}

static bool dispatch(struct relay_loop *loop, const struct epoll_event *event)
{
	union relay_event data = { .u64 = event->data.u64 };
	switch ((enum relay_event_kind)data.kind) {
	case RELAY_EVENT_CONTROL:
		return control_readable(loop);
	case RELAY_EVENT_LISTENER:
		flows_readable(loop, data.index);
		break;
	case RELAY_EVENT_PAIR:
		relay_pairs_event(&loop->pairs, data, event->events);
		break;
	case RELAY_EVENT_FLOW:
		flow_event(loop, data);
		break;
	}
	return true;
}

/* Until something ends by time */
static int wait_ms(const struct relay_loop *loop)
{
	int wait = timers_wait(&loop->refused_flows, loop->now_ms, loop->ended_count ? TELL_AGAIN_MS : -1);
	for (int to_host = 0; to_host < 2; to_host++)
		wait = timers_wait(&loop->flow_budgets[to_host].idle, loop->now_ms, wait);
	return relay_pairs_wait(&loop->pairs, wait);
}

static bool turn(struct relay_loop *loop)
{
	struct epoll_event events[EVENTS_A_TURN];
	int count = epoll_wait(loop->epoll, events, EVENTS_A_TURN, loop->pairs.ready ? 0 : wait_ms(loop));
	if (count < 0 && errno != EINTR)
		return false;
	loop->now_ms = clock_ms();
	for (int i = 0; i < count; i++)
		if (!dispatch(loop, &events[i]))
			return false;
	relay_pairs_ready(&loop->pairs);
	relay_pairs_expire(&loop->pairs);
	flows_expire(loop);
	ended_tell(loop);
	return !loop->lost;
}

_Noreturn void relay_worker(const struct relay_worker_config *config, uid_t uid)
{
	static struct relay_loop loop;
	int keep[1 + RELAY_LISTENERS_MAX];
	size_t count = 0;
	keep[count++] = config->control;
	for (uint32_t i = 0; i < config->listener_count; i++)
		keep[count++] = config->listeners[i].fd;
	prctl(PR_SET_NAME, "msb-relay");
	if (worker_jail_keep_only(keep, count) < 0 || !worker_init(&loop, config) ||
	    worker_jail_enter(uid, calls, sizeof calls / sizeof *calls) < 0)
		_exit(1);
	while (turn(&loop))
		;
	_exit(0); /* the supervisor is gone */
}
