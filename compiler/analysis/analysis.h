/* Regions of flows: which rule decides what, exactly.
 *
 * The space. A flow is a query (name, transport), an answer (address), or a connection: direction, protocol,
 * port, address, the set N of names that the address is bound to, and for TCP out of the sandbox perhaps a
 * server name s. The reference evaluator is a decision list over it: the first rule to match decides. What is
 * asked here are questions about sets of flows: is there one that a rule decides, is there one that would fare
 * otherwise without the rule, where do two policies differ. They are answered by finding a member, a witness
 * that the evaluator agrees with, or by having looked everywhere.
 *
 * Why looking everywhere is finite and small:
 *  - Addresses: two that no rule tells apart are one atom (analysis_atoms.h). Ports: two that no rule tells apart
 *    are one column (analysis_walk.h). Names: likewise one class (analysis_names.h).
 *  - Bound names only ever make more rules match, and a class matches no fewer rules than the class above it.
 *    Without a server name the rule that decides is min(k, min over N of f), where k is the first rule by
 *    address and f(c) the first by name of class c. So one class is enough to show that a rule decides, and
 *    two to show that it matters (the one by which it decides, the one by which another would) or that two
 *    policies differ (the one that decides in each).
 *  - No name need be bound and no server name sent: name rules never hide rules on addresses.
 *  - With server name s, a deny matches if it takes s, an allow if it takes s and some bound name. So the
 *    situations are (s, nothing bound) and (s, c), c a class that shares an allow rule with s; the rules that
 *    match in one are again a fixed subset of the rules.
 * A name situation (c bound; s sent, nothing bound; s sent and c bound) is therefore just another atom on the
 * line that the walk lays rules on; what is left to say is which addresses it may be combined with: for c
 * bound, those that an answer can bind it to.
 *
 * Possible flows: a name can be bound if its lookup is allowed over UDP or TCP, to an address that passes
 * rebind protection; the host's alias to the gateway alone. The unspecified addresses are nobody's. Ports
 * that are refused whatever the rules say are decided by no rule.
 *
 * The cost is that of the walk (see there) plus, for each column in which a name rule takes part, one look at
 * all atoms and classes. Fuel bounds both. */
#pragma once
#include "eval/eval.h"
#include "analysis/name_classes.h"
#include "analysis/port_tree.h"

/* Fuel for a check or a diff: a few seconds at most */
#define ANALYSIS_FUEL UINT64_C(700000000)

/* A member of a set of flows */
struct witness {
	enum flow_kind kind;
	enum policy_direction direction;
	enum policy_proto proto;
	struct addr addr; /* connections and answers */
	bool has_port;
	uint16_t port;
	const char *bound[2]; /* names bound to addr; NULL: none */
	const char *sni;
	const char *name; /* queries */
	enum flow_transport transport;
};
/* As eval, explain and expect read it; to a name where that says the same. policy NULL: by address always */
const char *witness_format(struct arena *, const struct policy *, const struct witness *);
struct eval_verdict witness_eval(const struct eval_context *, const struct witness *);

/* What one rule (or a default) does. Items are numbered as in the rule. */
struct rule_facts {
	bool matches;          /* some flow that is possible, if it stood alone */
	bool decides;          /* some possible flow: example */
	bool effect;           /* some flow that it decides would fare otherwise without it, or an answer */
	bool unknown;          /* too many names to tell: it may decide or have an effect all the same */
	bool answers;          /* rebind protection lets an answer through, or not, because of it */
	unsigned protos;       /* those of connections, and transports of queries, that it decides */
	bool *targets, *ports; /* items that decide something; NULL where there is one at most */
	struct witness example;
	/* unless it decides, but matches: the rule that takes (some of) its flows, one of the other action if
	 * there is one; rules.count: none was found, for nothing it names can be looked up */
	size_t taker;
	bool taker_opposes, taken_alike; /* taken_alike: one of its own action was found to take some, too */
	struct witness taken;            /* a flow that both match */
	/* a deny on a name: a connection it does not see, to an address that a name may be bound to, is allowed */
	bool bypass;
	size_t bypass_rule; /* by this rule; rules.count: the default */
	struct witness bypass_flow;
};

struct analysis;
/* Looks at everything. With fuel->out set afterwards, nothing of the result may be used. */
struct analysis *analysis_new(struct arena *, const struct policy *, const struct addr_gateway *, struct fuel *);
const struct rule_facts *analysis_rule_facts(const struct analysis *, size_t rule);
const struct name_classes *analysis_names(const struct analysis *);
const struct atoms *analysis_atoms(const struct analysis *);

/* A connection in `direction` from or to an address of `class`, bound to nothing, that target `target` of the
 * rule decides (rule == rules.count: that the default decides). false: there is none. */
bool analysis_decides_class(const struct analysis *, enum policy_direction, size_t rule, size_t target, enum addr_class,
			    struct witness *out);
/* Whether a query for a name of the class is allowed over UDP or TCP */
bool analysis_resolvable(const struct analysis *, uint32_t class);
/* Whether an answer can bind an address of the atom */
bool analysis_bindable(const struct analysis *, uint32_t atom);

/* A search among connections bound to nothing: the first one, if any, of these protocols and ports, with an
 * address that `wanted` accepts, that gets this verdict. */
struct analysis_query {
	enum policy_direction direction;
	unsigned protos;                       /* PROTO_ bits */
	const struct policy_port_range *ports; /* none: any */
	size_t port_count;
	bool (*wanted)(const struct analysis *, uint32_t atom, const void *context);
	const void *context;
	enum policy_action action;
};
/* *decider: the rule, or rules.count for the default */
bool analysis_find(struct analysis *, const struct analysis_query *, struct witness *out, size_t *decider);
