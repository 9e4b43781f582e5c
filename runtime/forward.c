/* See forward.h. IPv6 has a switch for a single device since Linux 6.17 (force_forwarding); before, `all` is the only one. */
#include "forward.h"
#include "log.h"
#include "sysctl.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define FORWARD_MAX_LINKS 64

struct links {
	uint32_t own; /* the sandbox's host link */
	uint32_t items[FORWARD_MAX_LINKS];
	size_t count;
};

static int add_link(const struct rtnl_listed *route, void *context)
{
	struct links *links = context;

	if (route->type != RTN_UNICAST || !route->link || route->link == links->own || links->count == FORWARD_MAX_LINKS)
		return 0;
	for (size_t i = 0; i < links->count; i++)
		if (links->items[i] == route->link)
			return 0;
	links->items[links->count++] = route->link;
	return 0;
}

static int switch_on(const char *family, const char *link, const char *name)
{
	char path[96], now[8];

	snprintf(path, sizeof path, "%s/conf/%s/%s", family, link, name);
	int err = sysctl_read(path, now, sizeof now);
	if (!err && strcmp(now, "1"))
		err = sysctl_write(path, "1");
	if (err)
		log_error("cannot set net/%s to 1: %s", path, strerror(-err));
	return err;
}

/* Other sandboxes' links forward already, and loopback never needs to. */
static bool is_outgoing(const struct rtnl_link *link)
{
	return !(link->flags & IFF_LOOPBACK) && strncmp(link->name, "msb", 3);
}

static bool ipv6_can(bool *forced)
{
	char all[8];

	*forced = sysctl_exists("ipv6/conf/default/force_forwarding");
	if (sysctl_read("ipv6/conf/all/forwarding", all, sizeof all))
		return false;
	return *forced || !strcmp(all, "1");
}

int forward_enable(struct nl *host, uint32_t host_link, bool *ipv6)
{
	struct links links = { .own = host_link };
	bool forced;

	*ipv6 = ipv6_can(&forced);
	if (!*ipv6)
		log_line("IPv6 is inactive in the sandbox: this host cannot forward it for single links");
	int err = rtnl_routes(host, ADDR_V4, add_link, &links);
	if (!err && *ipv6)
		err = rtnl_routes(host, ADDR_V6, add_link, &links);
	for (size_t i = 0; !err && i < links.count; i++) {
		struct rtnl_link link = { 0 };
		if (rtnl_link_by_index(host, links.items[i], &link) || !is_outgoing(&link))
			continue; /* gone meanwhile, or none */
		err = switch_on("ipv4", link.name, "forwarding");
		if (!err && forced && *ipv6)
			err = switch_on("ipv6", link.name, "force_forwarding");
	}
	return err;
}
