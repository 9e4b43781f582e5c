/* rtnetlink's notifications, of which only the kind and the link are read: who is told looks for himself. */
#include "netlink/rtnl_watch.h"

#include <errno.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>

static const int groups[] = {
	RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
};

struct nl *rtnl_watch_open(void)
{
	struct nl *nl = nl_open(NETLINK_ROUTE);

	for (size_t i = 0; nl && i < sizeof groups / sizeof *groups; i++) {
		/* A kernel without IPv6, or without next hop objects, has nothing to tell of them */
		if (setsockopt(nl_fd(nl), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) &&
		    errno != EINVAL && errno != ENOENT) {
			nl_close(nl);
			return NULL;
		}
	}
	return nl;
}

/* Where each kind of message has its link: in its own header, at `offset`, or in an attribute behind a header of `size` */
static const struct {
	uint16_t type;
	enum rtnl_kind kind;
	bool gone, attribute;
	size_t size, offset;
	uint16_t number;
} messages[] = {
	{ RTM_NEWLINK, RTNL_LINK, false, false, sizeof(struct ifinfomsg), offsetof(struct ifinfomsg, ifi_index), 0 },
	{ RTM_DELLINK, RTNL_LINK, true, false, sizeof(struct ifinfomsg), offsetof(struct ifinfomsg, ifi_index), 0 },
	{ RTM_NEWADDR, RTNL_ADDRESS, false, false, sizeof(struct ifaddrmsg), offsetof(struct ifaddrmsg, ifa_index), 0 },
	{ RTM_DELADDR, RTNL_ADDRESS, true, false, sizeof(struct ifaddrmsg), offsetof(struct ifaddrmsg, ifa_index), 0 },
	{ RTM_NEWROUTE, RTNL_ROUTE, false, true, sizeof(struct rtmsg), 0, RTA_OIF },
	{ RTM_DELROUTE, RTNL_ROUTE, true, true, sizeof(struct rtmsg), 0, RTA_OIF },
	{ RTM_NEWNETCONF, RTNL_SWITCH, false, true, sizeof(struct netconfmsg), 0, NETCONFA_IFINDEX },
	{ RTM_DELNETCONF, RTNL_SWITCH, true, true, sizeof(struct netconfmsg), 0, NETCONFA_IFINDEX },
	{ RTM_NEWNEXTHOP, RTNL_NEXT_HOP, false, true, sizeof(struct nhmsg), 0, NHA_OIF },
	{ RTM_DELNEXTHOP, RTNL_NEXT_HOP, true, true, sizeof(struct nhmsg), 0, NHA_OIF },
};

static bool read_event(const struct nlmsghdr *header, struct rtnl_event *event)
{
	const struct nlattr *attr;
	size_t i = 0, count = sizeof messages / sizeof *messages;

	while (i < count && messages[i].type != header->nlmsg_type)
		i++;
	if (i == count || mnl_nlmsg_get_payload_len(header) < messages[i].size)
		return false;
	*event = (struct rtnl_event){ .kind = messages[i].kind, .gone = messages[i].gone };
	if (!messages[i].attribute)
		event->link = *(const uint32_t *)mnl_nlmsg_get_payload_offset(header, messages[i].offset);
	mnl_attr_for_each(attr, header, messages[i].size)
	{
		if (messages[i].attribute && mnl_attr_get_type(attr) == messages[i].number)
			event->link = mnl_attr_get_u32(attr);
		if (event->kind == RTNL_LINK && mnl_attr_get_type(attr) == IFLA_IFNAME)
			event->name = mnl_attr_get_str(attr);
	}
	if ((int32_t)event->link < 0) /* all links, or those to come: NETCONFA_IFINDEX_ALL, _DEFAULT */
		event->link = 0;
	return true;
}

int rtnl_watch_read(struct nl *nl, void (*each)(const struct rtnl_event *, void *), void *context)
{
	const struct nlmsghdr *message;
	struct rtnl_event event;
	int error, lost = 0;

	while ((error = nl_next(nl, MSG_DONTWAIT, &message)) == 0 || error == -ENOBUFS) {
		lost = error < 0 ? error : lost;
		if (error == 0 && read_event(message, &event))
			each(&event, context);
	}
	return error == -EAGAIN ? lost : error;
}
