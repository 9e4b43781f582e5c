/* From policy to ruleset IR: sequences the parts. */
#include "lower/lower_state.h"

struct ruleset *lower_policy(struct arena *arena, const struct policy *policy, const struct lower_options *options)
{
	struct lowering lowering = {
		.arena = arena,
		.ruleset = ruleset_new(arena),
		.policy = policy,
		.options = options,
		.gateway = options->gateway,
		.guest4 = lower_guest(&options->gateway, ADDR_V4),
		.guest6 = lower_guest(&options->gateway, ADDR_V6),
	};

	lower_defer_facts(&lowering);
	lower_guest_mac(&options->gateway, lowering.guest_mac);
	lowering.table = rs_table_add(lowering.ruleset, RS_INET, LOWER_TABLE);
	lower_rules(&lowering);
	lower_chains(&lowering);
	lower_defer_chains(&lowering);
	lowering.table = rs_table_add(lowering.ruleset, RS_NETDEV, LOWER_TABLE);
	lower_link(&lowering);
	return lowering.ruleset;
}
