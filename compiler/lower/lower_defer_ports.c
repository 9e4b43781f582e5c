/* Ports whose flows wait for a server name: see lower_defer_ports.h. */
#include "lower/lower_defer_ports.h"
#include "eval/eval.h"
#include "lower/sandbox_net.h"

#include <string.h>

static struct policy_port_range quic_port = { .lo = EVAL_QUIC_PORT, .hi = EVAL_QUIC_PORT };
const struct policy_rule lower_quic = {
	.action = POLICY_DENY, .directions = POLICY_EGRESS, .protos = PROTO_UDP, .ports = { &quic_port, 1, 1 }
};

bool lower_rule_refuses_quic(const struct policy_rule *rule)
{
	return policy_rule_defers(rule) && eval_rule_matches_proto(rule, PROTO_UDP) &&
	       eval_rule_matches_port(rule, true, EVAL_QUIC_PORT);
}

/* The family does not matter for TCP. */
static void tcp_of(struct taken *out, const struct policy_rule *rule)
{
	*out = (struct taken){ .others = 0 };
	if (rule)
		taken_add(out, rule, ADDR_V4);
	else
		memset(out->tcp, 0xff, sizeof out->tcp);
}

bool lower_waits_whole(const struct policy_rule *rule)
{
	return policy_rule_defers(rule) && rule->action == POLICY_DENY && rule->protos == PROTO_TCP &&
	       !eval_rule_matches_port(rule, true, LOWER_DNS_PORT);
}

void lower_taken_by_name(struct taken *taken, const struct policy_rule *rule, enum addr_family family)
{
	struct taken own = { .others = 0 };

	taken_add(&own, rule, family);
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++) {
		uint64_t asked = i == LOWER_DNS_PORT / 64 ? UINT64_C(1) << LOWER_DNS_PORT % 64 : 0;
		taken->tcp[i] |= rule->action == POLICY_DENY ? own.tcp[i] & asked : own.tcp[i];
		taken->udp[i] |= own.udp[i];
	}
	taken->others |= own.others;
}

void lower_deferred_add(struct lower_deferred *deferred, const struct policy_rule *rule)
{
	bool deny = rule->action == POLICY_DENY;
	uint64_t *ports = deny ? deferred->denied : deferred->allowed;
	struct taken own;

	if (!policy_rule_defers(rule))
		return;
	tcp_of(&own, rule);
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++)
		ports[i] |= own.tcp[i];
	*(deny ? &deferred->any_denied : &deferred->any_allowed) = true;
}

struct policy_port_list lower_deferred_ports(struct arena *arena, const struct lower_deferred *deferred,
					     const struct policy_rule *rule, bool *whole)
{
	struct policy_port_list out = { 0 };
	struct taken own;

	*whole = false;
	if (!deferred->any_denied)
		return out;
	tcp_of(&own, rule);
	*whole = true;
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++) {
		*whole &= !(own.tcp[i] & ~deferred->denied[i]);
		own.tcp[i] &= deferred->denied[i];
	}
	taken_list(arena, own.tcp, &out);
	return out;
}

bool lower_deferred_meets_allowed(const struct lower_deferred *deferred, const struct policy_rule *rule)
{
	bool meets = false;
	struct taken own;

	if (!deferred->any_allowed)
		return false;
	tcp_of(&own, rule);
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++)
		meets |= own.tcp[i] & deferred->allowed[i];
	return meets;
}
