/* Forwarding of single links. IPv4 has a switch for each link; IPv6 has one since Linux 6.17 (force_forwarding), before that
 * `all` is the only one.
 *
 * Theory of operation. An alias like "msb-run forwards: b4:eth0 n6:eth0" has a claim a word: its state, the family, the link.
 *   n  needs the switch, which the host had on
 *   b  needs the switch, which was off before sandboxes came
 *   e  as b, but the sandbox is ending and needs it no more
 * There is no lock, and hundreds may start and end at once. Instead:
 *   A sandbox that starts claims n first, then reads the switch and the others' claims. Where the switch is off, or another
 *   claims b or e, it changes its own claim to b, and switches on later.
 *   A sandbox that ends changes b to e, then reads the others' claims. Where no other needs the switch it switches off, and
 *   reads again: where another has come to need it meanwhile, it switches on again.
 * Either the one that starts sees the switch off, or the one that ends sees the need, so a needed switch ends up on; and a
 * switch that was off stays known as such while any sandbox claims it. Only root can write an alias. */
#include "net/forward.h"
#include "core/log.h"
#include "net/host_link.h"
#include "net/sysctl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define CLAIMS_PREFIX "msb-run forwards:"

static const char *const switches[FORWARD_FAMILIES] = {
	[FORWARD_V4] = "ipv4/conf/%s/forwarding",
	[FORWARD_V6] = "ipv6/conf/%s/force_forwarding",
};
static const char digits[FORWARD_FAMILIES] = { [FORWARD_V4] = '4', [FORWARD_V6] = '6' };

static int read_switch(int family, const char *link, bool *on)
{
	char path[96], now[8];

	snprintf(path, sizeof path, switches[family], link);
	int error = sysctl_read(path, now, sizeof now);
	*on = error == 0 && strcmp(now, "0") != 0;
	return error;
}

static int write_switch(int family, const char *link, const char *value)
{
	char path[96];

	snprintf(path, sizeof path, switches[family], link);
	return sysctl_write(path, value);
}

static bool is_sandbox_link(const char *name)
{
	return !strncmp(name, HOST_LINK_PREFIX, strlen(HOST_LINK_PREFIX));
}

/* ---- claims ---- */

/* Every link of the plan, or as many as fit: the others leave the plan, since no other sandbox would know that they are
 * needed. */
static int write_claims(struct nl *host, uint32_t own, struct forward_plan *plan, bool ending)
{
	size_t len = (size_t)snprintf(plan->claims, sizeof plan->claims, CLAIMS_PREFIX);

	for (size_t i = 0; i < plan->count; i++) {
		struct forward_link *link = &plan->links[i];
		for (int family = 0; family < FORWARD_FAMILIES; family++) {
			if (!link->family[family].needed)
				continue;
			char state = !link->family[family].switched ? 'n' : ending ? 'e' : 'b';
			size_t word = strlen(link->name) + 4;
			link->family[family].needed = len + word < sizeof plan->claims;
			if (link->family[family].needed)
				len += (size_t)snprintf(plan->claims + len, sizeof plan->claims - len, " %c%c:%s",
							state, digits[family], link->name);
		}
	}
	return rtnl_link_set_alias(host, own, plan->claims);
}

/* Calls `each` for every claim of an alias. */
static void read_claims(const char *claims, void (*each)(char state, int family, const char *link, void *),
			void *context)
{
	size_t prefix = strlen(CLAIMS_PREFIX);
	char words[FORWARD_CLAIMS_MAX], *rest = words, *word;

	if (strncmp(claims, CLAIMS_PREFIX, prefix))
		return;
	snprintf(words, sizeof words, "%s", claims + prefix);
	while ((word = strsep(&rest, " ")))
		if (strlen(word) > 3 && strlen(word) < 3 + IFNAMSIZ && word[2] == ':' &&
		    (word[1] == '4' || word[1] == '6'))
			each(word[0], word[1] == '4' ? FORWARD_V4 : FORWARD_V6, word + 3, context);
}

static void apply_claim(char state, int family, const char *name, void *context)
{
	struct forward_plan *plan = context;

	for (size_t i = 0; i < plan->count; i++) {
		struct forward_link *link = &plan->links[i];
		if (strcmp(link->name, name))
			continue;
		link->family[family].others_need |= state != 'e';
		link->family[family].others_switched |= state != 'n';
	}
}

struct search {
	uint32_t own;
	struct forward_plan *plan;
};

static int apply_claims_of(const struct rtnl_link *link, void *context)
{
	const struct search *search = context;

	if (link->index != search->own && is_sandbox_link(link->name))
		read_claims(link->alias, apply_claim, search->plan);
	return 0;
}

/* What the other sandboxes claim of the plan's links */
static int read_others(struct nl *host, uint32_t own, struct forward_plan *plan)
{
	struct search search = { own, plan };

	return rtnl_links(host, apply_claims_of, &search);
}

/* ---- starting ---- */

struct links {
	uint32_t own; /* the sandbox's host link */
	uint32_t items[FORWARD_MAX_LINKS];
	size_t count;
};

static int add_link(const struct rtnl_listed *route, void *context)
{
	struct links *links = context;

	if (route->type != RTN_UNICAST || !route->link || route->link == links->own ||
	    links->count == FORWARD_MAX_LINKS)
		return 0;
	for (size_t i = 0; i < links->count; i++)
		if (links->items[i] == route->link)
			return 0;
	links->items[links->count++] = route->link;
	return 0;
}

static bool ipv6_forwards_everywhere(void)
{
	char all[8];

	return !sysctl_read("ipv6/conf/all/forwarding", all, sizeof all) && !strcmp(all, "1");
}

/* A link that is gone meanwhile, or has no such switch, needs nothing. */
static int need(int family, const char *link, bool *needed)
{
	bool on;

	int error = read_switch(family, link, &on);
	*needed = error == 0;
	return error == -ENOENT ? 0 : error;
}

/* Other sandboxes' links forward already, and loopback never needs to. */
static int plan_link(struct nl *host, struct forward_plan *plan, uint32_t index)
{
	struct rtnl_link link = { 0 };

	int error = rtnl_link_by_index(host, index, &link);
	if (error < 0 || link.flags & IFF_LOOPBACK || is_sandbox_link(link.name))
		return error == -ENODEV ? 0 : error; /* gone meanwhile */
	struct forward_link *planned = &plan->links[plan->count++];
	strcpy(planned->name, link.name);
	error = need(FORWARD_V4, link.name, &planned->family[FORWARD_V4].needed);
	if (error == 0 && plan->ipv6 && !ipv6_forwards_everywhere())
		error = need(FORWARD_V6, link.name, &planned->family[FORWARD_V6].needed);
	return error;
}

static int plan_links(struct nl *host, uint32_t host_link, struct forward_plan *plan)
{
	struct links links = { .own = host_link };

	int error = rtnl_routes(host, ADDR_V4, add_link, &links);
	if (error == 0 && plan->ipv6)
		error = rtnl_routes(host, ADDR_V6, add_link, &links);
	for (size_t i = 0; error == 0 && i < links.count; i++)
		error = plan_link(host, plan, links.items[i]);
	return error;
}

static int find_switched(struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct forward_link *link = &plan->links[i];
		for (int family = 0; family < FORWARD_FAMILIES; family++) {
			bool on = true;
			int error = link->family[family].needed ? read_switch(family, link->name, &on) : 0;
			if (error < 0)
				return error;
			link->family[family].switched =
				link->family[family].needed && (!on || link->family[family].others_switched);
		}
	}
	return 0;
}

int forward_make_plan(struct nl *host, uint32_t host_link, struct forward_plan *plan)
{
	*plan = (struct forward_plan){ .ipv6 = ipv6_forwards_everywhere() ||
					       sysctl_exists("ipv6/conf/default/force_forwarding") };
	if (!plan->ipv6)
		log_line("IPv6 is inactive in the sandbox: this host cannot forward it for single links");
	int error = plan_links(host, host_link, plan);
	if (error == 0)
		error = write_claims(host, host_link, plan, false);
	if (error == 0)
		error = read_others(host, host_link, plan);
	if (error == 0)
		error = find_switched(plan);
	if (error == 0)
		error = write_claims(host, host_link, plan, false);
	if (error < 0)
		log_error("cannot plan what the host forwards: %s", strerror(-error));
	return error;
}

int forward_switch_on(const struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct forward_link *link = &plan->links[i];
		for (int family = 0; family < FORWARD_FAMILIES; family++) {
			int error = link->family[family].switched ? write_switch(family, link->name, "1") : 0;
			if (error < 0 && error != -ENOENT) { /* a link may have gone */
				log_error("cannot switch forwarding on for %s: %s", link->name, strerror(-error));
				return error;
			}
		}
	}
	return 0;
}

/* ---- ending ---- */

/* A claim of the sandbox's own becomes its plan again. */
static void recall_claim(char state, int family, const char *name, void *context)
{
	struct forward_plan *plan = context;
	size_t i = 0;

	while (i < plan->count && strcmp(plan->links[i].name, name))
		i++;
	if (i == FORWARD_MAX_LINKS)
		return;
	if (i == plan->count)
		plan->count++;
	strcpy(plan->links[i].name, name);
	plan->links[i].family[family].needed = true;
	plan->links[i].family[family].switched = state != 'n';
}

/* To "0" what no other sandbox needs; to "1" what one needs */
static void write_switches(const struct forward_plan *plan, bool needed, const char *value)
{
	for (size_t i = 0; i < plan->count; i++)
		for (int family = 0; family < FORWARD_FAMILIES; family++)
			if (plan->links[i].family[family].switched &&
			    plan->links[i].family[family].others_need == needed)
				write_switch(family, plan->links[i].name, value);
}

/* Where the others' claims cannot be read, what is on stays on. */
void forward_end(struct nl *host, uint32_t host_link, const char *claims)
{
	struct forward_plan plan = { 0 };

	read_claims(claims, recall_claim, &plan);
	write_claims(host, host_link, &plan, true);
	if (!read_others(host, host_link, &plan)) {
		write_switches(&plan, false, "0");
		if (!read_others(host, host_link, &plan))
			write_switches(&plan, true, "1");
	}
	rtnl_link_delete(host, host_link);
}
