/* The optimiser's passes one by one; that they keep the meaning, others test on random policies. */
#include "policy_of.h"
#include "lower/lower_bound.h"
#include "optimise/names.h"
#include "optimise/shared_sets.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ruleset *lower(const struct test_policy *made)
{
	struct lower_options options = { .gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1") };

	return lower_policy(made->arena, made->policy, &options);
}

static struct rs_chain *find_chain(struct ruleset *ruleset, const char *name)
{
	struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->chains.count; i++)
		if (!strcmp(table->chains.items[i].name, name))
			return &table->chains.items[i];
	return NULL;
}

static struct rs_set *find_set(struct ruleset *ruleset, const char *name)
{
	struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->sets.count; i++)
		if (!strcmp(table->sets.items[i].name, name))
			return &table->sets.items[i];
	return NULL;
}

Test(optimise, names_leave_the_chain_of_the_policy)
{
	struct test_policy made =
		test_policy_of("deny", "allow", "deny@10.0.0.0/8,allow@a.example:tcp:443,allow@public:udp", false);
	struct ruleset *ruleset = lower(&made);
	size_t before = find_chain(ruleset, "egress")->rules.count;

	optimise_names(ruleset);
	cr_assert_not_null(find_chain(ruleset, "rule2_v4"));
	cr_assert_not_null(find_chain(ruleset, "rule2_v6"));
	cr_expect_eq(find_chain(ruleset, "rule2_v4")->rules.count, 1, "what it does not take comes back");
	cr_expect_eq(find_chain(ruleset, "egress")->rules.count, 3);
	cr_expect_eq(find_chain(ruleset, "egress_addresses")->rules.count, before - 2);
	cr_expect_null(find_set(ruleset, "rule2_v4"));
	cr_assert_not_null(find_set(ruleset, "bound4"));
	cr_expect(find_set(ruleset, "bound4")->map && find_set(ruleset, "bound4")->timeout);
	cr_expect_eq(find_set(ruleset, "bound4")->elements.count, 0, "the runtime's to fill");
	cr_expect_eq(lower_bound_maps(ruleset).v4, 1);
	arena_free(made.arena);
}

Test(optimise, a_subject_without_names_stays)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@public:tcp:443", false);
	struct ruleset *ruleset = lower(&made);

	optimise_names(ruleset);
	cr_expect_null(find_chain(ruleset, "egress_addresses"));
	cr_expect_eq(lower_bound_maps(ruleset).v4, 0);
	arena_free(made.arena);
}

Test(optimise, a_set_of_names_that_is_used_otherwise_blocks_the_pass)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@a.example:tcp:443,allow@b.example", false);
	struct ruleset *ruleset = lower(&made);
	struct rs_rule *other = rs_rule_add(ruleset, find_chain(ruleset, "outbound"), NULL);

	rs_lookup(ruleset, other, "rule1_v4", RS_IP_SADDR);
	optimise_names(ruleset);
	cr_expect_null(find_chain(ruleset, "rule2_v4"));
	cr_expect_not_null(find_set(ruleset, "rule1_v4"));
	arena_free(made.arena);
}

Test(optimise, shared_sets_hold_the_ports_of_the_list_and_no_others)
{
	struct arena *arena = arena_new();
	const char *rules = "allow@a.example:tcp:443";

	for (int i = 0; i < 9; i++)
		rules = arena_printf(arena, "%s,allow@10.%d.0.0/16:tcp:{22,80-90},allow@10.%d.0.0/16:udp:{1,%d}", rules,
				     i, i, i + 100);
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct ruleset *ruleset = lower(&made);
	optimise_names(ruleset);
	optimise_shared_sets(ruleset);
	struct rs_set *set = find_set(ruleset, "ports1");
	cr_assert_not_null(set);
	cr_expect(set->interval && !set->timeout && !set->map);
	cr_assert_eq(set->elements.count, 2);
	cr_expect(set->elements.items[0].key[0].lo == 22 && set->elements.items[0].key[0].hi == 22);
	cr_expect(set->elements.items[1].key[0].lo == 80 && set->elements.items[1].key[0].hi == 90);
	cr_expect_null(find_set(ruleset, "ports2"), "lists of few rules stay in them");
	arena_free(made.arena);
	arena_free(arena);
}
