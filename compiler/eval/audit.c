/* A policy made of rules, so that the evaluator's own words hold for it: refused ports and addresses, floors, carried addresses. */
#include "eval/audit.h"
#include "policy/policy_derive.h"
#include "policy/policy_facts.h"

static struct policy_rule *add(struct arena *arena, struct policy *policy, enum policy_action action,
			       enum addr_class class)
{
	return policy_derive_rule(arena, policy, action,
				  (struct policy_target){ .kind = TARGET_GROUP, .group = class, .span = SPAN_NONE });
}

struct policy *audit_policy(struct arena *arena, const struct policy *policy)
{
	struct policy *spared = policy_derive(arena, policy);
	struct policy_rule *lookups;

	spared->egress.action = POLICY_DENY;
	spared->dns_label = (struct policy_limit){ .size = 0 };
	lookups = add(arena, spared, POLICY_ALLOW, ADDR_CLASS_HOST);
	lookups->protos = PROTO_TCP | PROTO_UDP;
	*arena_push(arena, &lookups->ports) = (struct policy_port_range){ FLOW_DNS_PORT, FLOW_DNS_PORT, SPAN_NONE };
	add(arena, spared, POLICY_DENY, ADDR_CLASS_META);
	/* named by group and without ports, so that answers may hold them */
	add(arena, spared, POLICY_ALLOW, ADDR_CLASS_PUBLIC);
	add(arena, spared, POLICY_ALLOW, ADDR_CLASS_PRIVATE);
	add(arena, spared, POLICY_ALLOW, ADDR_CLASS_LINK_LOCAL);
	return spared;
}

static struct eval_context context_of(const struct policy *spared, const struct eval_context *context)
{
	struct eval_context under = *context;

	under.policy = spared;
	return under;
}

bool audit_spares_connection(const struct policy *spared, const struct eval_context *context,
			     const struct eval_connection *connection)
{
	struct eval_context under = context_of(spared, context);

	return spared && connection->direction == POLICY_EGRESS &&
	       eval_connection(&under, connection).action == POLICY_ALLOW;
}

bool audit_spares_query(const struct policy *spared, const struct eval_context *context, const char *name,
			enum flow_transport transport)
{
	struct eval_context under = context_of(spared, context);

	return spared && eval_dns(&under, name, transport).action == POLICY_ALLOW;
}

bool audit_spares_answer(const struct policy *spared, const struct eval_context *context, const char *name,
			 struct addr addr)
{
	struct eval_context under = context_of(spared, context);

	return spared && eval_answer_passes_for(&under, name, addr);
}
