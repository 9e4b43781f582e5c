/* UDP: a flow is a peer of one listener and the address it asked, which is the one that answers. Its first datagrams wait
 * while the supervisor judges the peer; a peer that was refused is asked about again after a while, and until then ignored. */
#include "core/fd.h"
#include "core/socket.h"
#include "relay/relay_worker.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 65535
#define WAITING_MAX 4 /* datagrams of a flow, while it is judged */
#define BATCH 64

enum flow_state { RELAY_FLOW_FREE, RELAY_FLOW_ASKED, RELAY_FLOW_OPEN, RELAY_FLOW_REFUSED };

struct datagram {
	uint8_t *bytes;
	size_t len;
};

struct flow_udp {
	enum flow_state state;
	uint32_t listener, serial;
	struct sockaddr_in6 peer, asked;
	int far;  /* once there is one: connected to the guest, or to the host's service */
	int near; /* of a flow to the host: bound to the address asked, connected to the guest; else -1 */
	struct datagram waiting[WAITING_MAX];
	size_t waiting_count;
	struct relay_moved moved;
	struct budget_member member;
	struct timer refused;
};

static uint8_t packet[DATAGRAM_MAX];

bool flows_init(struct relay_loop *loop)
{
	loop->flows = calloc(loop->slots, sizeof *loop->flows);
	for (int to_host = 0; to_host < 2; to_host++)
		if (!budget_init(&loop->flow_budgets[to_host], loop->slots / 2, RELAY_UDP_IDLE_MS, 0))
			return false;
	timers_init(&loop->refused_flows, RELAY_UDP_REFUSED_MS);
	return loop->flows != NULL;
}

static socklen_t length_of(const struct sockaddr_in6 *address)
{
	return address->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof *address;
}

static bool same_address(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	if (a->sin6_family != b->sin6_family || a->sin6_port != b->sin6_port)
		return false;
	if (a->sin6_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->sin6_addr, &b->sin6_addr);
}

static struct flow_udp *flow_of(struct budget_member *member)
{
	return (struct flow_udp *)((char *)member - offsetof(struct flow_udp, member));
}

static struct budget *budget_of(struct relay_loop *loop, uint32_t listener)
{
	return &loop->flow_budgets[loop->listeners[listener].to_host];
}

static void flow_end(struct relay_loop *loop, struct flow_udp *flow)
{
	for (size_t i = 0; i < flow->waiting_count; i++)
		free(flow->waiting[i].bytes);
	fd_closep(&flow->far);
	fd_closep(&flow->near);
	budget_leave(budget_of(loop, flow->listener), &flow->member);
	timer_stop(&flow->refused);
	loop->asks -= flow->state == RELAY_FLOW_ASKED;
	if (flow->state == RELAY_FLOW_OPEN)
		ended_note(loop, (struct relay_serial){ flow->serial, false, flow->moved });
	*flow = (struct flow_udp){ .far = -1, .near = -1, .serial = flow->serial };
}

void flows_expire(struct relay_loop *loop)
{
	for (int to_host = 0; to_host < 2; to_host++)
		for (struct timer *timer; (timer = timers_ended(&loop->flow_budgets[to_host].idle, loop->now_ms));)
			flow_end(loop, flow_of(timer_of(timer, struct budget_member, idle)));
	for (struct timer *timer; (timer = timers_ended(&loop->refused_flows, loop->now_ms));)
		flow_end(loop, timer_of(timer, struct flow_udp, refused));
}

void flows_forget_refused(struct relay_loop *loop)
{
	for (size_t i = 0; i < loop->slots; i++)
		if (loop->flows[i].state == RELAY_FLOW_REFUSED)
			flow_end(loop, &loop->flows[i]);
}

void flows_end(struct relay_loop *loop, uint32_t listener)
{
	for (size_t i = 0; i < loop->slots; i++)
		if (loop->flows[i].state != RELAY_FLOW_FREE && loop->flows[i].listener == listener)
			flow_end(loop, &loop->flows[i]);
}

void flows_unlisten(struct relay_loop *loop, uint32_t listener)
{
	if (listener >= RELAY_LISTENERS_MAX)
		return;
	flows_end(loop, listener);
	fd_closep(&loop->listeners[listener].fd);
}

void flows_listen(struct relay_loop *loop, uint32_t listener, int fd)
{
	CLEANUP_FD int taken = fd;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = relay_event(RELAY_EVENT_LISTENER, listener, 0) };

	if (fd < 0 || listener >= RELAY_LISTENERS_MAX || loop->listeners[listener].fd >= 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return;
	loop->listeners[listener] = (struct relay_listener){ TAKE_FD(taken), false };
}

static struct flow_udp *flow_find(struct relay_loop *loop, uint32_t listener, const struct sockaddr_in6 *peer,
				  const struct sockaddr_in6 *asked)
{
	/* slots are taken from the start of the list, so the walk is as long as there are flows */
	size_t count = loop->flow_budgets[false].count + loop->flow_budgets[true].count;
	for (size_t i = 0, seen = 0; i < loop->slots && seen < count; i++) {
		struct flow_udp *flow = &loop->flows[i];
		seen += flow->state != RELAY_FLOW_FREE;
		if (flow->state != RELAY_FLOW_FREE && flow->listener == listener && same_address(&flow->peer, peer) &&
		    same_address(&flow->asked, asked))
			return flow;
	}
	return NULL;
}

/* A free one, where need be by ending another */
static struct flow_udp *flow_take(struct relay_loop *loop, uint32_t listener, const struct relay_client *client)
{
	struct budget *budget = budget_of(loop, listener);
	if (budget->count == budget->most) /* any may end, so one is found */
		flow_end(loop, flow_of(budget_victim(budget, client, loop->now_ms)));
	struct flow_udp *flow = loop->flows;
	while (flow->state != RELAY_FLOW_FREE)
		flow++;
	return flow;
}

static struct flow_udp *flow_ask(struct relay_loop *loop, uint32_t listener, const struct sockaddr_in6 *peer,
				 const struct sockaddr_in6 *asked)
{
	if (loop->asks >= RELAY_ASKS_MAX)
		return NULL; /* a datagram lost on the way: the peer sends again */
	struct relay_client client = relay_client_of(listener, RELAY_UID_UNKNOWN, peer);
	struct flow_udp *flow = flow_take(loop, listener, &client);
	uint32_t index = (uint32_t)(flow - loop->flows);
	/* the slot's index and how often it was used: a late answer matches no flow */
	uint32_t serial = (flow->serial / RELAY_SLOTS_MAX + 1) * RELAY_SLOTS_MAX + index;
	*flow = (struct flow_udp){ .state = RELAY_FLOW_ASKED,
				   .listener = listener,
				   .serial = serial,
				   .peer = *peer,
				   .asked = *asked,
				   .far = -1,
				   .near = -1 };
	budget_join(budget_of(loop, listener), &flow->member, &client, false, loop->now_ms);
	loop->asks++;
	struct relay_message ask = {
		.kind = RELAY_ASK_UDP, .serial = serial, .listener = listener, .peer = *peer, .asked = *asked
	};
	if (send(loop->control, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof ask)
		return flow;
	flow_end(loop, flow);
	return NULL;
}

static void note_moved(struct flow_udp *flow, int way, ssize_t sent)
{
	if (sent < 0)
		return;
	flow->moved.bytes[way] += (uint64_t)sent;
	flow->moved.datagrams[way]++;
}

static void flow_send(struct relay_loop *loop, struct flow_udp *flow, const uint8_t *bytes, size_t len)
{
	budget_touch(budget_of(loop, flow->listener), &flow->member, loop->now_ms);
	/* refused or without room: the datagram is lost, as on any network */
	note_moved(flow, 0, send(flow->far, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void flow_wait(struct flow_udp *flow, const uint8_t *bytes, size_t len)
{
	if (flow->waiting_count == WAITING_MAX)
		return;
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		return;
	memcpy(copy, bytes, len);
	flow->waiting[flow->waiting_count++] = (struct datagram){ copy, len };
}

/* A datagram of `len` bytes, in `packet` */
static void flow_arrived(struct relay_loop *loop, uint32_t listener, const struct sockaddr_in6 *peer,
			 const struct sockaddr_in6 *asked, size_t len)
{
	struct flow_udp *flow = flow_find(loop, listener, peer, asked);
	if (!flow)
		flow = flow_ask(loop, listener, peer, asked);
	if (flow && flow->state == RELAY_FLOW_OPEN)
		flow_send(loop, flow, packet, len);
	else if (flow && flow->state == RELAY_FLOW_ASKED)
		flow_wait(flow, packet, len);
}

void flows_readable(struct relay_loop *loop, uint32_t listener)
{
	const struct relay_listener *from = &loop->listeners[listener];
	char control[256];
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_in6 peer = { 0 }, asked;
		struct iovec data = { packet, sizeof packet };
		struct msghdr message = { .msg_name = &peer,
					  .msg_namelen = sizeof peer,
					  .msg_iov = &data,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof control };
		ssize_t len = recvmsg(from->fd, &message, MSG_DONTWAIT);
		if (len < 0)
			return;
		if (socket_asked(&message, &asked))
			flow_arrived(loop, listener, &peer, &asked, (size_t)len);
	}
}

static bool flow_watch(struct relay_loop *loop, const struct flow_udp *flow)
{
	struct epoll_event event = {
		.events = EPOLLIN, .data.u64 = relay_event(RELAY_EVENT_FLOW, (size_t)(flow - loop->flows), flow->serial)
	};
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, flow->far, &event) == 0 &&
	       (flow->near < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, flow->near, &event) == 0);
}

/* The supervisor takes it for a flow that is open. */
static void note_unused(struct relay_loop *loop, const struct relay_message *answer)
{
	if (answer->allowed)
		ended_note(loop, (struct relay_serial){ .serial = answer->serial });
}

void flow_stop(struct relay_loop *loop, uint32_t serial)
{
	size_t index = serial % RELAY_SLOTS_MAX;

	if (index < loop->slots && loop->flows[index].state == RELAY_FLOW_OPEN && loop->flows[index].serial == serial)
		flow_end(loop, &loop->flows[index]);
}

void flow_answer(struct relay_loop *loop, const struct relay_message *message, int fds[static 2])
{
	size_t index = message->serial % RELAY_SLOTS_MAX;
	struct flow_udp *flow = &loop->flows[index < loop->slots ? index : 0];
	if (flow->state != RELAY_FLOW_ASKED || flow->serial != message->serial) {
		note_unused(loop, message);
		return;
	}
	loop->asks--;
	bool to_host = loop->listeners[flow->listener].to_host;
	flow->state = RELAY_FLOW_REFUSED;
	timer_start(&loop->refused_flows, &flow->refused, loop->now_ms);
	if (!message->allowed || fds[0] < 0 || (fds[1] >= 0) != to_host) {
		note_unused(loop, message);
		return;
	}
	timer_stop(&flow->refused);
	flow->state = RELAY_FLOW_OPEN;
	flow->far = TAKE_FD(fds[0]);
	if (to_host)
		flow->near = TAKE_FD(fds[1]);
	if (!flow_watch(loop, flow)) {
		flow_end(loop, flow);
		return;
	}
	for (size_t i = 0; i < flow->waiting_count; i++) {
		flow_send(loop, flow, flow->waiting[i].bytes, flow->waiting[i].len);
		free(flow->waiting[i].bytes);
	}
	flow->waiting_count = 0;
}

/* From the address the peer asked, which a listener on all of the host's addresses cannot know by itself. A link-local
 * address is the kernel's to choose: it means nothing without its link. */
static ssize_t reply_by_listener(const struct relay_loop *loop, struct flow_udp *flow, size_t len)
{
	char control[SOCKET_SOURCE_ROOM] __attribute__((aligned(8))) = { 0 };
	struct iovec data = { packet, len };
	struct msghdr message = {
		.msg_name = &flow->peer, .msg_namelen = length_of(&flow->peer), .msg_iov = &data, .msg_iovlen = 1
	};
	if (flow->asked.sin6_family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&flow->asked.sin6_addr)) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		socket_set_source(&message, addr_from_sockaddr((struct sockaddr *)&flow->asked));
	}
	return sendmsg(loop->listeners[flow->listener].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* An answer for the peer: by the socket that is its alone, or by the listener it sent to */
static void reply(struct relay_loop *loop, struct flow_udp *flow, size_t len)
{
	budget_touch(budget_of(loop, flow->listener), &flow->member, loop->now_ms);
	note_moved(flow, 1,
		   flow->near >= 0 ? send(flow->near, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
				     reply_by_listener(loop, flow, len));
}

void flow_event(struct relay_loop *loop, union relay_event event)
{
	struct flow_udp *flow = &loop->flows[event.index];
	if (flow->serial != event.generation)
		return; /* fetched before that flow ended */
	for (int i = 0; i < BATCH && flow->state == RELAY_FLOW_OPEN; i++) {
		ssize_t len = recv(flow->far, packet, sizeof packet, MSG_DONTWAIT);
		if (len < 0)
			break;
		reply(loop, flow, (size_t)len);
	}
	for (int i = 0; i < BATCH && flow->state == RELAY_FLOW_OPEN && flow->near >= 0; i++) {
		struct sockaddr_in6 peer = { 0 }, asked = flow->asked;
		socklen_t size = sizeof peer;
		ssize_t len =
			recvfrom(flow->near, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);
		if (len < 0)
			break;
		if (same_address(&peer, &flow->peer))
			flow_send(loop, flow, packet, (size_t)len);
		else /* another's, from before this socket was connected */
			flow_arrived(loop, flow->listener, &peer, &asked, (size_t)len);
	}
}
