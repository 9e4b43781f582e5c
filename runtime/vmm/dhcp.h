/* Addresses for guests that bring their own init: dnsmasq, without DNS, tells the guest the one IPv4 and the
 * one IPv6 address it has, its gateway and its resolver, by DHCPv4, DHCPv6 and router advertisements. */
#pragma once
#include "base/address.h"

#include <sys/types.h>

#define DHCP_PROGRAM "/usr/sbin/dnsmasq"

struct dhcp_start {
	struct addr_gateway gateway;
	struct addr guest4, guest6; /* meaningful where the gateway has the family */
	uint8_t mac[6];             /* the guest's */
	uint16_t mtu;               /* 0: not told; router advertisements have the bridge's */
	uid_t uid;                  /* dnsmasq's, also its gid */
};

/* dnsmasq's command line, NULL-terminated, in the arena; exported for tests. */
char **dhcp_argv(struct arena *, const struct dhcp_start *);

/* In the VM's network namespace, once the gateway has its addresses. dnsmasq holds no capability over that
 * namespace, so none over its ruleset; it ends with the sandbox. 0, or -errno with a line on standard error. */
int dhcp_open(const struct dhcp_start *);
