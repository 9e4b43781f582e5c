/* The flows of a running sandbox, whoever moves their packets, and ending exactly those that a policy denies.
 *
 * Theory of operation. A flow is one that the kernel forwards (conntrack has it), or a pair of a relay's: published ports, the host's
 * services, flows that were judged by a server name. Each is judged as it was when it began: by its address, with the names
 * that this address had then, and by the server name that admitted it.
 *
 * flows_revoke() ends what the policy denies. Forgetting a TCP connection tells neither end, and an idle one would stay for hours, so
 *   1. its conntrack entry gets the mark LOWER_REVOKED_CT, and table `inet msb_revoke`, which is there only for that long, answers each
 *      packet of such a flow with a reset, whichever end sent it, before table msb sees it, and notes that end in the mark; while a
 *      flowtable has not let go of the flow, its packets are dropped in silence;
 *   2. then each end gets a SYN that seems to come from the other, past conntrack here. It does not fit, and the end says so at once (the
 *      challenge ACK of RFC 5961, section 4.2), whereby it draws the reset, with a sequence number that it must believe;
 *   3. a moment after both ends were sent a reset, or after FLOWS_REVOKE_MS, the entries are deleted here and in the host's namespace, and the
 *      table is taken away.
 * TCP that is not established yet or any more, UDP and all else: the entry is deleted, and the next packet is judged as a new flow's. Of relayed flows
 * the worker is told, which closes both ends at once (TCP: by a reset); a worker that does not within FLOWS_REVOKE_MS ends the sandbox.
 *
 * Nothing here waits: flows_wait() is for the supervisor's loop, flows_settle() does what is due. */
#pragma once
#include "dns/bindings.h"
#include "eval/eval.h"
#include "names/names.h"
#include "netlink/conntrack_entry.h"
#include "relay/relay.h"

#define FLOWS_REVOKE_MS 2000
#define FLOWS_ENDED_MAX 65536 /* that a result tells of; it counts all */

enum flows_kind {
	FLOWS_FORWARDED, /* by the kernel: egress; of a pod ingress, too */
	FLOWS_PUBLISHED, /* a published port: ingress, by the relay */
	FLOWS_HOST,      /* to a service of the host's, by the relay: egress to the gateway */
	FLOWS_NAMED,     /* by the relay of server names: egress */
	FLOWS_KIND_COUNT
};
const char *flows_kind_name(enum flows_kind); /* "forwarded", "published", "host", "named" */

/* One flow, for as long as a callback has it */
struct flows_flow {
	enum flows_kind kind;
	uint8_t l4; /* IPPROTO_… */
	/* As the evaluator is asked: the far end's address, the port at the side that was asked, the server name that admitted it */
	struct eval_connection connection;
	struct addr near;   /* egress: the guest; ingress: the guest, too */
	uint16_t near_port; /* egress: the guest's port; ingress: the peer's. 0: not known */
	uint8_t tcp_state;  /* TCP_CONNTRACK_… of FLOWS_FORWARDED; else 0 */
	bool waits;         /* of FLOWS_NAMED: it has not said its server name yet, nor that there is none */
	bool counted;       /* bytes and packets are known */
	uint64_t bytes_out, bytes_in, packets_out, packets_in; /* out: sent by the guest */
	bool has_began;
	uint64_t began_ms; /* as clock_ms() */
	/* What decides it under the policy that was asked for, with the names of then */
	struct eval_verdict verdict;
	struct eval_bindings names; /* of its address when it began: names.any_name(names.self, connection.addr, …) */
};

struct flows_start {
	struct addr_gateway gateway;
	struct addr guest4, guest6;           /* meaningful where the gateway has the family */
	int host_netns, vm_netns;             /* borrowed */
	uint32_t tap, uplink;                 /* indices of links in the VM's namespace */
	uint8_t guest_mac[6], gateway_mac[6]; /* on the guest's link */
	uint8_t uplink_mac[6], host_mac[6];   /* on the uplink */
	struct relay *relay;                  /* borrowed */
	struct names *names;                  /* borrowed; NULL: no server name decides anything */
	const struct denials *denials;        /* borrowed: which rules' limits of bytes are used up; NULL: none is */
};

struct flows;
/* In the VM's network namespace, with links up, while CAP_NET_RAW is still there (without it idle connections are ended without their
 * ends' being told before they send again). NULL and errno on failure, with a line on standard error. */
struct flows *flows_open(const struct flows_start *);
void flows_close(struct flows *); /* NULL is fine */
/* After a reload that made or ended the relay of server names */
void flows_use_names(struct flows *, struct names *);

/* Every flow that has not ended, judged by `policy`; `each` ends it early with a value other than 0, which is then the result. 0 or
 * -errno. Flows of the DNS proxy's are none: each question is judged by itself. */
int flows_list(struct flows *, const struct policy *, struct bindings *,
	       int (*each)(const struct flows_flow *, void *context), void *context);

enum flows_how {
	FLOWS_RESET,   /* TCP: both ends have got, or are to get, a reset */
	FLOWS_FORGOT,  /* the entry was deleted: its next packet is judged anew */
	FLOWS_RELAYED, /* the relay closes both ends */
};
struct flows_ended {
	enum flows_kind kind;
	enum flows_how how;
	uint8_t l4;
	enum policy_direction direction;
	struct addr near, far;
	uint16_t near_port, port;
	bool counted;
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
	bool has_began;
	uint64_t began_ms;
	struct decider by; /* who denies it now */
	char name[256];    /* the server name it was admitted by, else one that its address had; "": none */
};
struct flows_result {
	const struct flows_ended *items; /* at most FLOWS_ENDED_MAX */
	size_t count;
	size_t total, kept; /* how many were ended, how many stay */
	size_t unseen;      /* of those by a reset: ends that none had been sent to when the time was up */
	bool done;
};

/* A flow that was let in once, by a rule that is about to go: what no rule decides does not end it. One that a rule denies, or a floor,
 * it does. The last FLOWS_KEPT_MAX are kept. */
#define FLOWS_KEPT_MAX 64
void flows_keep(struct flows *, const struct flows_flow *);
bool flows_is_kept(const struct flows *, const struct flows_flow *);

/* Ends every flow that `policy` denies, or allows by a rule whose own limit of bytes is used up, and no other; the others are counted by
 * the rules that allow them now. Call it when table msb has the policy's ruleset, so that what was ended cannot come
 * back, and before a flowtable takes flows in again: what that has taken in meets no chain. 0: it has begun, and
 * nothing of what the policy denies gets any further; the rest is done in the loop. -EBUSY: one goes on. Any other -errno: the caller ends the
 * sandbox, since flows may go on that must not. */
int flows_revoke(struct flows *, const struct policy *, struct bindings *);
/* Of the last flows_revoke(), until the next; its items are complete when that is back, `unseen` when done */
const struct flows_result *flows_result(const struct flows *);
/* Milliseconds until flows_settle() has something to do; -1: nothing. 0, or -errno: the caller ends the sandbox (a relay that does not
 * obey, a kernel that does not). */
int flows_wait(const struct flows *);
int flows_settle(struct flows *);
