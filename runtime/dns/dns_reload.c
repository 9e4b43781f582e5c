/* The host has changed while the sandbox runs: resolv.conf names other servers, or its addresses and routes are others, so
 * that a server is on the host now, or is not any more. The packet filters let the new servers be asked before the worker
 * learns of them, and the old ones no more once it has. */
#include "core/log.h"
#include "dns/dns_protocol.h"
#include "dns/dns_state.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

/* ---- what they are now ---- */

static int place_in_host(const struct dns *dns, struct nameserver *servers, size_t count)
{
	if (setns(dns->start.host_netns, CLONE_NEWNET) < 0)
		return -errno;
	dns_servers_place(servers, count, &dns->start.gateway);
	return setns(dns->start.vm_netns, CLONE_NEWNET) < 0 ? -errno : 0;
}

static int read_servers(const struct dns *dns, struct nameserver *out, size_t *count)
{
	/* the zones of link-local ones are the host's links */
	if (setns(dns->start.host_netns, CLONE_NEWNET) < 0)
		return -errno;
	int error = dns_servers_of_host(out, count);
	return setns(dns->start.vm_netns, CLONE_NEWNET) < 0 ? -errno : error;
}

static bool same_server(const struct nameserver *a, const struct nameserver *b)
{
	return addr_equal(a->addr, b->addr) && a->port == b->port && a->link == b->link;
}

static bool same_place(const struct nameserver *a, const struct nameserver *b)
{
	return a->by_host == b->by_host && a->unreachable == b->unreachable;
}

static bool unchanged(const struct dns *dns, const struct nameserver *servers, size_t count)
{
	if (count != dns->server_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!same_server(&dns->servers[i].at, &servers[i]) || !same_place(&dns->servers[i].at, &servers[i]))
			return false;
	return true;
}

/* Nothing is to be tried again */
static bool all_is_well(const struct dns *dns)
{
	for (size_t i = 0; i < dns->server_count; i++)
		if (dns->servers[i].at.unreachable)
			return false;
	return !dns->reload_failed;
}

/* ---- carrying it out ---- */

int dns_tell_servers(struct dns *dns, const struct nameserver *servers, size_t count)
{
	struct dns_order order = { .kind = DNS_ORDER_SERVERS, .server_count = (uint32_t)count };
	memcpy(order.servers, servers, count * sizeof *servers);
	if (send(dns->worker.control, &order, sizeof order, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof order)
		return 0;
	return -errno;
}

static struct known_server *find_known(struct dns *dns, const struct nameserver *server)
{
	for (size_t i = 0; i < dns->server_count; i++)
		if (same_server(&dns->servers[i].at, server))
			return &dns->servers[i];
	return NULL;
}

void dns_take_servers(struct dns *dns, const struct nameserver *servers, size_t count)
{
	struct known_server taken[NAMESERVERS_MAX];
	for (size_t i = 0; i < count; i++) {
		const struct known_server *known = find_known(dns, &servers[i]);
		taken[i] = known ? *known : (struct known_server){ .told = false };
		taken[i].at = servers[i];
	}
	memcpy(dns->servers, taken, count * sizeof *taken);
	dns->server_count = count;
}

static int change_servers(struct dns *dns, const struct nameserver *servers, size_t count)
{
	struct nameserver before[NAMESERVERS_MAX];
	size_t before_count = dns->server_count;
	for (size_t i = 0; i < before_count; i++)
		before[i] = dns->servers[i].at;
	int error = dns->start.admit_by_host(dns->start.admit_self, servers, count);
	if (error == 0)
		error = dns_servers_admit(dns->nft, before, before_count, servers, count);
	if (error == 0)
		error = dns_tell_servers(dns, servers, count);
	if (error == 0)
		dns_take_servers(dns, servers, count);
	return error;
}

/* Tried again with the next change, and the next poll: what fails leaves the worker with the servers it has */
static void change(struct dns *dns, struct nameserver *servers, size_t count)
{
	int error = place_in_host(dns, servers, count);
	for (size_t i = 0; i < count; i++) {
		const struct known_server *known = find_known(dns, &servers[i]);
		servers[i].by_host |= known && known->try_host;
	}
	if (error == 0 && !unchanged(dns, servers, count))
		error = change_servers(dns, servers, count);
	if (error < 0 && !dns->reload_failed)
		log_line("the nameservers of the host have changed, and cannot be taken over: %s", strerror(-error));
	dns->reload_failed = error < 0;
}

void dns_host_changed(struct dns *dns)
{
	struct nameserver servers[NAMESERVERS_MAX];
	for (size_t i = 0; i < dns->server_count; i++)
		servers[i] = dns->servers[i].at;
	change(dns, servers, dns->server_count);
}

void dns_try_by_host(struct dns *dns, struct known_server *server)
{
	if (server->at.by_host || server->at.unreachable || server->try_host)
		return;
	server->try_host = true;
	dns_host_changed(dns);
}

void dns_follow(struct dns *dns)
{
	struct nameserver servers[NAMESERVERS_MAX];
	size_t count = 0;
	if (!dns_follow_due(dns->follow))
		return;
	/* a file that is not there or names nobody is one that is being written */
	bool of_host = dns->start.policy->nameservers.count == 0 && !pod_names_servers(dns->start.pod);
	if (of_host && read_servers(dns, servers, &count) == 0 && count > 0)
		change(dns, servers, count);
	else
		dns_host_changed(dns);
	if (dns->start.pod && all_is_well(dns)) /* a node has hundreds of pods */
		dns_follow_rest(dns->follow);
}

int dns_follow_fd(const struct dns *dns)
{
	return dns_follow_descriptor(dns->follow);
}
