/* unreachable-part: items of a rule's own lists that decide nothing, though the rule does. */
#include "lint/checks.h"

#include <string.h>

static enum policy_direction first_direction(const struct policy_rule *rule)
{
	return rule->directions & POLICY_EGRESS ? POLICY_EGRESS : POLICY_INGRESS;
}

static enum policy_proto first_proto(const struct policy_rule *rule)
{
	if (!rule->protos || (rule->protos & PROTO_TCP))
		return PROTO_TCP;
	return (enum policy_proto)(rule->protos & -rule->protos);
}

/* A connection to an address that the target matches, or to one that is bound to its name */
static struct witness flow_of(struct lint *lint, const struct policy_rule *rule, const struct policy_target *target)
{
	const struct atoms *atoms = analysis_atoms(lint->analysis);
	struct run spans[ATOMS_RUNS_MAX];
	struct witness flow = {
		.kind = FLOW_CONNECTION,
		.direction = first_direction(rule),
		.proto = first_proto(rule),
		.addr = eval_unnamed_public(lint->policy, ADDR_V4),
	};

	flow.has_port = flow.proto == PROTO_TCP || flow.proto == PROTO_UDP;
	flow.port = rule->ports.count ? rule->ports.items[0].lo : 443;
	if (policy_target_is_name(target))
		flow.bound[0] = target->name;
	else if (atoms_target_runs(atoms, rule->action, target, spans))
		flow.addr = atoms_member(atoms, spans[0].lo);
	return flow;
}

/* The earlier rule that decides such a flow, if one does */
static void show_earlier(struct lint *lint, struct diag *diag, size_t index, const struct witness *flow)
{
	struct eval_verdict verdict = witness_eval(&lint->context, flow);

	if (verdict.by.kind != DECIDER_RULE || verdict.by.rule >= index)
		return;
	lint_example(lint, diag, flow);
	lint_relate(lint, diag, verdict.by, flow->direction, "by this rule");
}

static void report(struct lint *lint, size_t index, struct span span, const char *text, const struct witness *flow)
{
	struct diag *diag =
		lint_warn(lint, "unreachable-part", lint_place(lint, span), "`%s` decides nothing here", text);

	if (flow)
		show_earlier(lint, diag, index, flow);
	offer_remove_item(lint, lint_offer(lint, diag, "remove `%s` from the list", text), span);
}

static void check_targets(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];

	for (size_t i = 0; facts->targets && i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		struct witness flow;

		if (facts->targets[i] || !lint_is_literal(rule, target->span) ||
		    check_is_dead_target(lint, rule, target))
			continue;
		flow = flow_of(lint, rule, target);
		report(lint, index, target->span, policy_target_format(lint->arena, target), &flow);
	}
}

static void check_ports(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];

	for (size_t i = 0; facts->ports && i < rule->ports.count; i++) {
		struct policy_port_range ports = rule->ports.items[i];
		struct witness flow;

		if (facts->ports[i] || check_is_dead_port(rule, &ports))
			continue;
		flow = flow_of(lint, rule, &rule->targets.items[0]);
		flow.port = ports.lo;
		report(lint, index, ports.span,
		       arena_printf(lint->arena, ports.lo == ports.hi ? "%u" : "%u-%u", ports.lo, ports.hi), &flow);
	}
}

/* The place of a protocol in the rule's text, searched for behind its targets: protocols have no spans of their own. */
static struct span proto_span(const struct lint *lint, const struct policy_rule *rule, const char *word)
{
	const struct source *source = sources_get(lint->policy->sources, rule->span.source);
	uint32_t from = rule->span.start;
	const char *found;

	if (!source)
		return SPAN_NONE;
	for (size_t i = 0; i < rule->targets.count; i++)
		if (lint_is_literal(rule, rule->targets.items[i].span) && rule->targets.items[i].span.end > from)
			from = rule->targets.items[i].span.end;
	if (rule->group_name && (found = strchr(source->text + from, '@')))
		from = (uint32_t)(found - source->text) + 1 + (uint32_t)strlen(rule->group_name);
	found = strstr(source->text + from, word);
	if (!found || found >= source->text + rule->span.end)
		return SPAN_NONE;
	from = (uint32_t)(found - source->text);
	return (struct span){ rule->span.source, from, from + (uint32_t)strlen(word) };
}

static void check_protos(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6 };
	const struct policy_rule *rule = &lint->policy->rules.items[index];

	if (__builtin_popcount(rule->protos) < 2)
		return;
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
		const char *word = policy_proto_name(protos[i]);
		struct witness flow;
		struct span span;

		if (!(rule->protos & protos[i]) || (facts->protos & protos[i]))
			continue;
		span = proto_span(lint, rule, word);
		if (span.source == SPAN_NO_SOURCE)
			continue;
		flow = flow_of(lint, rule, &rule->targets.items[0]);
		flow.proto = protos[i];
		flow.has_port = protos[i] == PROTO_TCP || protos[i] == PROTO_UDP;
		report(lint, index, span, word, &flow);
	}
}

void check_parts(struct lint *lint, size_t index)
{
	const struct rule_facts *facts = facts_of_rule(lint->facts, index);

	if (facts->answers || facts->unknown)
		return;
	check_targets(lint, index, facts);
	check_ports(lint, index, facts);
	check_protos(lint, index, facts);
}
