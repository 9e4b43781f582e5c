/* The rule offered for a denial, against the evaluator: put in front of the policy it lets that flow pass, and of other
 * flows only such as its own words say. */
#include "eval/suggest.h"
#include "policy/options.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define POLICIES random_effort(400)
#define FLOWS 60
#define OTHERS 60

static bool bound_in(const void *self, struct addr addr, bool (*each)(const char *, void *), void *context)
{
	const struct witness *flow = self;

	for (int i = 0; i < 2; i++)
		if (flow->bound[i] && addr_equal(addr, flow->addr) && each(flow->bound[i], context))
			return true;
	return false;
}

static bool offer(struct arena *arena, struct eval_context context, const struct witness *flow, struct suggestion *out)
{
	struct eval_connection connection = { flow->direction, flow->proto, flow->addr,
					      flow->has_port,  flow->port,  flow->sni };

	if (flow->kind == FLOW_DNS)
		return suggest_query(arena, &context, flow->name, flow->transport,
				     eval_dns(&context, flow->name, flow->transport), out);
	context.bindings = (struct eval_bindings){ bound_in, flow };
	return suggest_connection(arena, &context, &connection, eval_connection(&context, &connection), flow->bound[0],
				  out);
}

/* The same policy with the rule in front, as --net-rule puts it there: parsed */
static struct policy *with_rule(struct arena *arena, const struct policy *policy, const char *rule)
{
	struct policy_options options = { .arena = arena, .net_default = "deny" };
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy *changed = arena_alloc(arena, sizeof *changed);

	*arena_push(arena, &options.rules) = rule;
	const struct policy *parsed = options_resolve(&options, NULL, diags);
	cr_assert_eq(diags->errors, 0, "%s: %s", rule, diags->list.count ? diags->list.items[0].message : "");
	cr_assert_eq(parsed->rules.count, 1, "%s", rule);
	*changed = *policy;
	changed->rules.items = NULL;
	changed->rules.count = changed->rules.cap = 0;
	*arena_push(arena, &changed->rules) = parsed->rules.items[0];
	for (size_t i = 0; i < policy->rules.count; i++)
		*arena_push(arena, &changed->rules) = policy->rules.items[i];
	return changed;
}

static bool has_name(const struct witness *flow, const char *name)
{
	return (flow->bound[0] && !strcmp(flow->bound[0], name)) || (flow->bound[1] && !strcmp(flow->bound[1], name));
}

/* Whether another flow may pass as well by what was offered for this one */
static bool is_of_the_same(const struct witness *flow, const struct suggestion *suggestion, const struct witness *other)
{
	bool query = flow->kind == FLOW_DNS;
	enum policy_proto proto = query ? flow->transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP : flow->proto;
	uint16_t port = query ? 53 : flow->port;

	if (other->kind == FLOW_DNS)
		return suggestion->name && !strcmp(other->name, suggestion->name);
	if (other->kind != FLOW_CONNECTION || other->proto != proto || other->has_port != (query || flow->has_port) ||
	    (other->has_port && other->port != port) || other->direction != (query ? POLICY_EGRESS : flow->direction))
		return false;
	return suggestion->name ? has_name(other, suggestion->name) : addr_equal(other->addr, flow->addr);
}

static void check(struct random *random, const struct test_policy *made, const struct witness *flow,
		  const struct suggestion *suggestion)
{
	struct eval_context changed = made->context;
	enum addr_class class = addr_classify(flow->addr, &made->context.gateway);

	changed.policy = with_rule(made->arena, made->policy, suggestion->rule);
	cr_assert_eq(witness_eval(&changed, flow).action, POLICY_ALLOW, "%s does not allow %s", suggestion->rule,
		     witness_format(made->arena, made->policy, flow));
	cr_assert(flow->kind == FLOW_DNS || class == ADDR_CLASS_PUBLIC || class == ADDR_CLASS_PRIVATE);
	for (int i = 0; i < OTHERS; i++) {
		struct witness other = random_flow(random);
		if (i % 3 == 0) { /* near it: the same address, the same names */
			other.addr = flow->addr;
			other.bound[0] = flow->bound[0];
		}
		if (other.kind == FLOW_ANSWER || witness_eval(&made->context, &other).action == POLICY_ALLOW ||
		    witness_eval(&changed, &other).action == POLICY_DENY)
			continue;
		cr_assert(is_of_the_same(flow, suggestion, &other), "%s, offered for %s, allows %s", suggestion->rule,
			  witness_format(made->arena, made->policy, flow),
			  witness_format(made->arena, made->policy, &other));
	}
}

Test(suggest, a_rule_lets_its_flow_pass_and_no_other)
{
	struct random random = { 18 };
	size_t offered = 0, denied = 0;

	for (size_t i = 0; i < POLICIES; i++) {
		struct test_policy made = random_policy(&random, 6);
		if (random_below(&random, 3) == 0)
			random_add_floors(&made, &random);
		for (int k = 0; k < FLOWS; k++) {
			struct witness flow = random_flow(&random);
			struct suggestion suggestion;
			if (flow.kind == FLOW_ANSWER || witness_eval(&made.context, &flow).action == POLICY_ALLOW)
				continue;
			flow.sni = NULL;
			denied++;
			if (!offer(made.arena, made.context, &flow, &suggestion))
				continue;
			offered++;
			check(&random, &made, &flow, &suggestion);
		}
		arena_free(made.arena);
	}
	cr_assert(offered > denied / 10 && offered < denied, "%zu of %zu", offered, denied);
}

static void expect_offer(const char *rules, const char *text, const char *name, const char *want)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, false);
	struct witness flow = { .kind = FLOW_CONNECTION,
				.direction = POLICY_EGRESS,
				.proto = PROTO_TCP,
				.has_port = true,
				.port = 443,
				.bound = { name } };
	struct suggestion suggestion;

	made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	if (addr_parse(text, &flow.addr) == false)
		flow = (struct witness){ .kind = FLOW_DNS, .name = text, .transport = FLOW_DNS_UDP };
	bool offered = offer(made.arena, made.context, &flow, &suggestion);
	cr_expect_eq(offered, want != NULL, "%s", text);
	cr_expect(!offered || !want || !strcmp(suggestion.rule, want), "%s: %s", text, suggestion.rule);
	arena_free(made.arena);
}

Test(suggest, what_is_offered_and_what_is_not)
{
	expect_offer(NULL, "10.0.0.5", NULL, "allow@10.0.0.5:tcp:443");
	expect_offer("allow@a.example:tcp:80", "93.184.216.34", "a.example", "allow@a.example:tcp:443");
	expect_offer("allow@a.example:tcp:80", "2606:2800::1", NULL, "allow@[2606:2800::1]:tcp:443");
	expect_offer("allow@a.example:tcp:80", "b.example", NULL, "allow@b.example:udp:53");
	expect_offer("deny@b.example", "b.example", NULL, NULL); /* a rule denies it */
	expect_offer("deny@10.0.0.0/8", "10.0.0.5", NULL, NULL);
	expect_offer("allow@a.example", "169.254.169.254", NULL, NULL); /* metadata */
	expect_offer("allow@a.example", "64:ff9b::a9fe:a9fe", NULL, NULL);
	expect_offer("allow@a.example", "172.16.0.1", NULL, NULL); /* host */
	expect_offer("allow@a.example", "127.0.0.1", NULL, NULL);
	expect_offer("allow@a.example", "fe80::1", NULL, NULL);
	expect_offer("allow@a.example", "0.0.0.0", NULL, NULL);
	expect_offer("allow@a.example", "93.184.216.34", "169.254.169.254", NULL); /* a name that is none */
}

Test(suggest, names_that_a_rule_cannot_say_are_not_offered)
{
	static const char *const names[] = { "a\\010b.example",
					     "x.example\\010allow@any",
					     "-a.example",
					     "*.example.com",
					     "a,b.example",
					     "a:b.example",
					     "a@b.example",
					     "a{b.example",
					     "a b.example",
					     "",
					     "host.microsandbox.internal",
					     "metadata.google.internal",
					     "1.2.3.4",
					     "a.0x7f",
					     "a#b.example",
					     "a'b.example",
					     "a=b.example",
					     "\"a.example",
					     "[a.example",
					     "A.example" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct test_policy made = test_policy_of("deny", "deny", "allow@x.example", false);
		struct witness flow = { .kind = FLOW_DNS, .name = names[i], .transport = FLOW_DNS_UDP };
		struct suggestion suggestion = { .rule = NULL };
		if (offer(made.arena, made.context, &flow, &suggestion)) {
			struct policy *parsed = with_rule(made.arena, made.policy, suggestion.rule);
			cr_expect(parsed->rules.items[0].targets.count == 1 &&
					  !strcmp(parsed->rules.items[0].targets.items[0].name, names[i]),
				  "`%s`: %s", names[i], suggestion.rule);
			cr_expect_eq(strcspn(suggestion.rule, "' \\\"\n,{}"), strlen(suggestion.rule), "%s",
				     suggestion.rule);
		}
		arena_free(made.arena);
	}
}

static void expect_server_name(const char *rules, const char *bound, const char *sni, const char *want)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, false);
	struct witness flow = { .kind = FLOW_CONNECTION,
				.direction = POLICY_EGRESS,
				.proto = PROTO_TCP,
				.has_port = true,
				.port = 443,
				.bound = { bound },
				.sni = sni };
	struct suggestion suggestion;

	cr_assert(addr_parse("93.184.216.34", &flow.addr));
	bool offered = offer(made.arena, made.context, &flow, &suggestion);
	cr_expect_eq(offered, want != NULL, "%s", sni);
	cr_expect(!offered || !want || !strcmp(suggestion.rule, want), "%s: %s", sni, suggestion.rule);
	arena_free(made.arena);
}

Test(suggest, a_denied_server_name_is_offered_and_never_its_address)
{
	const char *rules = "allow@cdn.example:tcp:443";

	expect_server_name(rules, "cdn.example", "evil.example.net", "allow@evil.example.net:tcp:443");
	expect_server_name(rules, "cdn.example", "EVIL.example.net.", "allow@evil.example.net:tcp:443");
	expect_server_name(rules, NULL, "evil.example.net", "allow@evil.example.net:tcp:443");
	expect_server_name(rules, "cdn.example", "93.184.216.34", NULL);
	expect_server_name(rules, "cdn.example", "", NULL);
	expect_server_name(rules, "cdn.example", "a..example", NULL);
	expect_server_name(rules, "cdn.example", "a\nb.example", NULL);
	expect_server_name(rules, "cdn.example", "host.microsandbox.internal", NULL);
	expect_server_name("deny@evil.example.net,allow@public", NULL, "evil.example.net", NULL);
}
