/* The evaluator where a flow expression cannot go: resolvers, bindings kept by somebody else, raw server
 * names; and the meaning of a flow to a name, step by step. */
#include "policy/flow.h"
#include "policy_of.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <string.h>

static void upstream_row(char **field)
{
	struct test_policy test =
		test_policy_of(field[1], field[2], strcmp(field[3], "-") ? field[3] : NULL, strcmp(field[7], "-") != 0);
	enum flow_transport transport = !strcmp(field[9], "udp") ? FLOW_DNS_UDP :
					!strcmp(field[9], "tcp") ? FLOW_DNS_TCP :
								   FLOW_DNS_DOT;
	enum eval_route wanted = !strcmp(field[10], "configured")  ? EVAL_ROUTE_CONFIGURED :
				 !strncmp(field[10], "direct ", 7) ? EVAL_ROUTE_DIRECT :
								     EVAL_ROUTE_DENIED;

	test.context.gateway = test_gateway(field[4], field[5]);
	cr_expect_eq(eval_dns_route(&test.context, test_addr(field[8]), transport), wanted, "%s", field[0]);
	arena_free(test.arena);
}

Test(eval, upstream_table)
{
	test_table("upstream.tsv", 12, upstream_row);
}

static struct eval_result flow_of(struct test_policy *test, const char *text)
{
	struct flow *flow = arena_alloc(test->arena, sizeof *flow);

	cr_assert(flow_parse(test->arena, test->sources, text, test->diags, flow), "%s: %s", text,
		  test->diags->list.count ? test->diags->list.items[0].message : "");
	return eval_flow(&test->context, flow);
}

static void expect_rule(struct test_policy *test, const char *text, enum policy_action action, size_t rule)
{
	struct eval_result result = flow_of(test, text);

	cr_expect_eq(result.verdict.action, action, "%s", text);
	cr_expect_eq(result.verdict.by.kind, DECIDER_RULE, "%s", text);
	cr_expect_eq(result.verdict.by.rule, rule, "%s", text);
}

static void expect_by(struct test_policy *test, const char *text, enum policy_action action, enum decider_kind by)
{
	struct eval_result result = flow_of(test, text);

	cr_expect_eq(result.verdict.action, action, "%s", text);
	cr_expect_eq(result.verdict.by.kind, by, "%s", text);
}

Test(eval, a_name_is_looked_up_then_connected)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@github.com:tcp:443", false);
	struct eval_result result = flow_of(&test, "egress@github.com:tcp:443");

	cr_expect(result.has_lookup && result.made_up && result.has_addr);
	cr_expect_eq(result.lookup.action, POLICY_ALLOW);
	cr_expect(addr_equal(result.addr, test_addr("93.184.216.34")));
	expect_rule(&test, "egress@github.com:tcp:443", POLICY_ALLOW, 0);
	expect_by(&test, "egress@github.com:tcp:80", POLICY_DENY, DECIDER_DEFAULT);
	result = flow_of(&test, "egress@example.com:tcp:443");
	cr_expect(result.has_lookup && !result.has_addr && result.lookup.action == POLICY_DENY);
	arena_free(test.arena);
}

Test(eval, a_held_back_answer_ends_the_flow)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@github.com", false);

	expect_by(&test, "egress@github.com:tcp:443 resolve=github.com=10.0.0.5", POLICY_DENY, DECIDER_REBIND);
	/* One bad address takes its whole family along, the other family stands */
	expect_by(&test, "egress@github.com:tcp:443 resolve=github.com=1.2.3.4,10.0.0.5", POLICY_DENY, DECIDER_REBIND);
	expect_rule(&test, "egress@github.com:tcp:443 resolve=github.com=10.0.0.5,2606:4700::1", POLICY_ALLOW, 0);
	cr_expect(flow_of(&test, "egress@github.com:tcp:443 resolve=github.com=10.0.0.5").answer_blocked);
	arena_free(test.arena);
}

Test(eval, an_excepted_answer_connects)
{
	struct test_policy test =
		test_policy_of("deny", "allow", "allow@nas.corp.internal,allow@10.0.0.0/8:udp", false);

	/* The second rule excepts the answer (UDP suffices), the first allows the connection */
	expect_rule(&test, "egress@nas.corp.internal:tcp:445 resolve=nas.corp.internal=10.0.0.5", POLICY_ALLOW, 0);
	arena_free(test.arena);
}

Test(eval, an_excepted_answer_is_decided_by_its_rule)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@public,allow@10.0.0.0/8", false);

	expect_rule(&test, "answer@10.0.0.5", POLICY_ALLOW, 1);
	expect_by(&test, "answer@192.168.0.1", POLICY_DENY, DECIDER_REBIND);
	arena_free(test.arena);
}

Test(eval, the_host_alias_is_the_gateway)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@host.microsandbox.internal:tcp:5432", false);
	struct eval_result result;

	test.context.gateway = test_gateway("172.16.0.1", "-");
	result = flow_of(&test, "egress@host.microsandbox.internal:tcp:5432");
	cr_expect_eq(result.verdict.action, POLICY_ALLOW);
	cr_expect(addr_equal(result.addr, test_addr("172.16.0.1")));
	expect_by(&test, "egress@172.16.0.1:tcp:5432", POLICY_DENY, DECIDER_DEFAULT);
	arena_free(test.arena);
}

Test(eval, an_inactive_family_gives_no_address)
{
	struct test_policy test = test_policy_of("allow", "allow", NULL, false);
	struct eval_result result;

	test.context.gateway = test_gateway("172.16.0.1", "-");
	result = flow_of(&test, "egress@example.com:tcp:443 resolve=example.com=2606:4700::1");
	cr_expect(result.no_address && result.verdict.action == POLICY_DENY);
	arena_free(test.arena);
}

Test(eval, server_names)
{
	struct test_policy test = test_policy_of("deny", "allow", "deny@evil.com,allow@*.good.com", false);
	struct eval_connection connection = { .direction = POLICY_EGRESS,
					      .proto = PROTO_TCP,
					      .has_port = true,
					      .port = 443,
					      .addr = test_addr("93.184.216.34") };
	struct flow flow = { .kind = FLOW_CONNECTION };
	const char *why;

	cr_assert(flow_add_resolve(test.arena, &flow, "a.good.com=93.184.216.34", &why));
	test.context.bindings = eval_flow_bindings(&flow);
	cr_expect_eq(eval_connection(&test.context, &connection).by.rule, 1);
	connection.sni = "B.GOOD.com.";
	cr_expect_eq(eval_connection(&test.context, &connection).action, POLICY_ALLOW);
	connection.sni = "other.example";
	cr_expect_eq(eval_connection(&test.context, &connection).by.kind, DECIDER_DEFAULT);
	connection.sni = "Evil.Com";
	cr_expect_eq(eval_connection(&test.context, &connection).by.rule, 0);
	/* a server looks at the name before the port */
	static const char *const with_port[] = { "Evil.Com:443", "evil.com.:443", "evil.com:", "EVIL.com:443." };
	for (size_t i = 0; i < sizeof with_port / sizeof *with_port; i++) {
		connection.sni = with_port[i];
		cr_expect_eq(eval_connection(&test.context, &connection).by.kind, DECIDER_RULE, "%s", with_port[i]);
		cr_expect_eq(eval_connection(&test.context, &connection).by.rule, 0, "%s", with_port[i]);
	}
	connection.sni = "a.good.com:443"; /* not all do, and no client says it */
	cr_expect_eq(eval_connection(&test.context, &connection).by.kind, DECIDER_DEFAULT);
	connection.sni = ""; /* a zero-length name is a name */
	cr_expect_eq(eval_connection(&test.context, &connection).action, POLICY_DENY);
	connection.sni = "Evil.Com"; /* UDP has no server name: the binding decides */
	connection.proto = PROTO_UDP;
	connection.port = 8443;
	cr_expect_eq(eval_connection(&test.context, &connection).by.rule, 1);
	arena_free(test.arena);
}

/* ECH: the outer name is judged, unless an allow says `no-ech` or the policy denies ECH */
Test(eval, ech_is_judged_by_its_outer_name)
{
	struct test_policy test =
		test_policy_of("deny", "allow", "deny@evil.com,allow@cdn.com:tcp:443,allow@a.com", false);
	struct policy *policy = (struct policy *)test.context.policy;
	const char *shown = "egress@cdn.com:tcp:443 sni=cdn.com", *hidden = "egress@cdn.com:tcp:443 sni=cdn.com ech";

	expect_rule(&test, hidden, POLICY_ALLOW, 1);
	policy->rules.items[1].no_ech = true;
	expect_rule(&test, shown, POLICY_ALLOW, 1);
	expect_by(&test, hidden, POLICY_DENY, DECIDER_DEFAULT);
	expect_rule(&test, "egress@a.com:tcp:443 sni=a.com ech", POLICY_ALLOW, 2);
	policy->server_names = false;
	expect_rule(&test, hidden, POLICY_ALLOW, 1);
	arena_free(test.arena);
}

Test(eval, denied_ech_hides_a_name_from_a_deny)
{
	struct test_policy test = test_policy_of("allow", "allow", "allow@10.0.0.0/8,deny@evil.com:tcp:443", false);
	struct policy *policy = (struct policy *)test.context.policy;
	const char *hidden = "egress@1.2.3.4:tcp:443 sni=good.com ech";

	expect_by(&test, hidden, POLICY_ALLOW, DECIDER_DEFAULT);
	policy->deny_ech = true;
	expect_by(&test, hidden, POLICY_DENY, DECIDER_HIDDEN);
	cr_expect_eq(flow_of(&test, hidden).verdict.by.rule, 1);
	cr_expect_eq(flow_of(&test, hidden).syn, EVAL_SYN_DEFER);
	expect_by(&test, "egress@1.2.3.4:tcp:443 sni=good.com", POLICY_ALLOW, DECIDER_DEFAULT);
	expect_by(&test, "egress@1.2.3.4:tcp:8443 sni=good.com ech", POLICY_ALLOW, DECIDER_DEFAULT);
	expect_rule(&test, "egress@10.0.0.1:tcp:443 sni=good.com ech", POLICY_ALLOW, 0);
	arena_free(test.arena);
}

/* What the packet filter and the relay rest on, whatever a hello says: what it lets pass at once is allowed, what it refuses
 * is denied, and ECH only ever closes. */
static void check_hello(const struct eval_context *context, struct eval_connection connection, const char *shown)
{
	enum eval_syn syn = eval_syn(context, &connection);
	enum policy_action plain = eval_connection(context, &connection).action;

	connection.ech = true;
	enum policy_action hidden = eval_connection(context, &connection).action;
	cr_assert(hidden == POLICY_DENY || plain == POLICY_ALLOW, "ECH opens\n%s", shown);
	cr_assert(syn == EVAL_SYN_DEFER || plain == (syn == EVAL_SYN_ALLOW ? POLICY_ALLOW : POLICY_DENY),
		  "a server name decides what was decided\n%s", shown);
	cr_assert(syn == EVAL_SYN_DEFER || hidden == plain, "ECH decides what was decided\n%s", shown);
}

Test(eval, property_hellos_are_judged_where_they_are_looked_at)
{
	static const char *const names[] = { NULL,
					     "",
					     "example.com",
					     "x.example.com",
					     "a.example",
					     "z.corp.example",
					     "x.corp.example",
					     "example.net",
					     "evil.example" };
	struct random random = { 20261128 };
	size_t judged = 0;

	for (size_t i = 0; i < random_effort(4000); i++) {
		struct test_policy made = random_policy(&random, 9);

		made.policy->deny_ech = random_one_in(&random, 3);
		for (size_t j = 0; j < made.policy->rules.count; j++)
			made.policy->rules.items[j].no_ech = random_one_in(&random, 2);
		for (size_t j = 0; j < 100; j++) {
			struct witness flow = random_flow(&random);
			struct eval_connection connection = { .direction = POLICY_EGRESS,
							      .proto = PROTO_TCP,
							      .addr = flow.addr,
							      .has_port = true,
							      .port = flow.port };
			struct flow bound = { .kind = FLOW_CONNECTION };
			struct eval_context context = made.context;

			if (flow.kind != FLOW_CONNECTION || flow.proto != PROTO_TCP || flow.direction != POLICY_EGRESS)
				continue;
			for (int k = 0; k < 2 && flow.bound[k]; k++) {
				struct flow_binding *binding = arena_push(made.arena, &bound.resolve);

				*binding = (struct flow_binding){ .name = flow.bound[k] };
				*arena_push(made.arena, &binding->addrs) = flow.addr;
			}
			context.bindings = eval_flow_bindings(&bound);
			connection.sni = RANDOM_PICK(&random, names);
			check_hello(&context, connection, policy_format(made.arena, made.policy));
			judged++;
		}
		arena_free(made.arena);
	}
	cr_assert(judged > 1000, "%zu hellos", judged);
}

Test(eval, quic_would_hide_the_name)
{
	struct test_policy test =
		test_policy_of("allow", "allow", "allow@10.0.0.0/8,deny@evil.com,allow@any:udp", false);

	expect_by(&test, "egress@1.2.3.4:udp:443", POLICY_DENY, DECIDER_HIDDEN);
	cr_expect_eq(flow_of(&test, "egress@1.2.3.4:udp:443").verdict.by.rule, 1);
	expect_rule(&test, "egress@10.0.0.1:udp:443", POLICY_ALLOW, 0);
	expect_rule(&test, "egress@1.2.3.4:udp:444", POLICY_ALLOW, 2);
	arena_free(test.arena);
}

Test(eval, refused_whatever_the_rules_say)
{
	struct test_policy test = test_policy_of("allow", "allow", "allow@any", false);
	static const char *const refused[] = { "egress@8.8.8.8:tcp:853", "egress@8.8.8.8:udp:853",
					       "egress@8.8.8.8:udp:5353", "egress@8.8.8.8:udp:5355",
					       "egress@8.8.8.8:udp:137" };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		expect_by(&test, refused[i], POLICY_DENY, DECIDER_REFUSED);
	expect_rule(&test, "egress@8.8.8.8:tcp:5353", POLICY_ALLOW, 0);
	expect_rule(&test, "egress@8.8.8.8:tcp:137", POLICY_ALLOW, 0);
	expect_by(&test, "ingress@8.8.8.8:tcp:853", POLICY_ALLOW, DECIDER_DEFAULT);
	arena_free(test.arena);
}

/* dispatch.tsv, TLS interception off: what the evaluator refuses and what it leaves to the rules */
static void dispatch_row(char **field)
{
	struct eval_connection connection = { .direction = POLICY_EGRESS,
					      .has_port = true,
					      .addr = { ADDR_V4, 0x08080808 } };

	if (strcmp(field[2], "off"))
		return;
	connection.proto = strcmp(field[0], "tcp") ? PROTO_UDP : PROTO_TCP;
	connection.port = (uint16_t)atoi(field[1]);
	cr_expect_eq(eval_port_refused(&connection), strcmp(field[3], "refuse") == 0, "%s %s", field[0], field[1]);
}

Test(eval, dispatch_table)
{
	test_table("dispatch.tsv", 5, dispatch_row);
}

Test(eval, other_protocols_match_rules_without_protocol_and_ports)
{
	struct test_policy test =
		test_policy_of("deny", "allow", "allow@public:tcp,allow@public:any:0-65535,allow@public", false);

	expect_rule(&test, "egress@8.8.8.8:sctp", POLICY_ALLOW, 2);
	expect_rule(&test, "egress@8.8.8.8:gre", POLICY_ALLOW, 2);
	arena_free(test.arena);
}

Test(eval, a_deny_takes_in_the_addresses_that_carry_its_own)
{
	struct test_policy test = test_policy_of("allow", "allow", "deny@8.8.8.0/24,allow@1.1.1.1", false);

	expect_rule(&test, "egress@[64:ff9b::808:808]:tcp:443", POLICY_DENY, 0);
	expect_rule(&test, "egress@[2002:808:808::1]:tcp:443", POLICY_DENY, 0);
	expect_by(&test, "egress@[64:ff9b::101:101]:tcp:443", POLICY_ALLOW, DECIDER_DEFAULT);
	arena_free(test.arena);
}

Test(eval, a_list_is_one_rule)
{
	struct test_policy test =
		test_policy_of("deny", "deny", "allow:any@{github.com,10.0.0.0/8,host}:{tcp,udp}:{22,443}", false);

	test.context.gateway = test_gateway("172.16.0.1", "-");
	expect_rule(&test, "egress@github.com:udp:22", POLICY_ALLOW, 0);
	expect_rule(&test, "egress@10.1.1.1:tcp:443", POLICY_ALLOW, 0);
	expect_rule(&test, "egress@172.16.0.1:tcp:443", POLICY_ALLOW, 0);
	expect_rule(&test, "ingress@10.1.1.1:tcp:22", POLICY_ALLOW, 0);
	expect_by(&test, "egress@10.1.1.1:tcp:80", POLICY_DENY, DECIDER_DEFAULT);
	expect_rule(&test, "dns@github.com:tcp", POLICY_ALLOW, 0);
	expect_by(&test, "dns@example.com", POLICY_DENY, DECIDER_DEFAULT); /* host, but not port 53 */
	arena_free(test.arena);
}

Test(eval, a_peer_connects_whether_or_not_it_was_looked_up)
{
	struct test_policy test = test_policy_of("deny", "deny", "allow:ingress@example.com,allow@dns", false);

	expect_rule(&test, "ingress@example.com:tcp:80", POLICY_ALLOW, 0);
	arena_free(test.arena);
	test = test_policy_of("deny", "deny", "deny@dns,allow:ingress@example.com", false);
	expect_by(&test, "ingress@example.com:tcp:80", POLICY_DENY, DECIDER_DEFAULT);
	arena_free(test.arena);
}

Test(eval, the_unnamed_public_address_is_free)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@93.184.216.0/24,allow@93.184.217.0", false);

	cr_expect(addr_equal(eval_unnamed_public(test.policy, ADDR_V4), test_addr("93.184.217.1")));
	cr_expect(
		addr_equal(eval_unnamed_public(test.policy, ADDR_V6), test_addr("2606:2800:220:1:248:1893:25c8:1946")));
	arena_free(test.arena);
	test = test_policy_of("deny", "allow", "allow@0.0.0.0/0", false);
	cr_expect(addr_equal(eval_unnamed_public(test.policy, ADDR_V4), test_addr("93.184.216.34")));
	arena_free(test.arena);
}

Test(eval, rebind_protection_off)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@github.com", false);

	test.policy->rebind_protection = false;
	cr_expect(eval_answer_passes(&test.context, test_addr("10.0.0.1")));
	cr_expect_eq(eval_answer(&test.context, test_addr("10.0.0.1")), EVAL_ANSWER_RESERVED);
	expect_rule(&test, "egress@github.com:tcp:443 resolve=github.com=10.0.0.5", POLICY_ALLOW, 0);
	arena_free(test.arena);
}

Test(eval, public_is_no_exception_but_a_rule_behind_it_may_be)
{
	struct test_policy test = test_policy_of("deny", "allow", "allow@public,allow@192.0.2.0/24", false);

	cr_expect_eq(eval_answer(&test.context, test_addr("192.0.2.1")), EVAL_ANSWER_EXCEPTED);
	cr_expect_eq(eval_answer(&test.context, test_addr("198.51.100.1")), EVAL_ANSWER_RESERVED);
	arena_free(test.arena);
	test = test_policy_of("deny", "allow", "deny@public,allow@192.0.2.0/24", false);
	cr_expect_eq(eval_answer(&test.context, test_addr("192.0.2.1")), EVAL_ANSWER_RESERVED);
	arena_free(test.arena);
}
