/* Routes of all tables count, since rules choose among them: what is left is out of reach for certain. What some table reaches
 * and the one that is asked does not, the host tells by its own errors. */
#include "net/unrouted.h"
#include "lower/sandbox_net.h"
#include "net/forward.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#define RANGES_MAX 2048      /* more are a router's, which has a default route or knows everything */
#define BEHIND_THE_POLICY 10 /* a priority: what the policy refuses is refused by it, and reported */
#define REFUSE "refuse"
#define LOG_RATE 200 /* packets a second */
#define LOG_BURST 400
#define CT_NEW NF_CT_STATE_BIT(IP_CT_NEW)

struct reading {
	struct arena *arena;
	bool all;
	LIST_OF(struct addr_range) ranges;
	LIST_OF(uint32_t) sandboxes; /* their links */
};

static int add_sandbox(const struct rtnl_link *link, void *context)
{
	struct reading *reading = context;

	if (forward_is_sandbox(link->name))
		*arena_push(reading->arena, &reading->sandboxes) = link->index;
	return 0;
}

static bool is_sandboxes(const struct reading *reading, uint32_t link)
{
	for (size_t i = 0; i < reading->sandboxes.count; i++)
		if (reading->sandboxes.items[i] == link)
			return true;
	return false;
}

static int add_route(const struct rtnl_listed *route, void *context)
{
	struct reading *reading = context;

	if (reading->all || route->type != RTN_UNICAST || route->dead || is_sandboxes(reading, route->link))
		return 0;
	if (route->destination.len == 0 || reading->ranges.count == RANGES_MAX)
		reading->all = true;
	else
		*arena_push(reading->arena, &reading->ranges) = addr_prefix_range(route->destination);
	return 0;
}

int unrouted_read(struct nl *host, struct arena *arena, enum addr_family family, struct addr_set *out)
{
	struct reading reading = { .arena = arena };

	*out = addr_set_empty(family);
	int error = rtnl_links(host, add_sandbox, &reading);
	if (error == 0)
		error = rtnl_routes(host, family, add_route, &reading);
	if (error < 0 || reading.all)
		return error;
	struct addr_set all = addr_set_all(arena, family);
	struct addr_set routed = addr_set_from_ranges(arena, family, reading.ranges.items, reading.ranges.count);
	*out = addr_set_subtract(arena, &all, &routed);
	return 0;
}

static void refuse(struct ruleset *ruleset, struct rs_chain *chain, const struct addr_set *unrouted)
{
	bool v4 = unrouted->family == ADDR_V4;

	if (!unrouted->count)
		return;
	struct rs_rule *rule = rs_rule_add(ruleset, chain, "the host has no route");
	rs_match(ruleset, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE));
	rs_match(ruleset, rule, RS_CT_STATE, rs_number(CT_NEW));
	struct addr_range first = unrouted->items[0];
	if (first.lo == 0 && first.hi == addr_prefix_range((struct addr_prefix){ { unrouted->family, 0 }, 0 }).hi) {
		rs_match(ruleset, rule, RS_META_NFPROTO, rs_number(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
	} else {
		struct rs_expr *to =
			rs_match(ruleset, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR, rs_range(first.lo, first.hi));
		for (size_t i = 1; i < unrouted->count; i++)
			rs_or(ruleset, to, rs_range(unrouted->items[i].lo, unrouted->items[i].hi));
	}
	rs_verdict(ruleset, rule, RS_GOTO, REFUSE);
}

struct ruleset *unrouted_rules(struct arena *arena, const struct addr_set *v4, const struct addr_set *v6)
{
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_table *table = rs_table_add(ruleset, RS_INET, UNROUTED_TABLE);
	struct rs_chain *chain = rs_chain_add(ruleset, table, REFUSE);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_limit(ruleset, rule, LOG_RATE, RS_SECOND, LOG_BURST);
	rs_log(ruleset, rule, UNROUTED_LOG_GROUP, LOWER_LOG_SNAPLEN, NULL);
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_REJECT_ROUTE);
	chain = rs_base_chain_add(ruleset, table, "forward", RS_FILTER, RS_FORWARD, BEHIND_THE_POLICY, RS_ACCEPT);

	refuse(ruleset, chain, v4);
	refuse(ruleset, chain, v6);
	return ruleset;
}
