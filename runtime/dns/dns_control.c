/* The supervisor's side: makes the sockets, starts the worker, and answers the few asks that it may make, each checked
 * as if an attacker had sent it. Anything else that it sends ends the sandbox. */
#include "ask/ask.h"
#include "core/clock.h"
#include "core/log.h"
#include "dns/bindings_install.h"
#include "dns/dns_protocol.h"
#include "dns/dns_sockets.h"
#include "dns/dns_state.h"
#include "dns/dns_worker.h"
#include "eval/audit.h"
#include "policy/policy_facts.h"
#include "report/denials.h"
#include "report/learning.h"
#include "report/search_domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ASKS_A_TURN 64
#define DESCRIPTORS_MAX 4096
#define ERROR_MAX 4095 /* errno */
#define SETTLE_AGAIN_MS 200
#define SETTLE_TRIES 10
#define CHANGES_A_TURN 1024 /* of elements: a transaction of the size that one answer may make */

/* ---- start ---- */

struct start {
	const struct dns_start *given;
	struct proxy_config config;
	struct proxy_sockets sockets;
};

static void run_worker(int control, void *context)
{
	struct start *start = context;
	start->sockets.control = control;
	dns_worker(&start->config, &start->sockets, start->given->uid);
}

static int start_worker(struct dns *dns, const struct dns_start *given, const struct nameserver *servers, size_t count)
{
	struct start start = {
		.given = given,
		.config = { .policy = given->policy,
			    .gateway = given->gateway,
			    .server_count = count,
			    .counters = dns->counters,
			    .tells_all = given->tells_all,
			    .asks = given->ask != NULL,
			    .spared = given->spared },
	};
	memcpy(start.config.servers, servers, count * sizeof *servers);
	/* the worker inherits it, and gets sockets later */
	struct rlimit before = worker_raise_descriptors(DESCRIPTORS_MAX);
	int error = dns_sockets_open(&start.sockets, &given->gateway);
	if (error == 0) {
		error = worker_start(&dns->worker, run_worker, &start);
		dns_sockets_close(&start.sockets);
	}
	worker_restore_descriptors(before);
	return error;
}

struct dns *dns_open(const struct dns_start *start, const struct nameserver *servers, size_t count, struct nft *nft)
{
	struct dns *dns = calloc(1, sizeof *dns);
	if (!dns)
		return NULL;
	dns->worker = WORKER_NONE;
	dns->nft = nft;
	dns->start = *start;
	dns->context = (struct eval_context){ start->policy, start->gateway, EVAL_NO_BINDINGS };
	dns->bindings = bindings_new(start->policy, &start->gateway, start->maps);
	for (size_t i = 0; i < count; i++)
		dns->servers[i].at = servers[i];
	dns->server_count = count;
	dns->counters = dns_counters_new();
	dns->follow = dns_follow_open(pod_names_servers(start->pod) ? NULL : DNS_RESOLV_CONF, start->uid);
	int error = dns->bindings && dns->counters && dns->follow ? dns_servers_admit(nft, NULL, 0, servers, count) :
								    -ENOMEM;
	if (error == 0)
		error = start_worker(dns, start, servers, count);
	if (error == 0)
		return dns;
	dns_close(dns);
	errno = -error;
	return NULL;
}

int dns_control_fd(const struct dns *dns)
{
	return dns->worker.control;
}

int dns_worker_pidfd(const struct dns *dns)
{
	return dns->worker.pidfd;
}

struct bindings *dns_bindings(struct dns *dns)
{
	return dns->bindings;
}

void dns_counted(const struct dns *dns, struct dns_counted *out)
{
	dns_counters_read(dns->counters, out);
}

bool dns_binding_ended(const void *self, struct addr addr, const char **name, uint64_t *ago_ms)
{
	const struct dns *dns = self;
	return bindings_ended(dns->bindings, addr, clock_ms(), name, ago_ms);
}

void dns_close(struct dns *dns)
{
	if (!dns)
		return;
	worker_end(&dns->worker);
	size_t gave_way = dns->bindings ? bindings_gave_way(dns->bindings) : 0;
	if (gave_way > 0)
		log_line("%zu addresses gave way to newer ones of their name, of which at most %d hold at once",
			 gave_way, BINDINGS_MAX_HELD);
	if (dns->bindings && bindings_refused(dns->bindings) > 0)
		log_line("addresses were refused %zu times: names share them in more ways than there is room for",
			 bindings_refused(dns->bindings));
	dns_follow_close(dns->follow);
	bindings_free(dns->bindings);
	dns_counters_free(dns->counters);
	free(dns);
}

/* ---- what the worker asks ---- */

static bool wire_addr_read(const struct dns_wire_addr *wire, struct addr *out)
{
	struct in_addr in;
	struct in6_addr in6;
	if (wire->family == ADDR_V4) {
		memcpy(&in, wire->bytes, sizeof in);
		*out = addr_from_v4(in);
		return true;
	}
	if (wire->family != ADDR_V6)
		return false;
	memcpy(&in6, wire->bytes, sizeof in6);
	*out = addr_from_v6(&in6);
	return true;
}

/* Ends within its field and is printable, as a canonical name is */
static bool name_is_sane(const char name[static NAME_TEXT_MAX])
{
	size_t len = strnlen(name, NAME_TEXT_MAX);
	if (len == NAME_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || (name[i] >= 'A' && name[i] <= 'Z'))
			return false;
	return true;
}

/* What the policy allows, or an audit lets pass against it */
static bool lookup_allowed(const struct dns *dns, const char *name)
{
	return dns_lookup_allowed(&dns->context, name) ||
	       audit_spares_query(dns->start.spared, &dns->context, name, FLOW_DNS_UDP);
}

static bool address_allowed(const struct dns *dns, const char *name, struct addr addr)
{
	return dns_address_allowed(&dns->context, name, addr) ||
	       (!name_equal(name, NAME_HOST_ALIAS) &&
		audit_spares_answer(dns->start.spared, &dns->context, name, addr));
}

static int bind_check(const struct dns *dns, const struct dns_ask_bind *ask, struct addr addrs[static DNS_ANSWER_ADDRS])
{
	if (!name_is_sane(ask->name) || ask->count > DNS_ANSWER_ADDRS ||
	    (ask->family != ADDR_V4 && ask->family != ADDR_V6))
		return -EPROTO;
	if (!lookup_allowed(dns, ask->name))
		return -EPERM;
	for (size_t i = 0; i < ask->count; i++) {
		if (!wire_addr_read(&ask->addrs[i], &addrs[i]) || ask->addrs[i].family != ask->family)
			return -EPROTO;
		if (!address_allowed(dns, ask->name, addrs[i]))
			return -EPERM;
	}
	return 0;
}

static int reply(struct dns *dns, uint32_t serial, uint32_t kind)
{
	struct dns_verdict verdict = { serial, kind };
	/* the worker has at most DNS_ASKS_MAX asks open: where their answers do not fit, it does not keep to that */
	if (send(dns->worker.control, &verdict, sizeof verdict, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof verdict)
		return 0;
	return errno == EAGAIN ? -EPROTO : -errno;
}

/* The kernel took none of it: the names are bound to nothing, there as here. 0, or -errno where kernel and bindings can no
 * longer be made to agree */
static int unbind(struct dns *dns, struct dns_binds *binds, int why)
{
	log_line("cannot bind %s in the packet filter: %s", binds->asked[0].name, strerror(-why));
	bindings_begin(dns->bindings, clock_ms(), &binds->changes);
	for (size_t i = 0; i < binds->count; i++) {
		struct dns_asked *asked = &binds->asked[i];
		int error = bindings_add(dns->bindings, asked->name, asked->family, NULL, 0, 0, &binds->changes);
		if (error < 0)
			return error;
		asked->verdict = DNS_VERDICT_FULL;
	}
	return bindings_install(dns->nft, dns->bindings, &binds->changes, clock_ms());
}

/* What was asked since, in one transaction, and then the answers: the kernel looks at all of a map for each */
static int finish_binds(struct dns *dns)
{
	struct dns_binds *binds = &dns->binds;
	if (binds->count == 0)
		return 0;
	int error = bindings_install(dns->nft, dns->bindings, &binds->changes, clock_ms());
	if (error < 0)
		error = unbind(dns, binds, error);
	for (size_t i = 0; error == 0 && i < binds->count; i++)
		error = reply(dns, binds->asked[i].serial, binds->asked[i].verdict);
	binds->count = 0;
	return error;
}

static int bind_names(struct dns *dns, const struct dns_ask_bind *ask, const struct addr *addrs)
{
	struct dns_binds *binds = &dns->binds;
	struct dns_asked *asked = &binds->asked[binds->count];
	if (binds->count == 0)
		bindings_begin(dns->bindings, clock_ms(), &binds->changes);
	/* clients keep addresses past their TTL */
	uint64_t ttl_ms = ask->ttl_ms < 1 ? 1 : ask->ttl_ms, minimum_ms = dns->context.policy->binding_minimum_ms;
	if (ttl_ms < minimum_ms && !ask->renews)
		ttl_ms = minimum_ms;
	int error = bindings_add(dns->bindings, ask->name, ask->family, addrs, ask->count, ttl_ms, &binds->changes);
	*asked = (struct dns_asked){ ask->serial, error == 0 ? DNS_VERDICT_OK : DNS_VERDICT_FULL, ask->family, "" };
	strcpy(asked->name, ask->name);
	binds->count++;
	if (error < 0 && error != -ENOSPC && error != -ENOMEM)
		return error;
	return binds->count == DNS_BINDS_MAX || binds->changes.count >= CHANGES_A_TURN ? finish_binds(dns) : 0;
}

/* Answered by finish_binds() */
static int serve_bind(struct dns *dns, const struct dns_ask_bind *ask, struct denials *denials)
{
	struct addr addrs[DNS_ANSWER_ADDRS];
	int error = bind_check(dns, ask, addrs);
	if (error == 0 && denials && !ask->renews)
		denials_lookup(denials, eval_dns(&dns->context, ask->name, FLOW_DNS_UDP));
	if (error == 0) {
		if (ask->count > 0 || !search_domain_of(dns->start.search, ask->name))
			learning_bound(denials_learning(denials), ask->name, addrs, ask->count);
		return bind_names(dns, ask, addrs);
	}
	/* it asked before it could know of the policy that is in force by now */
	if (error == -EPERM && dns->policy_state == DNS_POLICY_SWITCHING) {
		error = finish_binds(dns);
		return error == 0 ? reply(dns, ask->serial, DNS_VERDICT_REFUSED) : error;
	}
	log_error("the DNS worker asked for a binding that the policy denies");
	return error;
}

static uint64_t settle_at(const struct dns *dns)
{
	uint64_t next = bindings_next_ms(dns->bindings);
	return next < dns->settle_after_ms ? dns->settle_after_ms : next;
}

int dns_settle_wait(const struct dns *dns)
{
	uint64_t at = settle_at(dns), now = clock_ms();
	return at == UINT64_MAX ? -1 : at <= now ? 0 : (int)(at - now);
}

int dns_settle(struct dns *dns)
{
	struct bindings_changes changes;
	uint64_t now = clock_ms();
	if (settle_at(dns) > now)
		return 0;
	bindings_expire(dns->bindings, now, &changes);
	int error = bindings_install(dns->nft, dns->bindings, &changes, now);
	dns->settle_tries = error == 0 ? 0 : dns->settle_tries + 1;
	dns->settle_after_ms = error == 0 ? 0 : now + SETTLE_AGAIN_MS;
	if (dns->settle_tries < SETTLE_TRIES)
		return 0;
	log_error("the packet filter does not take the end of bindings: %s: the sandbox is closed", strerror(-error));
	return error;
}

/* The output chain judges what the worker then sends as it would the guest's own flow. */
static int serve_resolver(struct dns *dns, const struct dns_ask_resolver *ask, struct denials *denials,
			  uint32_t *verdict)
{
	struct addr addr;
	enum flow_transport transport = (enum flow_transport)ask->transport;
	if (!wire_addr_read(&ask->addr, &addr) || transport > FLOW_DNS_TCP)
		return -EPROTO;
	struct eval_context context = dns->context;
	context.bindings = bindings_view(dns->bindings, clock_ms());
	struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = flow_transport_proto(transport),
		.addr = addr,
		.has_port = true,
		.port = DNS_PORT,
	};
	*verdict = DNS_VERDICT_OK;
	if (eval_dns_route(&context, addr, transport) == EVAL_ROUTE_DIRECT) {
		learning_flow(denials_learning(denials), &connection);
		return 0;
	}
	bool spared = audit_spares_connection(dns->start.spared, &context, &connection);
	if (!spared)
		*verdict = DNS_VERDICT_REFUSED;
	if (denials)
		denials_resolver(denials, addr, transport, eval_connection(&context, &connection), spared);
	return 0;
}

/* A name that no rule decides: whether its queries may wait. One that a policy decides which the worker does not go by yet waits for
 * that. */
static int serve_name(struct dns *dns, const struct dns_ask_name *asked, struct denials *denials)
{
	if (!dns->start.ask || !name_is_sane(asked->name) || asked->tries == 0)
		return -EPROTO;
	bool asks = !search_domain_of(dns->start.search, asked->name);
	bool held = (asks && ask_name(dns->start.ask, asked->name, asked->tries)) ||
		    dns->policy_state == DNS_POLICY_SWITCHING;
	if (!held && denials)
		denials_dns(denials, asked->name, FLOW_DNS_UDP, eval_dns(&dns->context, asked->name, FLOW_DNS_UDP));
	return reply(dns, asked->serial, held ? DNS_VERDICT_HELD : DNS_VERDICT_UNHELD);
}

/* One that passes is told where all are. Of those below a search domain a run learns the ones that have addresses: serve_bind(). */
static void tell_query(struct dns *dns, const struct dns_tell *tell, struct denials *denials)
{
	enum flow_transport transport = (enum flow_transport)tell->transport;
	struct eval_verdict verdict = eval_dns(&dns->context, tell->name, transport);
	if (verdict.action != POLICY_ALLOW)
		denials_dns(denials, tell->name, transport, verdict);
	else if (!search_domain_of(dns->start.search, tell->name))
		learning_lookup(denials_learning(denials), tell->name);
}

/* One that the policy in force does not have is of the one before */
static void tell_over(const struct dns *dns, const struct dns_tell *tell, struct denials *denials)
{
	enum policy_dns_limit which = (enum policy_dns_limit)tell->bound;
	if (policy_dns_limit(dns->context.policy, which)->size)
		denials_dns_limit(denials, tell->name, (enum flow_transport)tell->transport, which);
}

static int serve_tell(struct dns *dns, const struct dns_tell *tell, struct denials *denials)
{
	struct addr addr;
	enum flow_transport transport = (enum flow_transport)tell->transport;
	if (!name_is_sane(tell->name) || transport > FLOW_DNS_TCP ||
	    (tell->kind == DNS_TELL_ANSWER && !wire_addr_read(&tell->addr, &addr)) ||
	    (tell->kind == DNS_TELL_OVER && tell->bound != POLICY_DNS_NAMES && tell->bound != POLICY_DNS_RATE))
		return -EPROTO;
	if (!denials)
		return 0;
	if (tell->kind != DNS_TELL_ANSWER && tell->untold)
		learning_lost(denials_learning(denials), tell->untold);
	if (tell->kind == DNS_TELL_QUERY)
		tell_query(dns, tell, denials);
	else if (tell->kind == DNS_TELL_OVER)
		tell_over(dns, tell, denials);
	else
		denials_answer(denials, tell->name, addr);
	return 0;
}

/* Once for each server, whatever the worker says */
static int serve_tell_server(struct dns *dns, const struct dns_tell_server *tell)
{
	struct addr addr;
	char text[ADDR_TEXT_MAX];
	const char *so = dns->server_count > 1 ? "the others are asked first" :
						 "names do not resolve; try --dns-nameserver ADDRESS";
	if (!wire_addr_read(&tell->addr, &addr) || tell->error > ERROR_MAX)
		return -EPROTO;
	for (size_t i = 0; i < dns->server_count; i++) {
		struct known_server *server = &dns->servers[i];
		if (!addr_equal(server->at.addr, addr) || server->at.port != tell->port)
			continue;
		dns_try_by_host(dns, server);
		if (server->told || tell->error == 0)
			break;
		server->told = true;
		addr_format(addr, text);
		const char *sign = server->at.link ? "%" : "", *zone = server->at.zone;
		if (tell->error == ETIMEDOUT)
			log_line("nameserver %s%s%s does not answer: %s", text, sign, zone, so);
		else
			log_line("nameserver %s%s%s: %s: %s", text, sign, zone, strerror((int)tell->error), so);
		break;
	}
	return 0;
}

union message {
	uint32_t kind;
	struct dns_ask_bind bind;
	struct dns_ask_resolver resolver;
	struct dns_ask_sockets sockets;
	struct dns_ask_name name;
	struct dns_tell tell;
	struct dns_tell_server server;
	struct dns_tell_policy policy;
};

static int serve(struct dns *dns, const union message *message, size_t len, struct denials *denials)
{
	uint32_t verdict = DNS_VERDICT_REFUSED, kind = len < sizeof message->kind ? 0 : message->kind;
	/* what is asked next may look at what is bound */
	int error = kind == DNS_ASK_BIND ? 0 : finish_binds(dns);
	if (error < 0)
		return error;
	error = -EPROTO;
	switch (kind) {
	case DNS_ASK_BIND:
		return len == sizeof message->bind ? serve_bind(dns, &message->bind, denials) : -EPROTO;
	case DNS_ASK_RESOLVER:
		if (len == sizeof message->resolver)
			error = serve_resolver(dns, &message->resolver, denials, &verdict);
		return error == 0 ? reply(dns, message->resolver.serial, verdict) : error;
	case DNS_ASK_SOCKETS:
		return len == sizeof message->sockets ? dns_supply(dns, &message->sockets) : -EPROTO;
	case DNS_ASK_NAME:
		return len == sizeof message->name ? serve_name(dns, &message->name, denials) : -EPROTO;
	case DNS_TELL_QUERY:
	case DNS_TELL_ANSWER:
	case DNS_TELL_OVER:
		return len == sizeof message->tell ? serve_tell(dns, &message->tell, denials) : -EPROTO;
	case DNS_TELL_SERVER:
		return len == sizeof message->server ? serve_tell_server(dns, &message->server) : -EPROTO;
	case DNS_TELL_POLICY:
		return len == sizeof message->policy ? dns_policy_told(dns, &message->policy) : -EPROTO;
	default:
		return -EPROTO;
	}
}

int dns_control(struct dns *dns, struct denials *denials)
{
	static union message message;
	for (int i = 0; i < ASKS_A_TURN; i++) {
		ssize_t len = recv(dns->worker.control, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? finish_binds(dns) : -errno;
		if (len == 0)
			return -EPIPE;
		int error = (size_t)len > sizeof message ? -EPROTO : serve(dns, &message, (size_t)len, denials);
		if (error < 0)
			return error;
	}
	return finish_binds(dns);
}
