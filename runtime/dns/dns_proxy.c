/* The DNS worker's loop, and what becomes of one query: the verdict on its name, then what answers it. */
#include "dns/dns_proxy.h"

#include "report/reason.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint8_t reply[4096];

static uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void proxy_random(struct proxy *proxy, void *out, size_t len)
{
	if (proxy->random_left < len) {
		/* blocks before the pool is seeded, never later; 4096 octets may come in parts */
		size_t got = 0;
		while (got < sizeof proxy->random) {
			ssize_t more = getrandom(proxy->random + got, sizeof proxy->random - got, 0);
			if (more < 0 && errno != EINTR)
				abort(); /* no guessable ids */
			got += more > 0 ? (size_t)more : 0;
		}
		proxy->random_left = sizeof proxy->random;
	}
	proxy->random_left -= len;
	memcpy(out, proxy->random + proxy->random_left, len);
	memset(proxy->random + proxy->random_left, 0, len);
}

static bool watch(struct proxy *proxy, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
	return fd < 0 || epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct proxy *proxy_new(const struct proxy_config *config, const struct proxy_sockets *sockets)
{
	struct proxy *proxy = calloc(1, sizeof *proxy);
	if (!proxy)
		return NULL;
	proxy->config = *config;
	proxy->context = (struct eval_context){ config->policy, config->gateway, EVAL_NO_BINDINGS };
	proxy->arena = arena_new();
	proxy->reasons = reasons_new(proxy->arena, config->policy);
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->control = sockets->control;
	proxy->udp4 = sockets->udp4;
	proxy->udp6 = sockets->udp6;
	proxy->tcp4 = sockets->tcp4;
	proxy->tcp6 = sockets->tcp6;
	proxy->bind_tail = &proxy->bind_head;
	proxy->now_ms = clock_ms();
	timers_init(&proxy->half_timeouts, config->policy->dns_timeout_ms / 2);
	proxy_random(proxy, &proxy->seed, sizeof proxy->seed);
	proxy->cache = cache_new(proxy->seed);
	if (proxy->epoll >= 0 && proxy->cache && clients_init(proxy) && upstream_init(proxy, sockets) &&
	    watch(proxy, proxy->control, EVENT(EVENT_CONTROL, 0, 0)) &&
	    watch(proxy, proxy->udp4, EVENT(EVENT_UDP_CLIENTS, 0, 4)) &&
	    watch(proxy, proxy->udp6, EVENT(EVENT_UDP_CLIENTS, 0, 6)) &&
	    watch(proxy, proxy->tcp4, EVENT(EVENT_TCP_LISTENER, 0, 4)) &&
	    watch(proxy, proxy->tcp6, EVENT(EVENT_TCP_LISTENER, 0, 6)))
		return proxy;
	proxy_free(proxy);
	return NULL;
}

void proxy_free(struct proxy *proxy)
{
	for (size_t i = 0; i < DNS_ASKS_MAX; i++)
		if (proxy->asked[i])
			lookup_free(proxy, proxy->asked[i]);
	while (proxy->bind_head) {
		struct lookup *lookup = proxy->bind_head;
		proxy->bind_head = lookup->queued;
		lookup_free(proxy, lookup);
	}
	for (size_t i = 0; i < PROXY_MAX_LOOKUPS; i++)
		while (proxy->buckets[i])
			lookup_free(proxy, proxy->buckets[i]);
	clients_free(proxy);
	upstream_free(proxy);
	cache_free(proxy->cache);
	int fds[] = { proxy->epoll, proxy->control, proxy->udp4, proxy->udp6, proxy->tcp4, proxy->tcp6 };
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	arena_free(proxy->arena);
	free(proxy);
}

/* ---- one query ---- */

static void answer_rcode(struct proxy *proxy, const struct dns_query *query, unsigned rcode, struct dns_note note,
			 const struct client_ref *client)
{
	clients_reply(proxy, client, reply, dns_reply_rcode(query, rcode, note, reply, sizeof reply));
}

static void answer_any(struct proxy *proxy, const struct dns_query *query, const struct client_ref *client)
{
	clients_reply(proxy, client, reply, dns_reply_any(query, reply, sizeof reply));
}

/* The supervisor reports it; one that has no room for the report just now loses it, never the answer */
static void tell_denied(struct proxy *proxy, const char *name, enum flow_transport transport)
{
	struct dns_tell tell = { .kind = DNS_TELL_QUERY, .transport = (uint8_t)transport };
	memcpy(tell.name, name, strlen(name) + 1);
	send(proxy->control, &tell, sizeof tell, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void deny_name(struct proxy *proxy, const struct dns_query *query, const char *name,
		      enum flow_transport transport, struct eval_verdict verdict, const struct client_ref *client)
{
	const struct reason *reason = reason_of(proxy->reasons, verdict, POLICY_EGRESS);
	tell_denied(proxy, name, transport);
	answer_rcode(proxy, query, LDNS_RCODE_NXDOMAIN, (struct dns_note){ DNS_EDE_BLOCKED, reason->note }, client);
}

static bool family_active(const struct addr_gateway *gateway, uint16_t type)
{
	return type == LDNS_RR_TYPE_A ? gateway->has4 : gateway->has6;
}

/* What a name's own kind answers, without any server; false: it is a server's to answer */
static bool answer_locally(struct proxy *proxy, const struct dns_query *query, const char *name,
			   const struct client_ref *client)
{
	const struct addr_gateway *gateway = &proxy->context.gateway;
	uint16_t type = query->question.type;
	bool address = type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
	if (address && !family_active(gateway, type))
		lookup_bind(proxy, RESULT_EMPTY, gateway->v4, query, client);
	else if (address && name_equal(name, NAME_HOST_ALIAS))
		lookup_bind(proxy, RESULT_ALIAS, type == LDNS_RR_TYPE_A ? gateway->v4 : gateway->v6, query, client);
	else if (type == LDNS_RR_TYPE_ANY)
		answer_any(proxy, query, client);
	else if (name_equal(name, NAME_HOST_ALIAS))
		answer_rcode(proxy, query, LDNS_RCODE_NOERROR, DNS_NO_NOTE, client);
	else
		return false;
	return true;
}

bool proxy_query(struct proxy *proxy, const uint8_t *message, size_t len, const struct client_ref *client)
{
	struct dns_query query;
	char name[NAME_TEXT_MAX];
	unsigned rcode;
	enum flow_transport transport = client->tcp ? FLOW_DNS_TCP : FLOW_DNS_UDP;
	enum dns_parse parse = dns_query_parse(message, len, &query, &rcode);
	if (parse == DNS_PARSE_REPLY)
		answer_rcode(proxy, &query, rcode, DNS_NO_NOTE, client);
	if (parse != DNS_PARSE_OK)
		return parse == DNS_PARSE_REPLY;
	if (!name_from_wire(query.question.name, query.question.name_len, name))
		return false;
	struct eval_verdict verdict = eval_dns(&proxy->context, name, transport);
	if (verdict.action != POLICY_ALLOW) {
		deny_name(proxy, &query, name, transport, verdict, client);
		return true;
	}
	if (answer_locally(proxy, &query, name, client))
		return true;
	struct lookup_key key = {
		.question = query.question,
		.direct = eval_dns_route(&proxy->context, client->asked, transport) != EVAL_ROUTE_CONFIGURED,
		.transport = transport,
		.resolver = client->asked,
	};
	lookup_ask(proxy, &key, &query, client);
	return true;
}

/* ---- the loop ---- */

static int control_readable(struct proxy *proxy)
{
	for (;;) {
		struct dns_verdict verdict;
		ssize_t len = recv(proxy->control, &verdict, sizeof verdict, MSG_DONTWAIT);
		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (len != sizeof verdict)
			return -EPIPE;
		int error = lookup_verdict(proxy, &verdict);
		if (error < 0)
			return error;
	}
}

static int dispatch(struct proxy *proxy, const struct epoll_event *event)
{
	uint64_t data = event->data.u64;
	enum upstream_place place = data >> 32 & 0xffff;
	uint32_t index = (uint32_t)data;
	switch ((enum event_kind)(data >> 48)) {
	case EVENT_CONTROL:
		return control_readable(proxy);
	case EVENT_UDP_CLIENTS:
		clients_udp_readable(proxy, index == 4 ? proxy->udp4 : proxy->udp6);
		break;
	case EVENT_TCP_LISTENER:
		clients_accept(proxy, index == 4 ? proxy->tcp4 : proxy->tcp6);
		break;
	case EVENT_CLIENT:
		clients_event(proxy, index, event->events);
		break;
	case EVENT_UPSTREAM_UDP:
		upstream_udp_event(proxy, place, index);
		break;
	case EVENT_UPSTREAM_TCP:
		upstream_tcp_event(proxy, place, index, event->events);
		break;
	}
	return 0;
}

int proxy_turn(struct proxy *proxy, int most_ms)
{
	struct epoll_event events[64];
	int wait = timers_wait(&proxy->half_timeouts, proxy->now_ms, most_ms);
	wait = timers_wait(&proxy->idle_clients, proxy->now_ms, wait);
	if (proxy->bind_head && proxy->asks == 0)
		wait = 1; /* the supervisor's socket was full */
	int count = epoll_wait(proxy->epoll, events, 64, wait);
	if (count < 0 && errno != EINTR)
		return -errno;
	proxy->now_ms = clock_ms();
	for (int i = 0; i < count; i++) {
		int error = dispatch(proxy, &events[i]);
		if (error < 0)
			return error;
	}
	lookup_expire(proxy);
	clients_expire(proxy);
	lookup_ask_queued(proxy);
	clients_flush(proxy);
	return 0;
}
