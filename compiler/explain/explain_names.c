/* Server names in explanations. The evaluator says what a server name decides; here it is put into words, with what to
 * do where the name is hidden. */
#include "explain/explain_names.h"
#include "policy/policy_facts.h"

const char *explain_hidden_why(const struct eval_connection *connection)
{
	return connection->proto == PROTO_UDP ? "UDP to port 443 may be QUIC, which hides its server name" :
						"ECH hides the server name";
}

/* The rule for UDP alone that decides by the binding instead: for a name of the rule where it allows */
static const char *udp_rule(struct arena *arena, const struct policy_rule *rule)
{
	for (size_t i = 0; rule->action == POLICY_ALLOW && i < rule->targets.count; i++)
		if (policy_target_is_name(&rule->targets.items[i]))
			return arena_printf(arena, "allow@%s:udp:443",
					    policy_target_format(arena, &rule->targets.items[i]));
	return "allow@public:udp:443";
}

const char *explain_hidden_note(struct arena *arena, const struct policy_rule *rule, size_t number,
				const struct eval_connection *connection)
{
	if (connection->proto == PROTO_UDP)
		return arena_printf(
			arena,
			"refused: QUIC would hide the server name that rule %zu judges. Over TCP it is judged, and "
			"clients fall back to that; a rule for UDP alone before it (%s) decides without the name",
			number, udp_rule(arena, rule));
	return arena_printf(
		arena,
		"refused: ECH hides the name that rule %zu judges, and `tls ech deny` trusts no outer name; "
		"without ECH the name is judged",
		number);
}

/* The rule that decided by a name: its number from 1; 0: none did */
static size_t named_rule(const struct eval_context *context, const struct eval_result *result)
{
	const struct policy_rule *rule;

	if (result->verdict.by.kind != DECIDER_RULE)
		return 0;
	rule = &context->policy->rules.items[result->verdict.by.rule];
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_takes_addr(context, rule->action, &rule->targets.items[i], result->addr))
			return 0;
	return result->verdict.by.rule + 1;
}

static const char *ech_words(const struct policy *policy, size_t rule)
{
	bool taken = !policy->deny_ech && (!rule || eval_rule_takes_ech(policy, &policy->rules.items[rule - 1]));

	return taken ? "ECH is judged by its outer name" : "ECH is not taken";
}

static const char *after_deferred(struct arena *arena, const struct eval_context *context, const struct flow *flow,
				  const struct eval_result *result)
{
	size_t rule = named_rule(context, result);

	if (flow->ech && context->policy->deny_ech)
		return "The relay looks at the hello, and `tls ech deny` trusts no outer name.";
	if (flow->ech)
		return "The relay looks at the hello. ECH is judged by its outer name: the one within is not seen.";
	if (flow->sni)
		return "The relay looks at the server name before anything of the client's reaches the server.";
	if (rule && result->verdict.action == POLICY_ALLOW)
		return arena_printf(
			arena,
			"The relay looks at the server name that TLS sends, which must match rule %zu as well: "
			"try --sni NAME. Without one the binding decides, as here; %s.",
			rule, ech_words(context->policy, rule));
	return arena_printf(
		arena,
		"The relay looks at the server name that TLS sends, which then decides: try --sni NAME. Without "
		"one the binding decides, as here; %s.",
		ech_words(context->policy, rule));
}

const char *explain_names_after(struct arena *arena, const struct eval_context *context, const struct flow *flow,
				const struct eval_result *result)
{
	if (!result->has_syn || flow->proto != PROTO_TCP || flow->direction != POLICY_EGRESS)
		return NULL;
	if (!context->policy->server_names)
		return flow->sni || named_rule(context, result) ?
			       "Server names are not enforced (--no-server-names): the binding decides, whatever TLS says." :
			       NULL;
	if (result->syn == EVAL_SYN_DEFER)
		return after_deferred(arena, context, flow, result);
	return flow->sni ? "No server name changes this verdict: the address decides, and the kernel does not look." :
			   NULL;
}
