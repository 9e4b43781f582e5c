/* An interpreter of the ruleset IR: a frame goes in, what becomes of it comes out, with its marks and the words of the rule
 * that decided. It does what nf_tables does with every expression that the IR has, chain by chain in the order of hooks
 * and priorities, so that what a ruleset means can be asked without a kernel.
 *
 * What a ruleset cannot know is told by a struct run_world: what conntrack, the sockets and the counters say. */
#pragma once
#include "ruleset/ruleset.h"

struct ruleset_run;

/* Conntrack's states as `ct state` has them */
enum { RUN_CT_INVALID = 1, RUN_CT_ESTABLISHED = 2, RUN_CT_RELATED = 4, RUN_CT_NEW = 8, RUN_CT_UNTRACKED = 64 };

struct run_world {
	struct addr_gateway gateway; /* the namespace's own addresses */
	unsigned ct_state;           /* of a packet that conntrack is let see */
	unsigned ct_status;
	unsigned fib_type; /* RTN_… of the destination; 0: unicast */
	uint32_t ct_mark;  /* of the flow, before this packet */
	bool proxy;        /* a transparent socket is there for TPROXY to find */
	bool name_relay;   /* one of the name relay's is */
	bool socket;       /* a socket of ours is the packet's, with this mark */
	uint32_t socket_mark;
	bool over_rate, over_count; /* every bound of a rate, of flows at once, is reached */
};

enum run_end {
	RUN_FORWARDED, /* left by the other link */
	RUN_DELIVERED, /* to the namespace itself */
	RUN_EXPIRED,   /* its TTL was over: the router answers */
	RUN_DROPPED,
	RUN_RESET, /* refused by a TCP reset */
	RUN_PROHIBITED,
	RUN_NO_ROUTE
};

struct run_result {
	enum run_end end;
	uint32_t mark, ct_mark;
	bool untracked, proxied;
	unsigned logged; /* bits: the nflog groups it went to */
	const char *
		decided; /* the comment of the last counted rule, or element, that took it and gave a verdict; or NULL */
	const char *chain; /* where it ended last */
	size_t rules;      /* how many were looked at */
};

/* The ruleset must stay as it is; NULL is not returned. Everything belongs to the arena. */
struct ruleset_run *ruleset_run_new(struct arena *, const struct ruleset *);
/* What the runtime puts in while the sandbox runs: into sets and verdict maps of table inet, in place of an element with that
 * key; verdict NULL: a set. It is there before that time alone, of ruleset_run_set_time(); UINT64_MAX: for ever */
void ruleset_run_add(struct ruleset_run *, const char *set, const u128 key[RS_KEY_PARTS],
		     const struct rs_verdict *verdict, uint64_t until_ms);
void ruleset_run_remove(struct ruleset_run *, const char *set, const u128 key[RS_KEY_PARTS]);
/* A chain, as made at run time; it is copied */
void ruleset_run_add_set(struct ruleset_run *, const struct rs_set *); /* of elements without texts */
void ruleset_run_add_chain(struct ruleset_run *, const struct rs_chain *);

void ruleset_run_set_time(struct ruleset_run *, uint64_t now_ms); /* 0 at first */

/* A whole frame (reassembled), from where it enters by a link ("tap0", "br0", "uplink"; tap0 has the chains of its device
 * and goes on as br0's) to its end */
struct run_result ruleset_run_frame(struct ruleset_run *, const struct run_world *, const char *link,
				    const uint8_t *frame, size_t len);
/* One frame at a device's ingress alone: whether it gets in */
bool ruleset_run_ingress(struct ruleset_run *, const struct run_world *, const char *device, const uint8_t *frame,
			 size_t len);
/* A packet of the namespace's own sockets to a link */
struct run_result ruleset_run_output(struct ruleset_run *, const struct run_world *, const char *link, uint32_t mark,
				     const uint8_t *frame, size_t len);
const char *run_end_name(enum run_end);
