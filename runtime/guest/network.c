/* One message each, and the kernel's answer to it. */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	char attributes[128];
};

static struct request request_of(uint16_t type, uint16_t flags, size_t size)
{
	return (struct request){ .header = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
					     .nlmsg_type = type,
					     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) } };
}

static void attribute(struct request *request, uint16_t type, const void *data, size_t size)
{
	struct rtattr *at = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	at->rta_type = type;
	at->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(at), data, size);
	request->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(at->rta_len));
}

static int ask(const struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[1024];
	} answer = { .error.error = -EIO };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -1;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
		answer.error.error = -errno;
	close(fd);
	errno = -answer.error.error;
	return answer.error.error ? -1 : 0;
}

int network_up(const char *link)
{
	struct request request = request_of(RTM_NEWLINK, 0, sizeof request.link);

	request.link.ifi_index = (int)if_nametoindex(link);
	request.link.ifi_flags = request.link.ifi_change = IFF_UP;
	return ask(&request);
}

/* The family, 0 where it is no address; *size bytes of it in `bytes` */
static uint8_t parse(const char *text, uint8_t bytes[static 16], size_t *size)
{
	uint8_t family = strchr(text, ':') ? AF_INET6 : AF_INET;

	*size = family == AF_INET ? 4 : 16;
	return inet_pton(family, text, bytes) == 1 ? family : 0;
}

int network_address(const char *link, const char *address)
{
	struct request request = request_of(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof request.address);
	char text[INET6_ADDRSTRLEN + 1] = "";
	const char *slash = strchr(address, '/');
	uint8_t bytes[16];
	size_t size;

	if (slash && (size_t)(slash - address) < sizeof text)
		memcpy(text, address, (size_t)(slash - address));
	request.address.ifa_family = parse(text, bytes, &size);
	request.address.ifa_prefixlen = slash ? (uint8_t)atoi(slash + 1) : 0;
	request.address.ifa_index = if_nametoindex(link);
	attribute(&request, IFA_LOCAL, bytes, size);
	attribute(&request, IFA_ADDRESS, bytes, size);
	return ask(&request);
}

int network_default_route(const char *link, const char *gateway)
{
	struct request request = request_of(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof request.route);
	uint32_t index = if_nametoindex(link);
	uint8_t bytes[16];
	size_t size;

	request.route.rtm_family = parse(gateway, bytes, &size);
	request.route.rtm_table = RT_TABLE_MAIN;
	request.route.rtm_protocol = RTPROT_BOOT;
	request.route.rtm_scope = RT_SCOPE_UNIVERSE;
	request.route.rtm_type = RTN_UNICAST;
	attribute(&request, RTA_GATEWAY, bytes, size);
	attribute(&request, RTA_OIF, &index, sizeof index);
	return ask(&request);
}
