/* Bandwidth limits, a token bucket each (TBF): egress where the guest's packets leave by the uplink, ingress where they leave
 * for the guest by its link. Packets a second are the firewall's business. */
#pragma once
#include "netlink/rtnl.h"
#include "policy/policy.h"

/* One limited link. The bucket starts larger by the one-time burst, which ends once that much has passed. */
struct shape {
	uint32_t link;       /* 0: not limited */
	uint64_t rate;       /* bytes a second */
	uint64_t size;       /* of the bucket, bytes */
	uint64_t burst;      /* as it was given */
	uint64_t burst_left; /* 0: the bucket has its lasting size */
};

/* Limits the link by that, whatever it was limited by before (*shape; all zero: by nothing); a limit without a rate is none. One that
 * is the same goes on as it is, and gives no one-time burst anew. 0 or -errno with a line on standard error. */
int shape_change(struct nl *, uint32_t link, const struct policy_limit *, struct shape *);
/* How often shape_settle() is to be called while a one-time burst lasts */
#define SHAPE_INTERVAL_MS 50
/* Ends the one-time burst where it has passed. true: it lasts still. */
bool shape_settle(struct nl *, struct shape *);
