/* Sockets towards servers. They come from the supervisor; here they are connected, each time from a fresh port that
 * the kernel draws, and disconnected again by connect(AF_UNSPEC). A connected UDP socket takes datagrams of its server's
 * address and port alone; id, question and the case of its letters are checked on top. */
#include "dns/dns_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static uint8_t packet[LDNS_MAX_PACKETLEN];

static bool watch(struct proxy *proxy, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };
	return epoll_ctl(proxy->epoll, operation, fd, &event) == 0;
}

void upstream_init(struct proxy *proxy)
{
	proxy->flow_room = UPSTREAM_FLOWS * 1000;
	proxy->flows_filled_ms = proxy->now_ms;
}

static struct server_ref upstream_server(const struct proxy *proxy, const struct exchange *exchange)
{
	if (exchange->server != SERVER_OF_GUEST) {
		const struct nameserver *server = &proxy->servers[exchange->server].at;
		return (struct server_ref){ server->addr, server->port, server->link, upstream_place(server) };
	}
	struct addr addr = exchange->lookup->key.resolver;
	return (struct server_ref){ addr, DNS_PORT, 0, addr.family == ADDR_V4 ? PLACE_VM4 : PLACE_VM6 };
}

static int connect_to(int fd, const struct server_ref *server)
{
	struct sockaddr_storage to;
	socklen_t len = addr_to_sockaddr(server->addr, server->port, &to);
	if (server->link)
		((struct sockaddr_in6 *)&to)->sin6_scope_id = server->link;
	return connect(fd, (struct sockaddr *)&to, len) < 0 ? -errno : 0;
}

/* Releases address and port: the next connect draws a fresh port */
static void disconnect(int fd)
{
	connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr));
}

static bool same_server(const struct server_ref *a, const struct server_ref *b)
{
	return a->port == b->port && a->link == b->link && addr_equal(a->addr, b->addr);
}

/* ---- flows ---- */

static void flows_fill(struct proxy *proxy)
{
	proxy->flow_room += (proxy->now_ms - proxy->flows_filled_ms) * UPSTREAM_FLOWS_A_SECOND;
	proxy->flows_filled_ms = proxy->now_ms;
	if (proxy->flow_room > UPSTREAM_FLOWS * 1000)
		proxy->flow_room = UPSTREAM_FLOWS * 1000;
}

static bool flow_take(struct proxy *proxy)
{
	flows_fill(proxy);
	if (proxy->flow_room < 1000)
		return false;
	proxy->flow_room -= 1000;
	return true;
}

/* Ports are used again once half of the flows are gone: till then each query has its own */
static bool flows_are_short(struct proxy *proxy)
{
	flows_fill(proxy);
	return proxy->flow_room < UPSTREAM_FLOWS * 1000 / 2;
}

/* ---- UDP ---- */

/* Takes it off the list of free ones */
static void udp_claim(struct proxy *proxy, struct udp_slot *slot)
{
	struct udp_slot **at = &proxy->pools[slot->place].udp_free;
	while (*at != slot)
		at = &(*at)->next_free;
	*at = slot->next_free;
}

static struct udp_slot *udp_kept(struct proxy *proxy, const struct server_ref *server)
{
	struct udp_slot *slot = proxy->pools[server->place].udp_free;
	while (slot && !(slot->kept && slot->uses < UPSTREAM_UDP_USES && same_server(&slot->server, server)))
		slot = slot->next_free;
	return slot;
}

static struct udp_slot *udp_fresh(struct proxy *proxy, const struct server_ref *server, int *error)
{
	struct udp_slot *slot = proxy->pools[server->place].udp_free;
	*error = -EAGAIN;
	if (!slot || !flow_take(proxy))
		return NULL;
	if (slot->kept)
		disconnect(slot->fd);
	slot->kept = false;
	slot->uses = 0;
	*error = connect_to(slot->fd, server);
	if (*error < 0)
		return NULL;
	slot->server = *server;
	return slot;
}

/* The least used one of those to the same server */
static struct udp_slot *udp_shared(struct proxy *proxy, const struct server_ref *server)
{
	struct udp_slot *best = NULL;
	const struct pool *pool = &proxy->pools[server->place];
	for (size_t i = 0; i < pool->udp_count; i++) {
		struct udp_slot *slot = &pool->udp_slots[i];
		if (slot->exchanges > 0 && slot->exchanges < UPSTREAM_UDP_SHARE && same_server(&slot->server, server) &&
		    (!best || slot->exchanges < best->exchanges))
			best = slot;
	}
	return best;
}

/* A socket of its own, and a port nobody knows, while there are any */
static struct udp_slot *udp_take(struct proxy *proxy, const struct server_ref *server, int *error)
{
	struct udp_slot *slot = flows_are_short(proxy) ? udp_kept(proxy, server) : NULL;
	if (!slot)
		slot = udp_fresh(proxy, server, error);
	if (slot)
		udp_claim(proxy, slot);
	else if (*error == -EAGAIN)
		slot = udp_shared(proxy, server);
	if (slot) {
		slot->kept = false;
		slot->uses++;
	}
	return slot;
}

static struct exchange *udp_find(const struct udp_slot *slot, uint16_t id)
{
	struct exchange *exchange = slot->first;
	while (exchange && exchange->id != id)
		exchange = exchange->sharing;
	return exchange;
}

/* Its EDNS size; 0: it is asked without (RFC 6891 7) */
static unsigned edns_size(const struct exchange *exchange)
{
	return exchange->plain ? 0 : exchange->no_tcp ? DNS_UPSTREAM_UDP_LARGE : DNS_UPSTREAM_UDP;
}

/* Draws an id that no exchange on that socket has, and the case of the letters */
static size_t write_query(struct proxy *proxy, struct exchange *exchange, const struct udp_slot *slot,
			  uint8_t out[static DNS_UPSTREAM_MAX])
{
	uint8_t case_bits[32];
	proxy_random(proxy, case_bits, sizeof case_bits);
	if (exchange->lower)
		memset(case_bits, 0xff, sizeof case_bits);
	do
		proxy_random(proxy, &exchange->id, sizeof exchange->id);
	while (slot && udp_find(slot, exchange->id));
	return dns_upstream_query(&exchange->lookup->key.question, exchange->id, case_bits, edns_size(exchange),
				  &exchange->asked, out);
}

/* What says that nobody is there, or that no way leads there; anything else may pass */
static bool is_final(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EACCES ||
	       error == EPERM || error == EADDRNOTAVAIL || error == ENETDOWN || error == EINVAL;
}

static int udp_start(struct proxy *proxy, struct exchange *exchange, const struct server_ref *server)
{
	uint8_t query[DNS_UPSTREAM_MAX];
	int error;
	struct udp_slot *slot = udp_take(proxy, server, &error);
	if (!slot)
		return error;
	size_t len = write_query(proxy, exchange, slot, query);
	exchange->state = EXCHANGE_UDP;
	exchange->udp = slot;
	exchange->sharing = slot->first;
	slot->first = exchange;
	slot->exchanges++;
	/* the first error may be one that the socket still has from its last server */
	for (int i = 0; i < 2; i++) {
		if (send(slot->fd, query, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		error = errno;
	}
	if (!is_final(error))
		return 0; /* a datagram the kernel had no room for is one lost on the way: it is sent again */
	upstream_release(proxy, exchange);
	return -error;
}

int upstream_udp(struct proxy *proxy, struct exchange *exchange)
{
	struct server_ref server = upstream_server(proxy, exchange);
	struct pool *pool = &proxy->pools[server.place];
	if (pool->udp_free || !pool_grows_udp(proxy, server.place))
		return udp_start(proxy, exchange, &server);
	exchange->state = EXCHANGE_UDP_QUEUED;
	pool_queue(&pool->udp_queue, exchange);
	return 0;
}

/* Sockets have come or are free, or none will come: what waits shares one then */
static void udp_next(struct proxy *proxy, enum upstream_place place)
{
	struct pool *pool = &proxy->pools[place];
	while (pool->udp_queue.head && (pool->udp_free || !pool_grows_udp(proxy, place))) {
		struct exchange *exchange = pool->udp_queue.head;
		pool_unqueue(&pool->udp_queue, exchange);
		struct server_ref server = upstream_server(proxy, exchange);
		int error = udp_start(proxy, exchange, &server);
		if (error < 0)
			exchange_failed(proxy, exchange, error);
	}
}

void upstream_udp_resend(struct proxy *proxy, struct exchange *exchange)
{
	(void)proxy;
	uint8_t query[DNS_UPSTREAM_MAX], as_before[32] = { 0 };
	struct dns_question ignored;
	for (size_t i = 0; i < exchange->asked.name_len; i++)
		as_before[i / 8] |= (uint8_t)((exchange->asked.name[i] >> 5 & 1) << i % 8);
	size_t len =
		dns_upstream_query(&exchange->asked, exchange->id, as_before, edns_size(exchange), &ignored, query);
	send(exchange->udp->fd, query, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void udp_failed(struct proxy *proxy, struct udp_slot *slot, int error)
{
	/* each one that fails may start anew on another socket, or on this one once it is free */
	for (size_t left = slot->exchanges; left > 0 && slot->first; left--)
		exchange_failed(proxy, slot->first, -error);
}

/* The socket's errors come with the packets that caused them (IP_RECVERR), which are to be read: the loop would turn for
 * ever. That clears an error that was not read before. */
static void forget_errors(int fd)
{
	struct msghdr nothing = { 0 };
	for (int i = 0; i < 64 && recvmsg(fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0; i++)
		;
}

static void udp_message(struct proxy *proxy, struct udp_slot *slot, size_t len)
{
	struct exchange *exchange = len < 2 ? NULL : udp_find(slot, (uint16_t)(packet[0] << 8 | packet[1]));
	enum dns_match match = DNS_MATCH_NO;
	if (exchange)
		match = dns_answer_match(packet, len, exchange->id, &exchange->asked);
	if (match != DNS_MATCH_NO)
		exchange_answered(proxy, exchange, packet, len, match);
}

void upstream_udp_event(struct proxy *proxy, union proxy_event event, uint32_t events)
{
	struct udp_slot *slot = &proxy->pools[event.place].udp_slots[event.index];
	ssize_t len = 0;
	for (int batch = 0; batch < 32 && len >= 0; batch++) {
		len = recv(slot->fd, packet, sizeof packet, MSG_DONTWAIT);
		if (len >= 0)
			udp_message(proxy, slot, (size_t)len);
		else if (is_final(errno))
			udp_failed(proxy, slot, errno);
	}
	if (events & EPOLLERR)
		forget_errors(slot->fd);
}

static void udp_release(struct proxy *proxy, struct exchange *exchange)
{
	struct udp_slot *slot = exchange->udp;
	struct exchange **at = &slot->first;
	while (*at != exchange)
		at = &(*at)->sharing;
	*at = exchange->sharing;
	exchange->udp = NULL;
	if (--slot->exchanges > 0)
		return;
	slot->kept = flows_are_short(proxy) && slot->uses < UPSTREAM_UDP_USES;
	if (!slot->kept)
		disconnect(slot->fd);
	slot->next_free = proxy->pools[slot->place].udp_free;
	proxy->pools[slot->place].udp_free = slot;
}

/* ---- TCP: a connection a question ---- */

static void tcp_close(struct proxy *proxy, struct tcp_slot *slot)
{
	epoll_ctl(proxy->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	disconnect(slot->fd);
	free(slot->in);
	slot->in = NULL;
	slot->exchange->tcp = NULL;
	slot->exchange = NULL;
	slot->generation++;
	slot->next_free = proxy->pools[slot->place].tcp_free;
	proxy->pools[slot->place].tcp_free = slot;
}

static int tcp_start(struct proxy *proxy, struct exchange *exchange, const struct server_ref *server)
{
	struct pool *pool = &proxy->pools[server->place];
	struct tcp_slot *slot = pool->tcp_free;
	int error = connect_to(slot->fd, server);
	if (error < 0 && error != -EINPROGRESS) {
		disconnect(slot->fd);
		return error;
	}
	size_t index = (size_t)(slot - pool->tcp_slots);
	if (!watch(proxy, EPOLL_CTL_ADD, slot->fd, EPOLLIN | EPOLLOUT,
		   proxy_event(EVENT_UPSTREAM_TCP, server->place, index, slot->generation))) {
		error = -errno;
		disconnect(slot->fd);
		return error;
	}
	pool->tcp_free = slot->next_free;
	size_t len = write_query(proxy, exchange, NULL, slot->out + 2);
	slot->out[0] = (uint8_t)(len >> 8);
	slot->out[1] = (uint8_t)len;
	slot->out_len = 2 + len;
	slot->sent = slot->got = slot->in_len = 0;
	slot->exchange = exchange;
	exchange->tcp = slot;
	exchange->state = EXCHANGE_TCP;
	return 0;
}

int upstream_tcp(struct proxy *proxy, struct exchange *exchange)
{
	struct server_ref server = upstream_server(proxy, exchange);
	struct pool *pool = &proxy->pools[server.place];
	if (pool->tcp_count == 0 && !pool_grows_tcp(proxy, server.place))
		return -EAFNOSUPPORT;
	if (pool->tcp_free && !pool->tcp_queue.head && flow_take(proxy))
		return tcp_start(proxy, exchange, &server);
	exchange->state = EXCHANGE_TCP_QUEUED;
	pool_queue(&pool->tcp_queue, exchange);
	return 0;
}

/* A socket is free: the exchange that waits longest has it. Where there is none and none will come, all fail. */
static void tcp_next(struct proxy *proxy, enum upstream_place place)
{
	struct pool *pool = &proxy->pools[place];
	while (pool->tcp_queue.head) {
		bool none = pool->tcp_count == 0 && !pool_grows_tcp(proxy, place);
		if (!none && !(pool->tcp_free && flow_take(proxy)))
			return;
		struct exchange *exchange = pool->tcp_queue.head;
		pool_unqueue(&pool->tcp_queue, exchange);
		struct server_ref server = upstream_server(proxy, exchange);
		int error = none ? -EAFNOSUPPORT : tcp_start(proxy, exchange, &server);
		if (error < 0)
			exchange_failed(proxy, exchange, error);
	}
}

void upstream_turn(struct proxy *proxy)
{
	for (int place = 0; place < PLACE_COUNT; place++) {
		udp_next(proxy, (enum upstream_place)place);
		tcp_next(proxy, (enum upstream_place)place);
		pool_ask(proxy, (enum upstream_place)place);
	}
}

int upstream_wait(const struct proxy *proxy, int most_ms)
{
	const int flow_ms = 1000 / UPSTREAM_FLOWS_A_SECOND + 1;
	int wait = -1;
	for (int place = 0; place < PLACE_COUNT; place++) {
		const struct pool *pool = &proxy->pools[place];
		if (pool->tcp_queue.head && pool->tcp_free && wait < 0)
			wait = flow_ms;
		if (pool_must_ask(proxy, (enum upstream_place)place))
			wait = 1;
	}
	return wait < 0 || (most_ms >= 0 && most_ms < wait) ? most_ms : wait;
}

void upstream_release(struct proxy *proxy, struct exchange *exchange)
{
	if (exchange->udp)
		udp_release(proxy, exchange);
	if (exchange->state == EXCHANGE_UDP_QUEUED)
		pool_unqueue(&proxy->pools[upstream_server(proxy, exchange).place].udp_queue, exchange);
	if (exchange->state == EXCHANGE_TCP_QUEUED)
		pool_unqueue(&proxy->pools[upstream_server(proxy, exchange).place].tcp_queue, exchange);
	if (exchange->tcp) {
		enum upstream_place place = exchange->tcp->place;
		tcp_close(proxy, exchange->tcp);
		tcp_next(proxy, place);
	}
}

/* 1: written whole; 0: the socket is full; -errno */
static int tcp_write(struct tcp_slot *slot)
{
	while (slot->sent < slot->out_len) {
		ssize_t sent =
			send(slot->fd, slot->out + slot->sent, slot->out_len - slot->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINPROGRESS ? 0 : -errno;
		slot->sent += (size_t)sent;
	}
	return 1;
}

/* 1: a whole message is in slot->in; 0: more must come; -errno */
static int tcp_read(struct tcp_slot *slot)
{
	for (;;) {
		bool in_length = slot->got < 2;
		uint8_t *to = in_length ? slot->length + slot->got : slot->in + slot->got - 2;
		size_t want = in_length ? 2 - slot->got : slot->in_len + 2 - slot->got;
		ssize_t got = recv(slot->fd, to, want, MSG_DONTWAIT);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		slot->got += (size_t)got;
		if (slot->got == 2) {
			slot->in_len = (size_t)(slot->length[0] << 8 | slot->length[1]);
			slot->in = slot->in_len ? malloc(slot->in_len) : NULL;
			if (!slot->in)
				return -ENOMEM;
		}
		if (slot->got > 2 && slot->got == slot->in_len + 2)
			return 1;
	}
}

void upstream_tcp_event(struct proxy *proxy, union proxy_event event, uint32_t events)
{
	struct tcp_slot *slot = &proxy->pools[event.place].tcp_slots[event.index];
	struct exchange *exchange = slot->exchange;
	if (!exchange || slot->generation != event.generation)
		return; /* fetched before the socket was released */
	int done = tcp_write(slot);
	if (done > 0 && events & EPOLLOUT)
		watch(proxy, EPOLL_CTL_MOD, slot->fd, EPOLLIN, event.u64);
	if (done > 0)
		done = tcp_read(slot);
	if (done == 0 && !(events & (EPOLLERR | EPOLLHUP)))
		return;
	uint8_t *in = slot->in;
	size_t len = slot->in_len;
	slot->in = NULL;
	enum dns_match match = DNS_MATCH_NO;
	if (done > 0)
		match = dns_answer_match(in, len, exchange->id, &exchange->asked);
	if (match != DNS_MATCH_NO)
		exchange_answered(proxy, exchange, in, len, match);
	else
		exchange_failed(proxy, exchange, done < 0 ? done : -EPROTO);
	free(in);
}
