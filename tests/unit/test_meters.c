/* Which limit of bytes a log's prefix is of, and what is known to be used up. */
#include "report/meters.h"
#include "policy_of.h"

#include <criterion/criterion.h>

Test(meters, a_prefix_names_a_meter_or_none)
{
	static const char *const others[] = {
		"", "tcp", "rule_", "rule_00000001", "rule_8000000g", "rule_180000000", "rules_80000001", "egress-bytes"
	};
	uint32_t meter = 0;

	cr_expect(meters_by_prefix("rule_8a3b0c1d", &meter));
	cr_expect_eq(meter, 0x8a3b0c1d);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect(!meters_by_prefix(others[i], &meter), "%s", others[i]);
	cr_expect_eq(meter, 0x8a3b0c1d, "unchanged");
}

Test(meters, one_that_is_used_up_is_noted_once_and_a_policy_has_so_many)
{
	struct meters meters = { 0 };

	cr_expect(!meters_is_spent(&meters, POLICY_METER_FLAG));
	cr_expect(meters_note(&meters, POLICY_METER_FLAG | 1));
	cr_expect(meters.anew);
	cr_expect(!meters_note(&meters, POLICY_METER_FLAG | 1));
	cr_expect(meters_is_spent(&meters, POLICY_METER_FLAG | 1));
	cr_expect(!meters_is_spent(&meters, 0), "no rule's");
	for (uint32_t i = 2; i < 200; i++)
		meters_note(&meters, POLICY_METER_FLAG | i);
	cr_expect_eq(meters.count, POLICY_METERS_MAX);
}

Test(meters, a_meter_leads_to_its_rule)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@8.8.8.8:tcp", false);

	cr_expect_eq(meters_rule(made.policy, 0), -1, "a rule without is nobody's");
	made.policy->rules.items[0].meter = POLICY_METER_FLAG | 5;
	cr_expect_eq(meters_rule(made.policy, POLICY_METER_FLAG | 5), 0);
	cr_expect_eq(meters_rule(made.policy, POLICY_METER_FLAG | 6), -1);
	arena_free(made.arena);
}
