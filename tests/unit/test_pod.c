/* A pod's gateway: what is `host`, who is asked for names, which addresses are the guest's and which the namespace's own; and the chains
 * that only a pod has. */
#include "base/address.h"
#include "diag/diag.h"
#include "eval/eval.h"
#include "lower/lower.h"
#include "lower/sandbox_net.h"
#include "policy/options.h"

#include <criterion/criterion.h>
#include <string.h>

static struct addr parse(const char *text)
{
	struct addr addr;

	cr_assert(addr_parse(text, &addr));
	return addr;
}

static struct addr nodes[2], resolvers[1];
static struct addr_pod pod;

static struct addr_gateway pods_gateway(void)
{
	struct addr_gateway gateway = { 0 };

	addr_gateway_set(&gateway, parse("10.88.0.1"));
	addr_gateway_set(&gateway, parse("fd88::1"));
	nodes[0] = parse("192.0.2.7");
	nodes[1] = parse("2001:db8::7");
	resolvers[0] = parse("10.96.0.10");
	pod = (struct addr_pod){ .guest4 = parse("10.88.0.5"),
				 .guest6 = parse("fd88::5"),
				 .nodes = nodes,
				 .node_count = 2,
				 .resolvers = resolvers,
				 .resolver_count = 1 };
	gateway.pod = &pod;
	return gateway;
}

Test(pod, host_is_the_gateway_and_the_node)
{
	static const char *const hosts[] = { "10.88.0.1", "fd88::1", "192.0.2.7", "2001:db8::7" };
	struct addr_gateway gateway = pods_gateway();

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		cr_expect_eq(addr_classify(parse(hosts[i]), &gateway), ADDR_CLASS_HOST, "%s", hosts[i]);
	cr_expect_eq(addr_classify(parse("10.88.0.2"), &gateway), ADDR_CLASS_PRIVATE);
	cr_expect_eq(addr_classify(parse("10.96.0.10"), &gateway), ADDR_CLASS_PRIVATE);
}

Test(pod, host_as_a_set_is_what_is_classified_so)
{
	struct arena *arena = arena_new();
	struct addr_gateway gateway = pods_gateway();
	struct addr_set v4 = addr_class_set(arena, ADDR_CLASS_HOST, ADDR_V4, &gateway);
	struct addr_set v6 = addr_class_set(arena, ADDR_CLASS_HOST, ADDR_V6, &gateway);

	cr_expect_eq(v4.count, 2);
	cr_expect(addr_set_contains(&v4, parse("192.0.2.7").value));
	cr_expect(addr_set_contains(&v6, parse("2001:db8::7").value));
	cr_expect(addr_set_contains(&v6, parse("64:ff9b::c000:207").value), "what carries the node's IPv4 address");
	arena_free(arena);
}

Test(pod, resolvers_are_asked_as_the_gateway_is)
{
	struct addr_gateway gateway = pods_gateway();

	cr_expect(addr_gateway_resolves(&gateway, parse("10.96.0.10")));
	cr_expect(addr_gateway_resolves(&gateway, parse("10.88.0.1")));
	cr_expect_not(addr_gateway_resolves(&gateway, parse("8.8.8.8")));
}

Test(pod, addresses)
{
	struct addr_gateway gateway = pods_gateway();

	cr_expect(addr_equal(lower_guest(&gateway, ADDR_V4), parse("10.88.0.5")));
	cr_expect(addr_equal(lower_guest(&gateway, ADDR_V6), parse("fd88::5")));
	cr_expect(addr_equal(lower_own(&gateway, ADDR_V4), parse("192.0.0.8")));
	gateway.pod = NULL;
	cr_expect(addr_equal(lower_guest(&gateway, ADDR_V4), parse("10.88.0.2")));
	cr_expect(addr_equal(lower_own(&gateway, ADDR_V4), parse("10.88.0.1")));
}

static const struct rs_chain *find_chain(const struct ruleset *ruleset, const char *name)
{
	const struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->chains.count; i++)
		if (!strcmp(table->chains.items[i].name, name))
			return &table->chains.items[i];
	return NULL;
}

static const struct policy *policy_of(struct arena *arena, const char *rule)
{
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena, .net_default = "deny" };

	*arena_push(arena, &options.rules) = rule;
	const struct policy *policy = options_resolve(&options, NULL, diags);
	cr_assert_eq(diags->errors, 0);
	return policy;
}

static struct ruleset *lower(struct arena *arena, const char *rule, const struct addr_gateway *gateway)
{
	struct lower_options how = { .gateway = *gateway };

	return lower_policy(arena, policy_of(arena, rule), &how);
}

static size_t rules_of(struct arena *arena, const char *rule, const struct addr_gateway *gateway)
{
	const struct rs_chain *chain = find_chain(lower(arena, rule, gateway), "ingress");

	return chain ? chain->rules.count : 0;
}

Test(pod, ingress_is_judged_where_there_is_a_pod)
{
	struct arena *arena = arena_new();
	struct addr_gateway gateway = pods_gateway(), vm = gateway;

	vm.pod = NULL;
	cr_expect_eq(rules_of(arena, "allow:ingress@10.88.0.9:tcp:80", &vm), 0);
	cr_expect_eq(rules_of(arena, "allow:ingress@10.88.0.9:tcp:80", &gateway), 4,
		     "the node in both families, the rule, the default");
	cr_expect_eq(rules_of(arena, "deny:ingress@host", &gateway), 3, "the rule in both families, the default");
	cr_expect(find_chain(lower(arena, "allow@any", &gateway), "own_flows"));
	cr_expect_null(find_chain(lower(arena, "allow@any", &vm), "own_flows"));
	cr_expect_null(find_chain(lower(arena, "allow@any", &vm), LOWER_CHAIN_SHUT));
	arena_free(arena);
}

Test(pod, the_node_comes_in_unless_it_is_shut_out)
{
	static const struct {
		const char *rule, *peer;
		bool pod;
		enum policy_action action;
		enum decider_kind by;
	} cases[] = {
		{ "deny:ingress@any", "10.88.0.1", true, POLICY_ALLOW, DECIDER_NODE },
		{ "deny:ingress@any", "192.0.2.7", true, POLICY_ALLOW, DECIDER_NODE },
		{ "deny:ingress@any", "2001:db8::7", true, POLICY_ALLOW, DECIDER_NODE },
		{ "deny:ingress@any", "10.88.0.9", true, POLICY_DENY, DECIDER_RULE },
		{ "deny:ingress@any", "10.88.0.1", false, POLICY_DENY, DECIDER_RULE },
		{ "deny:ingress@host", "10.88.0.1", true, POLICY_DENY, DECIDER_RULE },
		{ "deny@host", "10.88.0.1", true, POLICY_ALLOW, DECIDER_NODE },
	};
	struct arena *arena = arena_new();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct eval_context context = { policy_of(arena, cases[i].rule), pods_gateway(), EVAL_NO_BINDINGS };
		struct eval_connection connection = { .direction = POLICY_INGRESS,
						      .proto = PROTO_TCP,
						      .addr = parse(cases[i].peer),
						      .has_port = true,
						      .port = 80 };

		context.gateway.pod = cases[i].pod ? &pod : NULL;
		struct eval_verdict verdict = eval_connection(&context, &connection);
		cr_expect(verdict.action == cases[i].action && verdict.by.kind == cases[i].by, "%s, %s", cases[i].rule,
			  cases[i].peer);
	}
	arena_free(arena);
}
