/* Which servers a sandbox asks: the policy's, or the host's resolv.conf. Done once, on the host. */
#include "core/fd.h"
#include "core/log.h"
#include "dns/dns.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* An address can be bound to exactly when it is the host's own. */
static bool is_on_host(struct addr addr)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(addr, 0, &at);
	CLEANUP_FD int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0;
}

static void add(struct nameserver *out, size_t *count, struct addr addr, uint16_t port)
{
	addr = addr_unmap(addr);
	for (size_t i = 0; i < *count; i++)
		if (addr_equal(out[i].addr, addr) && out[i].port == port)
			return;
	if (*count < NAMESERVERS_MAX)
		out[(*count)++] = (struct nameserver){ addr, port, is_on_host(addr) };
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
			add(out, count, addr_from_sockaddr(each->ai_addr), server->port);
	freeaddrinfo(found);
	return 0;
}

static int read_resolv_conf(struct nameserver *out, size_t *count)
{
	FILE *file = fopen(RESOLV_CONF, "re");
	char line[512], word[ADDR_TEXT_MAX];
	struct addr addr;
	if (!file)
		return -errno;
	while (fgets(line, sizeof line, file)) {
		/* an address with a zone is one of a link that the sandbox does not have: it does not parse */
		if (sscanf(line, " nameserver %63s", word) == 1 && addr_parse(word, &addr))
			add(out, count, addr, 53);
	}
	fclose(file);
	return 0;
}

int dns_servers(const struct policy *policy, struct nameserver out[static NAMESERVERS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < policy->nameservers.count; i++) {
		const struct policy_nameserver *server = &policy->nameservers.items[i];
		int error = 0;
		if (server->is_name)
			error = add_name(server, out, &count);
		else
			add(out, &count, server->addr, server->port);
		if (error < 0)
			return error;
	}
	if (policy->nameservers.count == 0 && read_resolv_conf(out, &count) < 0)
		log_line("%s: %s", RESOLV_CONF, strerror(errno));
	if (count == 0)
		log_line("no nameserver in %s: allowed names will not resolve; try --dns-nameserver ADDRESS",
			 RESOLV_CONF);
	return (int)count;
}
