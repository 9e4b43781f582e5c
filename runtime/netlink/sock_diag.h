/* Whose a socket is: NETLINK_SOCK_DIAG. */
#pragma once
#include "netlink/netlink.h"

#include <netinet/in.h>

/* The uid that made the TCP connection from `from` to `to`, both of one family (a sockaddr_in where it says so), where its
 * end at `from` is in the socket's network namespace: 0 and *uid, or -errno, -ENOENT where it is not. */
int sock_diag_owner(struct nl *, const struct sockaddr_in6 *from, const struct sockaddr_in6 *to, uint32_t *uid);
