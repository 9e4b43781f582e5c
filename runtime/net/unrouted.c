/* Routes of all tables count, since rules choose among them: what is left is out of reach for certain. Where there is but the main
 * table, its unreachable routes count, too. What some table reaches and the one that is asked does not, the host tells
 * by its own errors. */
#include "net/unrouted.h"
#include "lower/sandbox_net.h"
#include "net/forward.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define RANGES_MAX 2048      /* more are a router's, which knows its errors itself */
#define EXACT_MAX 256        /* for which each exception is worked out */
#define BEHIND_THE_POLICY 10 /* a priority: what the policy refuses is refused by it, and reported */
#define REFUSE "refuse"
#define NEIGHBOURS "neighbours"
#define NEIGHBOUR_BURST_SECONDS 2
#define LOG_RATE 200 /* packets a second */
#define LOG_BURST 400
#define CT_NEW NF_CT_STATE_BIT(IP_CT_NEW)

struct range {
	struct addr_range range;
	uint8_t len;      /* of the prefix: the longest decides */
	bool unreachable; /* the host's word that it is */
};

struct reading {
	struct arena *arena;
	bool too_many, others; /* others: routes in tables that rules may choose */
	bool exceptions;
	LIST_OF(struct range) ranges;
	LIST_OF(struct addr_range) linked;
	LIST_OF(uint32_t) sandboxes; /* their links */
	LIST_OF(uint32_t) silent;    /* links without ARP or neighbour discovery */
};

static int add_sandbox(const struct rtnl_link *link, void *context)
{
	struct reading *reading = context;

	if (forward_is_sandbox(link->name))
		*arena_push(reading->arena, &reading->sandboxes) = link->index;
	if (link->flags & (IFF_NOARP | IFF_LOOPBACK))
		*arena_push(reading->arena, &reading->silent) = link->index;
	return 0;
}

static bool is_sandboxes(const struct reading *reading, uint32_t link)
{
	for (size_t i = 0; i < reading->sandboxes.count; i++)
		if (reading->sandboxes.items[i] == link)
			return true;
	return false;
}

static bool has_neighbours(const struct reading *reading, uint32_t link)
{
	for (size_t i = 0; i < reading->silent.count; i++)
		if (reading->silent.items[i] == link)
			return false;
	return true;
}

static int add_route(const struct rtnl_listed *route, void *context)
{
	struct reading *reading = context;
	bool unreachable = route->type == RTN_UNREACHABLE && route->table == RT_TABLE_MAIN;

	if (!unreachable && (route->type != RTN_UNICAST || route->dead || is_sandboxes(reading, route->link)))
		return 0;
	reading->too_many |= reading->ranges.count == RANGES_MAX;
	if (reading->too_many)
		return 0;
	reading->exceptions |= unreachable;
	reading->others |= route->table != RT_TABLE_MAIN;
	if (!unreachable && !route->routed && has_neighbours(reading, route->link))
		*arena_push(reading->arena, &reading->linked) = addr_prefix_range(route->destination);
	*arena_push(reading->arena, &reading->ranges) =
		(struct range){ addr_prefix_range(route->destination), route->destination.len, unreachable };
	return 0;
}

/* What any route reaches */
static struct addr_set reached_by_any(const struct reading *reading, enum addr_family family)
{
	LIST_OF(struct addr_range) ranges = { 0 };

	for (size_t i = 0; i < reading->ranges.count; i++)
		if (!reading->ranges.items[i].unreachable)
			*arena_push(reading->arena, &ranges) = reading->ranges.items[i].range;
	return addr_set_from_ranges(reading->arena, family, ranges.items, ranges.count);
}

/* Short prefixes first; of two for the same, the one that reaches it last, since there the metric decides */
static int by_length(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->len != b->len ? a->len - b->len : b->unreachable - a->unreachable;
}

/* What the longest prefix reaches, where one table is all there is */
static struct addr_set reached_by_longest(struct reading *reading, enum addr_family family)
{
	struct addr_set reached = addr_set_empty(family);

	qsort(reading->ranges.items, reading->ranges.count, sizeof *reading->ranges.items, by_length);
	for (size_t i = 0; i < reading->ranges.count; i++) {
		const struct range *range = &reading->ranges.items[i];
		struct addr_set one = addr_set_from_ranges(reading->arena, family, &range->range, 1);
		reached = range->unreachable ? addr_set_subtract(reading->arena, &reached, &one) :
					       addr_set_union(reading->arena, &reached, &one);
	}
	return reached;
}

int unrouted_read(struct nl *host, struct arena *arena, enum addr_family family, struct reach *out)
{
	struct reading reading = { .arena = arena };

	out->none = out->linked = addr_set_empty(family);
	int error = rtnl_links(host, add_sandbox, &reading);
	if (error == 0)
		error = rtnl_routes(host, family, add_route, &reading);
	if (error < 0 || reading.too_many)
		return error;
	struct addr_set all = addr_set_all(arena, family);
	bool exact = reading.exceptions && !reading.others && reading.ranges.count <= EXACT_MAX;
	struct addr_set reached = exact ? reached_by_longest(&reading, family) : reached_by_any(&reading, family);
	out->none = addr_set_subtract(arena, &all, &reached);
	out->linked = addr_set_from_ranges(arena, family, reading.linked.items, reading.linked.count);
	return 0;
}

/* New flows of the guest's to any of these addresses go on in that chain. */
static void new_flows_to(struct ruleset *ruleset, struct rs_chain *chain, const struct addr_set *unrouted,
			 const char *comment, const char *target)
{
	bool v4 = unrouted->family == ADDR_V4;

	if (!unrouted->count)
		return;
	struct rs_rule *rule = rs_rule_add(ruleset, chain, comment);
	struct addr_range first = unrouted->items[0];
	if (first.lo == 0 && first.hi == addr_prefix_range((struct addr_prefix){ { unrouted->family, 0 }, 0 }).hi) {
		rs_match(ruleset, rule, RS_META_NFPROTO, rs_number(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
	} else {
		struct rs_expr *to =
			rs_match(ruleset, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR, rs_range(first.lo, first.hi));
		for (size_t i = 1; i < unrouted->count; i++)
			rs_or(ruleset, to, rs_range(unrouted->items[i].lo, unrouted->items[i].hi));
	}
	rs_verdict(ruleset, rule, RS_GOTO, target);
}

/* The rules are about new flows, and of those the policy, which comes before, lets pass the guest's only: what each of them would have
 * to look at is looked at once. */
static void others_pass(struct ruleset *ruleset, struct rs_chain *chain)
{
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	rs_match(ruleset, rule, RS_CT_STATE, rs_number(CT_NEW))->negate = true;
	rs_verdict(ruleset, rule, RS_ACCEPT, NULL);
}

static void add_neighbours(struct ruleset *ruleset, struct rs_table *table, uint32_t rate, bool silent)
{
	struct limit_chains chains = { ruleset, table, LOWER_LOG_GROUP, silent };
	struct rs_chain *chain = rs_chain_add(ruleset, table, NEIGHBOURS);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	rs_limit(ruleset, rule, rate, RS_SECOND, rate * NEIGHBOUR_BURST_SECONDS)->negate = true;
	rs_verdict(ruleset, rule, RS_GOTO, limit_chain(OVER_NEIGHBOURS));
	limit_refusal_chain(&chains, OVER_NEIGHBOURS);
}

struct ruleset *unrouted_rules(struct arena *arena, const struct reach *v4, const struct reach *v6, uint32_t neighbours,
			       bool silent)
{
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_table *table = rs_table_add(ruleset, RS_INET, UNROUTED_TABLE);
	struct rs_chain *chain = rs_chain_add(ruleset, table, REFUSE);
	struct rs_rule *rule = rs_rule_add(ruleset, chain, NULL);

	rs_match(ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP));
	rs_limit(ruleset, rule, LOG_RATE, RS_SECOND, LOG_BURST);
	rs_log(ruleset, rule, UNROUTED_LOG_GROUP, LOWER_LOG_SNAPLEN, NULL);
	rs_do(ruleset, rs_rule_add(ruleset, chain, NULL), RS_REJECT_ROUTE);
	if (neighbours)
		add_neighbours(ruleset, table, neighbours, silent);
	chain = rs_base_chain_add(ruleset, table, "forward", RS_FILTER, RS_FORWARD, BEHIND_THE_POLICY, RS_ACCEPT);

	others_pass(ruleset, chain);
	new_flows_to(ruleset, chain, &v4->none, "the host has no route", REFUSE);
	new_flows_to(ruleset, chain, &v6->none, "the host has no route", REFUSE);
	if (neighbours) {
		new_flows_to(ruleset, chain, &v4->linked, "the host looks for them on a link", NEIGHBOURS);
		new_flows_to(ruleset, chain, &v6->linked, "the host looks for them on a link", NEIGHBOURS);
	}
	return ruleset;
}
