/* `in NETWORK`: which answers it excepts from rebind protection, where the rule matches, and what gets into its sets. */
#include "policy_of.h"
#include "dns/bindings.h"
#include "eval/eval.h"

#include <criterion/criterion.h>
#include <string.h>

static bool passes(const struct test_policy *test, const char *name, const char *addr)
{
	return eval_answer_passes_for(&test->context, name, test_addr(addr));
}

Test(within, excepts_its_names_in_its_networks_alone)
{
	struct test_policy test = test_policy_of(
		"deny", "allow",
		"allow@*.db.internal:tcp:5432 in {10.20.0.0/16,[fd00:20::/32]},allow@x.org in 0.0.0.0/0", false);

	test.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	cr_expect(passes(&test, "db.internal", "10.20.0.5"));
	cr_expect(passes(&test, "a.db.internal", "fd00:20::1"));
	cr_expect(passes(&test, "db.internal", "::ffff:10.20.0.5"));
	cr_expect_not(passes(&test, "db.internal", "10.21.0.5"));
	cr_expect_not(passes(&test, "notdb.internal", "10.20.0.5"));
	cr_expect_not(passes(&test, NULL, "10.20.0.5"));
	cr_expect_not(passes(&test, "db.internal", "64:ff9b::a14:5"), "what carries it is no address of the network's");
	cr_expect(passes(&test, "x.org", "192.168.1.1"));
	cr_expect_not(passes(&test, "x.org", "169.254.169.254"));
	cr_expect_not(passes(&test, "x.org", "127.0.0.1"));
	cr_expect_not(passes(&test, "x.org", "172.16.0.1"), "the gateway");
	cr_expect_not(eval_answer_passes(&test.context, test_addr("10.20.0.5")), "of no name");
	arena_free(test.arena);
}

Test(within, the_floor_keeps_what_it_denies)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@db.internal:tcp:5432 in 10.20.0.0/16", true);

	cr_expect_not(passes(&test, "db.internal", "10.20.0.5"));
	arena_free(test.arena);
}

Test(within, sets_hold_addresses_inside_alone)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@db.internal in 10.20.0.0/16", false);
	const struct addr addrs[] = { test_addr("10.20.0.5"), test_addr("93.184.216.34") };
	struct bindings *bindings = bindings_new(test.policy, &test.context.gateway, (struct lower_maps){ 0, 0 });
	struct bindings_changes changes;

	cr_assert_eq(bindings_set(bindings, "db.internal", ADDR_V4, addrs, 2, 60000, 1000, &changes), 0);
	cr_assert_eq(changes.count, 1);
	cr_expect(addr_equal(changes.items[0].addr, addrs[0]));
	cr_assert_eq(bindings_set(bindings, "db.internal", ADDR_V4, NULL, 0, 0, 2000, &changes), 0);
	cr_assert_eq(changes.count, 1);
	cr_expect(changes.items[0].remove);
	bindings_free(bindings);
	arena_free(test.arena);
}
