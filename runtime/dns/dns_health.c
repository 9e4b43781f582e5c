/* Which servers answer. One that is dead is asked last, and beside the others now and then. */
#include "dns/dns_proxy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PROBE_EVERY_MS 10000
#define OVERDUE_MAX 3 /* of a server that has answered before: it may be slow */

void health_init(struct proxy *proxy, const struct nameserver *servers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		proxy->servers[i] = (struct server){ .at = servers[i] };
	proxy->server_count = count;
}

static bool same_server(const struct nameserver *a, const struct nameserver *b)
{
	return addr_equal(a->addr, b->addr) && a->port == b->port && a->link == b->link;
}

static bool same_way(const struct nameserver *a, const struct nameserver *b)
{
	return same_server(a, b) && a->by_host == b->by_host && a->unreachable == b->unreachable;
}

void health_change(struct proxy *proxy, const struct nameserver *servers, size_t count)
{
	struct server before[NAMESERVERS_MAX];
	size_t before_count = proxy->server_count;
	memcpy(before, proxy->servers, sizeof before);
	health_init(proxy, servers, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < before_count; j++) {
			struct server *server = &proxy->servers[i];
			if (same_way(&before[j].at, &servers[i])) {
				*server = before[j];
			} else if (same_server(&before[j].at, &servers[i])) {
				/* what it understands stays; if it was dead it is asked beside the others first */
				*server = before[j];
				server->at = servers[i];
				server->dead = before[j].dead && !servers[i].unreachable;
				server->probe_ms = 0;
				server->overdue = 0;
			}
		}
}

size_t health_next(const struct proxy *proxy, uint32_t tried)
{
	for (int dead = 0; dead < 2; dead++)
		for (size_t i = 0; i < proxy->server_count; i++)
			if (proxy->servers[i].dead == dead && !(tried >> i & 1))
				return i;
	return SERVER_NONE;
}

size_t health_probe(struct proxy *proxy)
{
	for (size_t i = 0; i < proxy->server_count; i++) {
		struct server *server = &proxy->servers[i];
		if (!server->dead || proxy->now_ms < server->probe_ms)
			continue;
		server->probe_ms = proxy->now_ms + PROBE_EVERY_MS;
		return i;
	}
	return SERVER_NONE;
}

void health_answered(struct proxy *proxy, size_t index)
{
	if (index == SERVER_OF_GUEST)
		return;
	struct server *server = &proxy->servers[index];
	server->answered = true;
	server->dead = false;
	server->overdue = 0;
}

static bool send_tell(struct proxy *proxy, const struct server *server, int error)
{
	struct dns_tell_server tell = {
		.kind = DNS_TELL_SERVER,
		.error = (uint32_t)-error,
		.port = server->at.port,
		.addr = dns_wire_addr(server->at.addr),
	};
	return send(proxy->control, &tell, sizeof tell, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof tell;
}

/* Once: the supervisor says it where the user sees it */
static void tell(struct proxy *proxy, struct server *server, int error)
{
	if (!server->told && !server->answered)
		server->told = send_tell(proxy, server, error);
}

void health_slow(struct proxy *proxy, size_t index)
{
	if (index == SERVER_OF_GUEST)
		return;
	struct server *server = &proxy->servers[index];
	if (!server->hinted && !server->answered)
		server->hinted = send_tell(proxy, server, 0);
}

static void bury(struct proxy *proxy, struct server *server, int error)
{
	if (!server->dead)
		server->probe_ms = proxy->now_ms + PROBE_EVERY_MS;
	server->dead = true;
	tell(proxy, server, error);
}

void health_overdue(struct proxy *proxy, size_t index)
{
	if (index == SERVER_OF_GUEST)
		return;
	struct server *server = &proxy->servers[index];
	if (++server->overdue >= OVERDUE_MAX)
		bury(proxy, server, -ETIMEDOUT);
}

void health_overtaken(struct proxy *proxy, size_t index)
{
	if (index != SERVER_OF_GUEST && !proxy->servers[index].answered)
		bury(proxy, &proxy->servers[index], -ETIMEDOUT);
}

void health_failed(struct proxy *proxy, size_t index, int error)
{
	if (index != SERVER_OF_GUEST && error != -EAGAIN && error != -ENOMEM)
		bury(proxy, &proxy->servers[index], error);
}
