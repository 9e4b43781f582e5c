/* What each rule of a policy does: whether it matches, decides, changes anything, and what shadows it where it does not. */
#pragma once
#include "analysis/analysis.h"

/* Of one rule. Targets and ports are numbered as in the rule. */
struct rule_facts {
	bool matches;          /* some flow that is possible, if it stood alone */
	bool decides;          /* some possible flow: example */
	bool changes_verdict;  /* some flow that it decides would fare otherwise without it, or an answer */
	bool of_ech;           /* `unknown` since hellos with ECH may come to it past a `no-ech` */
	bool unknown;          /* too many names to tell: it may decide or change something all the same */
	bool answers;          /* rebind protection lets an answer through, or not, because of it */
	unsigned protos;       /* those of connections, and transports of queries, that it decides */
	bool *targets, *ports; /* those that decide something; NULL where there is one at most */
	struct witness example;
	/* Unless it decides, but matches: the rule that decides (some of) its flows, one of the other action if there is
	 * one; DECIDER_NONE where none was found, for nothing the rule names can be looked up */
	struct decider shadowing;
	bool shadowing_opposes;  /* it is of the other action */
	bool shadowed_alike;     /* one of its own action was found, too */
	struct witness shadowed; /* a flow that both match */
	/* A deny on a name: a connection it does not see, to an address that a name may be bound to, is allowed */
	bool bypass;
	struct decider bypass_by; /* a rule or the default */
	struct witness bypass_flow;
};

struct facts;
/* Looks at everything. The analysis is of one policy, by target; with its fuel out, nothing of this may be used. */
struct facts *facts_find(struct analysis *);
const struct rule_facts *facts_of_rule(const struct facts *, size_t rule);

/* A connection in `direction` from or to an address of `class`, bound to nothing, that target `target` of the
 * rule decides (rule == rules.count: that the default decides). false: there is none. */
bool facts_decides_class(const struct facts *, enum policy_direction, size_t rule, size_t target, enum addr_class,
			 struct witness *out);
