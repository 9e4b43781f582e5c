/* The guest's side: connections that TPROXY handed over, whatever address they were made to; dns_datagrams.c has the
 * datagrams. A connection may hold many queries at once; one that does not read its answers, or asks faster than they come, is
 * not read from. */
#include "core/socket.h"
#include "dns/dns_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define OUT_MAX (256u << 10) /* of a connection: beyond it the client does not read */
#define OUT_FULL (64u << 10) /* beyond it we do not read from the client */
#define ACCEPT_BATCH 64

struct client {
	int fd; /* 0: free, as all are at first, which take no memory so */
	uint32_t generation;
	struct addr asked;
	struct timer idle;
	uint8_t in[2 + DNS_QUERY_MAX];
	size_t in_len;
	uint8_t *out;
	size_t out_len, out_cap;
	size_t unanswered;
	bool ended;  /* the client has sent FIN */
	bool broken; /* it does not read: closed at the next flush */
	bool watched;
	uint32_t events;
	bool dirty; /* has answers to be flushed */
	struct client *next_dirty;
};

static void watch(struct proxy *proxy, struct client *client);

bool clients_init(struct proxy *proxy)
{
	proxy->clients = calloc(PROXY_MAX_CLIENTS, sizeof *proxy->clients);
	timers_init(&proxy->idle_clients, PROXY_CLIENT_IDLE_MS);
	return proxy->clients != NULL;
}

static uint32_t slot_of(const struct proxy *proxy, const struct client *client)
{
	return (uint32_t)(client - proxy->clients);
}

/* `orderly`: everything was answered, so the kernel may finish sending; else a reset */
static void client_close(struct proxy *proxy, struct client *client, bool orderly)
{
	if (orderly)
		socket_set_reset(client->fd, false);
	timer_stop(&client->idle);
	epoll_ctl(proxy->epoll, EPOLL_CTL_DEL, client->fd, NULL);
	close(client->fd);
	free(client->out);
	/* what is on the list of dirty ones stays there: the flush finds it closed */
	*client = (struct client){ .generation = client->generation + 1,
				   .dirty = client->dirty,
				   .next_dirty = client->next_dirty };
}

void clients_free(struct proxy *proxy)
{
	for (size_t i = 0; proxy->clients && i < PROXY_MAX_CLIENTS; i++)
		if (proxy->clients[i].fd)
			client_close(proxy, &proxy->clients[i], false);
	free(proxy->clients);
}

static struct client *client_take(struct proxy *proxy)
{
	for (size_t i = 0; i < PROXY_MAX_CLIENTS; i++)
		if (!proxy->clients[i].fd)
			return &proxy->clients[i];
	/* the one that has been idle longest makes room */
	struct timer *timer = proxy->idle_clients.head.next;
	struct client *client = timer_of(timer, struct client, idle);
	client_close(proxy, client, false);
	return client;
}

void clients_accept(struct proxy *proxy, int listener)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		struct sockaddr_storage asked;
		socklen_t len = sizeof asked;
		if (getsockname(fd, (struct sockaddr *)&asked, &len) < 0) {
			close(fd);
			continue;
		}
		struct client *client = client_take(proxy);
		client->fd = fd;
		client->asked = addr_from_sockaddr((struct sockaddr *)&asked);
		timer_start(&proxy->idle_clients, &client->idle, proxy->now_ms);
		watch(proxy, client);
	}
}

static bool may_read(const struct client *client)
{
	return !client->ended && client->unanswered < PROXY_CLIENT_PIPELINE && client->out_len < OUT_FULL;
}

/* Waits for what can be done next: reading, while the client keeps up; writing, while something is left */
static void watch(struct proxy *proxy, struct client *client)
{
	uint32_t events = (may_read(client) ? EPOLLIN : 0) | (client->out_len ? EPOLLOUT : 0);
	struct epoll_event event = { .events = events,
				     .data.u64 =
					     proxy_event(EVENT_CLIENT, 0, slot_of(proxy, client), client->generation) };
	if (client->watched && events == client->events)
		return;
	epoll_ctl(proxy->epoll, client->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, client->fd, &event);
	client->watched = true;
	client->events = events;
}

/* false: the connection is gone */
static bool client_write(struct proxy *proxy, struct client *client)
{
	size_t done = 0;
	while (done < client->out_len) {
		ssize_t sent =
			send(client->fd, client->out + done, client->out_len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0) {
			client_close(proxy, client, false);
			return false;
		}
		done += (size_t)sent;
	}
	client->out_len -= done;
	memmove(client->out, client->out + done, client->out_len);
	if (client->ended && client->out_len == 0 && client->unanswered == 0) {
		client_close(proxy, client, true);
		return false;
	}
	return true;
}

/* Puts what has been read to the proxy, query by query; false: the connection is gone */
static bool client_queries(struct proxy *proxy, struct client *client)
{
	uint32_t generation = client->generation;
	size_t at = 0;
	while (client->in_len - at >= 2 && client->unanswered < PROXY_CLIENT_PIPELINE) {
		size_t len = (size_t)(client->in[at] << 8 | client->in[at + 1]);
		if (len > DNS_QUERY_MAX) {
			client_close(proxy, client, false);
			return false;
		}
		if (client->in_len - at - 2 < len)
			break;
		struct client_ref ref = {
			.tcp = true, .slot = slot_of(proxy, client), .generation = generation, .asked = client->asked
		};
		client->unanswered++; /* before the query: its answer may come at once */
		if (!proxy_query(proxy, client->in + at + 2, len, &ref))
			client->unanswered--;
		if (client->generation != generation)
			return false;
		at += 2 + len;
	}
	client->in_len -= at;
	memmove(client->in, client->in + at, client->in_len);
	return true;
}

/* false: the connection is gone */
static bool client_read(struct proxy *proxy, struct client *client)
{
	ssize_t got = recv(client->fd, client->in + client->in_len, sizeof client->in - client->in_len, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return true;
	if (got < 0) {
		client_close(proxy, client, false);
		return false;
	}
	client->ended = got == 0;
	client->in_len += (size_t)got;
	timer_start(&proxy->idle_clients, &client->idle, proxy->now_ms);
	return client_queries(proxy, client);
}

void clients_event(struct proxy *proxy, union proxy_event event, uint32_t events)
{
	struct client *client = &proxy->clients[event.index];
	if (!client->fd || client->generation != event.generation)
		return; /* fetched before the connection was closed */
	if (events & EPOLLERR || (events & EPOLLHUP && !(events & EPOLLIN))) {
		client_close(proxy, client, false);
		return;
	}
	if (events & EPOLLIN && may_read(client) && !client_read(proxy, client))
		return;
	if (client_write(proxy, client))
		watch(proxy, client);
}

static bool out_append(struct client *client, const uint8_t *data, size_t len)
{
	size_t want = client->out_len + 2 + len;
	if (want > OUT_MAX)
		return false;
	if (want > client->out_cap) {
		size_t cap = want < 4096 ? 4096 : want * 2;
		uint8_t *grown = realloc(client->out, cap);
		if (!grown)
			return false;
		client->out = grown;
		client->out_cap = cap;
	}
	client->out[client->out_len] = (uint8_t)(len >> 8);
	client->out[client->out_len + 1] = (uint8_t)len;
	memcpy(client->out + client->out_len + 2, data, len);
	client->out_len = want;
	return true;
}

/* Only queues: an answer may come while the connection's queries are being read. clients_flush() sends. */
static void tcp_reply(struct proxy *proxy, const struct client_ref *ref, const uint8_t *data, size_t len)
{
	struct client *client = &proxy->clients[ref->slot];
	if (!client->fd || client->generation != ref->generation)
		return;
	client->unanswered--;
	if (!out_append(client, data, len))
		client->broken = true;
	if (!client->dirty) {
		client->dirty = true;
		client->next_dirty = proxy->dirty_clients;
		proxy->dirty_clients = client;
	}
}

void clients_flush(struct proxy *proxy)
{
	outbox_flush();
	while (proxy->dirty_clients) {
		struct client *client = proxy->dirty_clients;
		proxy->dirty_clients = client->next_dirty;
		client->dirty = false;
		if (!client->fd)
			continue;
		if (client->broken) {
			client_close(proxy, client, false);
			continue;
		}
		timer_start(&proxy->idle_clients, &client->idle, proxy->now_ms);
		/* room in the pipeline: what was read already goes on */
		if (client_queries(proxy, client) && client_write(proxy, client))
			watch(proxy, client);
	}
}

void clients_expire(struct proxy *proxy)
{
	for (struct timer *timer; (timer = timers_ended(&proxy->idle_clients, proxy->now_ms));) {
		struct client *client = timer_of(timer, struct client, idle);
		if (client->unanswered > 0 && client->out_len == 0)
			timer_start(&proxy->idle_clients, &client->idle, proxy->now_ms);
		else
			client_close(proxy, client, client->out_len == 0);
	}
}

void clients_reply(struct proxy *proxy, const struct client_ref *client, const uint8_t *data, size_t len)
{
	dns_count_reply(proxy->config.counters, data, len);
	if (client->tcp)
		tcp_reply(proxy, client, data, len);
	else if (len > 0)
		outbox_reply(proxy, client, data, len);
}
