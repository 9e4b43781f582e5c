/* What may be bound under a policy, whoever asks. */
#include "dns/dns_state.h"

bool dns_lookup_allowed(const struct eval_context *context, const char *name)
{
	return eval_dns(context, name, FLOW_DNS_UDP).action == POLICY_ALLOW ||
	       eval_dns(context, name, FLOW_DNS_TCP).action == POLICY_ALLOW;
}

/* The alias is the gateway's and nothing else's; any other name's address must pass rebind protection. */
bool dns_address_allowed(const struct eval_context *context, const char *name, struct addr addr)
{
	if (name_equal(name, NAME_HOST_ALIAS))
		return addr_gateway_has(&context->gateway, addr);
	return eval_answer_passes_for(context, name, addr);
}

bool dns_binding_allowed(const struct eval_context *context, const char *name, struct addr addr)
{
	return dns_lookup_allowed(context, name) && dns_address_allowed(context, name, addr);
}
