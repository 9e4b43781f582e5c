/* Which servers a sandbox asks: the policy's, or the host's resolv.conf, as the C library reads it; and which of them are
 * asked from the host's own namespace. */
#include "core/fd.h"
#include "core/log.h"
#include "dns/dns_state.h"
#include "lower/sandbox_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define DNS_PORT 53

/* ---- where they are ---- */

/* An address can be bound to exactly when it is the host's own. */
static bool is_on_host(struct addr addr)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(addr, 0, &at);
	CLEANUP_FD int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0;
}

/* Connecting a datagram socket sends nothing, and fails where the host has no route. */
static bool is_unreachable(const struct nameserver *server)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(server->addr, server->port, &at);
	if (server->link)
		((struct sockaddr_in6 *)&at)->sin6_scope_id = server->link;
	CLEANUP_FD int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 || connect(fd, (struct sockaddr *)&at, len) < 0;
}

void dns_servers_place(struct nameserver *servers, size_t count, const struct addr_gateway *gateway)
{
	for (size_t i = 0; i < count; i++) {
		struct nameserver *server = &servers[i];
		bool routed = server->addr.family == ADDR_V4 ? gateway->has4 : gateway->has6;
		server->on_host = is_on_host(server->addr);
		server->by_host = server->on_host || server->link || !routed;
		server->unreachable = is_unreachable(server);
	}
}

/* ---- who may ask them ---- */

size_t dns_servers_elements(struct nft_element *out, const struct nameserver *servers, size_t count, bool remove)
{
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		if (!servers[i].by_host)
			out[used++] =
				(struct nft_element){ .set = servers[i].addr.family == ADDR_V4 ? LOWER_UPSTREAM_SET4 :
												 LOWER_UPSTREAM_SET6,
						      .addr = servers[i].addr,
						      .has_port = true,
						      .port = servers[i].port,
						      .remove = remove };
	return used;
}

int dns_servers_admit(struct nft *nft, const struct nameserver *before, size_t before_count,
		      const struct nameserver *servers, size_t count)
{
	struct nft_element elements[2 * NAMESERVERS_MAX];
	size_t used = dns_servers_elements(elements, before, before_count, true);
	used += dns_servers_elements(elements + used, servers, count, false);
	return used ? nft_elements(nft, elements, used) : 0;
}

/* ---- which they are ---- */

static void add(struct nameserver *out, size_t *count, struct addr addr, uint16_t port, uint32_t link)
{
	addr = addr_unmap(addr);
	if (addr.value == 0) /* whoever connects to the unspecified address comes to this host */
		addr.value = addr.family == ADDR_V4 ? INADDR_LOOPBACK : 1;
	for (size_t i = 0; i < *count; i++)
		if (addr_equal(out[i].addr, addr) && out[i].port == port && out[i].link == link)
			return;
	if (*count == NAMESERVERS_MAX)
		return;
	struct nameserver *server = &out[(*count)++];
	*server = (struct nameserver){ .addr = addr, .port = port, .link = link };
	if (link)
		if_indextoname(link, server->zone);
}

static bool link_of(const char *zone, uint32_t *out)
{
	char *end;
	*out = if_nametoindex(zone);
	if (*out)
		return true;
	unsigned long number = strtoul(zone, &end, 10);
	char name[IF_NAMESIZE];
	*out = *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
	return *out && if_indextoname(*out, name);
}

static int add_name(const struct policy_nameserver *server, struct nameserver *out, size_t *count)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG }, *found = NULL;
	int status = getaddrinfo(server->name, NULL, &hints, &found);
	if (status != 0) {
		log_error("nameserver %s: %s", server->name, gai_strerror(status));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *each = found; each; each = each->ai_next)
		if (each->ai_family == AF_INET || each->ai_family == AF_INET6)
			add(out, count, addr_from_sockaddr(each->ai_addr), server->port, 0);
	freeaddrinfo(found);
	return 0;
}

static int add_given(const struct policy_nameserver *server, struct nameserver *out, size_t *count)
{
	char text[ADDR_TEXT_MAX];
	uint32_t link = 0;
	if (server->is_name)
		return add_name(server, out, count);
	if (server->zone && !link_of(server->zone, &link)) {
		log_error("nameserver %s%%%s: the host has no link %s", addr_format(server->addr, text), server->zone,
			  server->zone);
		return -ENODEV;
	}
	add(out, count, server->addr, server->port, link);
	return 0;
}

/* "127.1" is an address to the C library; a zone counts with link-local ones only */
static bool parse_word(char *word, struct addr *addr, uint32_t *link)
{
	struct in_addr in;
	char *zone = strchr(word, '%');
	*link = 0;
	if (zone)
		*zone++ = '\0';
	if (!addr_parse(word, addr)) {
		if (!inet_aton(word, &in))
			return false;
		*addr = addr_from_v4(in);
	}
	bool link_local = addr->family == ADDR_V6 && addr->value >> 118 == 0xfe80 >> 6;
	return !zone || !link_local || link_of(zone, link);
}

int dns_servers_of_host(struct nameserver out[static NAMESERVERS_MAX], size_t *count)
{
	FILE *file = fopen(DNS_RESOLV_CONF, "re");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	char word[ADDR_TEXT_MAX + IF_NAMESIZE];
	*count = 0;
	if (!file)
		return -errno;
	while (getline(&line, &room, file) >= 0) {
		struct addr addr;
		uint32_t link;
		if (sscanf(line, " nameserver %63s", word) == 1 && parse_word(word, &addr, &link))
			add(out, count, addr, DNS_PORT, link);
	}
	fclose(file);
	return 0;
}

/* Without any the C library asks this host, so we do where somebody listens there. */
static void add_local(struct nameserver *out, size_t *count)
{
	struct addr loopback = { ADDR_V4, INADDR_LOOPBACK };
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(loopback, DNS_PORT, &at);
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, len) < 0 && errno == EADDRINUSE)
		add(out, count, loopback, DNS_PORT, 0);
}

int dns_servers_named(const struct policy *policy, const struct run_pod *pod,
		      struct nameserver out[static NAMESERVERS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < policy->nameservers.count; i++) {
		int error = add_given(&policy->nameservers.items[i], out, &count);
		if (error < 0)
			return error;
	}
	if (policy->nameservers.count || !pod_names_servers(pod))
		return (int)count;
	memcpy(out, pod->servers, pod->server_count * sizeof *out);
	return (int)pod->server_count;
}

int dns_servers(const struct policy *policy, const struct run_pod *pod, struct nameserver out[static NAMESERVERS_MAX])
{
	int named = dns_servers_named(policy, pod, out);
	if (named)
		return named;
	size_t count;
	int error = dns_servers_of_host(out, &count);
	if (error < 0)
		log_line("%s: %s", DNS_RESOLV_CONF, strerror(-error));
	if (count == 0)
		add_local(out, &count);
	if (count == 0)
		log_line("no nameserver in %s: allowed names will not resolve; try --dns-nameserver ADDRESS",
			 DNS_RESOLV_CONF);
	return (int)count;
}
