/* Floors: a flow passes where the policy and each of its floors let it. */
#include "eval/eval.h"
#include "lower/lower.h"
#include "policy_of.h"
#include "policy/flow.h"
#include "policy/options.h"

#include <criterion/criterion.h>

static const char floor_rules[] = "deny@*.evil.com,deny@10.9.0.0/16,deny:ingress@private,allow@10.0.0.0/8,allow@any";

/* The policy over a floor made of rules, as if --floor had named it */
static struct test_policy over_floor(const char *rules, const char *floor)
{
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct test_policy below = test_policy_of("deny", "allow", floor, false);

	below.policy->is_floor = true;
	*arena_push(made.arena, &made.policy->floors) = below.policy;
	return made;
}

static struct eval_verdict verdict_of(const struct test_policy *made, const char *text)
{
	struct eval_context context = { .policy = made->policy };
	struct diags *diags = diags_new(made->arena, made->policy->sources);
	struct flow flow;
	struct addr gateway;

	addr_parse("172.16.0.1", &gateway);
	addr_gateway_set(&context.gateway, gateway);
	cr_assert(flow_parse(made->arena, made->policy->sources, text, diags, &flow), "%s", text);
	return eval_flow(&context, &flow).verdict;
}

static void expect_floor(const char *policy, const char *text, size_t rule)
{
	struct test_policy made = over_floor(policy, floor_rules);
	struct eval_verdict verdict = verdict_of(&made, text);

	cr_expect(verdict.action == POLICY_DENY && verdict.by.kind == DECIDER_FLOOR && verdict.by.rule == rule &&
			  verdict.by.floor == 0,
		  "%s: %s by %d, rule %zu", text, policy_action_name(verdict.action), verdict.by.kind, verdict.by.rule);
}

Test(floor, denies_what_the_policy_allows)
{
	expect_floor("allow@any", "egress@www.evil.com:tcp:443", 0);
	expect_floor("allow@any", "dns@evil.com", 0);
	expect_floor("allow@any", "dns@evil.com:tcp", 0);
	expect_floor("allow@any", "egress@1.2.3.4:tcp:443 resolve=evil.com=1.2.3.4", 0);
	expect_floor("allow@any", "egress@10.9.8.7:udp:53", 1);
	expect_floor("allow@any", "egress@10.9.8.7:icmpv4", 1);
	expect_floor("allow@any", "ingress@192.168.1.1:tcp:80", 2);
}

Test(floor, allows_nothing_that_the_policy_denies)
{
	struct test_policy made = over_floor("allow@1.1.1.1", "allow@any");
	struct eval_verdict denied = verdict_of(&made, "egress@1.1.1.2:tcp:443");
	struct eval_verdict allowed = verdict_of(&made, "egress@1.1.1.1:tcp:443");

	cr_expect(denied.action == POLICY_DENY && denied.by.kind == DECIDER_DEFAULT);
	cr_expect(allowed.action == POLICY_ALLOW && decider_is_rule(allowed.by, 0));
}

Test(floor, its_default_counts)
{
	struct test_policy made = over_floor("allow@any", "allow@1.1.1.1");
	struct eval_verdict verdict = verdict_of(&made, "egress@1.1.1.2:tcp:443");

	cr_expect(verdict.action == POLICY_DENY && verdict.by.kind == DECIDER_FLOOR && verdict.by.rule == 1);
}

Test(floor, an_answer_needs_both)
{
	struct test_policy both = over_floor("allow@10.0.0.0/8", floor_rules);
	struct test_policy policy = over_floor("allow@192.168.0.0/16", floor_rules);
	struct test_policy floor = over_floor("allow@public", floor_rules);

	cr_expect(verdict_of(&both, "answer@10.1.0.1").action == POLICY_ALLOW);
	cr_expect(verdict_of(&both, "answer@10.9.0.1").action == POLICY_DENY);
	cr_expect(verdict_of(&policy, "answer@192.168.0.1").action == POLICY_DENY);
	cr_expect(verdict_of(&floor, "answer@10.1.0.1").action == POLICY_DENY);
}

Test(floor, several_add_up)
{
	struct test_policy made = over_floor("allow@any", "deny@1.1.1.1,allow@any");
	struct test_policy more = test_policy_of("deny", "allow", "deny@2.2.2.2,allow@any", false);

	*arena_push(made.arena, &made.policy->floors) = more.policy;
	cr_expect(verdict_of(&made, "egress@1.1.1.1:tcp:1").action == POLICY_DENY);
	cr_expect(verdict_of(&made, "egress@2.2.2.2:tcp:1").by.floor == 1);
	cr_expect(verdict_of(&made, "egress@3.3.3.3:tcp:1").action == POLICY_ALLOW);
}

Test(floor, sets_of_its_names_are_its_own)
{
	struct test_policy made = over_floor("allow@a.org", floor_rules);

	cr_expect_str_eq(lower_binding_set(made.arena, made.policy, 0, ADDR_V4), "rule1_v4");
	cr_expect_str_eq(lower_floor_binding_set(made.arena, made.policy, 0, 0, ADDR_V6), "floor1_rule1_v6");
	cr_expect(lower_floor_binding_set(made.arena, made.policy, 0, 1, ADDR_V4) == NULL);
}
