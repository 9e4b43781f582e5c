/* Policy analysis: which rule decides which flows, exactly; for one policy, or for two beside each other.
 *
 * The question. A firewall decides a flow by its first rule that matches. Here questions about all flows are answered:
 * is there one that this rule decides, is there one that would fare otherwise without it, is there one that two policies
 * decide differently. The answer is a witness, a flow with which the reference evaluator agrees, or that everything was
 * looked at. "Everything" is made finite by putting flows that no rule can tell apart into one equivalence class.
 *
 * A flow is a lookup (a name, a transport), an answer (an address), or a connection: direction, protocol, port,
 * address, the names that the address is bound to, and for TCP out of the sandbox perhaps a TLS server name.
 *  - Addresses that the same rules take in are one atom (atoms.h); ports likewise are one interval (port_tree.h), names
 *    one class (name_classes.h).
 *  - Names. Bound names only ever make more rules match. Let k be the first rule that matches by address, and f(c) the
 *    first that matches by a name of class c. A connection bound to classes c1, c2, … is decided by the least of k,
 *    f(c1), f(c2), …: so one bound class is enough to show that a rule decides, and two to show that it matters (one by
 *    which it decides, one by which another rule would) or that two policies differ (one that decides in each).
 *  - Server names. With server name s, a deny matches if it takes s, an allow if it takes s and a bound name. So beside
 *    "nothing bound" the scenarios are: c bound; s sent; s sent while c is bound, where an allow takes both.
 *    The rules that match in a scenario are a fixed list, as they are in an atom: a scenario is one more place.
 *  - QUIC. Where a rule on names for TCP and UDP may match, UDP to port 443 is refused: a piece of its own, which denies,
 *    before the rule's names and behind its addresses. Of an allow it is where a name is bound, of a deny in every atom.
 *  - ECH only ever closes, so flows are looked at without it.
 *  - For one direction and protocol the tree of ports visits each interval with the first two rules that match in
 *    every place: the decision regions of that interval. By address the first is what decides. By name it is the first
 *    of a scenario's and an atom's, for each atom to which an answer can bind the name; which atoms these are,
 *    rebind protection says; which names, the rules on lookups.
 *
 * An example, the default being deny:
 *      1  deny@10.1.0.0/16
 *      2  allow@10.0.0.0/8:tcp:443
 *      3  allow@a.org:tcp
 * Atoms: 10.1/16, the rest of 10/8, the rest of private, public, … Name classes: a.org, all other names. TCP has the
 * intervals 0-442, 443, 444-65535. At 443 the first rules by address are 1 in 10.1/16, 2 in the rest of 10/8, the default
 * elsewhere; with a.org bound the first by name is 3. Rule 3 decides wherever its number is less than the address's own:
 * not in 10/8 at 443, but at a public address: witness egress@a.org:tcp:443. In 10.1/16 rule 2 is second, behind rule 1 of
 * the other action: so rule 1 matters. A second policy without rule 1 has rule 2 first there: the verdict changes
 * for 10.1.0.0/16:tcp:443, and for nothing else.
 *
 * A rule on names that says `in` takes part at some addresses only: connections are looked at zone by zone (zones.c).
 *
 * Cost: near-linear in the rules (see port_tree.h), plus for each interval that touches rules on names one look at all
 * atoms and classes. Fuel bounds it: where it runs out, the answer is "too complex", never a guess.
 *
 * What is possible: a name can be bound if its lookup is allowed over UDP or TCP, to an address that passes rebind
 * protection; the host's alias to the gateway alone. The unspecified addresses are nobody's. Ports that are refused
 * whatever the rules say are decided by no rule.
 *
 * Everything belongs to the arena it is made with. */
#pragma once
#include "analysis/name_classes.h"
#include "analysis/port_tree.h"
#include "eval/eval.h"

/* ---- a member of a class of flows ---- */

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

/* ---- an analysis ---- */

/* What first and second rules are told of: whole rules, or each target of a rule by itself */
enum analysis_grain { ANALYSIS_BY_RULE, ANALYSIS_BY_TARGET };

struct analysis;
/* The classes of flows of one or two policies. With fuel->out set, here or after any later call, nothing of it may be
 * used: fuel->policy and fuel->rule say where. The policies and fuel must outlive it. */
struct analysis *analysis_new(struct arena *, const struct policy *const *policies, size_t count, enum analysis_grain,
			      const struct addr_gateway *, struct fuel *);
const struct name_classes *analysis_names(const struct analysis *);
const struct atoms *analysis_atoms(const struct analysis *);
/* Whether the first policy allows a query for a name of the class over UDP or TCP */
bool analysis_resolvable(const struct analysis *, uint32_t class);

/* ---- a search (search.c) ---- */

/* Among the first policy's connections bound to nothing: one of these protocols and ports, with an address that
 * `wanted` accepts, that gets this verdict. */
struct analysis_query {
	enum policy_direction direction;
	unsigned protos;                       /* PROTO_ bits */
	const struct policy_port_range *ports; /* none: any */
	size_t port_count;
	bool (*wanted)(const struct analysis *, uint32_t atom, const void *context);
	const void *context;
	enum policy_action action;
};
/* false: there is none. *by: the rule or the default */
bool analysis_find(struct analysis *, const struct analysis_query *, struct witness *out, struct decider *by);
