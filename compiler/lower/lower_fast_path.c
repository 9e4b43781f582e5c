/* The flowtable: where the kernel has it, the packets of an established TCP or UDP flow between guest and host go from link
 * to link without the chains, from its third packet or so on. It is a ruleset of its own, so that a kernel that refuses it
 * has the other one all the same.
 *
 * Why that changes no verdict:
 *   - only what chain forward accepted comes to chain fast_path behind it, and only once conntrack knows an answer; the
 *     chains accept each later packet of such a flow, whatever the policy is;
 *   - a flow is found by its whole tuple of addresses, ports and protocol: another source or destination is another flow,
 *     and goes the chains' way. The guest's MAC is looked at before, in table netdev, whose priority comes first;
 *   - fragments, IPv4 options, IPv6 extension headers, a TTL that ends here, what is larger than the next link's MTU, and
 *     TCP's FIN and RST are left to the chains by the kernel;
 *   - a flow whose entry conntrack gives up (it was deleted, its time is over) is not found any more, from that packet on;
 *   - what goes to or comes from the gateway itself (DNS, the host's services, published ports) is never forwarded.
 * A policy that bounds packets or bytes needs to see each of them: it has no flowtable. Where a rule bounds those of its flows, these
 * alone are left to the chains. */
#include "lower/lower_state.h"
#include "policy/policy_facts.h"

#define FLOWTABLE "fast"
/* Behind chain forward, which lets pass; at ingress behind table netdev (LINK_PRIORITY of lower_link.c) */
enum { BEHIND_FILTER = 10, BEHIND_LINK = 0 };

static bool is_bounded(const struct policy *policy)
{
	return policy->egress_ops.size || policy->ingress_ops.size || policy->egress_bandwidth.size ||
	       policy->ingress_bandwidth.size || policy->egress_bytes.size || policy->ingress_bytes.size;
}

struct ruleset *lower_fast_path(struct arena *arena, const struct policy *policy, const struct lower_options *options)
{
	struct lowering lowering = {
		.arena = arena, .ruleset = ruleset_new(arena), .policy = policy, .options = options
	};

	if (is_bounded(policy))
		return NULL;
	lowering.table = rs_table_add(lowering.ruleset, RS_INET, LOWER_TABLE);
	struct rs_flowtable *flowtable = rs_flowtable_add(lowering.ruleset, lowering.table, FLOWTABLE, BEHIND_LINK);
	flowtable->devices[0] = LOWER_TAP;
	flowtable->devices[1] = LOWER_UPLINK;
	struct rs_chain *chain = lower_hook_chain(&lowering, "fast_path", RS_FORWARD, BEHIND_FILTER, RS_ACCEPT,
						  "flows that were let pass, and answered");
	struct rs_rule *rule = lower_rule(&lowering, chain, NULL);
	lower_match_established(&lowering, rule);
	if (policy_meters(policy))
		rs_match(lowering.ruleset, rule, RS_CT_MARK, rs_range(POLICY_METER_FLAG, UINT32_MAX))->negate = true;
	LOWER_MATCH_ANY(&lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_flow_add(lowering.ruleset, rule, FLOWTABLE);
	return lowering.ruleset;
}
