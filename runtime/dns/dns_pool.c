/* Sockets towards servers. A sandbox starts with none: most need few, and making them takes a system call or four each. The
 * supervisor, which alone can make them, is asked for more when an exchange finds none free; the exchange waits in a queue
 * meanwhile, so that a burst of queries has a port each all the same. */
#include "dns/dns_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_AT_ONCE 8 /* at least, of an ask */
#define TCP_AT_ONCE 2
#define SHORT_MS 1000

bool pool_init(struct proxy *proxy)
{
	for (int place = 0; place < PLACE_COUNT; place++) {
		struct pool *pool = &proxy->pools[place];
		pool->udp_queue.tail = &pool->udp_queue.head;
		pool->tcp_queue.tail = &pool->tcp_queue.head;
		pool->udp_slots = calloc(UPSTREAM_UDP_SOCKETS, sizeof *pool->udp_slots);
		pool->tcp_slots = calloc(UPSTREAM_TCP_SOCKETS, sizeof *pool->tcp_slots);
		if (!pool->udp_slots || !pool->tcp_slots)
			return false;
	}
	return true;
}

void pool_free(struct proxy *proxy)
{
	for (int place = 0; place < PLACE_COUNT; place++) {
		struct pool *pool = &proxy->pools[place];
		for (size_t i = 0; i < pool->udp_count; i++)
			close(pool->udp_slots[i].fd);
		for (size_t i = 0; i < pool->tcp_count; i++) {
			close(pool->tcp_slots[i].fd);
			free(pool->tcp_slots[i].in);
		}
		free(pool->udp_slots);
		free(pool->tcp_slots);
	}
}

/* ---- what waits ---- */

void pool_queue(struct exchange_queue *queue, struct exchange *exchange)
{
	exchange->queued = NULL;
	*queue->tail = exchange;
	queue->tail = &exchange->queued;
	queue->count++;
}

void pool_unqueue(struct exchange_queue *queue, struct exchange *exchange)
{
	struct exchange **at = &queue->head;
	while (*at && *at != exchange)
		at = &(*at)->queued;
	if (!*at)
		return;
	*at = exchange->queued;
	if (!exchange->queued)
		queue->tail = at;
	queue->count--;
}

static void forget(struct exchange_queue *queue)
{
	struct exchange **at = &queue->head;
	while (*at)
		if ((*at)->server == SERVER_OF_GUEST) {
			at = &(*at)->queued;
		} else {
			*at = (*at)->queued;
			queue->count--;
		}
	queue->tail = at;
}

void pool_forget_waiting(struct proxy *proxy)
{
	for (int place = 0; place < PLACE_COUNT; place++) {
		forget(&proxy->pools[place].udp_queue);
		forget(&proxy->pools[place].tcp_queue);
	}
}

/* ---- what is asked for ---- */

bool pool_grows_udp(const struct proxy *proxy, enum upstream_place place)
{
	const struct pool *pool = &proxy->pools[place];
	return pool->udp_count < UPSTREAM_UDP_SOCKETS && proxy->now_ms >= pool->short_until_ms;
}

bool pool_grows_tcp(const struct proxy *proxy, enum upstream_place place)
{
	const struct pool *pool = &proxy->pools[place];
	return pool->tcp_count < UPSTREAM_TCP_SOCKETS && proxy->now_ms >= pool->short_until_ms;
}

static size_t missing(size_t waiting, size_t at_once, size_t room)
{
	size_t count = waiting > at_once ? waiting : at_once;
	return count < room ? count : room;
}

static bool is_asked(const struct pool *pool)
{
	return pool->asked_udp > 0 || pool->asked_tcp > 0;
}

bool pool_must_ask(const struct proxy *proxy, enum upstream_place place)
{
	const struct pool *pool = &proxy->pools[place];
	return !is_asked(pool) && ((pool->udp_queue.head && !pool->udp_free && pool_grows_udp(proxy, place)) ||
				   (pool->tcp_queue.head && !pool->tcp_free && pool_grows_tcp(proxy, place)));
}

void pool_ask(struct proxy *proxy, enum upstream_place place)
{
	struct pool *pool = &proxy->pools[place];
	if (!pool_must_ask(proxy, place))
		return;
	struct dns_ask_sockets ask = { .kind = DNS_ASK_SOCKETS, .place = (uint32_t)place };
	if (pool->udp_queue.head)
		ask.udp_count =
			(uint32_t)missing(pool->udp_queue.count, UDP_AT_ONCE, UPSTREAM_UDP_SOCKETS - pool->udp_count);
	if (pool->tcp_queue.head)
		ask.tcp_count =
			(uint32_t)missing(pool->tcp_queue.count, TCP_AT_ONCE, UPSTREAM_TCP_SOCKETS - pool->tcp_count);
	if (send(proxy->control, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof ask)
		return; /* in the next turn */
	pool->asked_udp = ask.udp_count;
	pool->asked_tcp = ask.tcp_count;
}

/* ---- what comes ---- */

static bool add_udp(struct proxy *proxy, enum upstream_place place, int fd)
{
	struct pool *pool = &proxy->pools[place];
	size_t index = pool->udp_count++;
	struct udp_slot *slot = &pool->udp_slots[index];
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = proxy_event(EVENT_UPSTREAM_UDP, place, index, 0) };
	*slot = (struct udp_slot){ .fd = fd, .place = place, .next_free = pool->udp_free };
	pool->udp_free = slot;
	return epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void add_tcp(struct proxy *proxy, enum upstream_place place, int fd)
{
	struct pool *pool = &proxy->pools[place];
	struct tcp_slot *slot = &pool->tcp_slots[pool->tcp_count++];
	*slot = (struct tcp_slot){ .fd = fd, .place = place, .next_free = pool->tcp_free };
	pool->tcp_free = slot;
}

static bool was_asked(const struct proxy *proxy, const struct dns_order *order, size_t count)
{
	if (order->place >= PLACE_COUNT || count != (size_t)order->udp_count + order->tcp_count)
		return false;
	const struct pool *pool = &proxy->pools[order->place];
	return is_asked(pool) && order->udp_count <= pool->asked_udp && order->tcp_count <= pool->asked_tcp;
}

int pool_supplied(struct proxy *proxy, const struct dns_order *order, const int *fds, size_t count)
{
	bool watched = true;
	if (!was_asked(proxy, order, count)) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return -EPROTO;
	}
	enum upstream_place place = (enum upstream_place)order->place;
	struct pool *pool = &proxy->pools[place];
	if (order->udp_count < pool->asked_udp || order->tcp_count < pool->asked_tcp)
		pool->short_until_ms = proxy->now_ms + SHORT_MS;
	pool->asked_udp = pool->asked_tcp = 0;
	for (size_t i = 0; i < order->udp_count; i++)
		watched &= add_udp(proxy, place, fds[i]);
	for (size_t i = order->udp_count; i < count; i++)
		add_tcp(proxy, place, fds[i]);
	return watched ? 0 : -ENOMEM;
}
