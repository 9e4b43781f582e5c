/* What rtnl.c and rtnl_route.c share: one rtnetlink message being built. */
#pragma once
#include "base/address.h"
#include "netlink/netlink.h"

#include <linux/rtnetlink.h>

/* Larger than any message built here: a dozen attributes, none longer than a name */
struct rtnl_message {
	_Alignas(struct nlmsghdr) uint8_t bytes[1024];
	struct nlmsghdr *header;
};

/* Starts a request; returns its zeroed second header (struct ifinfomsg, rtmsg …). */
void *rtnl_message(struct rtnl_message *, uint16_t type, uint16_t flags, size_t header_size);
void rtnl_put_addr(struct nlmsghdr *, uint16_t type, struct addr);

static inline uint8_t rtnl_family(enum addr_family family)
{
	return family == ADDR_V4 ? AF_INET : AF_INET6;
}
