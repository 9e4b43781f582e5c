/* msb-policyc explain --rule N: what only this rule decides, with an example of each. */
#include "cmd/cmd.h"
#include "explain/decision.h"
#include "base/escape.h"
#include "base/units.h"
#include "explain/explain_rule.h"
#include "policy/policy_facts.h"

#include <stdio.h>
#include <string.h>

static const char *shown(const struct rule_explanation *explanation, const char *text)
{
	return escape_text(explanation->only->arena, text);
}

static const struct policy_rule *subject(const struct rule_explanation *explanation)
{
	return &explanation->policy->rules.items[explanation->rule];
}

/* "rule 3 (agent.msb:8 allow@pypi:tcp:443)", "the default" */
static const char *decider_text(const struct rule_explanation *explanation, struct decider by)
{
	const struct policy *policy = explanation->policy;
	struct arena *arena = explanation->only->arena;

	if (by.kind != DECIDER_RULE)
		return "the default";
	return arena_printf(arena, "rule %zu (%s %s)", by.rule + 1,
			    place_or_dash(span_format_line(arena, policy->sources, policy->rules.items[by.rule].span)),
			    policy->rules.items[by.rule].text);
}

/* ---- text ---- */

static void print_head(const struct rule_explanation *explanation)
{
	const struct policy_rule *rule = subject(explanation);
	struct arena *arena = explanation->only->arena;

	printf("rule %zu   %s   %s\n", explanation->rule + 1,
	       place_or_dash(span_format(arena, explanation->policy->sources, rule->span)),
	       shown(explanation, rule->text));
	if (rule->because)
		printf("         because \"%s\"\n", shown(explanation, rule->because));
	if (rule->bytes)
		printf("         until %s of its flows have passed\n", units_size_format(arena, rule->bytes));
	putchar('\n');
}

static void print_region(const struct rule_explanation *explanation, const struct diff_region *region)
{
	const struct diff *only = explanation->only;
	const char *place =
		span_format_line(only->arena, only->policies[1]->sources, diff_decider_span(only, region, 1));

	printf("  %s", shown(explanation, region->words));
	if (region->except)
		printf(" but %s", shown(explanation, region->except));
	printf("   e.g. %s\n", shown(explanation, region->example_text));
	printf("      without it: %s%s%s\n", shown(explanation, diff_decider_text(only->arena, only, region, 1)),
	       place ? "   " : "", place ? place : "");
}

static void print_nothing(const struct rule_explanation *explanation)
{
	const struct rule_facts *facts = explanation->facts;
	const char *action = policy_action_name(subject(explanation)->action);

	if (facts->of_ech)
		puts("What it decides are TLS hellos that hide a name (ECH), which a rule before it does not take.");
	else if (facts->unknown)
		puts("Too many names to tell what it decides.");
	else if (facts->decides)
		printf("Nothing would fare otherwise without it: %s, which it decides, %s would %s as well.\n",
		       shown(explanation, explanation->example),
		       shown(explanation, decider_text(explanation, explanation->instead)), action);
	else if (!facts->matches)
		puts("It matches no flow that is possible.");
	else if (explanation->example)
		printf("It decides nothing: %s is before it, and takes %s, for example.\n",
		       shown(explanation, decider_text(explanation, explanation->instead)),
		       shown(explanation, explanation->example));
	else
		puts("It decides nothing: no lookup of what it names is allowed.");
}

static void print_text(const struct rule_explanation *explanation)
{
	const struct diff *only = explanation->only;

	print_head(explanation);
	if (!only->regions.count) {
		print_nothing(explanation);
		return;
	}
	printf("Only this rule %s\n", subject(explanation)->action == POLICY_ALLOW ? "allows" : "denies");
	for (size_t i = 0; i < only->regions.count; i++)
		print_region(explanation, &only->regions.items[i]);
}

/* ---- JSON ---- */

static json_t *region_json(const struct rule_explanation *explanation, const struct diff_region *region)
{
	const struct diff *only = explanation->only;
	json_t *object = json_object(), *after = json_object();
	const char *place =
		span_format_line(only->arena, only->policies[1]->sources, diff_decider_span(only, region, 1));

	json_object_set_new(object, "verdict", json_string(policy_action_name(region->was)));
	json_object_set_new(object, "region", json_text(only->arena, region->words));
	if (region->except)
		json_object_set_new(object, "except", json_text(only->arena, region->except));
	json_object_set_new(object, "example", json_text(only->arena, region->example_text));
	json_object_set_new(after, "verdict", json_string(policy_action_name(diff_now(region))));
	json_object_set_new(after, "place", json_text(only->arena, place));
	json_object_set_new(after, "text", json_text(only->arena, diff_decider_text(only->arena, only, region, 1)));
	json_object_set_new(object, "without", after);
	return object;
}

static void print_json(const struct rule_explanation *explanation)
{
	const struct policy_rule *rule = subject(explanation);
	struct arena *arena = explanation->only->arena;
	const char *place = span_format(arena, explanation->policy->sources, rule->span);
	json_t *object = json_object(), *only = json_array();

	for (size_t i = 0; i < explanation->only->regions.count; i++)
		json_array_append_new(only, region_json(explanation, &explanation->only->regions.items[i]));
	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "rule", json_integer((json_int_t)explanation->rule + 1));
	json_object_set_new(object, "place", json_text(arena, place));
	json_object_set_new(object, "text", json_text(arena, rule->text));
	if (rule->because)
		json_object_set_new(object, "because", json_text(arena, rule->because));
	if (rule->bytes)
		json_object_set_new(object, "bytes", json_integer((json_int_t)rule->bytes));
	json_object_set_new(object, "only", only);
	if (explanation->facts) {
		json_object_set_new(object, "decides", json_boolean(explanation->facts->decides));
		if (explanation->example)
			json_object_set_new(object, "example", json_text(arena, explanation->example));
	}
	json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

int cmd_explain_rule(struct cmd_line *line, struct cmd_policy *loaded)
{
	const struct policy *policy = loaded->policy;
	struct fuel fuel = { .left = analysis_fuel(policy->rules.count) };
	struct addr_gateway gateway = cmd_gateway(line, policy);
	struct rule_explanation *explanation;

	if ((size_t)line->rule > policy->rules.count)
		return cmd_usage_error(line, "--rule %ld: %s has %zu rule%s", line->rule, policy->name,
				       policy->rules.count, policy->rules.count == 1 ? "" : "s");
	explanation = explain_rule(loaded->arena, policy, (size_t)line->rule - 1, &gateway, &fuel);
	if (!explanation) {
		fprintf(stderr, "%s: error: too complex here: what rule %zu decides was not analysed\n", loaded->name,
			fuel.rule + 1);
		return STATUS_NO;
	}
	if (line->format == FORMAT_JSON)
		print_json(explanation);
	else
		print_text(explanation);
	return STATUS_FINE;
}
