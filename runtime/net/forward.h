/* Forwarding in the host's namespace, device by device: switching it on for `all` would change how the host itself
 * takes router advertisements. Each sandbox claims the switches it needs on its host link (in its
 * alias, which `ip link` shows), so that sandboxes see each other's claims and the last that needs a switch puts it back. */
#pragma once
#include "netlink/rtnl.h"

#include <stdbool.h>

#define FORWARD_MAX_LINKS 16
#define FORWARD_CLAIMS_MAX 256 /* IFALIASZ */

enum { FORWARD_V4, FORWARD_V6, FORWARD_FAMILIES };

struct forward_link {
	char name[IFNAMSIZ];
	struct {
		bool needed;
		bool switched; /* by sandboxes: was off before the first, is to be off after the last */
		bool others_need, others_switched; /* as other sandboxes claim */
	} family[FORWARD_FAMILIES];
};

struct forward_plan {
	bool ipv6; /* this kernel, or this host, can forward IPv6 for single links */
	struct forward_link links[FORWARD_MAX_LINKS];
	size_t count;
	char claims[FORWARD_CLAIMS_MAX]; /* as the alias has them */
};

/* These act in the host's namespace, and return 0 or -errno with a line on standard error.
 * Which links must forward for the sandbox: those the host has routes on. Claims them. */
int forward_make_plan(struct nl *host, uint32_t host_link, struct forward_plan *);
/* Once the table is installed that keeps strangers from being forwarded. */
int forward_switch_on(const struct forward_plan *);
/* At the end: puts back what the claims name as switched on and no other sandbox needs, and deletes the host link. */
void forward_end(struct nl *host, uint32_t host_link, const char *claims);
