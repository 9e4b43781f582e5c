/* rtnetlink messages about links, addresses and neighbours. Each function builds one message with libmnl and
 * has netlink.c send it and wait for the kernel's answer. Routes and rules are in rtnl_route.c. */
#include "netlink/rtnl.h"
#include "core/fd.h"
#include "netlink/rtnl_message.h"

#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define LINK_TIMEOUT_MS 10000 /* until a link that is up passes packets */

void *rtnl_message(struct rtnl_message *message, uint16_t type, uint16_t flags, size_t header_size)
{
	memset(message, 0, sizeof *message);
	message->header = mnl_nlmsg_put_header(message->bytes);
	message->header->nlmsg_type = type;
	message->header->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(message->header, header_size);
}

void rtnl_put_addr(struct nlmsghdr *header, uint16_t type, struct addr addr)
{
	uint8_t bytes[16];

	addr_to_bytes(addr, bytes);
	mnl_attr_put(header, type, addr.family == ADDR_V4 ? 4 : 16, bytes);
}

static struct ifinfomsg *link_request(struct rtnl_message *message, uint16_t type, uint32_t index)
{
	struct ifinfomsg *info = rtnl_message(message, type, 0, sizeof *info);

	info->ifi_index = (int)index;
	return info;
}

static void add_link(struct rtnl_message *message, struct rtnl_end end)
{
	rtnl_message(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message->header, IFLA_IFNAME, end.name);
	if (end.mac)
		mnl_attr_put(message->header, IFLA_ADDRESS, 6, end.mac);
}

int rtnl_veth_add(struct nl *nl, struct rtnl_end near, struct rtnl_end far, int far_netns)
{
	struct rtnl_message message;

	add_link(&message, near);
	struct nlattr *info = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
	mnl_attr_put_strz(message.header, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(message.header, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(message.header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message.header, IFLA_IFNAME, far.name);
	if (far.mac)
		mnl_attr_put(message.header, IFLA_ADDRESS, 6, far.mac);
	mnl_attr_put_u32(message.header, IFLA_NET_NS_FD, (uint32_t)far_netns);
	mnl_attr_nest_end(message.header, peer);
	mnl_attr_nest_end(message.header, data);
	mnl_attr_nest_end(message.header, info);
	return nl_do(nl, message.header);
}

int rtnl_bridge_add(struct nl *nl, struct rtnl_end end)
{
	struct rtnl_message message;

	add_link(&message, end);
	struct nlattr *info = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
	mnl_attr_put_strz(message.header, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(message.header, IFLA_INFO_DATA);
	mnl_attr_put_u32(message.header, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(message.header, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(message.header, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_put_u8(message.header, IFLA_BR_NF_CALL_IPTABLES, 0);
	mnl_attr_put_u8(message.header, IFLA_BR_NF_CALL_IP6TABLES, 0);
	mnl_attr_put_u8(message.header, IFLA_BR_NF_CALL_ARPTABLES, 0);
	mnl_attr_nest_end(message.header, data);
	mnl_attr_nest_end(message.header, info);
	return nl_do(nl, message.header);
}

int rtnl_tap_open(const char *name)
{
	CLEANUP_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &request))
		return -errno;
	request.ifr_flags = 0;
	if (ioctl(fd, TUNGETIFF, &request))
		return -errno;
	return request.ifr_flags & IFF_VNET_HDR ? -EPROTO : TAKE_FD(fd);
}

int rtnl_tap_offload(int tap)
{
	return ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) ? -errno : 0;
}

/* Those that do not fit are left out: there are never so many of ours. */
static void read_notes(const struct nlattr *list, struct rtnl_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, list)
	{
		const char *name = mnl_attr_get_str(attr);
		size_t used = strlen(link->notes), len = strlen(name);
		if (mnl_attr_get_type(attr) == IFLA_ALT_IFNAME && !strncmp(name, RTNL_NOTE, strlen(RTNL_NOTE)) &&
		    used + len + 1 < sizeof link->notes) {
			memcpy(link->notes + used, name, len);
			link->notes[used + len] = ' ';
		}
	}
}

static void read_kind(const struct nlattr *info, struct rtnl_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		strncpy(link->kind, mnl_attr_get_str(attr), sizeof link->kind - 1);
}

static int read_link(const struct nlmsghdr *header, void *context)
{
	struct rtnl_link *link = context;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr;

	if (header->nlmsg_type != RTM_NEWLINK)
		return 0;
	*link = (struct rtnl_link){ .index = (uint32_t)info->ifi_index, .flags = info->ifi_flags, .peer_netns = -1 };
	mnl_attr_for_each(attr, header, sizeof *info)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			strncpy(link->name, mnl_attr_get_str(attr), IFNAMSIZ - 1);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof link->mac)
				memcpy(link->mac, mnl_attr_get_payload(attr), sizeof link->mac);
			break;
		case IFLA_IFALIAS:
			strncpy(link->alias, mnl_attr_get_str(attr), sizeof link->alias - 1);
			break;
		case IFLA_LINKINFO:
			read_kind(attr, link);
			break;
		case IFLA_PROP_LIST:
			read_notes(attr, link);
			break;
		case IFLA_LINK:
			link->peer = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			link->peer_netns = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_GROUP:
			link->group = mnl_attr_get_u32(attr);
			break;
		case IFLA_OPERSTATE:
			link->operstate = mnl_attr_get_u8(attr);
			break;
		}
	}
	return 0;
}

static int get_link(struct nl *nl, uint32_t index, const char *name, struct rtnl_link *out)
{
	struct rtnl_message message;

	link_request(&message, RTM_GETLINK, index);
	if (name)
		mnl_attr_put_strz(message.header, IFLA_IFNAME, name);
	return nl_query(nl, message.header, read_link, out);
}

static int read_number(const struct nlmsghdr *header, void *context)
{
	const struct nlattr *attr;
	int *number = context;

	mnl_attr_for_each(attr, header, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			*number = (int)mnl_attr_get_u32(attr);
	}
	return 0;
}

int rtnl_netns_number(struct nl *nl, int netns)
{
	struct rtnl_message message;
	int number = -1;

	rtnl_message(&message, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(message.header, NETNSA_FD, (uint32_t)netns);
	int error = nl_get(nl, message.header, read_number, &number);
	return error < 0 ? error : number < 0 ? -ENOENT : number;
}

int rtnl_link_by_name(struct nl *nl, const char *name, struct rtnl_link *out)
{
	return get_link(nl, 0, name, out);
}

int rtnl_link_by_index(struct nl *nl, uint32_t index, struct rtnl_link *out)
{
	return get_link(nl, index, NULL, out);
}

struct counted_reader {
	struct rtnl_counted *out;
	bool found;
};

static int read_counted(const struct nlmsghdr *header, void *context)
{
	struct counted_reader *reader = context;
	struct rtnl_link_stats64 stats;
	const struct nlattr *attr;

	if (header->nlmsg_type != RTM_NEWLINK)
		return 0;
	mnl_attr_for_each(attr, header, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) != IFLA_STATS64 || mnl_attr_get_payload_len(attr) < sizeof stats)
			continue;
		memcpy(&stats, mnl_attr_get_payload(attr), sizeof stats); /* not aligned */
		*reader->out =
			(struct rtnl_counted){ stats.rx_bytes, stats.rx_packets, stats.tx_bytes, stats.tx_packets };
		reader->found = true;
	}
	return 0;
}

int rtnl_link_counted(struct nl *nl, uint32_t index, struct rtnl_counted *out)
{
	struct rtnl_message message;
	struct counted_reader reader = { out, false };

	link_request(&message, RTM_GETLINK, index);
	int error = nl_query(nl, message.header, read_counted, &reader);
	return error == 0 && !reader.found ? -ENODATA : error;
}

struct link_listing {
	int (*each)(const struct rtnl_link *, void *);
	void *context;
};

static int list_link(const struct nlmsghdr *header, void *context)
{
	const struct link_listing *listing = context;
	struct rtnl_link link;

	if (header->nlmsg_type != RTM_NEWLINK)
		return 0;
	read_link(header, &link);
	return listing->each(&link, listing->context);
}

int rtnl_links(struct nl *nl, int (*each)(const struct rtnl_link *, void *), void *context)
{
	struct link_listing listing = { each, context };
	struct rtnl_message message;

	rtnl_message(&message, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(message.header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_query(nl, message.header, list_link, &listing);
}

static int set_up(struct nl *nl, uint32_t index, bool up)
{
	struct rtnl_message message;
	struct ifinfomsg *info = link_request(&message, RTM_NEWLINK, index);

	info->ifi_flags = up ? IFF_UP : 0;
	info->ifi_change = IFF_UP;
	return nl_do(nl, message.header);
}

int rtnl_link_up(struct nl *nl, uint32_t index)
{
	return set_up(nl, index, true);
}

int rtnl_link_down(struct nl *nl, uint32_t index)
{
	return set_up(nl, index, false);
}

int rtnl_link_set_mac(struct nl *nl, uint32_t index, const uint8_t mac[static 6])
{
	struct rtnl_message message;

	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put(message.header, IFLA_ADDRESS, 6, mac);
	return nl_do(nl, message.header);
}

int rtnl_link_set_mtu(struct nl *nl, uint32_t index, uint32_t mtu)
{
	struct rtnl_message message;

	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put_u32(message.header, IFLA_MTU, mtu);
	return nl_do(nl, message.header);
}

int rtnl_link_set_group(struct nl *nl, uint32_t index, uint32_t group)
{
	struct rtnl_message message;

	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put_u32(message.header, IFLA_GROUP, group);
	return nl_do(nl, message.header);
}

int rtnl_link_set_alias(struct nl *nl, uint32_t index, const char *alias)
{
	struct rtnl_message message;

	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put(message.header, IFLA_IFALIAS, strlen(alias), alias);
	return nl_do(nl, message.header);
}

static int change_note(struct nl *nl, uint16_t type, uint32_t index, const char *note)
{
	struct rtnl_message message;

	link_request(&message, type, index);
	struct nlattr *list = mnl_attr_nest_start(message.header, IFLA_PROP_LIST);
	mnl_attr_put_strz(message.header, IFLA_ALT_IFNAME, note);
	mnl_attr_nest_end(message.header, list);
	return nl_do(nl, message.header);
}

int rtnl_link_note(struct nl *nl, uint32_t index, const char *note)
{
	return change_note(nl, RTM_NEWLINKPROP, index, note);
}

int rtnl_link_forget(struct nl *nl, uint32_t index, const char *note)
{
	return change_note(nl, RTM_DELLINKPROP, index, note);
}

int rtnl_link_set_master(struct nl *nl, uint32_t index, uint32_t master)
{
	struct rtnl_message message;

	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put_u32(message.header, IFLA_MASTER, master);
	return nl_do(nl, message.header);
}

int rtnl_link_move(struct nl *nl, uint32_t index, int netns, const char *name)
{
	struct rtnl_message message;
	struct ifinfomsg *info = link_request(&message, RTM_NEWLINK, index);

	info->ifi_change = IFF_UP;
	int error = nl_do(nl, message.header);
	if (error < 0)
		return error;
	link_request(&message, RTM_NEWLINK, index);
	mnl_attr_put_strz(message.header, IFLA_IFNAME, name);
	mnl_attr_put_u32(message.header, IFLA_NET_NS_FD, (uint32_t)netns);
	return nl_do(nl, message.header);
}

int rtnl_link_delete(struct nl *nl, uint32_t index)
{
	struct rtnl_message message;

	link_request(&message, RTM_DELLINK, index);
	return nl_do(nl, message.header);
}

/* The kernel attaches a queue to a link some time after its carrier comes, and drops packets until then;
 * asking for the link makes it do that now, and operstate shows that it has. */
int rtnl_link_wait(struct nl *nl, uint32_t index)
{
	for (unsigned waited = 0;; waited++) {
		struct rtnl_link link = { 0 };
		int error = rtnl_link_by_index(nl, index, &link);
		if (error < 0)
			return error;
		if (link.operstate == IF_OPER_UP)
			return 0;
		if (waited == LINK_TIMEOUT_MS)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

int rtnl_address_add(struct nl *nl, uint32_t index, struct addr_prefix prefix)
{
	struct rtnl_message message;
	struct ifaddrmsg *address = rtnl_message(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);

	address->ifa_family = rtnl_family(prefix.addr.family);
	address->ifa_prefixlen = prefix.len;
	address->ifa_index = index;
	address->ifa_flags = prefix.addr.family == ADDR_V6 ? IFA_F_NODAD : 0;
	rtnl_put_addr(message.header, IFA_LOCAL, prefix.addr);
	rtnl_put_addr(message.header, IFA_ADDRESS, prefix.addr);
	return nl_do(nl, message.header);
}

struct address_listing {
	uint32_t index;
	int (*each)(struct addr_prefix, void *);
	void *context;
};

static int read_address(const struct nlmsghdr *header, void *context)
{
	const struct address_listing *listing = context;
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr, *own = NULL;

	if (header->nlmsg_type != RTM_NEWADDR || (listing->index && address->ifa_index != listing->index) ||
	    (address->ifa_family != AF_INET && address->ifa_family != AF_INET6))
		return 0;
	/* of a link to one peer IFA_ADDRESS is the peer's */
	mnl_attr_for_each(attr, header, sizeof *address)
	{
		uint16_t type = mnl_attr_get_type(attr);
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !own))
			own = attr;
	}
	if (!own)
		return 0;
	struct addr addr = address->ifa_family == AF_INET ? addr_from_v4(*(struct in_addr *)mnl_attr_get_payload(own)) :
							    addr_from_v6(mnl_attr_get_payload(own));
	return listing->each((struct addr_prefix){ addr, address->ifa_prefixlen }, listing->context);
}

int rtnl_addresses(struct nl *nl, uint32_t index, int (*each)(struct addr_prefix, void *), void *context)
{
	struct address_listing listing = { index, each, context };
	struct rtnl_message message;

	rtnl_message(&message, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return nl_query(nl, message.header, read_address, &listing);
}

static int put_neighbour(struct nl *nl, uint16_t flags, uint32_t index, struct addr addr, const uint8_t mac[static 6])
{
	struct rtnl_message message;
	struct ndmsg *neighbour = rtnl_message(&message, RTM_NEWNEIGH, NLM_F_CREATE | flags, sizeof *neighbour);

	neighbour->ndm_family = rtnl_family(addr.family);
	neighbour->ndm_ifindex = (int)index;
	neighbour->ndm_state = NUD_PERMANENT;
	rtnl_put_addr(message.header, NDA_DST, addr);
	mnl_attr_put(message.header, NDA_LLADDR, 6, mac);
	return nl_do(nl, message.header);
}

int rtnl_neighbour_add(struct nl *nl, uint32_t index, struct addr addr, const uint8_t mac[static 6])
{
	return put_neighbour(nl, NLM_F_EXCL, index, addr, mac);
}

int rtnl_neighbour_replace(struct nl *nl, uint32_t index, struct addr addr, const uint8_t mac[static 6])
{
	return put_neighbour(nl, NLM_F_REPLACE, index, addr, mac);
}

int rtnl_neighbour_proxy(struct nl *nl, uint32_t index, struct addr addr)
{
	struct rtnl_message message;
	struct ndmsg *neighbour = rtnl_message(&message, RTM_NEWNEIGH, NLM_F_CREATE, sizeof *neighbour);

	neighbour->ndm_family = rtnl_family(addr.family);
	neighbour->ndm_ifindex = (int)index;
	neighbour->ndm_flags = NTF_PROXY;
	rtnl_put_addr(message.header, NDA_DST, addr);
	return nl_do(nl, message.header);
}
