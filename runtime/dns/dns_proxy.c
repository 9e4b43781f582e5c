/* The DNS worker's loop. */
#include "dns/dns_fast.h"
#include "dns/dns_asking.h"
#include "core/clock.h"
#include "core/socket.h"
#include "policy/policy_facts.h"
#include "report/reason.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

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
	proxy->strips_ech = policy_strips_ech(config->policy);
	proxy->arena = arena_new();
	proxy->reasons = reasons_new(proxy->arena, config->policy);
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->control = sockets->control;
	proxy->udp4 = sockets->udp4;
	proxy->udp6 = sockets->udp6;
	proxy->tcp4 = sockets->tcp4;
	proxy->tcp6 = sockets->tcp6;
	proxy->ask_tail = &proxy->ask_head;
	proxy->now_ms = clock_ms();
	uint64_t timeout_ms = config->policy->dns_timeout_ms;
	timers_init(&proxy->quarter_timeouts, timeout_ms / 4);
	timers_init(&proxy->hedges, timeout_ms / 2 < PROXY_HEDGE_MS ? timeout_ms / 2 : PROXY_HEDGE_MS);
	health_init(proxy, config->servers, config->server_count);
	proxy_random(proxy, &proxy->seed, sizeof proxy->seed);
	upstream_init(proxy);
	proxy->asking = config->asks ? asking_new() : NULL;
	if (proxy->epoll >= 0 && (proxy->asking || !config->asks) && over_use_policy(proxy) == 0 && fast_init(proxy) &&
	    clients_init(proxy) && pool_init(proxy) &&
	    watch(proxy, proxy->control, proxy_event(EVENT_CONTROL, 0, 0, 0)) &&
	    watch(proxy, proxy->udp4, proxy_event(EVENT_UDP_CLIENTS, 0, 4, 0)) &&
	    watch(proxy, proxy->udp6, proxy_event(EVENT_UDP_CLIENTS, 0, 6, 0)) &&
	    watch(proxy, proxy->tcp4, proxy_event(EVENT_TCP_LISTENER, 0, 4, 0)) &&
	    watch(proxy, proxy->tcp6, proxy_event(EVENT_TCP_LISTENER, 0, 6, 0)))
		return proxy;
	proxy_free(proxy);
	return NULL;
}

void proxy_free(struct proxy *proxy)
{
	for (size_t i = 0; i < DNS_ASKS_MAX; i++)
		if (proxy->asked[i])
			lookup_free(proxy, proxy->asked[i]);
	while (proxy->ask_head) {
		struct lookup *lookup = proxy->ask_head;
		proxy->ask_head = lookup->queued;
		lookup_free(proxy, lookup);
	}
	for (size_t i = 0; i < PROXY_MAX_LOOKUPS; i++)
		while (proxy->buckets[i])
			lookup_free(proxy, proxy->buckets[i]);
	asking_free(proxy->asking);
	clients_free(proxy);
	pool_free(proxy);
	cache_free(proxy->cache);
	int fds[] = { proxy->epoll, proxy->control, proxy->udp4, proxy->udp6, proxy->tcp4, proxy->tcp6 };
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	dns_bounds_free(proxy->bounds);
	arena_free(proxy->policy_arena);
	arena_free(proxy->offered_arena);
	arena_free(proxy->arena);
	free(proxy);
}

/* ---- the loop ---- */

static void change_servers(struct proxy *proxy, const void *context)
{
	const struct dns_order *order = context;
	health_change(proxy, order->servers, order->server_count);
	/* what the other servers said may not hold here */
	cache_expire(proxy->cache);
}

static int switch_policy(struct proxy *proxy)
{
	int error = policy_switched(proxy);
	if (error == 0)
		asking_judge_again(proxy);
	return error;
}

static int carry_out(struct proxy *proxy, const struct dns_order *order, const int *fds, size_t count)
{
	if (order->kind == DNS_ORDER_SERVERS && order->server_count <= NAMESERVERS_MAX) {
		lookup_change_servers(proxy, change_servers, order);
		return 0;
	}
	if (order->kind == DNS_ORDER_POLICY)
		return count == 1 ? policy_offered(proxy, order, fds[0]) : -EPROTO;
	if (order->kind == DNS_ORDER_SWITCH)
		return switch_policy(proxy);
	if (order->kind == DNS_ORDER_FORGET)
		return policy_forgotten(proxy);
	return order->kind == DNS_ORDER_SOCKETS ? pool_supplied(proxy, order, fds, count) : -EPROTO;
}

static int verdict(struct proxy *proxy, const struct dns_verdict *verdict)
{
	if (verdict->kind != DNS_VERDICT_HELD && verdict->kind != DNS_VERDICT_UNHELD)
		return lookup_verdict(proxy, verdict);
	asking_told(proxy, verdict);
	return 0;
}

static int control_readable(struct proxy *proxy)
{
	static union {
		struct dns_verdict verdict;
		struct dns_order order;
	} message;
	int fds[SOCKET_MANY_FDS];
	for (;;) {
		size_t count;
		ssize_t len = socket_receive_many(proxy->control, &message, sizeof message, fds, &count);
		int error = len == 0 ? -EPIPE : -EPROTO;
		if (len < 0)
			return len == -EAGAIN || len == -EINTR ? 0 : (int)len;
		if (len == sizeof message.verdict)
			error = verdict(proxy, &message.verdict);
		else if (len == sizeof message.order)
			error = carry_out(proxy, &message.order, fds, count);
		if (error < 0)
			return error;
		/* no other verdict can be there, and what was waiting for this one is to go out */
		if (len == sizeof message.verdict && proxy->asks == 0)
			return 0;
	}
}

static int dispatch(struct proxy *proxy, const struct epoll_event *event)
{
	union proxy_event data = { .u64 = event->data.u64 };
	switch (data.kind) {
	case EVENT_CONTROL:
		return control_readable(proxy);
	case EVENT_UDP_CLIENTS:
		datagrams_readable(proxy, data.index == 4 ? proxy->udp4 : proxy->udp6);
		break;
	case EVENT_TCP_LISTENER:
		clients_accept(proxy, data.index == 4 ? proxy->tcp4 : proxy->tcp6);
		break;
	case EVENT_CLIENT:
		clients_event(proxy, data, event->events);
		break;
	case EVENT_UPSTREAM_UDP:
		upstream_udp_event(proxy, data, event->events);
		break;
	case EVENT_UPSTREAM_TCP:
		upstream_tcp_event(proxy, data, event->events);
		break;
	}
	return 0;
}

int proxy_turn(struct proxy *proxy, int most_ms)
{
	struct epoll_event events[64];
	int wait = timers_wait(&proxy->quarter_timeouts, proxy->now_ms, most_ms);
	wait = timers_wait(&proxy->hedges, proxy->now_ms, wait);
	wait = upstream_wait(proxy, wait);
	wait = fast_wait(proxy, wait);
	wait = asking_wait(proxy, wait);
	wait = timers_wait(&proxy->idle_clients, proxy->now_ms, wait);
	if (proxy->ask_head && proxy->asks == 0)
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
	exchange_expire(proxy);
	lookup_expire(proxy);
	upstream_turn(proxy);
	clients_expire(proxy);
	asking_turn(proxy);
	fast_turn(proxy);
	lookup_ask_queued(proxy);
	clients_flush(proxy);
	return 0;
}
