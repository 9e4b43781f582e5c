/* A random policy, what its names are bound to, and the flows that are sent through it: for the kernel oracle, and for whoever
 * else wants policies with everything in them. A trial is told as text that `msb-policyc eval` and `install` read. */
#pragma once
#include "packet.h"
#include "random_rules.h"
#include "eval/eval.h"
#include "policy/options.h"
#include "ruleset/ruleset.h"

#include <stdio.h>

/* Flows at once and a second: the bounds are installed, and no trial comes near */
#define TRIAL_BOUND "1000000"

struct trial_floor {
	const char *egress; /* its default */
	struct options_list rules;
};
enum trial_bound {
	TRIAL_LASTS, /* for an hour */
	TRIAL_ENDS,  /* within TRIAL_SHORT_MS, and is over when flows are sent */
	TRIAL_GONE   /* the name has no addresses any more: a negative answer */
};
#define TRIAL_SHORT_MS 150
struct trial_binding {
	const char *name;
	struct addr addr;
	enum trial_bound how;
};
struct trial_bindings {
	struct trial_binding *items;
	size_t count, cap;
};
struct trial_floors {
	struct trial_floor *items;
	size_t count, cap;
};

/* The levels of optimising that there are, in turn, the highest most often; which of them is the i-th trial's */
static inline int trial_level(size_t i)
{
	return i % 4 > 1 ? 2 : (int)(i % 4);
}

struct trial {
	const char *egress; /* the default */
	bool multi_tenant;
	struct options_list rules;
	struct trial_floors floors;
	struct trial_bindings bindings;
	struct addr_gateway gateway; /* its NAT64 prefixes, too */
	int level;                   /* of optimising */
};

/* Of up to `most` rules; gateways of both families are told, either may be taken away. Texts go into the arena. */
struct trial trial_draw(struct arena *, struct random *, const struct addr_gateway *, size_t most);
/* The policy, with bounds that are there and that no test reaches; exits with status 3 where it does not resolve. */
struct policy *trial_policy(struct arena *, const struct trial *);
/* Whether some of its bindings are short ones */
bool trial_is_hurried(const struct trial *);
/* A flow near what one of the rules names; whole or in pieces. id is the caller's. */
void trial_draw_flow(const struct trial *, const struct policy *, struct random *, struct packet_flow *);
/* Whether Linux routes packets to the address at all, whatever the rules say */
bool trial_is_routable(const struct trial *, struct addr);
/* What must become of the packet: where server names decide what eval_syn() says of TCP, else eval_connection(); port 53 and
 * lone fragments aside */
enum eval_syn trial_expects(const struct eval_context *, const struct packet_flow *);
/* Commands, a line each, that show the same: what the evaluator says, and how to install the policy */
void trial_print(FILE *, const struct trial *, const struct packet_flow *);
/* What a sandbox of the trial would install */
struct ruleset *trial_ruleset(struct arena *, const struct trial *, const struct policy *);
