/* The tree of names, which the response-policy zone and dnsmasq's configuration are printed from, against the
 * reference evaluator: every name it holds, names below them and names outside. */
#include "emit/name_tree.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *random_name(struct arena *arena)
{
	static const char *const labels[] = { "a", "b", "c", "aa" };
	const char *name = random() % 2 ? "x.example" : "y";
	for (long i = random() % 3; i >= 0; i--)
		name = arena_printf(arena, "%s.%s", labels[random() % 4], name);
	return name;
}

static const char *random_rules(struct arena *arena)
{
	const char *rules = "";
	for (long i = random() % 8; i >= 0; i--) {
		const char *action = random() % 2 ? "allow" : "deny", *comma = *rules ? "," : "";
		long kind = random() % 12;
		if (kind == 0)
			rules = arena_printf(arena, "%s%s%s@dns", rules, comma, action);
		else if (kind == 1)
			rules = arena_printf(arena, "%s%s%s@any", rules, comma, action);
		else
			rules = arena_printf(arena, "%s%s%s%s@%s%s", rules, comma, action, kind == 2 ? ":ingress" : "",
					     kind % 2 ? "*." : "", random_name(arena));
	}
	return rules;
}

static void expect_verdict(const struct test_policy *test, const struct name_tree *tree, const char *name,
			   struct decider by)
{
	struct eval_verdict verdict = eval_dns(&test->context, name, FLOW_DNS_UDP);
	cr_expect(decider_equal(by, verdict.by), "%s: the tree says rule %zu (kind %d), eval %zu (kind %d)", name,
		  by.rule, by.kind, verdict.by.rule, verdict.by.kind);
	cr_expect_eq(name_tree_action(tree, by), verdict.action);
}

Test(name_tree, agrees_with_eval)
{
	srandom(20261124);
	for (int round = 0; round < 400; round++) {
		struct arena *words = arena_new();
		const char *rules = random_rules(words);
		struct test_policy test = test_policy_of(round % 2 ? "allow" : "deny", "allow", rules, false);
		const struct name_tree *tree = name_tree_build(test.arena, test.policy, test.diags);
		cr_assert(tree, "%s", rules);
		for (size_t i = 0; i < tree->count; i++) {
			expect_verdict(&test, tree, tree->items[i].name, tree->items[i].self);
			expect_verdict(&test, tree, arena_printf(words, "q.%s", tree->items[i].name),
				       tree->items[i].below);
			expect_verdict(&test, tree, arena_printf(words, "q.r.%s", tree->items[i].name),
				       tree->items[i].below);
		}
		expect_verdict(&test, tree, "elsewhere.test", tree->other);
		arena_free(test.arena);
		arena_free(words);
	}
}

Test(name_tree, refuses_what_depends_on_the_transport)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@any:udp", false);
	cr_expect_not(name_tree_build(test.arena, test.policy, test.diags));
	cr_expect_str_eq(test.diags->list.items[0].id, "cannot-say");
	arena_free(test.arena);
	test = test_policy_of("deny", "allow", "allow@any:udp,allow@any:tcp", false); /* two rules, one answer */
	cr_expect(name_tree_build(test.arena, test.policy, test.diags));
	arena_free(test.arena);
}
