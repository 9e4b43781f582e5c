/* Opening a stand: its namespaces are in /run/netns, see rates.c. */
#include "bench_net.h"
#include "net/host_link.h"

#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define WAN_LINK "wan0" /* of a host that the packets go through */

static int home = -1;

static void must_enter(const struct stand *stand, const char *which)
{
	char path[128];

	snprintf(path, sizeof path, "/run/netns/%s.%s", stand->name, which);
	CLEANUP_FD int there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		err(3, "%s", path);
}

static struct nl *netfilter(void)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);

	if (!nl)
		err(3, "netlink");
	return nl;
}

static bool get_mac(const char *link, uint8_t mac[static 6])
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return false;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return true;
}

static void must_get_mac(const struct stand *stand, const char *link, uint8_t mac[static 6])
{
	if (!get_mac(link, mac))
		errx(3, "%s: no link %s", stand->name, link);
}

static struct addr get_address(const char *link)
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	struct sockaddr_in at = { 0 };

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link);
	if (fd >= 0 && ioctl(fd, SIOCGIFADDR, &request) == 0)
		memcpy(&at, &request.ifr_addr, sizeof at);
	return (struct addr){ ADDR_V4, ntohl(at.sin_addr.s_addr) };
}

/* A packet socket; with protocol 0 it only sends, which costs the link's other packets nothing. */
static int packets(const char *link, uint16_t protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex(link) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		err(3, "%s", link);
	return fd;
}

static struct addr parse_addr(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	addr_parse(text, &addr);
	return addr;
}

static void open_guest(struct stand *stand)
{
	must_enter(stand, "guest");
	stand->guest = packets("eth0", 0);
	must_get_mac(stand, "eth0", stand->ends.source_mac);
	stand->ends.source = get_address("eth0");
	stand->source6 = parse_addr("fd42:6d73:62::2");
}

static void open_sink(struct stand *stand)
{
	must_enter(stand, "sink");
	const char *link = if_nametoindex("sink0") ? "sink0" : HOST_LINK_PREFIX "0";
	stand->sink = packets(link, 0);
	stand->counter = netfilter();
	must_get_mac(stand, link, stand->sink_mac);
}

void stand_open(struct stand *stand, const char *name)
{
	*stand = (struct stand){ .name = name, .outside = { ADDR_V4, 0 } };
	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	open_guest(stand);
	must_enter(stand, "vm");
	stand->tracked[0] = netfilter();
	must_get_mac(stand, "br0", stand->ends.gateway_mac);
	must_get_mac(stand, "uplink", stand->back_mac);
	must_enter(stand, "host");
	stand->tracked[1] = netfilter();
	open_sink(stand);
	if (if_nametoindex("sink0")) { /* the way goes through the host */
		must_enter(stand, "host");
		stand->outside = get_address(WAN_LINK);
		must_get_mac(stand, WAN_LINK, stand->back_mac);
	}
	if (setns(home, CLONE_NEWNET) < 0)
		err(3, "setns");
}

static int read_counter(const struct nlmsghdr *message, void *context)
{
	struct nftnl_obj *object = nftnl_obj_alloc();

	if (object && nftnl_obj_nlmsg_parse(message, object) == 0)
		*(uint64_t *)context = nftnl_obj_get_u64(object, NFTNL_OBJ_CTR_PKTS);
	nftnl_obj_free(object);
	return 0;
}

uint64_t stand_arrived(const struct stand *stand)
{
	char buffer[512];
	uint64_t count = UINT64_MAX;
	struct nftnl_obj *object = nftnl_obj_alloc();
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETOBJ, NFPROTO_NETDEV, 0, 0);

	nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, "bench");
	nftnl_obj_set_str(object, NFTNL_OBJ_NAME, "arrived");
	nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_nlmsg_build_payload(message, object);
	nftnl_obj_free(object);
	int error = nl_query(stand->counter, message, read_counter, &count);
	if (error || count == UINT64_MAX)
		errx(3, "%s: no counter of what arrives: %s", stand->name, strerror(-error));
	return count;
}

int stand_listen(const struct stand *stand)
{
	must_enter(stand, "guest");
	int fd = packets("eth0", ETH_P_ALL);
	if (setns(home, CLONE_NEWNET) < 0)
		err(3, "setns");
	return fd;
}

bool stand_answered(int listener, uint32_t id, int within_ms)
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	uint8_t bytes[PACKET_MAX];

	while (poll(&wait, 1, within_ms) > 0) {
		ssize_t len = recv(listener, bytes, sizeof bytes, MSG_DONTWAIT);
		if (len > 0 && packet_id(bytes, (size_t)len) == id)
			return true;
	}
	return false;
}

void stand_forget(const struct stand *stand)
{
	for (size_t i = 0; i < 2; i++)
		if (stand->tracked[i])
			conntrack_flush(stand->tracked[i]);
}

void one_processor_first(void)
{
	const struct sched_param first = { .sched_priority = 50 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) > 1, &one);
	sched_setaffinity(0, sizeof one, &one);
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		warn("not ahead of other processes, so less exact");
}
