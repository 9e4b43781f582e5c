/* Sockets in other network namespaces, and what tests that send frames also need. */
#pragma once
#include "core/fd.h"
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A packet socket on a link of another network namespace */
static inline int packet_socket(const char *netns, const char *link)
{
	CLEANUP_FD int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int there = open(netns, O_RDONLY | O_CLOEXEC);
	int size = 64 << 20, on = 1;

	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		err(3, "%s", netns);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(link) };
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		err(3, "%s", link);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (setns(home, CLONE_NEWNET) < 0)
		err(3, "setns");
	return fd;
}

/* Entries of earlier runs would fill conntrack's table, and answer for their flows. */
static inline void conntrack_flush(struct nl *nl)
{
	char room[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);

	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
	header->nfgen_family = AF_UNSPEC;
	int error = nl_do(nl, message);
	if (error && error != -ENOENT)
		errx(3, "flushing conntrack: %s", strerror(-error));
}

static inline void parse_mac(const char *text, uint8_t mac[static 6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		errx(2, "no MAC: %s", text);
}

/* veth queues on the sender's processor, and there packets stay in order */
static inline void one_processor(int processor)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	if (sched_setaffinity(0, sizeof one, &one) < 0)
		err(3, "processor %d", processor);
}
