/* The supervisor's side of the relay: listens, judges by the real peer, connects, hands the two ends on. It reads no byte of
 * what flows. */
#include "core/clock.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/socket.h"
#include "isolation/worker.h"
#include "lower/sandbox_net.h"
#include "relay/relay.h"
#include "relay/relay_state.h"
#include "relay/relay_records.h"
#include "relay/relay_sockets.h"
#include "relay/relay_worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 32
#define WORKER_PATIENCE_MS 1 /* rather than turn in circles, and take the processor from it */
#define CONTROL UINT32_MAX   /* in place of a listener's index */

/* ---- start ---- */

static void report_published(const struct policy_publish *publish, uint16_t port)
{
	char text[ADDR_TEXT_MAX];
	if (publish->host_port == 0)
		log_line("%s:%u->%u/%s", addr_format_bracketed(publish->bind, text), port, publish->guest_port,
			 policy_proto_name(publish->proto));
}

const char *relay_not_published(struct arena *arena, const struct policy_publish *publish, int error)
{
	char text[ADDR_TEXT_MAX];

	addr_format_bracketed(publish->bind, text);
	if (error == -EADDRINUSE)
		return arena_printf(arena, "%s:%u is taken; choose another, or -p 0:%u to let the system choose", text,
				    publish->host_port, publish->guest_port);
	if (error == -EADDRNOTAVAIL)
		return arena_printf(arena, "%s is no address of this host: cannot publish port %u there", text,
				    publish->host_port);
	return arena_printf(arena, "cannot publish %s:%u: %s", text, publish->host_port, strerror(-error));
}

static int add_listener(struct relay *relay, struct listener listener)
{
	if (relay->count == RELAY_LISTENERS_MAX) {
		close(listener.fd);
		return -E2BIG;
	}
	for (size_t i = 0; i < relay->count; i++)
		listener.at += !relay->listeners[i].tcp;
	listener.used = true;
	relay->listeners[relay->count++] = listener;
	return 0;
}

int relay_publish(const struct relay *relay, const struct policy_publish *publish, struct listener *out)
{
	bool tcp = publish->proto == PROTO_TCP;

	*out = (struct listener){ .tcp = tcp,
				  .family = publish->bind.family,
				  .guest_port = publish->guest_port,
				  .publish = *publish,
				  .port = publish->host_port };
	out->fd = relay_socket_publish(&relay->start, tcp ? SOCK_STREAM : SOCK_DGRAM, publish->bind, &out->port);
	return out->fd < 0 ? out->fd : 0;
}

static void log_not_published(const struct policy_publish *publish, int error)
{
	struct arena *arena = arena_new();

	log_error("%s", relay_not_published(arena, publish, error));
	arena_free(arena);
}

static int open_published(struct relay *relay)
{
	const struct policy *policy = relay->start.policy;
	struct listener listener;
	for (size_t i = 0; i < policy->publishes.count; i++) {
		int error = relay_publish(relay, &policy->publishes.items[i], &listener);
		if (error == 0)
			error = add_listener(relay, listener);
		if (error < 0) {
			log_not_published(&policy->publishes.items[i], error);
			return error;
		}
		report_published(&policy->publishes.items[i], listener.port);
	}
	return 0;
}

static int open_gateway(struct relay *relay, bool active, enum addr_family family)
{
	for (int tcp = 0; active && tcp < 2; tcp++) {
		int fd = relay_socket_transparent(family == ADDR_V4 ? AF_INET : AF_INET6,
						  tcp ? SOCK_STREAM : SOCK_DGRAM, LOWER_HOST_PORT);
		int error =
			fd < 0 ? fd :
				 add_listener(relay, (struct listener){
							     .fd = fd, .tcp = tcp, .to_host = true, .family = family });
		if (error < 0)
			return error;
	}
	return 0;
}

struct start {
	struct relay_worker_config config;
	uid_t uid;
};

static void run_worker(int control, void *context)
{
	struct start *start = context;
	start->config.control = control;
	relay_worker(&start->config, start->uid);
}

static const struct worker_descriptors descriptors = {
	.worker = "the relay",
	.least = RELAY_ROOM_LEAST,
	.most = RELAY_ROOM_MAX,
	.each = RELAY_DESCRIPTORS_OF_ROOM,
	.other = RELAY_DESCRIPTORS_OTHER,
};

static int start_worker(struct relay *relay)
{
	struct start start = { .uid = relay->start.uid };
	for (size_t i = 0; i < relay->count; i++)
		if (!relay->listeners[i].tcp)
			start.config.listeners[start.config.listener_count++] =
				(struct relay_listener){ relay->listeners[i].fd, relay->listeners[i].to_host };
	struct rlimit before = worker_raise_descriptors(worker_descriptors_most(&descriptors));
	int error = worker_room(&descriptors, &start.config.room);
	if (error == 0)
		error = worker_start(&relay->worker, run_worker, &start);
	worker_restore_descriptors(before);
	return error;
}

int relay_watch(struct relay *relay, size_t listener)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)listener };
	return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, relay->listeners[listener].fd, &event) < 0 ? -errno : 0;
}

/* UDP listeners are the worker's alone from here on; what is left in the table are their facts. */
static int watch_all(struct relay *relay)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = CONTROL };
	relay->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (relay->epoll < 0 || epoll_ctl(relay->epoll, EPOLL_CTL_ADD, relay->worker.control, &event) < 0)
		return -errno;
	for (size_t i = 0; i < relay->count; i++) {
		int error = 0;
		if (!relay->listeners[i].tcp)
			fd_closep(&relay->listeners[i].fd);
		else
			error = relay_watch(relay, i);
		if (error < 0)
			return error;
	}
	return 0;
}

static int open_rest(struct relay *relay)
{
	const struct addr_gateway *gateway = &relay->start.gateway;
	int error = open_gateway(relay, gateway->has4, ADDR_V4);
	if (error == 0)
		error = open_gateway(relay, gateway->has6, ADDR_V6);
	if (error == 0)
		error = start_worker(relay);
	return error == 0 ? watch_all(relay) : error;
}

struct relay *relay_open(const struct relay_start *start)
{
	struct relay *relay = arena_must(calloc(1, sizeof *relay));
	relay->start = *start;
	relay->context = (struct eval_context){ start->policy, start->gateway, EVAL_NO_BINDINGS };
	relay->epoll = -1;
	relay->worker = WORKER_NONE;
	relay->diag = relay_socket_diag(start);
	int error = open_published(relay);
	if (error == 0 && (error = open_rest(relay)) < 0)
		log_error("cannot start the relay: %s", strerror(-error));
	if (error == 0)
		return relay;
	relay_close(relay);
	errno = -error;
	return NULL;
}

int relay_fd(const struct relay *relay)
{
	return relay->epoll;
}

int relay_worker_pidfd(const struct relay *relay)
{
	return relay->worker.pidfd;
}

void relay_close(struct relay *relay)
{
	if (!relay)
		return;
	worker_end(&relay->worker);
	for (size_t i = 0; i < relay->count; i++)
		fd_closep(&relay->listeners[i].fd);
	fd_closep(&relay->epoll);
	nl_close(relay->diag);
	free(relay);
}

/* ---- judging ---- */

static bool peer_may_enter(struct relay *relay, const struct listener *listener, const struct sockaddr_in6 *from,
			   struct denials *denials)
{
	struct eval_connection connection = {
		.direction = POLICY_INGRESS,
		.proto = listener->tcp ? PROTO_TCP : PROTO_UDP,
		.addr = addr_from_sockaddr((const struct sockaddr *)from),
		.has_port = true,
		.port = listener->guest_port,
	};
	struct eval_verdict verdict = eval_connection(&relay->context, &connection);
	const struct denial_flow flow = { &connection, verdict, .source_port = ntohs(from->sin6_port) };
	if (verdict.action != POLICY_ALLOW && denials)
		denials_ingress(denials, &flow);
	else if (denials && denials_wants(denials, verdict))
		denials_flow_begin(denials, &flow);
	return verdict.action == POLICY_ALLOW;
}

/* The packet filter has let the flow pass already; it is judged again where it is connected to the host. */
static bool guest_may_leave(struct relay *relay, const struct listener *listener, struct addr gateway, uint16_t port)
{
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = listener->tcp ? PROTO_TCP : PROTO_UDP,
		.addr = gateway,
		.has_port = true,
		.port = port,
	};
	return eval_connection(&relay->context, &connection).action == POLICY_ALLOW;
}

/* A listener of IPv6 reaches a guest that has none by IPv4. */
static struct addr guest_of(const struct relay *relay, enum addr_family family)
{
	const struct addr_gateway *gateway = &relay->start.gateway;
	bool v6 = gateway->has6 && (family == ADDR_V6 || !gateway->has4);
	return v6 ? relay->start.guest6 : relay->start.guest4;
}

static struct addr gateway_of(const struct relay *relay, enum addr_family family)
{
	return family == ADDR_V4 ? relay->start.gateway.v4 : relay->start.gateway.v6;
}

/* ---- handing on ---- */

int relay_hand_on(struct relay *relay, const struct relay_message *message, const int *fds, size_t count)
{
	return socket_send_fds(relay->worker.control, message, sizeof *message, fds, count, MSG_DONTWAIT);
}

/* The far end of a connection that was accepted; -errno: there is none for it */
static int far_end(struct relay *relay, const struct listener *listener, int near, const struct sockaddr_in6 *from,
		   struct denials *denials)
{
	struct sockaddr_in6 asked;
	socklen_t len = sizeof asked;
	if (!listener->to_host) {
		if (!peer_may_enter(relay, listener, from, denials))
			return -EACCES;
		return relay_socket_to_guest(SOCK_STREAM, guest_of(relay, listener->family), listener->guest_port);
	}
	/* through TPROXY the socket's own address is the one that was dialled */
	if (getsockname(near, (struct sockaddr *)&asked, &len) < 0)
		return -errno;
	struct addr dialled = addr_from_sockaddr((struct sockaddr *)&asked);
	uint16_t port = ntohs(asked.sin6_port);
	if (!addr_equal(dialled, gateway_of(relay, listener->family)) ||
	    !guest_may_leave(relay, listener, dialled, port))
		return -EACCES;
	return relay_socket_to_host(&relay->start, SOCK_STREAM, listener->family, port);
}

/* Whom a connection counts against: of a process on this host, its user */
static struct relay_client client_of(const struct relay *relay, const struct listener *listener, int near,
				     const struct sockaddr_in6 *peer)
{
	struct sockaddr_in6 asked = { 0 };
	socklen_t len = sizeof asked;
	uint32_t uid = RELAY_UID_UNKNOWN;
	if (relay->diag && !listener->to_host && getsockname(near, (struct sockaddr *)&asked, &len) == 0)
		sock_diag_owner(relay->diag, peer, &asked, &uid);
	return relay_client_of((uint32_t)(listener - relay->listeners), uid, peer);
}

/* Else connections wait where they are, in the listener's queue. The kernel promises much more room than one turn takes. */
static bool worker_keeps_up(const struct relay *relay)
{
	struct pollfd channel = { .fd = relay->worker.control, .events = POLLOUT };

	return poll(&channel, 1, WORKER_PATIENCE_MS) == 1 && channel.revents & POLLOUT;
}

/* Who began it, and what was asked for */
static struct relay_flow flow_of(const struct relay *relay, const struct listener *listener,
				 const struct sockaddr_in6 *peer, uint16_t port)
{
	return (struct relay_flow){
		.pair = listener->tcp,
		.to_host = listener->to_host,
		.peer = addr_from_sockaddr((const struct sockaddr *)peer),
		.peer_port = ntohs(peer->sin6_port),
		.asked = listener->to_host ? gateway_of(relay, listener->family) : guest_of(relay, listener->family),
		.port = listener->to_host ? port : listener->guest_port,
		.began_ms = clock_ms(),
	};
}

static uint16_t dialled_port(int near)
{
	struct sockaddr_in6 asked = { 0 };
	socklen_t len = sizeof asked;

	return getsockname(near, (struct sockaddr *)&asked, &len) < 0 ? 0 : ntohs(asked.sin6_port);
}

/* 0; what is not handed on is closed with linger 0, a reset; -errno: the worker is gone */
static int hand_pair_on(struct relay *relay, const struct listener *listener, const struct sockaddr_in6 *from, int near,
			int far)
{
	struct relay_flow flow = flow_of(relay, listener, from, dialled_port(near));
	struct relay_message pair = { .kind = RELAY_PAIR,
				      .to_host = listener->to_host,
				      .client = client_of(relay, listener, near, from),
				      .serial = relay_records_add_pair(&relay->records, &flow) };

	if (!pair.serial)
		return 0;
	if (pair.client.uid != RELAY_UID_UNKNOWN)
		relay_socket_unpaced(near);
	int error = relay_hand_on(relay, &pair, (int[]){ near, far }, 2);
	if (error < 0)
		relay_records_drop(&relay->records, (struct relay_serial){ .serial = pair.serial, .pair = true });
	return error == -EAGAIN || error == -ETOOMANYREFS ? 0 : error;
}

static int accept_all(struct relay *relay, const struct listener *listener, struct denials *denials)
{
	if (!worker_keeps_up(relay))
		return 0;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof from;
		CLEANUP_FD int near =
			accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (near < 0)
			return 0;
		CLEANUP_FD int far = far_end(relay, listener, near, &from, denials);
		if (far < 0)
			continue; /* closed with linger 0: a reset */
		int error = hand_pair_on(relay, listener, &from, near, far);
		if (error < 0)
			return error;
	}
	return 0;
}

/* The UDP listener with that index in the worker's list */
static const struct listener *udp_listener(const struct relay *relay, uint32_t index)
{
	for (size_t i = 0; i < relay->count; i++)
		if (relay->listeners[i].used && !relay->listeners[i].tcp && relay->listeners[i].at == index)
			return &relay->listeners[i];
	return NULL;
}

static bool sane_address(const struct sockaddr_in6 *address, enum addr_family family)
{
	return address->sin6_family == (family == ADDR_V4 ? AF_INET : AF_INET6);
}

/* Descriptors of a flow that may be; how many; 0: it may not, or nothing listens */
static size_t flow_ends(struct relay *relay, const struct listener *listener, const struct relay_message *ask,
			int fds[static 2], struct denials *denials)
{
	struct addr peer = addr_from_sockaddr((const struct sockaddr *)&ask->peer);
	uint16_t peer_port = ntohs(ask->peer.sin6_port);
	if (!listener->to_host) {
		if (peer_may_enter(relay, listener, &ask->peer, denials))
			fds[0] = relay_socket_to_guest(SOCK_DGRAM, guest_of(relay, listener->family),
						       listener->guest_port);
		return fds[0] >= 0 ? 1 : 0;
	}
	struct addr asked = addr_from_sockaddr((const struct sockaddr *)&ask->asked);
	uint16_t port = ntohs(ask->asked.sin6_port);
	if (!addr_equal(asked, gateway_of(relay, listener->family)) ||
	    !addr_equal(peer, guest_of(relay, listener->family)) || !guest_may_leave(relay, listener, asked, port))
		return 0;
	fds[0] = relay_socket_to_host(&relay->start, SOCK_DGRAM, listener->family, port);
	if (fds[0] >= 0)
		fds[1] = relay_socket_as_gateway(asked, port, peer, peer_port);
	return fds[1] >= 0 ? 2 : 0;
}

static int serve_ask(struct relay *relay, const struct relay_message *ask, struct denials *denials)
{
	const struct listener *listener = udp_listener(relay, ask->listener);
	bool sane =
		listener && sane_address(&ask->peer, listener->family) && sane_address(&ask->asked, listener->family);
	if (ask->kind != RELAY_ASK_UDP || (!sane && !relay->changed))
		return -EPROTO;
	int fds[2] = { -1, -1 };
	size_t count = sane ? flow_ends(relay, listener, ask, fds, denials) : 0;
	struct relay_message answer = { .kind = RELAY_FLOW, .serial = ask->serial, .allowed = count > 0 };
	if (answer.allowed) {
		struct relay_flow flow = flow_of(relay, listener, &ask->peer, ntohs(ask->asked.sin6_port));
		flow.serial = ask->serial;
		relay_records_add_flow(&relay->records, &flow);
	}
	int error = relay_hand_on(relay, &answer, fds, count);
	fd_closep(&fds[0]);
	fd_closep(&fds[1]);
	/* asks are bounded, so their answers fit, unless the worker does not keep to that */
	return error == -EAGAIN ? -EPROTO : error;
}

static int serve_ended(struct relay *relay, const struct relay_message *told)
{
	if (told->ended_count > RELAY_ENDED_MAX)
		return -EPROTO;
	for (size_t i = 0; i < told->ended_count; i++) {
		const struct relay_record *record = relay_records_find(&relay->records, told->ended[i]);
		if (record && relay->ended)
			relay->ended(relay->ended_self, &record->flow, &told->ended[i].moved);
		relay_records_drop(&relay->records, told->ended[i]);
	}
	return 0;
}

void relay_tell_ended(struct relay *relay,
		      void (*ended)(void *self, const struct relay_flow *, const struct relay_moved *), void *self)
{
	relay->ended = ended;
	relay->ended_self = self;
}

static int control_readable(struct relay *relay, struct denials *denials)
{
	for (int i = 0; i < RELAY_ASKS_MAX; i++) {
		struct relay_message ask;
		ssize_t len = recv(relay->worker.control, &ask, sizeof ask, MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (len != sizeof ask)
			return len == 0 ? -EPIPE : -EPROTO;
		int error = ask.kind == RELAY_ENDED ? serve_ended(relay, &ask) : serve_ask(relay, &ask, denials);
		if (error < 0)
			return error;
	}
	return 0;
}

int relay_serve(struct relay *relay, struct eval_bindings bindings, struct denials *denials)
{
	struct epoll_event events[16];
	int count = epoll_wait(relay->epoll, events, 16, 0), error = 0;
	relay->context.bindings = bindings;
	for (int i = 0; i < count && error == 0; i++)
		error = events[i].data.u32 == CONTROL ?
				control_readable(relay, denials) :
				accept_all(relay, &relay->listeners[events[i].data.u32], denials);
	return error;
}

bool relay_published(const struct relay *relay, size_t index, struct relay_published *out)
{
	for (size_t i = 0; i < relay->count; i++) {
		const struct listener *listener = &relay->listeners[i];
		if (!listener->used || listener->to_host || index-- > 0)
			continue;
		*out = (struct relay_published){ .bind = listener->publish.bind,
						 .host_port = listener->port,
						 .guest_port = listener->guest_port,
						 .tcp = listener->tcp };
		return true;
	}
	return false;
}

/* ---- listing and ending ---- */

static int each_of(struct relay_record *records, size_t count, int (*each)(const struct relay_flow *, void *),
		   void *context)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++)
		if (records[i].used)
			result = each(&records[i].flow, context);
	return result;
}

int relay_flows(struct relay *relay, int (*each)(const struct relay_flow *, void *), void *context)
{
	int result = each_of(relay->records.pairs, RELAY_RECORDS_PAIRS, each, context);

	return result ? result : each_of(relay->records.flows, RELAY_SLOTS_MAX, each, context);
}

int relay_end(struct relay *relay, bool pair, uint32_t serial)
{
	return relay_records_end(&relay->records, (struct relay_serial){ .serial = serial, .pair = pair });
}

bool relay_ending(const struct relay *relay)
{
	return relay->records.ending > 0;
}

static int tell_to_end(struct relay *relay, struct relay_record *record, uint64_t now)
{
	struct relay_message end = { .kind = RELAY_END,
				     .ended_count = 1,
				     .ended = { { .serial = record->flow.serial, .pair = record->flow.pair } } };

	if (!record->used || record->ending == RELAY_GOES_ON)
		return 0;
	if (!record->asked_ms)
		record->asked_ms = now;
	if (now - record->asked_ms > RELAY_END_MS)
		return -EPROTO;
	int error = record->ending == RELAY_TOLD ? 0 : relay_hand_on(relay, &end, NULL, 0);
	if (error == 0)
		record->ending = RELAY_TOLD;
	return error == -EAGAIN ? 0 : error;
}

int relay_settle(struct relay *relay)
{
	uint64_t now = clock_ms();
	int error = 0;

	if (!relay_ending(relay))
		return 0;
	for (size_t i = 0; i < RELAY_RECORDS_PAIRS && error == 0; i++)
		error = tell_to_end(relay, &relay->records.pairs[i], now);
	for (size_t i = 0; i < RELAY_SLOTS_MAX && error == 0; i++)
		error = tell_to_end(relay, &relay->records.flows[i], now);
	return error;
}
