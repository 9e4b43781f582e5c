/* The plan: what the host's links, routes and switches are now, and which switches are to be on for sandboxes. It is made anew
 * whenever the host's network may have changed, with the plan so far beside it. */
#include "core/log.h"
#include "net/forward_state.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct reading {
	struct nl *host;
	uint32_t own;
	bool ipv6, by_number; /* by_number: a route names its next hops by their objects' numbers alone */
	const struct forward_plan *before;
	struct forward_plan *plan;
	LIST_OF(uint32_t) routed; /* links */
};

static bool is_routed(const struct reading *reading, uint32_t link)
{
	for (size_t i = 0; i < reading->routed.count; i++)
		if (reading->routed.items[i] == link)
			return true;
	return false;
}

static int add_routed(uint32_t link, void *context)
{
	struct reading *reading = context;

	if (link && !is_routed(reading, link))
		*arena_push(reading->plan->arena, &reading->routed) = link;
	return 0;
}

static int add_route(const struct rtnl_listed *route, void *context)
{
	struct reading *reading = context;

	if (route->type != RTN_UNICAST)
		return 0;
	reading->by_number |= !route->link;
	return add_routed(route->link, context);
}

/* Of every table: which of them is asked depends on rules, marks and sources. */
static int read_routes(struct reading *reading)
{
	int error = rtnl_routes(reading->host, ADDR_V4, add_route, reading);

	if (error == 0 && reading->ipv6)
		error = rtnl_routes(reading->host, ADDR_V6, add_route, reading);
	if (error == 0 && reading->by_number)
		error = rtnl_next_hops(reading->host, add_routed, reading);
	return error;
}

static const struct forward_link *find_link(const struct forward_plan *plan, uint32_t index)
{
	for (size_t i = 0; i < plan->links.count; i++)
		if (plan->links.items[i].index == index)
			return &plan->links.items[i];
	return NULL;
}

/* What sandboxes have switched on stays known as such, by its note or by what this sandbox knows of it, until somebody
 * switches on all links: this one, too, is theirs then. */
static void decide(const struct reading *reading, const struct forward_link *link, int family,
		   struct forward_switch *now)
{
	const struct forward_link *before = find_link(reading->before, link->index);
	bool was = before && before->family[family].switched, all = reading->plan->all[family];
	bool came = reading->before->arena && !reading->before->all[family] && all;

	now->left = before && before->family[family].left && !now->on;
	if (!all)
		now->switched = was || now->noted;
	else
		now->switched = !came && (was || now->noted & FORWARD_NOTE_LEFT_OUT);
	now->switched |= now->needed && !now->on;
}

static int read_family(const struct reading *reading, struct forward_link *link, int family, bool needed)
{
	struct forward_switch *now = &link->family[family];

	int error = forward_read_switch(family, link->name, &now->on);
	if (error < 0)
		return error == -ENOENT ? 0 : error; /* gone meanwhile, or nothing to switch */
	now->needed = needed && !(family == FORWARD_V6 && reading->plan->router6);
	if (!link->own)
		decide(reading, link, family, now);
	return 0;
}

static int read_link(const struct rtnl_link *seen, void *context)
{
	const struct reading *reading = context;
	struct forward_link link = { .index = seen->index, .own = seen->index == reading->own };
	bool routed = link.own || is_routed(reading, seen->index);

	if (!link.own && (seen->flags & IFF_LOOPBACK || forward_is_sandbox(seen->name)))
		return 0; /* other sandboxes see to their own, and loopback never needs to */
	for (int family = 0; family < FORWARD_FAMILIES; family++)
		link.family[family].noted = forward_notes(seen, family);
	if (!routed && !link.family[FORWARD_V4].noted && !link.family[FORWARD_V6].noted &&
	    !find_link(reading->before, seen->index))
		return 0;
	strcpy(link.name, seen->name);
	int error = read_family(reading, &link, FORWARD_V4, routed);
	if (error == 0 && reading->ipv6)
		error = read_family(reading, &link, FORWARD_V6, routed);
	if (error == 0)
		*arena_push(reading->plan->arena, &reading->plan->links) = link;
	return error;
}

/* Before the switch is on. A link that is gone meanwhile needs none. */
static int note_links(struct nl *host, const struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->links.count; i++) {
		struct forward_link *link = &plan->links.items[i];
		for (int family = 0; family < FORWARD_FAMILIES; family++) {
			struct forward_switch *now = &link->family[family];
			enum forward_note note = forward_note_wanted(plan, family);
			if (!now->switched || now->noted & note)
				continue;
			int error = forward_note(host, link->index, family, note);
			if (error < 0 && error != -ENODEV)
				return error;
			now->noted |= note;
		}
	}
	return 0;
}

int forward_make_plan(struct nl *host, uint32_t own, bool ipv6, const struct forward_plan *before,
		      struct forward_plan *plan)
{
	struct reading reading = { .host = host, .own = own, .ipv6 = ipv6, .before = before, .plan = plan };

	*plan = (struct forward_plan){ .arena = arena_new(), .router6 = ipv6 && forward_is_router6() };
	for (int family = 0; family < FORWARD_FAMILIES; family++)
		plan->all[family] = forward_all_on(family);
	int error = read_routes(&reading);
	if (error == 0)
		error = rtnl_links(host, read_link, &reading);
	return error < 0 ? error : note_links(host, plan);
}

void forward_plan_free(struct forward_plan *plan)
{
	arena_free(plan->arena);
	*plan = (struct forward_plan){ 0 };
}
