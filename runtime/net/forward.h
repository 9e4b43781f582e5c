/* Forwarding in the host's namespace, link by link: switching it on for all would change how the host itself takes router
 * advertisements. What sandboxes have switched on is noted on the link, so that sandboxes know of each other's, and
 * the last of them puts it back. */
#pragma once
#include "netlink/nft_install.h"
#include "netlink/rtnl.h"

enum { FORWARD_V4, FORWARD_V6, FORWARD_FAMILIES };

struct forward_switch {
	bool needed;    /* the host has routes by this link, and there is such a switch */
	bool on;        /* as it was read, or switched since */
	bool switched;  /* by sandboxes: was off before the first, is to be off after the last */
	bool left;      /* off, since somebody insists: forward_switch_on() leaves it alone */
	unsigned noted; /* as the link says, see forward_state.h */
};

struct forward_link {
	uint32_t index;
	char name[IFNAMSIZ];
	bool own; /* the sandbox's host link: always to forward, and nobody else's */
	struct forward_switch family[FORWARD_FAMILIES];
};

struct forward_plan {
	struct arena *arena;
	bool all[FORWARD_FAMILIES]; /* switched on for all links: by somebody who wants the host to be a router */
	bool router6;               /* forwards IPv6, whatever a single link's switch says */
	LIST_OF(struct forward_link) links;
};

/* Links of that name are sandboxes'. */
bool forward_is_sandbox(const char *link);
/* Can this kernel, or this host, forward IPv6 for single links? */
bool forward_has_ipv6(void);
/* A link that forwards for our sake only: strangers are to be kept out. */
static inline bool forward_bars(const struct forward_plan *plan, const struct forward_link *link, int family)
{
	return link->family[family].switched && !(family == FORWARD_V6 && plan->router6);
}

/* These act in the host's namespace, and return 0 or -errno. */

/* This sandbox is there: from now on no other puts a switch back. Its table is installed. */
int forward_announce(struct nl *host, uint32_t own);
/* Which links must forward for the sandbox, those the host has routes by, and which have a note; and notes on them what is to be
 * switched on. `before` is the plan so far, or empty; freed by forward_plan_free(). A plan is always the caller's. */
int forward_make_plan(struct nl *host, uint32_t own, bool ipv6, const struct forward_plan *before,
		      struct forward_plan *);
void forward_plan_free(struct forward_plan *);
/* Once the rules are installed that keep strangers out where forward_bars() says so: switches on what has to be, and takes away
 * the notes that are no more true. */
int forward_switch_on(struct nl *host, uint32_t own, struct forward_plan *);
/* Has somebody written 0 to IPv6's switch for all links, which was 0? That clears those of single links, and the kernel does not
 * tell. */
bool forward_is_cut(const struct forward_plan *);
/* What no living sandbox needs is put back; for who is no sandbox. */
void forward_put_back(struct nl *host);
/* At the end of a sandbox: the same. Called twice where the table owner ends what the supervisor has ended: the second time there is
 * nothing to do. */
void forward_leave(struct nl *host, uint32_t own);
/* That, and deletes the host link, for which the kernel takes some milliseconds */
void forward_end(struct nl *host, uint32_t own);

/* Links on which a note says that sandboxes switched something on, while none lives: forward_put_back() is due. 0, -errno, or what
 * `each` returned */
int forward_left(struct nl *host, int (*each)(const char *link, void *), void *context);

/* A link of the host's, as far as it and the tables tell. */
enum host_link_state {
	HOST_LINK_FOREIGN,  /* no sandbox made it, whatever it is called */
	HOST_LINK_LIVES,    /* its table is there */
	HOST_LINK_DEAD,     /* its table is gone, or going */
	HOST_LINK_STARTING, /* no table yet, unless the sandbox was killed before it had one */
};
enum host_link_state forward_link_state(const struct rtnl_link *, struct nft *tables);
