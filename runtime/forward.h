/* Forwarding in the host's namespace, device by device: switching it on for `all` would change how the host itself
 * takes router advertisements. What was off before is noted on the sandbox's host link (its alias, which `ip link` shows),
 * so that sandboxes see each other's notes, and the last that needs a switch puts it back. */
#pragma once
#include "rtnl.h"

#include <stdbool.h>

#define FORWARD_MAX_LINKS 32
#define FORWARD_ALIAS_MAX 256 /* IFALIASZ */

struct forward_link {
	char name[IFNAMSIZ];
	bool borrowed4, borrowed6; /* off before the first sandbox came: to be put back after the last */
	bool others4, others6;     /* another sandbox has borrowed it */
};

struct forward_plan {
	bool ipv6; /* this kernel, or this host, can forward IPv6 for single links */
	struct forward_link links[FORWARD_MAX_LINKS];
	size_t count;
	char alias[FORWARD_ALIAS_MAX]; /* the note; "" where nothing is borrowed */
};

/* All in the host's namespace. 0 or -errno with a line on standard error. */
/* Which links must forward for the sandbox: those the host has routes on. Notes what is borrowed. */
int forward_make_plan(struct nl *host, uint32_t host_link, struct forward_plan *);
/* Once the table stands that keeps strangers from being forwarded. */
int forward_switch_on(const struct forward_plan *);
/* At the end: puts back what the host link's note says, unless another sandbox's note does, too, and deletes the link. */
void forward_end(struct nl *host, uint32_t host_link, const char *alias);
