/* Which flows of a policy's wait for their server name, as far as rules and addresses tell: eval_syn(), rule by rule. For
 * lower_rules.c, which writes the rules, and lower_bound.c, which says what of a flow is a name rule's at an address. */
#pragma once
#include "lower/lower_taken.h"

/* A rule on names that takes in TCP and UDP to port 443: by QUIC its names would not be seen. A denial's is refused to every
 * address, at the rule's place; an allow's where its names are bound. */
bool lower_rule_refuses_quic(const struct policy_rule *);
/* As a rule of its own that takes just that */
extern const struct policy_rule lower_quic;
/* What a rule on names decides where they are bound, in a policy that defers. A denial's TCP waits for the server name, but for
 * the DNS proxy's questions to a resolver that the guest chose, which have none. */
void lower_taken_by_name(struct taken *, const struct policy_rule *, enum addr_family);

/* A denial of names of which that is nothing */
bool lower_waits_whole(const struct policy_rule *);

/* TCP ports of a subject's name rules up to some rule */
struct lower_deferred {
	uint64_t denied[TAKEN_PORTS / 64], allowed[TAKEN_PORTS / 64];
	bool any_denied, any_allowed;
};
void lower_deferred_add(struct lower_deferred *, const struct policy_rule *);
/* Of the rule's TCP ports those that denials of names before it have, too; *whole: that is all of its TCP. NULL for the
 * default. None: nothing */
struct policy_port_list lower_deferred_ports(struct arena *, const struct lower_deferred *, const struct policy_rule *,
					     bool *whole);
/* Whether an allow of names before it has some of the rule's TCP ports */
bool lower_deferred_meets_allowed(const struct lower_deferred *, const struct policy_rule *);
