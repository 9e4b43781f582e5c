/* The supervisor's side of the name relay: accepts, judges by the address, connects, hands the two ends on, and answers what the worker
 * asks. It reads no byte of what flows. */
#include "core/clock.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/socket.h"
#include "eval/audit.h"
#include "isolation/worker.h"
#include "lower/sandbox_net.h"
#include "names/names.h"
#include "names/names_judge.h"
#include "names/names_worker.h"
#include "relay/relay_sockets.h"
#include "report/learning.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 32
#define ASKS_A_TURN 64
#define WORKER_PATIENCE_MS 1 /* rather than turn in circles, and take the processor from it */
#define FAMILIES 2
#define CONTROL UINT32_MAX /* in place of a listener's index */
/* Flows that the worker has ended, and whose serials it still keeps for its next message */
#define ON_THE_WAY (8 * NAMES_GIVEN_BACK_MAX)

struct names {
	struct relay_start start;
	struct eval_context context;
	struct names_judge *judge;
	int listeners[FAMILIES]; /* -1: the family is not there */
	int epoll;
	struct worker worker;
	struct nl *conntrack; /* of the VM's namespace */
	size_t room;
	bool full; /* has been said */
};

/* ---- start ---- */

static int open_listeners(struct names *names)
{
	const struct addr_gateway *gateway = &names->start.gateway;
	const bool has[FAMILIES] = { gateway->has4, gateway->has6 };

	for (int i = 0; i < FAMILIES; i++) {
		if (!has[i])
			continue;
		names->listeners[i] = relay_socket_transparent(i ? AF_INET6 : AF_INET, SOCK_STREAM, LOWER_NAMES_PORT);
		if (names->listeners[i] < 0)
			return names->listeners[i];
	}
	return 0;
}

struct start {
	struct names_worker_config config;
	uid_t uid;
};

static void run_worker(int control, void *context)
{
	struct start *start = context;

	start->config.control = control;
	names_worker(&start->config, start->uid);
}

static const struct worker_descriptors descriptors = {
	.worker = "the relay of server names",
	.least = NAMES_ROOM_LEAST,
	.most = NAMES_ROOM_MAX,
	.each = NAMES_DESCRIPTORS_OF_ROOM,
	.other = NAMES_DESCRIPTORS_OTHER,
};

static int start_worker(struct names *names)
{
	struct start start = { .uid = names->start.uid };
	struct rlimit before = worker_raise_descriptors(worker_descriptors_most(&descriptors));

	int error = worker_room(&descriptors, &start.config.room);
	if (error == 0)
		error = worker_start(&names->worker, run_worker, &start);
	worker_restore_descriptors(before);
	names->room = start.config.room;
	return error;
}

static int watch(struct names *names, int fd, uint32_t source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(names->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int watch_all(struct names *names)
{
	names->epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = names->epoll < 0 ? -errno : watch(names, names->worker.control, CONTROL);

	for (uint32_t i = 0; error == 0 && i < FAMILIES; i++)
		if (names->listeners[i] >= 0)
			error = watch(names, names->listeners[i], i);
	return error;
}

static int count_bytes(void *self, const struct conntrack_tuple *far, uint32_t meter)
{
	const struct conntrack_entry entry = { .original = *far };

	return conntrack_entry_set_mark(self, &entry, meter);
}

static int open_all(struct names *names)
{
	int error = open_listeners(names);

	if (error == 0)
		error = start_worker(names);
	if (error < 0)
		return error;
	names->conntrack = nl_open(NETLINK_NETFILTER);
	if (!names->conntrack)
		return -errno;
	names->judge = names_judge_new(names->start.policy, names->start.spared, &names->start.gateway,
				       names->room + ON_THE_WAY);
	if (!names->judge)
		return -ENOMEM;
	names_judge_count_with(names->judge, count_bytes, names->conntrack);
	return watch_all(names);
}

struct names *names_open(const struct relay_start *start)
{
	struct names *names = arena_must(calloc(1, sizeof *names));

	names->start = *start;
	names->context = (struct eval_context){ start->policy, start->gateway, EVAL_NO_BINDINGS };
	names->listeners[0] = names->listeners[1] = names->epoll = -1;
	names->worker = WORKER_NONE;
	int error = open_all(names);
	if (error == 0)
		return names;
	log_error("cannot start the relay of server names: %s", strerror(-error));
	names_close(names);
	errno = -error;
	return NULL;
}

int names_use_policy(struct names *names, const struct policy *policy)
{
	const struct names_message anew = { .kind = NAMES_ANEW };

	names->start.policy = names->context.policy = policy;
	names_judge_use_policy(names->judge, policy);
	return socket_send_fds(names->worker.control, &anew, sizeof anew, NULL, 0, MSG_DONTWAIT);
}

int names_fd(const struct names *names)
{
	return names->epoll;
}

int names_worker_pidfd(const struct names *names)
{
	return names->worker.pidfd;
}

void names_close(struct names *names)
{
	if (!names)
		return;
	worker_end(&names->worker);
	for (int i = 0; i < FAMILIES; i++)
		fd_closep(&names->listeners[i]);
	fd_closep(&names->epoll);
	nl_close(names->conntrack);
	names_judge_free(names->judge);
	free(names);
}

/* ---- new connections ---- */

static void say_full(struct names *names)
{
	if (!names->full)
		log_line("%zu flows are judged by their server names at once: further ones are reset until some end",
			 names->room);
	names->full = true;
}

static bool is_guest(const struct names *names, struct addr peer)
{
	return addr_equal(peer, peer.family == ADDR_V4 ? names->start.guest4 : names->start.guest6);
}

/* Through TPROXY the socket's own address is the one that was dialled. */
static bool dialled(int near, struct eval_connection *connection)
{
	struct sockaddr_in6 asked;
	socklen_t len = sizeof asked;

	if (getsockname(near, (struct sockaddr *)&asked, &len) < 0)
		return false;
	*connection = (struct eval_connection){
		.direction = POLICY_EGRESS,
		.proto = PROTO_TCP,
		.addr = addr_from_sockaddr((struct sockaddr *)&asked),
		.has_port = true,
		.port = ntohs(asked.sin6_port),
	};
	return true;
}

static int far_end(const struct names *names, const struct eval_connection *to)
{
	const struct addr_gateway *gateway = &names->start.gateway;

	if (!gateway->pod && addr_gateway_has(gateway, to->addr))
		return relay_socket_to_host(&names->start, SOCK_STREAM, to->addr.family, to->port);
	return relay_socket_outside(lower_own(gateway, to->addr.family), to->addr, to->port, LOWER_NAMES_MARK);
}

/* What conntrack knows it by; of a service of the host's, which is in another namespace, nothing */
static struct conntrack_tuple far_tuple(const struct names *names, int far, const struct eval_connection *to)
{
	struct sockaddr_in6 own;
	socklen_t len = sizeof own;

	if ((!names->start.gateway.pod && addr_gateway_has(&names->start.gateway, to->addr)) ||
	    getsockname(far, (struct sockaddr *)&own, &len) < 0)
		return (struct conntrack_tuple){ .proto = 0 };
	return (struct conntrack_tuple){
		.src = addr_from_sockaddr((struct sockaddr *)&own),
		.dst = to->addr,
		.sport = ntohs(own.sin6_port),
		.dport = to->port,
		.proto = IPPROTO_TCP,
	};
}

/* Gives the flow a serial, and has its name judged where that is to decide. false: there is no room */
static bool await_name(struct names *names, const struct eval_connection *connection, enum eval_syn syn,
		       const struct denials *denials, struct names_message *pair)
{
	pair->serial = names_judge_open(names->judge, connection, names->context.bindings);
	pair->judged = syn == EVAL_SYN_DEFER;
	if (pair->judged) {
		pair->server_first = eval_connection(&names->context, connection).action == POLICY_ALLOW ||
				     audit_spares_connection(names->start.spared, &names->context, connection);
		if (!denials_tells_all(
			    denials)) /* one that was foreseen is not asked about, so that nobody could tell */
			names_judge_foresee(names->judge, pair->serial, pair);
	}
	if (pair->serial == NAMES_NO_SERIAL)
		say_full(names);
	return pair->serial != NAMES_NO_SERIAL;
}

/* The packet filter has diverted the flow; it is judged again as the bindings are now. What is not handed on is closed with linger 0: a
 * reset. 0, or -errno: the worker is gone. */
static int take_connection(struct names *names, int near, struct names_origin origin, struct denials *denials)
{
	struct names_message pair = { .kind = NAMES_PAIR };
	struct eval_connection connection;

	if (!dialled(near, &connection))
		return 0;
	enum eval_syn syn = eval_syn(&names->context, &connection);
	if (syn == EVAL_SYN_DENY) {
		bool spared = audit_spares_connection(names->start.spared, &names->context, &connection);
		const struct denial_flow told = {
			.connection = &connection,
			.verdict = eval_connection(&names->context, &connection),
			.source_port = origin.guest_port,
			.name = eval_first_name(&names->context.bindings, connection.addr),
		};
		if (denials)
			denials_server_name(denials, &told, DENIAL_NAME, spared);
		if (!spared)
			return 0;
	}
	CLEANUP_FD int far = far_end(names, &connection);
	if (far < 0 || !await_name(names, &connection, syn, denials, &pair))
		return 0;
	if (pair.serial == NAMES_NO_SERIAL)
		learning_flow(denials_learning(denials), &connection);
	else
		learning_begun(denials_learning(denials), &connection);
	origin.judged = pair.judged;
	origin.far = far_tuple(names, far, &connection);
	names_judge_note(names->judge, pair.serial, &origin);
	/* what is judged may say the name of a rule that is not used up */
	if (!pair.judged || pair.server_first) {
		bool counted = names_judge_count_unnamed(names->judge, pair.serial, &connection,
							 names->context.bindings, denials);
		pair.server_first = counted && pair.server_first;
		if (!counted && !pair.judged) {
			names_judge_drop(names->judge, pair.serial);
			return 0;
		}
	}
	int error = socket_send_fds(names->worker.control, &pair, sizeof pair, (int[]){ near, far }, 2, MSG_DONTWAIT);
	if (error < 0)
		names_judge_drop(names->judge, pair.serial);
	return error == -EAGAIN || error == -ETOOMANYREFS ? 0 : error;
}

/* Else connections wait where they are, in the listener's queue. The kernel promises much more room than one turn takes. */
static bool worker_keeps_up(const struct names *names)
{
	struct pollfd channel = { .fd = names->worker.control, .events = POLLOUT };

	return poll(&channel, 1, WORKER_PATIENCE_MS) == 1 && channel.revents & POLLOUT;
}

static int accept_all(struct names *names, int listener, struct denials *denials)
{
	int error = 0;

	if (!worker_keeps_up(names))
		return 0;
	for (int i = 0; i < ACCEPTS_A_TURN && error == 0; i++) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof from;
		CLEANUP_FD int near = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (near < 0)
			break;
		struct names_origin origin = { .guest = addr_from_sockaddr((struct sockaddr *)&from),
					       .guest_port = ntohs(from.sin6_port),
					       .began_ms = clock_ms() };
		if (is_guest(names, origin.guest))
			error = take_connection(names, near, origin, denials);
	}
	return error;
}

/* ---- asks ---- */

/* There is room for its answer: an honest worker reads them. */
static int serve_ask(struct names *names, const struct names_ask *ask, struct denials *denials)
{
	struct names_message verdict;
	int result = names_judge_ask(names->judge, ask, names->context.bindings, denials, &verdict);

	if (result > 0)
		result = socket_send_fds(names->worker.control, &verdict, sizeof verdict, NULL, 0, MSG_DONTWAIT);
	if (ask->kind == NAMES_FULL)
		say_full(names);
	return result;
}

static int control_readable(struct names *names, struct denials *denials)
{
	if (!worker_keeps_up(names)) /* what it asks waits until it has read what it was told */
		return 0;
	for (int i = 0; i < ASKS_A_TURN; i++) {
		struct names_ask ask;
		ssize_t len = recv(names->worker.control, &ask, sizeof ask, MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (len != sizeof ask)
			return len == 0 ? -EPIPE : -EPROTO;
		int error = serve_ask(names, &ask, denials);
		if (error < 0)
			return error;
	}
	return 0;
}

int names_serve(struct names *names, struct eval_bindings bindings, struct denials *denials)
{
	struct epoll_event events[1 + FAMILIES];
	int count = epoll_wait(names->epoll, events, 1 + FAMILIES, 0), error = 0;

	names->context.bindings = bindings;
	for (int i = 0; i < count && error == 0; i++)
		error = events[i].data.u32 == CONTROL ?
				control_readable(names, denials) :
				accept_all(names, names->listeners[events[i].data.u32], denials);
	return error;
}

/* ---- listing and ending ---- */

int names_flows(struct names *names, int (*each)(const struct names_flow *, void *), void *context)
{
	return names_judge_flows(names->judge, names->context.bindings, each, context);
}

void names_tell_ended(struct names *names, void (*ended)(void *self, const struct names_flow *), void *self)
{
	names_judge_tell_ended(names->judge, ended, self);
}

int names_end(struct names *names, uint32_t serial)
{
	return names_judge_end(names->judge, serial);
}

int names_meter(struct names *names, uint32_t serial, uint32_t meter)
{
	return names_judge_meter(names->judge, serial, meter);
}

bool names_ending(const struct names *names)
{
	return names_judge_ending(names->judge) > 0;
}

static int tell_to_end(uint32_t serial, void *context)
{
	const struct names *names = context;
	struct names_message end = { .kind = NAMES_END, .serial = serial };

	return socket_send_fds(names->worker.control, &end, sizeof end, NULL, 0, MSG_DONTWAIT);
}

int names_settle(struct names *names)
{
	return names_judge_settle(names->judge, clock_ms(), tell_to_end, names);
}
