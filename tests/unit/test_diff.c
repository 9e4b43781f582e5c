/* Diffs of random policies: each region's example changes verdict as it says, and a flow that changes is in a
 * region. */
#include "diff/diff.h"
#include "policy/flow.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS random_effort(2000)
#define FLOWS 400

static uint64_t seed(void)
{
	const char *given = getenv("MSB_SEED");

	return given ? strtoull(given, NULL, 10) : 20261125;
}

struct two {
	struct test_policy sides[2];
	const char *shown;
	struct diff *diff;
};

/* The verdict of a client that has to be given the names it uses */
static enum policy_action whole_verdict(const struct eval_context *context, const struct witness *flow)
{
	if (flow->kind == FLOW_CONNECTION && !random_flow_is_possible(context, flow))
		return POLICY_DENY;
	return witness_eval(context, flow).action;
}

/* A flow to a name is looked up over UDP; a name whose lookup passes over TCP alone cannot be shown by one. */
static bool looks_up_alike(const struct two *two, const struct diff_region *region, const struct flow *flow)
{
	enum policy_action lookup[2];

	for (int side = 0; side < 2; side++)
		lookup[side] = eval_dns(&two->sides[side].context, flow->name, FLOW_DNS_UDP).action;
	return lookup[region->was == POLICY_DENY] == POLICY_ALLOW;
}

static void check_examples(const struct two *two)
{
	for (size_t i = 0; i < two->diff->regions.count; i++) {
		const struct diff_region *region = &two->diff->regions.items[i];
		struct flow flow;
		struct test_policy const *side = &two->sides[0];

		cr_assert(flow_parse(side->arena, side->sources, region->example_text, side->diags, &flow), "%s: `%s`",
			  region->words, region->example_text);
		if (flow.to_name && !looks_up_alike(two, region, &flow))
			continue;
		cr_assert_eq(eval_flow(&two->sides[0].context, &flow).verdict.action, region->was, "%s: %s was not\n%s",
			     region->words, region->example_text, two->shown);
		cr_assert_eq(eval_flow(&two->sides[1].context, &flow).verdict.action, diff_now(region),
			     "%s: %s is not\n%s", region->words, region->example_text, two->shown);
	}
}

static size_t check_flows(struct random *random, const struct two *two)
{
	size_t changed = 0;

	for (size_t i = 0; i < FLOWS; i++) {
		struct witness flow = random_flow(random);

		/* a peer connects whether or not its name could be looked up */
		if (flow.kind == FLOW_CONNECTION && flow.direction == POLICY_INGRESS &&
		    random_flow_is_possible(&two->sides[0].context, &flow) !=
			    random_flow_is_possible(&two->sides[1].context, &flow))
			continue;
		if (whole_verdict(&two->sides[0].context, &flow) == whole_verdict(&two->sides[1].context, &flow))
			continue;
		changed++;
		cr_assert(diff_contains(two->diff, &flow), "%s changes outside all regions\n%s\n%s",
			  witness_format(two->sides[0].arena, NULL, &flow), two->shown,
			  diff_text(two->sides[0].arena, two->diff));
	}
	return changed;
}

/* Another policy, or the same with a rule dropped, doubled, or two of them exchanged */
static void edit(struct random *random, struct test_policy *made)
{
	struct policy *policy = made->policy;
	size_t at = random_below(random, (uint32_t)policy->rules.count);
	size_t other = random_below(random, (uint32_t)policy->rules.count);
	struct policy_rule rule = policy->rules.items[at];

	switch (random_below(random, 3)) {
	case 0:
		memmove(&policy->rules.items[at], &policy->rules.items[at + 1],
			(policy->rules.count - at - 1) * sizeof rule);
		policy->rules.count--;
		break;
	case 1:
		policy->rules.items[at] = policy->rules.items[other];
		policy->rules.items[other] = rule;
		break;
	default:
		policy->rules.items[at].action = !rule.action;
		policy->rules.items[at].within.count = 0; /* a deny has none */
	}
}

static struct two two_policies(struct random *random)
{
	struct two two;
	struct random again = *random;
	struct fuel fuel = { .left = ANALYSIS_FUEL };

	two.sides[0] = random_policy(random, 7);
	if (random_below(random, 3)) {
		two.sides[1] = random_policy(&again, 7);
		edit(random, &two.sides[1]);
	} else {
		two.sides[1] = random_policy(random, 7);
	}
	if (random_below(random, 3) == 0) {
		random_add_floors(&two.sides[0], random);
		for (size_t i = 0; i < two.sides[0].policy->floors.count && random_below(random, 5); i++)
			*arena_push(two.sides[1].arena, &two.sides[1].policy->floors) =
				two.sides[0].policy->floors.items[i];
	}
	two.sides[0].policy->server_names = two.sides[1].policy->server_names = !random_one_in(random, 6);
	two.sides[1].policy->nat64 = two.sides[0].policy->nat64; /* in one network */
	two.sides[1].context.gateway = two.sides[0].context.gateway;
	two.shown =
		arena_printf(two.sides[0].arena, "%s---\n%s", policy_format(two.sides[0].arena, two.sides[0].policy),
			     policy_format(two.sides[1].arena, two.sides[1].policy));
	two.diff = diff_policies(two.sides[0].arena, two.sides[0].policy, two.sides[1].policy,
				 &two.sides[0].context.gateway, &fuel);
	cr_assert_not(fuel.out);
	return two;
}

Test(diff, regions_agree_with_the_evaluator)
{
	struct random random = { seed() };
	size_t regions = 0, changed = 0, same = 0;

	for (size_t i = 0; i < PAIRS; i++) {
		struct two two = two_policies(&random);
		size_t here;

		check_examples(&two);
		here = check_flows(&random, &two);
		changed += here;
		regions += two.diff->regions.count;
		same += !two.diff->regions.count;
		arena_free(two.sides[0].arena);
		arena_free(two.sides[1].arena);
	}
	fprintf(stderr, "seed %llu: %zu pairs, %zu regions, %zu flows changed, %zu pairs alike\n",
		(unsigned long long)seed(), PAIRS, regions, changed, same);
	cr_assert(changed > PAIRS && same > PAIRS / 50, "the pairs are too tame to show anything");
}
