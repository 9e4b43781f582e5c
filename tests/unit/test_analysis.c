/* The analysis algebra against the evaluator: thousands of random policies, each rule's facts by flows. */
#include "analysis/facts.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES random_effort(800) /* of each seed */
#define SEEDS 5
#define FLOWS 400

static uint64_t seed(void)
{
	const char *given = getenv("MSB_SEED");

	return given ? strtoull(given, NULL, 10) : 20261124;
}

struct sample {
	struct witness flows[FLOWS];
	struct eval_verdict verdicts[FLOWS];
	size_t count;
};

static void take_sample(struct random *random, const struct eval_context *context, struct sample *sample)
{
	sample->count = 0;
	for (size_t i = 0; i < FLOWS; i++) {
		struct witness flow = random_flow(random);

		if (!random_flow_is_possible(context, &flow))
			continue;
		sample->flows[sample->count] = flow;
		sample->verdicts[sample->count++] = witness_eval(context, &flow);
	}
}

static const char *shown(const struct test_policy *made, const struct witness *flow)
{
	return witness_format(made->arena, made->policy, flow);
}

static struct policy without_rule(struct arena *arena, const struct policy *policy, size_t rule)
{
	struct policy left = *policy;

	left.rules.items = arena_alloc(arena, policy->rules.count * sizeof *left.rules.items);
	left.rules.count = 0;
	for (size_t i = 0; i < policy->rules.count; i++)
		if (i != rule)
			left.rules.items[left.rules.count++] = policy->rules.items[i];
	return left;
}

static struct policy without_item(struct arena *arena, const struct policy *policy, size_t rule, size_t item,
				  bool ports)
{
	struct policy left = without_rule(arena, policy, policy->rules.count);
	struct policy_rule *cut = &left.rules.items[rule];
	size_t size = ports ? sizeof *cut->ports.items : sizeof *cut->targets.items;
	size_t *count = ports ? &cut->ports.count : &cut->targets.count;
	char *from = ports ? (char *)cut->ports.items : (char *)cut->targets.items;
	char *items = arena_alloc(arena, *count * size);

	memcpy(items, from, item * size);
	memcpy(items + item * size, from + (item + 1) * size, (*count - item - 1) * size);
	--*count;
	if (ports)
		cut->ports.items = (void *)items;
	else
		cut->targets.items = (void *)items;
	return left;
}

/* No flow of the sample fares otherwise under `changed` */
static void check_same(const struct test_policy *made, const struct sample *sample, const struct policy *changed,
		       const char *what, size_t rule)
{
	struct eval_context context = made->context;

	context.policy = changed;
	for (size_t i = 0; i < sample->count; i++) {
		struct eval_verdict now = witness_eval(&context, &sample->flows[i]);

		cr_assert_eq(now.action, sample->verdicts[i].action, "rule %zu (%s) %s, yet without it %s changes:\n%s",
			     rule + 1, made->policy->rules.items[rule].text, what, shown(made, &sample->flows[i]),
			     policy_format(made->arena, made->policy));
	}
}

/* It matches, or refuses since QUIC would hide a name that it judges */
static bool is_by(struct decider by, size_t rule)
{
	return (by.kind == DECIDER_RULE || by.kind == DECIDER_HIDDEN) && by.rule == rule;
}

static void check_example(const struct test_policy *made, const struct rule_facts *facts, size_t rule)
{
	struct eval_verdict verdict = witness_eval(&made->context, &facts->example);

	cr_assert(random_flow_is_possible(&made->context, &facts->example), "rule %zu: %s cannot be\n%s", rule + 1,
		  shown(made, &facts->example), policy_format(made->arena, made->policy));
	cr_assert(is_by(verdict.by, rule) || verdict.by.kind == DECIDER_FLOOR, "rule %zu (%s) decides, yet not %s\n%s",
		  rule + 1, made->policy->rules.items[rule].text, shown(made, &facts->example),
		  policy_format(made->arena, made->policy));
}

static void check_shadowing(const struct test_policy *made, const struct rule_facts *facts, size_t rule)
{
	struct eval_verdict verdict;

	if (facts->shadowing.kind == DECIDER_NONE)
		return;
	verdict = witness_eval(&made->context, &facts->shadowed);
	cr_assert(is_by(verdict.by, facts->shadowing.rule) || verdict.by.kind == DECIDER_FLOOR,
		  "rule %zu: %s is not taken by rule %zu\n%s", rule + 1, shown(made, &facts->shadowed),
		  facts->shadowing.rule + 1, policy_format(made->arena, made->policy));
}

static void check_items(const struct test_policy *made, const struct sample *sample, const struct rule_facts *facts,
			size_t rule)
{
	const struct policy_rule *token = &made->policy->rules.items[rule];

	for (size_t i = 0; facts->targets && i < token->targets.count; i++)
		if (!facts->targets[i]) {
			struct policy changed = without_item(made->arena, made->policy, rule, i, false);

			check_same(made, sample, &changed, "has a target that decides nothing", rule);
		}
	for (size_t i = 0; facts->ports && i < token->ports.count; i++)
		if (!facts->ports[i]) {
			struct policy changed = without_item(made->arena, made->policy, rule, i, true);

			check_same(made, sample, &changed, "has ports that decide nothing", rule);
		}
}

static void check_rule(const struct test_policy *made, const struct sample *sample, const struct rule_facts *facts,
		       size_t rule)
{
	struct policy changed = without_rule(made->arena, made->policy, rule);

	if (facts->decides)
		check_example(made, facts, rule);
	for (size_t i = 0; !facts->decides && i < sample->count; i++)
		cr_assert(!is_by(sample->verdicts[i].by, rule) || sample->flows[i].kind == FLOW_ANSWER,
			  "rule %zu decides nothing, yet %s\n%s", rule + 1, shown(made, &sample->flows[i]),
			  policy_format(made->arena, made->policy));
	if (!facts->changes_verdict)
		check_same(made, sample, &changed, facts->decides ? "has no effect" : "decides nothing", rule);
	if (!facts->decides && facts->matches)
		check_shadowing(made, facts, rule);
	if (facts->decides && !facts->answers)
		check_items(made, sample, facts, rule);
}

static struct rule_facts facts_of(const char *egress, const char *rules, size_t rule, bool multi_tenant)
{
	struct test_policy made = test_policy_of(egress, "allow", rules, multi_tenant);
	struct fuel fuel = { .left = ANALYSIS_FUEL };
	const struct policy *policy = made.policy;

	made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	struct rule_facts facts = *facts_of_rule(
		facts_find(analysis_new(made.arena, &policy, 1, ANALYSIS_BY_TARGET, &made.context.gateway, &fuel)),
		rule);
	arena_free(made.arena);
	return facts;
}

/* Rules that were said to make no difference, and do */
Test(analysis, what_makes_a_difference_is_not_said_to_make_none)
{
	/* a name hidden by a rule on one port is seen again behind it */
	cr_expect(facts_of("deny", "deny@*.corp.example:any:80,deny@*.x.corp.example,allow@any:any:80-443", 1, false)
			  .changes_verdict);
	/* a name that a rule on all addresses hides on one port matters on others */
	cr_expect(facts_of("deny", "allow@any:any:53,deny@*.corp.example:{tcp,udp},allow@0.0.0.0/0:udp:{80-90,85,91}",
			   1, false)
			  .changes_verdict);
	/* the host's alias leads to the gateway, which no answer does */
	cr_expect(facts_of("deny", "deny@172.16.0.0/16:tcp,allow@host.microsandbox.internal:tcp", 0, false)
			  .changes_verdict);
	/* a rule's own names give way to a later rule on some of them, at the addresses it names as well */
	cr_expect(facts_of("deny", "allow@dns,allow:ingress@{*.corp.example,public},deny:ingress@*.x.corp.example", 1,
			   false)
			  .changes_verdict);
	/* a deny by server name decides below the multi-tenant floor, too */
	cr_expect(facts_of("allow", "allow@*.example.net:any:853,deny@public:any:80-443,deny@*.example.net:any:80-443",
			   2, true)
			  .decides);
}

Test(analysis, facts_agree_with_the_evaluator)
{
	struct random random = { 0 };
	static struct sample sample;
	size_t rules = 0, dead = 0, idle = 0;

	for (size_t i = 0; i < SEEDS * POLICIES; i++) {
		if (i % POLICIES == 0)
			random = (struct random){ seed() + i / POLICIES };
		struct test_policy made = random_policy(&random, 9);
		made.policy->server_names = !random_one_in(&random, 6);
		if (random_below(&random, 3) == 0)
			random_add_floors(&made, &random);
		struct fuel fuel = { .left = ANALYSIS_FUEL };
		const struct policy *policy = made.policy;
		const struct facts *facts = facts_find(
			analysis_new(made.arena, &policy, 1, ANALYSIS_BY_TARGET, &made.context.gateway, &fuel));

		cr_assert_not(fuel.out);
		take_sample(&random, &made.context, &sample);
		for (size_t j = 0; j < made.policy->rules.count; j++) {
			const struct rule_facts *of = facts_of_rule(facts, j);

			check_rule(&made, &sample, of, j);
			rules++;
			dead += !of->decides;
			idle += of->decides && !of->changes_verdict;
		}
		arena_free(made.arena);
	}
	fprintf(stderr, "%d seeds from %llu: %zu policies, %zu rules, %zu decide nothing, %zu have no effect\n", SEEDS,
		(unsigned long long)seed(), SEEDS * POLICIES, rules, dead, idle);
	cr_assert(dead > rules / 20 && idle > rules / 50, "the policies are too tame to show anything");
}
