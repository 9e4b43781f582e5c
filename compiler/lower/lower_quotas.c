/* All that may pass in one run, and all that a rule's flows may move: table msb_quota, behind the chains that let pass.
 *
 * Counted is each IP packet at the guest's link, headers and all, once: what is forwarded, and of TCP and UDP what goes to
 * and comes from the gateway (DNS, the host's services, published ports, the name relay), so that what a relay carries on
 * counts for the guest's side alone. What the policy refuses is not counted; a segment that is sent again counts again.
 *
 * A rule's own limit counts each packet of its flows, both ways, by their conntrack mark (lower_meters.c): what is forwarded, what goes to
 * and comes from the gateway, and what the name relay has with the far end in such a flow's place. A packet is charged to all limits
 * that it comes under, in order, up to the first that refuses it.
 *
 * The packet that would exceed a limit does not pass. Its sender is told, and its flow gets LOWER_SPENT_CT: all further
 * packets of it are refused, whichever way they go, so that either end is reset as soon as it sends. */
#include "lower/limits.h"
#include "lower/lower_state.h"
#include "policy/policy_facts.h"

#include <stdlib.h>

enum { BEHIND_FILTER = 5 };
enum { DHCP_SERVER = 67 };
/* Packets of TCP without any payload */
enum { BARE_TCP4 = 40, BARE_TCP6 = 60 };

#define CHAIN_SPENT "spent"
#define METERS "meters"

static void spent_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, CHAIN_SPENT, "flows that a limit has ended");

	if (lowering->options->silent) {
		rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
		return;
	}
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	lower_match_tcp(lowering, rule);
	rs_do(rs, rule, RS_REJECT_RESET);
	rs_do(rs, lower_rule(lowering, chain, NULL), RS_REJECT_ADMIN);
}

/* Packets by `link`, which are from or to the guest; of all protocols where they are forwarded */
static void count(struct lowering *lowering, struct rs_chain *chain, enum rs_field link, bool forwarded)
{
	bool egress = link == RS_META_IIFNAME;
	const struct policy *policy = lowering->policy;
	struct ruleset *rs = lowering->ruleset;

	if (!(egress ? policy->egress_bytes.size : policy->ingress_bytes.size))
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	rs_match(rs, rule, link, rs_name(LOWER_BRIDGE));
	if (!forwarded)
		LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_quota(rs, rule, egress ? "egress" : "ingress");
	rs_ct_mark_set(rs, rule, LOWER_SPENT_CT);
	rs_verdict(rs, rule, RS_GOTO, limit_chain(egress ? OVER_EGRESS_BYTES : OVER_INGRESS_BYTES));
}

/* Charges what has the mark of a rule's flows to the rule. */
static void charge_meters(struct lowering *lowering, struct rs_chain *chain)
{
	if (!policy_meters(lowering->policy))
		return;
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	struct rs_expr *lookup = rs_lookup(lowering->ruleset, rule, METERS, RS_CT_MARK);
	lookup->kind = RS_VMAP;
}

static const char *quota_name(struct lowering *lowering, const struct policy_rule *rule)
{
	return arena_printf(lowering->arena, LOWER_QUOTA_PREFIX "%08x", rule->meter);
}

/* Counts; what is over is logged and refused */
static void meter_chains(struct lowering *lowering, const struct policy_rule *rule)
{
	struct ruleset *rs = lowering->ruleset;
	const char *name = quota_name(lowering, rule), *over = arena_printf(lowering->arena, "over_%s", name);
	const char *origin = policy_origin(lowering->arena, lowering->policy, rule->span);
	struct rs_chain *chain = lower_chain(lowering, name, NULL);
	struct rs_rule *out = lower_rule(lowering, chain, arena_printf(lowering->arena, "%s %s", origin, rule->text));

	rs_quota(rs, out, name);
	rs_ct_mark_set(rs, out, LOWER_SPENT_CT);
	rs_verdict(rs, out, RS_GOTO, over);
	const struct limit_chains chains = { .ruleset = rs,
					     .table = lowering->table,
					     .log_group = LOWER_LOG_GROUP,
					     .silent = lowering->options->silent };
	limit_named_refusal_chain(&chains, over, name);
}

static int by_meter(const void *a, const void *b)
{
	const struct rs_element *x = a, *y = b;

	return (x->key[0].lo > y->key[0].lo) - (x->key[0].lo < y->key[0].lo);
}

static void meters_map(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;
	struct rs_set *map = rs_set_add(lowering->ruleset, lowering->table, METERS, RS_TYPE_MARK);

	map->map = true;
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (rule->meter)
			*arena_push(lowering->arena, &map->elements) = (struct rs_element){
				.key = { rs_number(rule->meter) },
				.verdict = { RS_JUMP, quota_name(lowering, rule) },
			};
	}
	qsort(map->elements.items, map->elements.count, sizeof *map->elements.items, by_meter);
}

static void all_meters(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;

	if (!policy_meters(policy))
		return;
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (!rule->meter)
			continue;
		rs_quota_add(lowering->ruleset, lowering->table, quota_name(lowering, rule), rule->bytes);
		meter_chains(lowering, rule);
	}
	meters_map(lowering);
}

static void end_spent(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match(lowering, rule, RS_CT_MARK, LOWER_SPENT_CT);
	rs_verdict(lowering->ruleset, rule, RS_GOTO, CHAIN_SPENT);
}

static void let_dhcp_pass(struct lowering *lowering, struct rs_chain *chain, enum rs_field port)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "the guest keeps its address");

	lower_match(lowering, rule, port, DHCP_SERVER);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

/* A reset that ends a flow comes this way, and is not to be refused itself. */
static void let_bare_tcp_pass(struct lowering *lowering, struct rs_chain *chain, unsigned nfproto, unsigned length)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "no payload: resets, acknowledgements");

	lower_match(lowering, rule, RS_META_NFPROTO, nfproto);
	lower_match_tcp(lowering, rule);
	rs_match(lowering->ruleset, rule, RS_META_LENGTH, rs_range(0, length));
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
}

static void quota_chains(struct lowering *lowering)
{
	struct rs_chain *chain = lower_hook_chain(lowering, "forward", RS_FORWARD, BEHIND_FILTER, RS_ACCEPT,
						  "between guest and host: what passes is counted");

	end_spent(lowering, chain);
	count(lowering, chain, RS_META_IIFNAME, true);
	count(lowering, chain, RS_META_OIFNAME, true);
	charge_meters(lowering, chain);
	chain = lower_hook_chain(lowering, "input", RS_INPUT, BEHIND_FILTER, RS_ACCEPT,
				 "from the guest to the gateway");
	let_dhcp_pass(lowering, chain, RS_UDP_DPORT);
	end_spent(lowering, chain);
	count(lowering, chain, RS_META_IIFNAME, false);
	charge_meters(lowering, chain);
	chain = lower_hook_chain(lowering, "output", RS_OUTPUT, BEHIND_FILTER, RS_ACCEPT,
				 "from the gateway to the guest");
	let_dhcp_pass(lowering, chain, RS_UDP_SPORT);
	let_bare_tcp_pass(lowering, chain, 2, BARE_TCP4);
	let_bare_tcp_pass(lowering, chain, 10, BARE_TCP6);
	end_spent(lowering, chain);
	count(lowering, chain, RS_META_OIFNAME, false);
	charge_meters(lowering, chain);
}

struct ruleset *lower_quotas(struct arena *arena, const struct policy *policy, const struct lower_options *options)
{
	struct lowering lowering = {
		.arena = arena, .ruleset = ruleset_new(arena), .policy = policy, .options = options
	};

	if (!policy->egress_bytes.size && !policy->ingress_bytes.size && !policy_meters(policy))
		return NULL;
	lowering.table = rs_table_add(lowering.ruleset, RS_INET, LOWER_QUOTA_TABLE);
	const struct limit_chains chains = {
		.ruleset = lowering.ruleset,
		.table = lowering.table,
		.log_group = LOWER_LOG_GROUP,
		.silent = options->silent,
	};
	if (policy->egress_bytes.size)
		rs_quota_add(lowering.ruleset, lowering.table, "egress", policy->egress_bytes.size);
	if (policy->ingress_bytes.size)
		rs_quota_add(lowering.ruleset, lowering.table, "ingress", policy->ingress_bytes.size);
	spent_chain(&lowering);
	limit_refusal_chain(&chains, OVER_EGRESS_BYTES);
	limit_refusal_chain(&chains, OVER_INGRESS_BYTES);
	all_meters(&lowering);
	quota_chains(&lowering);
	return lowering.ruleset;
}
