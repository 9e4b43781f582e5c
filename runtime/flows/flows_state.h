/* What the files of the flows share, nobody else. */
#pragma once
#include "dns/bindings_past.h"
#include "flows/flows.h"
#include "netlink/nft_install.h"

/* Ends that a reset was sent to, as the last bits of LOWER_REVOKED_CT */
enum flows_end { FLOWS_GUEST_END = 1, FLOWS_FAR_END = 2, FLOWS_BOTH_ENDS = 3 };

struct flows_resetting {
	struct conntrack_entry entry;
	bool offloaded; /* the flowtable before has not let go of it */
	unsigned told;  /* enum flows_end */
	unsigned asks;
	uint64_t asked_ms; /* for the first time */
};

/* One that flows_keep() was told of */
struct flows_kept {
	enum flows_kind kind;
	uint8_t l4; /* 0: none */
	struct addr near, far;
	uint16_t near_port, port;
	bool has_began;
	uint64_t began_ms;
};

struct flows {
	struct flows_start start;
	int64_t day_ahead_ms; /* clock_day_ahead_ms(), as it was when the sandbox began */
	struct nl *vm, *host; /* ctnetlink in the two namespaces */
	struct nft *nft;      /* owns table msb_revoke */
	int guest, uplink;    /* packet sockets that receive nothing; -1: none */
	struct flows_result result;
	struct flows_ended *ended; /* the result's */
	size_t ended_cap;
	struct flows_resetting *resetting; /* by id */
	size_t resetting_count, resetting_cap;
	struct flows_kept kept[FLOWS_KEPT_MAX];
	size_t next_kept;
	/* of a revocation that goes on */
	const struct policy *policy;
	struct bindings *bindings;
	bool table; /* msb_revoke is there */
	bool looked_again;
	uint64_t since_ms, next_ms;
	uint64_t told_ms; /* when all ends had been; 0: not yet */
};

/* flows_list.c: when a flow began, by the clock that bindings are kept by, of conntrack's stamp, which is of the clock of the day.
 * false: nothing was stamped, or that clock was set since (the two were so far apart before, and are so far apart now), or the machine
 * slept: the flow is then judged by whatever names its address has or had. */
bool flows_began_ms(uint64_t stamp_ns, int64_t ahead_before_ms, int64_t ahead_ms, uint64_t *began_ms);
/* TCP that is over, if both ends obey. Until conntrack forgets it, it takes packets of it for established ones, and each keeps it. */
bool flows_entry_has_ended(const struct conntrack_entry *);
/* Whether its first packet came from outside to the guest, which the kernel forwards to pods alone */
bool flows_entry_comes_in(const struct flows *, const struct conntrack_entry *);
/* An entry whose first packet was the guest's, or which comes in, as a flow that is forwarded, not judged yet */
void flows_describe_entry(const struct flows *, const struct conntrack_entry *, struct flows_flow *out);
/* What the kernel forwards from the guest, or to it, judged; false: no flow of that kind */
bool flows_judge_entry(const struct flows *, const struct policy *, struct bindings *, const struct conntrack_entry *,
		       struct bindings_past *, struct flows_flow *out);
/* The same of what the guest has with a service of the host's, which the relay lists, too: here is its conntrack entry */
bool flows_judge_host_entry(const struct flows *, const struct policy *, struct bindings *,
			    const struct conntrack_entry *, struct bindings_past *, struct flows_flow *out);
/* Those of the relays */
int flows_list_relayed(struct flows *, const struct policy *, struct bindings *,
		       int (*each)(const struct flows_flow *, uint32_t serial, void *context), void *context);

/* flows_reset.c */
int flows_reset_begin(struct flows *, const struct conntrack_entry *);
int flows_reset_look(struct flows *);                  /* whether all ends have been told: 1, 0 or -errno */
void flows_reset_ask(struct flows *, uint64_t now_ms); /* those that have not been, by a SYN each */
int flows_reset_finish(struct flows *);

/* flows_kept.c: whether a flow outlives the policy that it was judged by */
bool flows_stays(const struct flows *, const struct flows_flow *);
