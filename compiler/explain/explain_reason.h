/* One rule and one query or connection: why it matches or not, in a few words. Texts belong to the arena given. */
#pragma once
#include "eval/eval.h"

/* A connection, and the flow whose bindings give the names its address is bound to */
struct explain_connection {
	struct eval_connection connection;
	const struct flow *flow; /* its resolve= are the bindings */
};

/* The name among the bindings that the rule takes, or NULL */
const char *explain_bound_name(const struct flow *, struct addr, const struct policy_rule *);
const char *explain_no_connection(struct arena *, const struct eval_context *, const struct policy_rule *,
				  const struct explain_connection *);
const char *explain_match_connection(struct arena *, const struct eval_context *, const struct policy_rule *,
				     const struct explain_connection *);
const char *explain_no_query(struct arena *, const struct policy_rule *, const char *name, enum flow_transport);
const char *explain_match_query(struct arena *, const struct policy_rule *, const char *name, enum flow_transport);
