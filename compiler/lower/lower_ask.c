/* What becomes of a flow of the guest's that no rule decides, where somebody is asked (msb-run --ask): TCP and UDP to public and private
 * addresses is dropped and told, while it waits for the answer; the supervisor says of each by an element of a map where it is by
 * now: held, or refused since it has waited for long enough. Everything else is refused at once, and so is what comes while as
 * much is asked as may be. The answer is a rule, in front of all this. */
#include "lower/lower_ask.h"
#include "lower/lower_state.h"

#define TOLD_A_SECOND 100
#define TOLD_BURST 200
#define MAP_SIZE 4096

const char *lower_ask_map(enum policy_proto proto, enum addr_family family)
{
	static const char *const names[2][2] = { { "ask_tcp4", "ask_tcp6" }, { "ask_udp4", "ask_udp6" } };

	return names[proto == PROTO_UDP][family == ADDR_V6];
}

const char *lower_ask_full_set(enum addr_family family)
{
	return family == ADDR_V4 ? "ask_full4" : "ask_full6";
}

static void add_map(struct lowering *lowering, enum policy_proto proto, enum addr_family family)
{
	struct rs_set *map =
		rs_set_add(lowering->ruleset, lowering->table, lower_ask_map(proto, family), lower_addr_type(family));

	map->type[1] = RS_TYPE_PORT;
	map->map = map->runtime = map->timeout = true;
	map->size = MAP_SIZE;
	map->note = "what has been asked: where it is held, or refused by now";
}

static void look_up_asked(struct lowering *lowering, struct rs_chain *chain, enum policy_proto proto,
			  enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match(lowering, rule, RS_META_L4PROTO, proto == PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP);
	rs_lookup_pair(lowering->ruleset, rule, lower_ask_map(proto, family),
		       family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR, RS_TH_DPORT)
		->kind = RS_VMAP;
}

/* By the guest's own address, since that is what all its packets have */
static void refuse_when_full(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, "as much is asked as may be");

	rs_lookup(lowering->ruleset, rule, lower_ask_full_set(family), family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR);
	lower_verdict(lowering, rule, RS_GOTO, LOWER_CHAIN_REFUSE);
}

static void hold_class(struct lowering *lowering, struct rs_chain *chain, enum addr_class class,
		       enum addr_family family)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_TCP, IPPROTO_UDP);
	rs_lookup(lowering->ruleset, rule, lower_group_set(lowering, class, POLICY_ALLOW, family),
		  family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR);
	lower_verdict(lowering, rule, RS_GOTO, LOWER_CHAIN_HOLD);
}

static void hold_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, LOWER_CHAIN_HOLD, "in silence, while it waits for an answer");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	rs_limit(rs, rule, TOLD_A_SECOND, RS_SECOND, TOLD_BURST);
	rs_log(rs, rule, LOWER_ASK_LOG_GROUP, LOWER_LOG_SNAPLEN, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
}

static void ask_family(struct lowering *lowering, struct rs_chain *chain, enum addr_family family)
{
	struct rs_set *full =
		rs_set_add(lowering->ruleset, lowering->table, lower_ask_full_set(family), lower_addr_type(family));

	full->runtime = true;
	full->note = "the guest's address, while as much is asked as may be";
	add_map(lowering, PROTO_TCP, family);
	add_map(lowering, PROTO_UDP, family);
	look_up_asked(lowering, chain, PROTO_TCP, family);
	look_up_asked(lowering, chain, PROTO_UDP, family);
	refuse_when_full(lowering, chain, family);
	hold_class(lowering, chain, ADDR_CLASS_PUBLIC, family);
	hold_class(lowering, chain, ADDR_CLASS_PRIVATE, family);
}

void lower_ask_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;

	if (!lowering->options->ask)
		return;
	struct rs_chain *chain =
		lower_chain(lowering, LOWER_CHAIN_ASK, "no rule decides: held while somebody is asked, or refused");
	struct rs_rule *rule = lower_rule(lowering, chain, "of this namespace's own sockets: never");
	rs_match(rs, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE))->negate = true;
	lower_verdict(lowering, rule, RS_GOTO, LOWER_CHAIN_REFUSE);
	if (lowering->gateway.has4)
		ask_family(lowering, chain, ADDR_V4);
	if (lowering->gateway.has6)
		ask_family(lowering, chain, ADDR_V6);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_REFUSE);
	hold_chain(lowering);
}
