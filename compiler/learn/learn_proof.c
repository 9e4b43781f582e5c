/* The evaluator's word on what was learnt. */
#include "learn/learn_state.h"

struct bound {
	struct addr addr;
	const char *name;
};

static bool only_name(const void *self, struct addr addr, bool (*each)(const char *, void *), void *context)
{
	const struct bound *bound = self;

	return bound->name && addr_equal(bound->addr, addr) && each(bound->name, context);
}

/* As a client that says the name it looked up, and as one that says none */
static bool passes(const struct eval_context *policy, const struct learn_item *item, struct addr addr)
{
	const struct bound bound = { addr, item->name };
	struct eval_context context = *policy;
	struct eval_connection connection = { .direction = POLICY_EGRESS,
					      .proto = item->proto,
					      .addr = addr,
					      .has_port = item->has_port,
					      .port = item->port };

	context.bindings = (struct eval_bindings){ only_name, &bound };
	if (eval_connection(&context, &connection).action != POLICY_ALLOW)
		return false;
	connection.sni = item->proto == PROTO_TCP ? item->name : NULL;
	return eval_connection(&context, &connection).action == POLICY_ALLOW;
}

static bool is_service_covered(const struct eval_context *context, const struct learn_item *item)
{
	for (size_t i = 0; i < item->reserved.count; i++)
		if (!passes(context, item, item->reserved.items[i]) ||
		    !eval_answer_passes_for(context, item->name, item->reserved.items[i]))
			return false;
	return !item->at_public || addr_is_reserved(item->addr, &context->gateway) || passes(context, item, item->addr);
}

bool learn_is_covered(const struct learn *learn, const struct policy *policy)
{
	struct eval_context context = { policy, learn->gateway, EVAL_NO_BINDINGS };

	for (size_t i = 0; i < learn->services.count; i++)
		if (!is_service_covered(&context, &learn->items[i]))
			return false;
	for (size_t i = 0; i < learn->lookups.count; i++)
		if (eval_dns(&context, learn->lookups.keys[i], FLOW_DNS_UDP).action != POLICY_ALLOW ||
		    eval_dns(&context, learn->lookups.keys[i], FLOW_DNS_TCP).action != POLICY_ALLOW)
			return false;
	return true;
}
