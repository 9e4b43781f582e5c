/* Part of the host's conntrack that a sandbox has for itself. What bounds all sandboxes together counts each new flow of each of
 * them; who has reserved all that it may hold has no need to be counted, and costs the kernel less. The reservation is in its host
 * link's group, where others see it, and is gone with the link.
 *
 * It is made first and looked at then, so that of two that are made at once, which together are too much, one at least sees both: it
 * is taken back before its sandbox sends anything. */
#pragma once
#include "netlink/rtnl.h"

/* The groups that say so: this, and how many flows */
#define FLOW_RESERVE_GROUP 0x6d000000u
#define FLOW_RESERVE_MAX 0xffffffu

/* Reserves `flows` of `room`, which all reservations of this host share. 1; 0: there is not that much left; or -errno, and then the
 * link may carry what does not hold: nothing may pass it. */
int flow_reserve(struct nl *host, uint32_t link, uint32_t flows, uint32_t room);
