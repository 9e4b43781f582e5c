/* Ends of flows, told within a second of their happening, with what went through: which rule had let the flow pass, bytes and packets each
 * way, how long, how it ended.
 *
 * Theory of operation. What the guest began has one conntrack entry at the guest's link, whoever moves its packets, and that one is
 * counted: what is forwarded has no other; of what goes to the host's services, or is admitted by its server name, it is the guest's
 * leg, and of the latter the relay's record tells the name. So each flow ends once, and bytes are IP packets at the guest's link, headers
 * and all. Published ports go past conntrack: of their flows the relay's worker tells the end and the payload that it has moved.
 *   - TCP has ended when conntrack says so: both ends have closed (TIME_WAIT), or one has reset (CLOSE). The entry stays for some time, and
 *     its counters are asked for at once. It is remembered by its id, and not told of again when the entry goes.
 *   - All else has ended when its entry goes, which has its counters with it: so UDP ends when it was idle for as long as conntrack
 *     waits, and at most a second or two later. What goes on after that is another flow.
 *   - What is open when the sandbox ends is listed, and told as ended by that.
 * Told are flows of rules with `log`, with `all` every one, and each one that another policy, the end of a grant or a limit has cut off.
 *
 * The kernel makes events where somebody listens: without a rule with `log`, and without `all`, nobody does. The queue is bounded; what did
 * not fit is counted as lost, and a listing finds what of it has ended and is still there. */
#pragma once
#include "flows/flows.h"

struct flow_ends;
struct flow_ends_start {
	struct flows *flows; /* these three are borrowed */
	struct denials *denials;
	struct bindings *bindings;
	const struct policy *spared; /* of an audit; NULL: none */
	bool all;
};
/* In the VM's network namespace, before the guest starts. NULL and errno on failure, with a line on standard error */
struct flow_ends *flow_ends_open(const struct flow_ends_start *, const struct policy *);
void flow_ends_close(struct flow_ends *);   /* NULL is fine */
int flow_ends_fd(const struct flow_ends *); /* for the supervisor's epoll loop */
/* What has come, judged by the policy that was in force: before another one is, too */
void flow_ends_read(struct flow_ends *);
/* Another policy with its bindings, and perhaps the first relay of server names. Where it needs a listener and none can be had, that is
 * said, and ends are not told */
void flow_ends_use_policy(struct flow_ends *, const struct policy *, struct bindings *);
/* Milliseconds until flow_ends_settle() has something to do; -1: nothing */
int flow_ends_wait(const struct flow_ends *);
void flow_ends_settle(struct flow_ends *);
/* The sandbox ends: those that are open do, too */
void flow_ends_finish(struct flow_ends *);
