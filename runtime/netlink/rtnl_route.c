/* rtnetlink messages about routes and policy rules. */
#include "netlink/rtnl.h"
#include "netlink/rtnl_message.h"

#include <linux/fib_rules.h>
#include <linux/nexthop.h>

static int change_route(struct nl *nl, uint16_t type, uint16_t flags, const struct rtnl_route *route)
{
	struct rtnl_message message;
	struct rtmsg *header = rtnl_message(&message, type, flags, sizeof *header);

	header->rtm_family = rtnl_family(route->destination.addr.family);
	header->rtm_dst_len = route->destination.len;
	header->rtm_table = RT_TABLE_UNSPEC;
	header->rtm_protocol = type == RTM_NEWROUTE ? RTPROT_STATIC : RTPROT_UNSPEC;
	header->rtm_type = route->local ? RTN_LOCAL : RTN_UNICAST;
	header->rtm_scope = route->local ? RT_SCOPE_HOST : route->via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	mnl_attr_put_u32(message.header, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
	mnl_attr_put_u32(message.header, RTA_OIF, route->link);
	if (route->destination.len)
		rtnl_put_addr(message.header, RTA_DST, route->destination.addr);
	if (route->source)
		rtnl_put_addr(message.header, RTA_PREFSRC, *route->source);
	if (route->via) {
		header->rtm_flags = RTNH_F_ONLINK;
		rtnl_put_addr(message.header, RTA_GATEWAY, *route->via);
	}
	return nl_do(nl, message.header);
}

int rtnl_route_add(struct nl *nl, const struct rtnl_route *route)
{
	return change_route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

int rtnl_route_delete(struct nl *nl, const struct rtnl_route *route)
{
	return change_route(nl, RTM_DELROUTE, 0, route);
}

int rtnl_rule_add(struct nl *nl, enum addr_family family, uint32_t mark, uint32_t table)
{
	struct rtnl_message message;
	struct fib_rule_hdr *rule = rtnl_message(&message, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, sizeof *rule);

	rule->family = rtnl_family(family);
	rule->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(message.header, FRA_TABLE, table);
	mnl_attr_put_u32(message.header, FRA_FWMARK, mark);
	return nl_do(nl, message.header);
}

struct listing {
	int (*each)(const struct rtnl_listed *, void *);
	void *context;
};

/* One listing for each next hop of a route over several links. */
static int list_hops(const struct listing *listing, struct rtnl_listed *listed, const struct nlattr *hops)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(hops);
	int rest = mnl_attr_get_payload_len(hops);

	for (; RTNH_OK(hop, rest); rest -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		listed->link = (uint32_t)hop->rtnh_ifindex;
		listed->dead = hop->rtnh_flags & RTNH_F_DEAD;
		int result = listing->each(listed, listing->context);
		if (result)
			return result;
	}
	return 0;
}

static int read_route(const struct nlmsghdr *header, void *context)
{
	const struct listing *listing = context;
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr, *hops = NULL;

	if (header->nlmsg_type != RTM_NEWROUTE || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
	    route->rtm_flags & RTM_F_CLONED)
		return 0;
	struct rtnl_listed listed = {
		.destination.addr.family = route->rtm_family == AF_INET ? ADDR_V4 : ADDR_V6,
		.destination.len = route->rtm_dst_len,
		.table = route->rtm_table,
		.type = route->rtm_type,
		.dead = route->rtm_flags & RTNH_F_DEAD,
	};
	mnl_attr_for_each(attr, header, sizeof *route)
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			listed.destination.addr = route->rtm_family == AF_INET ?
							  addr_from_v4(*(struct in_addr *)mnl_attr_get_payload(attr)) :
							  addr_from_v6(mnl_attr_get_payload(attr));
			break;
		case RTA_OIF:
			listed.link = mnl_attr_get_u32(attr);
			break;
		case RTA_TABLE:
			listed.table = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			listed.via = route->rtm_family == AF_INET ?
					     addr_from_v4(*(struct in_addr *)mnl_attr_get_payload(attr)) :
					     addr_from_v6(mnl_attr_get_payload(attr));
			listed.routed = true;
			break;
		case RTA_VIA:
		case RTA_NH_ID:
			listed.routed = true;
			break;
		case RTA_MULTIPATH:
			listed.routed = true;
			hops = attr;
			break;
		}
	}
	return hops ? list_hops(listing, &listed, hops) : listing->each(&listed, listing->context);
}

int rtnl_routes(struct nl *nl, enum addr_family family, int (*each)(const struct rtnl_listed *, void *), void *context)
{
	struct listing listing = { each, context };
	struct rtnl_message message;
	struct rtmsg *header = rtnl_message(&message, RTM_GETROUTE, NLM_F_DUMP, sizeof *header);

	header->rtm_family = rtnl_family(family);
	return nl_query(nl, message.header, read_route, &listing);
}

struct hop_listing {
	int (*each)(uint32_t link, void *);
	void *context;
};

static int read_next_hop(const struct nlmsghdr *header, void *context)
{
	const struct hop_listing *listing = context;
	const struct nlattr *attr;
	uint32_t link = 0;

	if (header->nlmsg_type != RTM_NEWNEXTHOP)
		return 0;
	mnl_attr_for_each(attr, header, sizeof(struct nhmsg))
	{
		if (mnl_attr_get_type(attr) == NHA_OIF)
			link = mnl_attr_get_u32(attr);
	}
	return link ? listing->each(link, listing->context) : 0;
}

int rtnl_next_hops(struct nl *nl, int (*each)(uint32_t link, void *), void *context)
{
	struct hop_listing listing = { each, context };
	struct rtnl_message message;

	rtnl_message(&message, RTM_GETNEXTHOP, NLM_F_DUMP, sizeof(struct nhmsg));
	return nl_query(nl, message.header, read_next_hop, &listing);
}
