/* What holds whatever the rules say, each fact in one place: the evaluator, the analysis, the lowering and the
 * explanations read it here, and search for its consequences each in their own way. */
#pragma once
#include "policy/policy_facts.h"

/* Egress ports that are refused whatever the rules say, since they would carry names past the DNS proxy. UDP is refused
 * silently, TCP by a reset. In the order of ports. */
struct eval_refused_port {
	uint16_t port;
	enum policy_proto proto;
	const char *service, *why;
};
#define EVAL_REFUSED_PORTS 5
extern const struct eval_refused_port eval_refused_ports[EVAL_REFUSED_PORTS];
/* NULL: flows of this kind to this port are judged by the rules */
const struct eval_refused_port *eval_refused_port(enum policy_direction, enum policy_proto, uint16_t port);

/* Whether rebind protection heeds a rule on this target for the addresses it takes in: an address or a group
 * named without ports; `any`, names, and an allow on all that is public do not count. A floor's allow on all that is
 * public does: the policy above has to name the address all the same. */
bool eval_rule_excepts(const struct policy *, const struct policy_rule *, const struct policy_target *);

/* Whether a rule on this target judges queries by their transport, whatever the name: `any`, and group host, since
 * the proxy listens on the gateway. Names judge by the name; all other targets do not apply to queries. */
bool eval_target_judges_queries(const struct policy_target *);

/* Whether the guest has addresses of the family: a family without a gateway address is inactive, but without any
 * gateway nothing is known about families. */
bool eval_family_active(const struct addr_gateway *, enum addr_family);
