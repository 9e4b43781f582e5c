/* When a flow began, and which names its address had then. */
#include "dns/bindings_past.h"
#include "flows/flows_state.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <string.h>

#define DAY_MS 1795909248000ll

Test(flows, began_by_the_clock_that_bindings_are_kept_by)
{
	uint64_t began = 0;

	cr_assert(flows_began_ms((DAY_MS + 7000) * 1000000ull, DAY_MS, DAY_MS, &began));
	cr_assert_eq(began, 7000);
	cr_assert(flows_began_ms((DAY_MS + 7000) * 1000000ull, DAY_MS, DAY_MS + 3, &began), "read one after the other");
	cr_assert_not(flows_began_ms(0, DAY_MS, DAY_MS, &began), "a kernel that does not stamp");
}

Test(flows, nobody_knows_when_once_the_clock_of_the_day_was_set)
{
	uint64_t began;

	cr_assert_not(flows_began_ms((DAY_MS + 7000) * 1000000ull, DAY_MS, DAY_MS + 3600000, &began), "forward");
	cr_assert_not(flows_began_ms((DAY_MS + 7000) * 1000000ull, DAY_MS, DAY_MS - 60, &began), "back");
}

static bool is_name(const char *name, void *wanted)
{
	return !strcmp(name, wanted);
}

static bool had(const struct bindings *bindings, bool has_when, uint64_t when_ms, const char *name)
{
	struct bindings_past past = { bindings, has_when, when_ms };
	struct eval_bindings view = bindings_past_view(&past);

	return view.any_name(view.self, test_addr("93.184.216.34"), is_name, (void *)name);
}

/* One after the other, with a time between in which the address has no name */
Test(flows, names_of_the_past)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@a.example,allow@b.example", false);
	struct bindings *bindings = bindings_new(made.policy, &made.context.gateway, (struct lower_maps){ 0, 0 });
	struct addr addr = test_addr("93.184.216.34");
	struct bindings_changes changes = { 0 };

	cr_assert_eq(bindings_set(bindings, "a.example", ADDR_V4, &addr, 1, 1000, 10000, &changes), 0);
	bindings_expire(bindings, 12000, &changes);
	cr_assert_eq(bindings_set(bindings, "a.example", ADDR_V4, NULL, 0, 0, 12000, &changes), 0);
	cr_assert_eq(bindings_set(bindings, "b.example", ADDR_V4, &addr, 1, 60000, 20000, &changes), 0);
	cr_assert(had(bindings, true, 10500, "a.example"));
	cr_assert_not(had(bindings, true, 10500, "b.example"), "it has that name only later");
	cr_assert_not(had(bindings, true, 15000, "a.example"));
	cr_assert_not(had(bindings, true, 15000, "b.example"));
	cr_assert(had(bindings, true, 30000, "b.example"));
	cr_assert_not(had(bindings, true, 30000, "a.example"), "it had that name before");
	cr_assert(had(bindings, false, 0, "a.example") && had(bindings, false, 0, "b.example"));
	bindings_free(bindings);
	arena_free(made.policy->arena);
}
