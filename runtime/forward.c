/* See forward.h. IPv4 has a switch for each link; IPv6 one since Linux 6.17 (force_forwarding), before that `all` is the only
 * one. Planning and ending hold a lock on the namespace itself, so that one sandbox's last look at the notes and another's
 * first note do not cross. */
#include "forward.h"
#include "fd.h"
#include "log.h"
#include "sysctl.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LINK_PREFIX "msb"
#define NOTE_PREFIX "msb-run borrows forwarding:"
#define LOCK_PATIENCE_MS 10000

struct family {
	const char *forwarding;
	const char *mark; /* before a link's name in a note */
};
static const struct family family4 = { "ipv4/conf/%s/forwarding", " 4:" };
static const struct family family6 = { "ipv6/conf/%s/force_forwarding", " 6:" };

/* A lock that its holder's death releases; -1 where somebody will not let go of it. */
static int lock_namespace(void)
{
	CLEANUP_FD int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	for (int waited = 0; fd >= 0 && waited < LOCK_PATIENCE_MS; waited++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return TAKE_FD(fd);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return -1;
}

static int read_switch(const struct family *family, const char *link, bool *on)
{
	char path[96], now[8];

	snprintf(path, sizeof path, family->forwarding, link);
	int err = sysctl_read(path, now, sizeof now);
	*on = !err && strcmp(now, "0") != 0;
	return err;
}

static int write_switch(const struct family *family, const char *link, const char *value)
{
	char path[96];

	snprintf(path, sizeof path, family->forwarding, link);
	return sysctl_write(path, value);
}

/* ---- notes ---- */

static void note(char *alias, const struct family *family, const char *link)
{
	size_t len = strlen(alias);
	int added = snprintf(alias + len, FORWARD_ALIAS_MAX - len, "%s%s%s", len ? "" : NOTE_PREFIX, family->mark, link);

	/* What does not fit stays on: it is not half a name */
	if ((size_t)added >= FORWARD_ALIAS_MAX - len)
		alias[len] = '\0';
}

static bool is_noted(const char *alias, const struct family *family, const char *link)
{
	char wanted[IFNAMSIZ + 4];
	size_t len = (size_t)snprintf(wanted, sizeof wanted, "%s%s", family->mark, link);

	if (strncmp(alias, NOTE_PREFIX, strlen(NOTE_PREFIX)))
		return false;
	for (const char *at = alias; (at = strstr(at, wanted)); at += len)
		if (at[len] == ' ' || at[len] == '\0')
			return true;
	return false;
}

struct search {
	uint32_t own;
	struct forward_plan *plan;
};

static int search_notes(const struct rtnl_link *link, void *context)
{
	const struct search *search = context;

	if (link->index == search->own || strncmp(link->name, LINK_PREFIX, strlen(LINK_PREFIX)))
		return 0;
	for (size_t i = 0; i < search->plan->count; i++) {
		struct forward_link *planned = &search->plan->links[i];
		planned->others4 |= is_noted(link->alias, &family4, planned->name);
		planned->others6 |= is_noted(link->alias, &family6, planned->name);
	}
	return 0;
}

/* Which of the plan's switches other sandboxes have borrowed: one look at every link */
static int read_notes(struct nl *host, uint32_t own, struct forward_plan *plan)
{
	struct search search = { own, plan };

	return rtnl_links(host, search_notes, &search);
}

/* ---- the plan ---- */

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

/* Other sandboxes' links forward already, and loopback never needs to. */
static bool is_outgoing(const struct rtnl_link *link)
{
	return !(link->flags & IFF_LOOPBACK) && strncmp(link->name, LINK_PREFIX, strlen(LINK_PREFIX));
}

static bool ipv6_forwards_everywhere(void)
{
	char all[8];

	return !sysctl_read("ipv6/conf/all/forwarding", all, sizeof all) && !strcmp(all, "1");
}

static int plan_link(struct nl *host, struct forward_plan *plan, uint32_t index)
{
	struct rtnl_link link = { 0 };
	int err = rtnl_link_by_index(host, index, &link);

	if (!err && is_outgoing(&link))
		strcpy(plan->links[plan->count++].name, link.name);
	return err == -ENODEV ? 0 : err; /* gone meanwhile */
}

static int plan_links(struct nl *host, uint32_t host_link, struct forward_plan *plan)
{
	struct links links = { .own = host_link };

	int err = rtnl_routes(host, ADDR_V4, add_link, &links);
	if (!err && plan->ipv6)
		err = rtnl_routes(host, ADDR_V6, add_link, &links);
	for (size_t i = 0; !err && i < links.count; i++)
		err = plan_link(host, plan, links.items[i]);
	return err;
}

/* Borrowed is what is off, and what is on because another sandbox borrowed it. */
static int borrow(struct forward_plan *plan, const struct family *family, const char *link, bool others, bool *borrowed)
{
	bool on;
	int err = read_switch(family, link, &on);

	if (err)
		return err == -ENOENT ? 0 : err; /* a link without that family */
	*borrowed = !on || others;
	if (*borrowed)
		note(plan->alias, family, link);
	return 0;
}

static int borrow_all(struct nl *host, uint32_t host_link, struct forward_plan *plan)
{
	bool need6 = plan->ipv6 && !ipv6_forwards_everywhere();
	int err = read_notes(host, host_link, plan);

	for (size_t i = 0; !err && i < plan->count; i++) {
		struct forward_link *link = &plan->links[i];
		err = borrow(plan, &family4, link->name, link->others4, &link->borrowed4);
		if (!err && need6)
			err = borrow(plan, &family6, link->name, link->others6, &link->borrowed6);
	}
	return err || !plan->alias[0] ? err : rtnl_link_set_alias(host, host_link, plan->alias);
}

int forward_make_plan(struct nl *host, uint32_t host_link, struct forward_plan *plan)
{
	*plan = (struct forward_plan){
		.ipv6 = ipv6_forwards_everywhere() || sysctl_exists("ipv6/conf/default/force_forwarding")
	};
	if (!plan->ipv6)
		log_line("IPv6 is inactive in the sandbox: this host cannot forward it for single links");
	int err = plan_links(host, host_link, plan);
	if (!err) {
		CLEANUP_FD int lock = lock_namespace();
		err = lock < 0 ? -ETIMEDOUT : borrow_all(host, host_link, plan);
	}
	if (err)
		log_error("cannot plan what the host forwards: %s", strerror(-err));
	return err;
}

/* ---- on and off ---- */

int forward_switch_on(const struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct forward_link *link = &plan->links[i];
		int err = link->borrowed4 ? write_switch(&family4, link->name, "1") : 0;
		if (!err && link->borrowed6)
			err = write_switch(&family6, link->name, "1");
		if (err && err != -ENOENT) {
			log_error("cannot switch forwarding on for %s: %s", link->name, strerror(-err));
			return err;
		}
	}
	return 0;
}

/* A note as a plan again: the links it names */
static void read_note(const char *alias, const struct family *family, struct forward_plan *plan)
{
	const char *at = alias;

	while ((at = strstr(at, family->mark)) && plan->count < FORWARD_MAX_LINKS) {
		struct forward_link *link = &plan->links[plan->count];
		size_t len = strcspn(at += strlen(family->mark), " ");
		if (len >= sizeof link->name)
			continue;
		memcpy(link->name, at, len);
		link->borrowed4 = family == &family4;
		link->borrowed6 = family == &family6;
		plan->count++;
	}
}

/* Where the others' notes cannot be read, what is on stays on. */
static void give_back(struct nl *host, uint32_t host_link, const char *alias)
{
	CLEANUP_FD int lock = lock_namespace();
	struct forward_plan plan = { 0 };

	rtnl_link_set_alias(host, host_link, "");
	read_note(alias, &family4, &plan);
	read_note(alias, &family6, &plan);
	if (read_notes(host, host_link, &plan))
		return;
	for (size_t i = 0; i < plan.count; i++) {
		const struct forward_link *link = &plan.links[i];
		if (link->borrowed4 && !link->others4)
			write_switch(&family4, link->name, "0");
		if (link->borrowed6 && !link->others6)
			write_switch(&family6, link->name, "0");
	}
}

/* Deleting waits for the kernel's grace periods, hundreds of sandboxes at once if they may: it is not under the lock. */
void forward_end(struct nl *host, uint32_t host_link, const char *alias)
{
	if (alias[0])
		give_back(host, host_link, alias);
	rtnl_link_delete(host, host_link);
}
