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

/* Of a pod's node: DECIDER_NODE */
#define EVAL_NODE_TEXT "the node may connect to its pods, where no rule denies ingress from host"

/* Connections to this port, whatever address, end at the sandbox's DNS proxy: what an allow lets pass is questions, and
 * each of them is judged by its name as well */
bool eval_is_dns_only(enum policy_direction, enum policy_proto, bool has_port, uint16_t port);
#define EVAL_DNS_ONLY "only DNS questions pass to port 53, each judged by the name it asks for, too"

/* Addresses to which no packet of the guest's gets, whatever rule allows it: those that are on a host or a link and not behind
 * a router, and the IPv6 addresses that carry one of them. */
struct eval_refused_address {
	struct addr_prefix prefix;
	const char *what, *why;
};
#define EVAL_REFUSED_ADDRESSES 6
extern const struct eval_refused_address eval_refused_addresses[EVAL_REFUSED_ADDRESSES];
/* NULL: flows to this address (unmapped) are judged by the rules alone */
const struct eval_refused_address *eval_refused_address(enum policy_direction, struct addr,
							const struct addr_gateway *);

/* All of them in one family, but for the gateway's own; mapped ones aside */
struct addr_set eval_refused_set(struct arena *, enum addr_family, const struct addr_gateway *);
/* The same of a whole target: a network inside such a one, or a group of them */
const struct eval_refused_address *eval_refused_target(const struct policy_target *);
/* Of a rule's ports: NULL unless all of them are refused, over each protocol of the rule that has ports */
const struct eval_refused_port *eval_refused_ports_of(const struct policy_rule *, const struct policy_port_range *);

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
