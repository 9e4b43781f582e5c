/* Denials: each different one (flow, rule, place, reason) is printed once on standard error when it happens, ten at most,
 * then only counted; all of them go to the events file. Refused packets come from the kernel by nflog; the evaluator
 * finds their rule. Below, by who uses what; denials_state.h tells which file does what. */
#pragma once
#include "core/config.h"
#include "eval/eval.h"
#include "report/hits.h"
#include "report/limit_report.h"

struct denials;
struct learning;
struct nl;

/* ---- the supervisor: set-up, event loop, reload and end ---- */

/* What tells of the bounds in the host's namespace */
struct denials_host {
	struct nl *log;    /* listens to what they refuse; NULL: there are none */
	struct nl *counts; /* reads the counters of `table`, the sandbox's there; NULL likewise */
	const char *table;
};
/* In the VM's network namespace: opens the nflog socket of LOWER_LOG_GROUP, and where events are to go. The host's sockets become its
 * own; `limits` are the bounds' numbers. NULL and errno on failure, with a line on standard error. */
struct denials *denials_open(const struct run_config *, const struct addr_gateway *, const struct denials_host *,
			     const struct limit_numbers *limits);
void denials_close(struct denials *); /* NULL is fine */
/* Who knows which name an address was bound to last, and for how long that is over; `self` must outlive the denials. */
typedef bool denials_ended(const void *self, struct addr, const char **name, uint64_t *ago_ms);
void denials_ask_ended(struct denials *, denials_ended *, const void *self);
/* Another policy, and no word of the one before is kept */
void denials_use_policy(struct denials *, const struct policy *);
int denials_fd(const struct denials *);
int denials_host_fd(const struct denials *);
/* Reads what the kernel logged; bindings tell which name a refused address is bound to. */
void denials_read(struct denials *, struct eval_bindings);
/* The same, and what the ruleset has counted so far: just before it ends, or another one takes its place */
void denials_read_all(struct denials *, struct eval_bindings);
/* Milliseconds until denials_settle() has something to do; -1: nothing */
int denials_wait(const struct denials *);
void denials_settle(struct denials *);
/* Writes what was learnt to `learnt`, if anything was to be. Prints the count, after the lines that waited for the end while standard
 * input was a terminal */
void denials_finish(struct denials *, int learnt);

/* ---- what msb-ctl asks for ---- */

/* Who gets each event as a line of JSON, too: see events_subscribe() */
void denials_subscribe(struct denials *, void (*sink)(void *self, const char *line, size_t len, size_t tells),
		       void *self);
/* Where what else happens is told: see events.h */
struct events *denials_stream(struct denials *);
/* What became of the events, see events.h */
struct events_counted;
void denials_events(const struct denials *, struct events_counted *out);
/* What the rules of the policy in force decided of this */
const struct hits *denials_hits(const struct denials *);
/* How many there were so far */
size_t denials_total(const struct denials *);

/* ---- the DNS proxy, and who asks ---- */

/* A query for `name` (canonical) */
void denials_dns(struct denials *, const char *name, enum flow_transport, struct eval_verdict);
/* A query over a bound on lookups that the policy in force has, names or rate */
void denials_dns_limit(struct denials *, const char *name, enum flow_transport, enum policy_dns_limit);
/* One that was let pass, which nobody hears of */
void denials_lookup(struct denials *, struct eval_verdict);
/* An answer for `name` that rebind protection held back */
void denials_answer(struct denials *, const char *name, struct addr);
/* A resolver of the guest's own choice, port 53. `spared`: an audit lets it pass all the same */
void denials_resolver(struct denials *, struct addr, enum flow_transport, struct eval_verdict, bool spared);
/* Something that waits for an answer */
struct denial_asked {
	const char *flow;                         /* as the evaluator takes it */
	const struct eval_connection *connection; /* NULL: of a lookup */
	const char *name;            /* that is looked up; of a connection, that its address is known by, or NULL */
	struct eval_verdict verdict; /* where nobody was asked */
	const char *rule;            /* that is offered */
	uint32_t id;                 /* for `msb-ctl answer` */
};
void denials_asked(struct denials *, const struct denial_asked *);

/* ---- relays: published ports, and server names ---- */

/* Why a TCP flow that waited for its server name is not let through */
enum denial_hello {
	DENIAL_NAME, /* the server name, or that there is none, decided by the verdict's rule */
	DENIAL_MALFORMED,
	DENIAL_SLOW,
	DENIAL_RENAMED, /* the second hello, after a HelloRetryRequest, has another name: that one is the connection's */
	DENIAL_ECH,
	DENIAL_HELLO_COUNT
};
/* Whether flows that no rule with `log` let pass are told, too (--events-all); NULL: no */
bool denials_tells_all(const struct denials *);
/* Whether one that is let pass by this verdict is to be told */
bool denials_wants(const struct denials *, struct eval_verdict);

/* ---- flows that were let pass ---- */

enum denial_end {
	DENIAL_END_CLOSED,  /* by both ends */
	DENIAL_END_RESET,   /* by one */
	DENIAL_END_TIMEOUT, /* nothing came for so long that conntrack has given it up */
	DENIAL_END_REVOKED, /* the policy that is in force now denies it: the verdict is that one's */
	DENIAL_END_LIMIT,   /* a limit of bytes was used up */
	DENIAL_END_STOP,    /* it was open when the sandbox ended */
	DENIAL_END_COUNT
};
struct denial_flow {
	const struct eval_connection *connection;
	struct eval_verdict verdict;
	uint16_t source_port; /* 0: not known */
	const char *name;     /* that its address had when it began, or NULL */
	/* Of denials_flow_end(): of one that has ended; "sent" by who began it: IP packets at the guest's link, or a relay's payload and datagrams */
	enum denial_end end;
	bool bytes_known, packets_known;
	uint64_t bytes_sent, bytes_received, packets_sent, packets_received, duration_ms;
};
/* A peer that an ingress rule or the default keeps from a published port */
void denials_ingress(struct denials *, const struct denial_flow *);
/* One that waited for its server name, with the one that was sent (any bytes but NUL; NULL: none). A verdict that allows, of a rule
 * with `log`, is reported as that. */
void denials_server_name(struct denials *, const struct denial_flow *, enum denial_hello, bool spared);
void denials_flow_begin(struct denials *, const struct denial_flow *);
void denials_flow_end(struct denials *, const struct denial_flow *);
/* So many of the kernel's messages on flows were lost */
void denials_flows_lost(struct denials *, size_t count);

/* Where what passes is told to who learns; NULL: nowhere */
struct learning *denials_learning(struct denials *);

/* ---- rules' own limits of bytes: relays and flows heed them ---- */

/* Whether the rule's own limit of bytes was seen to be used up, under the policy in force */
bool denials_is_spent(const struct denials *, const struct policy_rule *);
/* Whether one was since this was asked last: flows of its rule are to be ended */
bool denials_spent_anew(struct denials *);
/* A flow that is refused since the rule's limit is used up */
void denials_spent_flow(struct denials *, const struct eval_connection *, size_t rule);
