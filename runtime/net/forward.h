/* Forwarding in the host's namespace, device by device: switching it on for `all` would change how the host itself
 * takes router advertisements. A switch that was off is restore: noted on the sandbox's host link (its alias, which
 * `ip link` shows), so that sandboxes see each other's notes and the last that needs a switch puts it back. */
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
		bool switched; /* off before the first sandbox came: to be put back after the last */
		bool others_need, others_switched;
	} family[FORWARD_FAMILIES];
};

struct forward_plan {
	bool ipv6; /* this kernel, or this host, can forward IPv6 for single links */
	struct forward_link links[FORWARD_MAX_LINKS];
	size_t count;
	char claims[FORWARD_CLAIMS_MAX];
};

/* All in the host's namespace. 0 or -errno with a line on standard error. */
/* Which links must forward for the sandbox: those the host has routes on. Notes it on the host link. */
int forward_make_plan(struct nl *host, uint32_t host_link, struct forward_plan *);
/* Once the table stands that keeps strangers from being forwarded. */
int forward_switch_on(const struct forward_plan *);
/* At the end: puts back what the note says was restore and no other sandbox needs, and deletes the host link. */
void forward_end(struct nl *host, uint32_t host_link, const char *claims);
