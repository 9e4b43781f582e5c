/* Forwarding, made so again and again. What somebody switches off is switched on again and said; but nobody is fought for ever:
 * after a few times it is left off, and tried again much later. Meanwhile the guest gets no answers, which is the safe side. */
#include "sandbox/follow_forwarding.h"
#include "base/text.h"
#include "core/clock.h"
#include "core/log.h"
#include "net/host_table.h"
#include "net/sysctl.h"
#include "sandbox/setup.h"

#include <string.h>

#define REPAIRS_MAX 5
#define REPAIRS_MS (10 * 60 * 1000)

static const char *const family_names[FORWARD_FAMILIES] = { [FORWARD_V4] = "IPv4", [FORWARD_V6] = "IPv6" };

static const struct forward_link *find_link(const struct forward_plan *plan, uint32_t index)
{
	for (size_t i = 0; i < plan->links.count; i++)
		if (plan->links.items[i].index == index)
			return &plan->links.items[i];
	return NULL;
}

/* ---- somebody switches off ---- */

static bool is_over(const struct following *following)
{
	return following->repairs && clock_ms() - following->repairs_ms >= REPAIRS_MS;
}

/* The links of one family that were cut, by name, in *names; with `leave` they stay off. */
static bool find_cut(const struct following *following, struct forward_plan *plan, int family, bool leave,
		     struct text *names)
{
	bool any = false;

	for (size_t i = 0; i < plan->links.count; i++) {
		struct forward_link *link = &plan->links.items[i];
		struct forward_switch *now = &link->family[family];
		const struct forward_link *before = find_link(&following->plan, link->index);
		if (!before || !before->family[family].on || now->on || !now->needed)
			continue;
		text_addf(names, "%s%s", any ? ", " : "", link->name);
		now->left = leave;
		any = true;
	}
	return any;
}

static void report_cut(int family, bool leave, const char *names)
{
	if (!leave) {
		log_line("forwarding of %s on %s was switched off by somebody; switched on again", family_names[family],
			 names);
		return;
	}
	log_error(
		"forwarding of %s on %s is switched off again and again: it stays off, and the sandbox gets no answers there",
		family_names[family], names);
	log_help("end what switches it off, or start the sandbox where the host may forward");
}

/* Before anything is switched on again */
static void see_to_cuts(struct following *following, struct forward_plan *plan)
{
	if (is_over(following)) {
		following->repairs = 0;
		for (size_t i = 0; i < plan->links.count; i++)
			for (int family = 0; family < FORWARD_FAMILIES; family++)
				plan->links.items[i].family[family].left = false;
	}
	bool leave = following->repairs >= REPAIRS_MAX, cut = false;
	for (int family = 0; family < FORWARD_FAMILIES; family++) {
		struct text names = { .arena = plan->arena };
		if (!find_cut(following, plan, family, leave, &names))
			continue;
		report_cut(family, leave, text_get(&names));
		cut = true;
	}
	if (cut && !leave && following->repairs++ == 0)
		following->repairs_ms = clock_ms();
}

/* Before Linux 6.17 `all` is IPv6's only switch, and whether the host is a router is not for us to say. */
static void report_no_ipv6(const struct following *following, const struct forward_plan *plan)
{
	if (following->plan.router6 && !plan->router6 && !sysctl_exists("ipv6/conf/default/force_forwarding"))
		log_error(
			"the host forwards IPv6 no more, and this kernel cannot for single links: the sandbox has none until "
			"net.ipv6.conf.all.forwarding is 1 again");
}

/* ---- the plan ---- */

static bool same_bars(const struct forward_plan *a, const struct forward_plan *b)
{
	for (size_t i = 0; i < a->links.count; i++) {
		const struct forward_link *link = &a->links.items[i], *other = find_link(b, link->index);
		for (int family = 0; family < FORWARD_FAMILIES; family++)
			if (forward_bars(a, link, family) && (!other || !forward_bars(b, other, family)))
				return false;
	}
	return true;
}

static int make_it_so(struct sandbox *sandbox, struct forward_plan *plan)
{
	struct following *following = &sandbox->following;
	uint32_t own = sandbox->host_link.index;

	int error = forward_make_plan(sandbox->host, own, sandbox->gateway.has6, &following->plan, plan);
	if (error < 0)
		return error;
	see_to_cuts(following, plan);
	report_no_ipv6(following, plan);
	if (!same_bars(plan, &following->plan) || !same_bars(&following->plan, plan))
		error = host_table_bar(sandbox->start->table, sandbox->host_link.name, plan);
	return error < 0 ? error : forward_switch_on(sandbox->host, own, plan);
}

int follow_forwarding(struct sandbox *sandbox)
{
	struct following *following = &sandbox->following;
	struct forward_plan plan = { 0 };
	int error = 0;

	if (!following->begun)
		error = forward_announce(sandbox->host, sandbox->host_link.index);
	if (error == 0)
		error = make_it_so(sandbox, &plan);
	if (error < 0) {
		if (!following->failed)
			log_error("cannot have the host forward for the sandbox: %s", strerror(-error));
		following->failed = true;
		forward_plan_free(&plan);
		return error;
	}
	forward_plan_free(&following->plan);
	following->plan = plan;
	following->begun = true;
	following->failed = false;
	return 0;
}

static bool is_left(const struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->links.count; i++)
		for (int family = 0; family < FORWARD_FAMILIES; family++)
			if (plan->links.items[i].family[family].left)
				return true;
	return false;
}

bool follow_forwarding_is_cut(const struct sandbox *sandbox)
{
	const struct following *following = &sandbox->following;

	return forward_is_cut(&following->plan) || (is_over(following) && is_left(&following->plan));
}
