/* Forwarding in the host's namespace, device by device: switching it on for `all` would change how the host itself
 * takes router advertisements. */
#pragma once
#include "rtnl.h"

#include <stdbool.h>

/* Lets the links that the host has routes on forward what comes back to the sandbox's host link. *ipv6: whether
 * this kernel can do it for IPv6, said where it cannot. 0 or -errno with a line on standard error. */
int forward_enable(struct nl *host, uint32_t host_link, bool *ipv6);
