/* What changes in a namespace's network, as the kernel tells it: links, addresses, routes, forwarding switches. */
#pragma once
#include "netlink/netlink.h"

#include <stdbool.h>

enum rtnl_kind { RTNL_LINK, RTNL_ADDRESS, RTNL_ROUTE, RTNL_SWITCH, RTNL_NEXT_HOP };
struct rtnl_event {
	enum rtnl_kind kind;
	uint32_t link;    /* 0: several, all, or none */
	const char *name; /* of RTNL_LINK, else NULL; until the next event */
	bool gone;        /* it was deleted */
};

/* A socket of the calling thread's namespace. NULL and errno on failure. */
struct nl *rtnl_watch_open(void);
/* What has come, without waiting; 0, or -ENOBUFS where the kernel dropped some: then anything may have changed */
int rtnl_watch_read(struct nl *, void (*each)(const struct rtnl_event *, void *), void *context);
