/* Expectations of many flows: one that holds has no flow with another verdict among many drawn, and one that fails shows a
 * flow that is in its region, can happen, and has the other verdict, by the evaluator. */
#include "base/name.h"
#include "expect/expect.h"
#include "policy/expectation.h"
#include "policy/policy_facts.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20261128
#define POLICIES random_effort(4000)
#define FLOWS 60

struct counts {
	size_t held, failed, empty, checked, contrary_near;
};

/* ---- membership, anew ---- */

static bool takes_address(const struct eval_context *context, const struct policy_rule *rule, struct addr addr)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_target_takes_addr(context, rule->action, &rule->targets.items[i], addr))
			return true;
	return false;
}

static bool takes_name(const struct policy_rule *rule, const char *name)
{
	for (size_t i = 0; name && i < rule->targets.count; i++)
		if (rule->targets.items[i].kind == TARGET_ANY || eval_target_takes_name(&rule->targets.items[i], name))
			return true;
	return false;
}

static bool fits(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto,
		 bool has_port, uint16_t port)
{
	return (rule->directions & direction) && eval_rule_matches_proto(rule, proto) &&
	       eval_rule_matches_port(rule, has_port, port);
}

static bool is_alias_at_gateway(const struct eval_context *context, const char *name, struct addr addr)
{
	return name_equal(name, NAME_HOST_ALIAS) && addr_gateway_has(&context->gateway, addr);
}

/* A flow to one of the region's own names, given the witness's address by its answer */
static bool to_own_name(const struct eval_context *context, const struct witness *flow, struct eval_verdict *verdict)
{
	bool alias = name_equal(flow->bound[0], NAME_HOST_ALIAS);
	struct flow whole = {
		.kind = FLOW_CONNECTION,
		.direction = flow->direction,
		.to_name = true,
		.name = flow->bound[0],
		.proto = flow->proto,
		.has_port = flow->has_port,
		.port = flow->port,
	};
	struct flow_binding binding = { .name = flow->bound[0] };
	struct addr addrs[1] = { flow->addr };

	if (alias ? !is_alias_at_gateway(context, flow->bound[0], flow->addr) :
		    !eval_answer_passes_for(context, flow->bound[0], flow->addr))
		return false;
	binding.addrs.items = addrs;
	binding.addrs.count = 1;
	whole.resolve.items = &binding;
	whole.resolve.count = 1;
	*verdict = eval_flow(context, &whole).verdict;
	return true;
}

/* Whether the flow drawn is in the region, and its verdict */
static bool judge_member(const struct eval_context *context, const struct policy_region *region,
			 const struct witness *flow, struct eval_verdict *verdict)
{
	if (flow->kind != region->kind || addr_is_malformed(flow->addr, &context->gateway.nat64))
		return false;
	if (flow->kind != FLOW_DNS && addr_classify(flow->addr, &context->gateway) == ADDR_CLASS_NONE)
		return false;
	*verdict = witness_eval(context, flow);
	if (flow->kind == FLOW_DNS)
		return (region->transports & 1u << flow->transport) && takes_name(&region->rule, flow->name);
	if (flow->kind == FLOW_ANSWER)
		return takes_address(context, &region->rule, flow->addr);
	if (!fits(&region->rule, flow->direction, flow->proto, flow->has_port, flow->port))
		return false;
	if (takes_address(context, &region->rule, flow->addr))
		return random_flow_is_possible(context, flow);
	if (!flow->bound[0] || flow->bound[1] || flow->sni)
		return false;
	for (size_t i = 0; i < region->rule.targets.count; i++)
		if (eval_target_takes_name(&region->rule.targets.items[i], flow->bound[0]))
			return to_own_name(context, flow, verdict);
	return false;
}

/* ---- witnesses ---- */

static bool can_be_bound(const struct eval_context *context, const char *name, struct addr addr)
{
	if (eval_dns(context, name, FLOW_DNS_UDP).action != POLICY_ALLOW &&
	    eval_dns(context, name, FLOW_DNS_TCP).action != POLICY_ALLOW)
		return false;
	return name_equal(name, NAME_HOST_ALIAS) ? is_alias_at_gateway(context, name, addr) :
						   eval_answer_passes_for(context, name, addr);
}

static void check_witness(const struct eval_context *context, const struct expect_outcome *outcome, const char *rules)
{
	const struct policy_region *region = outcome->expect->region;
	const struct policy_rule *rule = &region->rule;
	const struct flow *flow = outcome->flow;
	const char *text = outcome->expect->flow.text;

	cr_assert_neq(outcome->result.verdict.action, outcome->expect->action, "%s: %s by %s", rules, text, flow->text);
	cr_assert_eq(flow->kind, region->kind, "%s: %s by %s", rules, text, flow->text);
	if (flow->kind == FLOW_DNS) {
		cr_assert(takes_name(rule, flow->name), "%s: %s by %s", rules, text, flow->text);
		return;
	}
	if (flow->kind == FLOW_ANSWER) {
		cr_assert(takes_address(context, rule, flow->addr), "%s: %s by %s", rules, text, flow->text);
		return;
	}
	cr_assert(fits(rule, flow->direction, flow->proto, flow->has_port, flow->port), "%s: %s by %s", rules, text,
		  flow->text);
	if (flow->to_name) {
		cr_assert(takes_name(rule, flow->name), "%s: %s by %s", rules, text, flow->text);
		if (flow->resolve.count)
			cr_assert(eval_answer_passes_for(context, flow->name, flow->resolve.items[0].addrs.items[0]),
				  "%s: %s by %s", rules, text, flow->text);
		return;
	}
	cr_assert(takes_address(context, rule, flow->addr) ||
			  (takes_name(rule, NAME_HOST_ALIAS) && addr_gateway_has(&context->gateway, flow->addr)) ||
			  (flow->resolve.count && takes_name(rule, flow->resolve.items[0].name)),
		  "%s: %s by %s", rules, text, flow->text);
	for (size_t i = 0; i < flow->resolve.count; i++)
		cr_assert(can_be_bound(context, flow->resolve.items[i].name, flow->addr), "%s: %s by %s", rules, text,
			  flow->text);
}

/* ---- drawing ---- */

/* A rule's token as an expectation of it; NULL: not of this kind */
static const char *random_region(struct arena *arena, struct random *random)
{
	const char *rule = random_rules(arena, random, 1), *at = strchr(rule, '@');
	bool ingress = strstr(rule, ":ingress@"), name = strstr(at, "example") || strstr(at, "microsandbox");
	char *target = arena_strdup(arena, at + 1);
	uint32_t kind = random_below(random, 8);

	if (strstr(target, " in ")) /* a rule's attribute, and no part of its target */
		*strstr(target, " in ") = '\0';
	if (kind > 1)
		return arena_printf(arena, "%s@%s", ingress ? "ingress" : "egress", target);
	if (target[0] != '[')
		target[strcspn(target, ":")] = '\0';
	else
		strchr(target, ']')[1] = '\0';
	if (target[0] == '{' || !strcmp(target, "dns"))
		return "dns@{a.example,*.corp.example}";
	return arena_printf(arena, "%s@%s", name ? "dns" : "answer", target);
}

static bool add_region(struct test_policy *made, struct random *random)
{
	struct rule_scope scope = { made->arena, made->diags, made->policy, NULL, NULL };
	struct policy_expect expect = { .span = SPAN_NONE };
	enum policy_action action = random_below(random, 2) ? POLICY_ALLOW : POLICY_DENY;
	const char *text = random_region(made->arena, random);

	cr_assert(expectation_parse(&scope, action, text, &expect), "%s: %s", text,
		  made->diags->list.count ? made->diags->list.items[0].message : "");
	if (!expect.region)
		return false;
	*arena_push(made->arena, &made->policy->expects) = expect;
	return true;
}

static void check_held(const struct test_policy *made, const struct expect_outcome *outcome, struct random *random,
		       struct counts *counts)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct witness flow = random_flow(random);
		struct eval_verdict verdict;

		if (!judge_member(&made->context, outcome->expect->region, &flow, &verdict))
			continue;
		counts->checked++;
		if (!outcome->holds) {
			counts->contrary_near += verdict.action != outcome->expect->action;
			continue;
		}
		cr_assert_eq(verdict.action, outcome->expect->action, "%s: expect %s %s: but %s",
			     made->options.rules.items[0], policy_action_name(outcome->expect->action),
			     outcome->expect->flow.text, witness_format(made->arena, NULL, &flow));
	}
}

static void check_policy(struct random *random, struct counts *counts)
{
	struct test_policy made = random_policy(random, 7);
	made.policy->server_names = !random_one_in(random, 6);
	const char *rules = arena_strdup(made.arena, made.options.rules.items[0]);
	struct expect_report *report;

	for (int i = 0; i < 6; i++)
		add_region(&made, random);
	report = expect_run(made.arena, &made.context);
	for (size_t i = 0; i < report->outcomes.count; i++) {
		const struct expect_outcome *outcome = &report->outcomes.items[i];

		counts->held += outcome->holds;
		counts->failed += !outcome->holds && outcome->flow;
		counts->empty += outcome->region->empty;
		cr_assert(!outcome->region->too_complex, "%s: %s", rules, outcome->expect->flow.text);
		if (outcome->flow)
			check_witness(&made.context, outcome, rules);
		check_held(&made, outcome, random, counts);
	}
	arena_free(made.arena);
}

Test(regions, agree_with_the_evaluator, .timeout = 300)
{
	const char *given = getenv("MSB_TEST_SEED");
	struct random random = { given ? strtoull(given, NULL, 10) : SEED };
	struct counts counts = { 0 };

	for (size_t i = 0; i < POLICIES; i++)
		check_policy(&random, &counts);
	cr_log_info("%zu held, %zu failed, %zu empty, %zu flows in them", counts.held, counts.failed, counts.empty,
		    counts.checked);
	cr_expect(counts.held > counts.failed / 50 && counts.failed > counts.held / 50);
	cr_expect(counts.checked > 10 * POLICIES / 4 && counts.contrary_near);
}

static struct expect_outcome outcome_of(struct test_policy *made, enum policy_action action, const char *text)
{
	struct rule_scope scope = { made->arena, made->diags, made->policy, NULL, NULL };
	struct policy_expect expect = { .span = SPAN_NONE };

	cr_assert(expectation_parse(&scope, action, text, &expect), "%s", text);
	made->policy->expects.count = 0;
	*arena_push(made->arena, &made->policy->expects) = expect;
	return expect_run(made->arena, &made->context)->outcomes.items[0];
}

static void fails_above_floor(bool multi_tenant, const char *rules, enum policy_action action, const char *text,
			      const char *witness)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, multi_tenant);
	struct expect_outcome outcome;

	made.context.gateway = test_gateway("172.16.0.1", "-");
	outcome = outcome_of(&made, action, text);

	cr_expect(!outcome.holds, "%s: %s holds", rules, text);
	cr_expect_str_eq(outcome.flow ? outcome.flow->text : "-", witness, "%s: %s by %s", rules, text,
			 outcome.flow ? outcome.flow->text : "-");
	arena_free(made.arena);
}

static void fails_by(const char *rules, enum policy_action action, const char *text, const char *witness)
{
	fails_above_floor(false, rules, action, text, witness);
}

static void holds(const char *rules, enum policy_action action, const char *text)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, false);
	struct expect_outcome outcome = outcome_of(&made, action, text);

	cr_expect(outcome.holds, "%s: %s fails by %s", rules, text, outcome.flow ? outcome.flow->text : "-");
	arena_free(made.arena);
}

Test(regions, of_addresses)
{
	holds("allow@10.1.0.0/16:tcp:443", POLICY_DENY, "egress@10.2.0.0/16:tcp:443");
	holds("allow@10.1.0.0/16:tcp:443", POLICY_DENY, "egress@10.0.0.0/8:tcp:80");
	holds("allow@10.0.0.0/8", POLICY_ALLOW, "egress@10.1.0.0/16:tcp:{22,80-443}");
	fails_by("allow@10.1.0.0/16:tcp:443", POLICY_DENY, "egress@10.0.0.0/8:tcp:443", "egress@10.1.0.0:tcp:443");
	fails_by("deny@198.51.100.0/24,allow@public", POLICY_ALLOW, "egress@public:tcp:443",
		 "egress@198.51.100.0:tcp:443");
	fails_by("allow@public", POLICY_ALLOW, "egress@public:tcp:853", "egress@93.184.216.34:tcp:853");
	/* what no flow is in tests nothing */
	fails_by("allow@any", POLICY_ALLOW, "egress@10.0.0.0/8:icmpv6", "-");
	fails_by("allow@any", POLICY_DENY, "egress@[::ffff:1.2.3.0/120]:tcp:443", "-");
}

/* A name's allow reaches an address that the target takes in, if an answer may bind it */
Test(regions, of_addresses_that_names_are_bound_to)
{
	fails_by("allow@smtp.example.com:tcp:25", POLICY_DENY, "egress@any:tcp:25",
		 "egress@93.184.216.34:tcp:25 resolve=smtp.example.com=93.184.216.34");
	holds("allow@evil.example:tcp:80", POLICY_DENY, "egress@meta");
	fails_by("allow@evil.example:tcp:80,allow@169.254.169.254", POLICY_DENY, "egress@meta:tcp:80",
		 "egress@169.254.169.254:tcp:80");
	fails_by("allow@db.corp.example:tcp:5432,deny@10.0.0.0/8:tcp,allow@10.0.0.0/8", POLICY_DENY,
		 "egress@10.0.0.0/8:tcp:5432", "egress@10.0.0.0:tcp:5432 resolve=db.corp.example=10.0.0.0");
	fails_by("deny@ads.example,allow@dns,allow@public", POLICY_ALLOW, "egress@8.8.8.0/24:tcp:443",
		 "egress@8.8.8.0:tcp:443 sni=ads.example");
}

Test(regions, of_names)
{
	holds("allow@{github.com,*.githubusercontent.com}:tcp:{22,443}", POLICY_ALLOW,
	      "egress@{github.com,*.githubusercontent.com}:tcp:{22,443}");
	fails_by("allow@{github.com,*.githubusercontent.com}:tcp:443", POLICY_ALLOW,
		 "egress@{github.com,*.githubusercontent.com}:tcp:{22,443}", "egress@github.com:tcp:22");
	holds("allow@github.com:tcp:443", POLICY_DENY, "egress@*.example.com");
	/* reserved addresses are held back, so no answer binds them */
	holds("deny@198.51.100.0/24,allow@a.example:tcp:443", POLICY_ALLOW, "egress@{a.example}:tcp:443");
	fails_by("deny@8.8.8.0/24,allow@a.example:tcp:443", POLICY_ALLOW, "egress@{a.example}:tcp:443",
		 "egress@a.example:tcp:443 resolve=a.example=8.8.8.0");
	holds("deny@8.8.8.0/24,allow@a.example:tcp:443", POLICY_ALLOW, "egress@a.example:tcp:443");
	holds("deny@*.ads.example,allow@any", POLICY_DENY, "dns@*.ads.example");
	fails_by("deny@x.ads.example,allow@any", POLICY_DENY, "dns@*.ads.example", "dns@ads.example");
	fails_by("allow@a.org", POLICY_ALLOW, "dns@{a.org,b.org}", "dns@b.org");
	fails_by("allow@a.org", POLICY_DENY, "dns@any", "dns@a.org");
}

Test(regions, of_answers_and_peers)
{
	holds("allow@public", POLICY_DENY, "answer@10.0.0.0/8");
	fails_by("allow@10.1.0.0/16", POLICY_DENY, "answer@10.0.0.0/8", "answer@10.1.0.0");
	holds("deny:ingress@public", POLICY_DENY, "ingress@public:tcp");
	fails_by("allow:ingress@private:tcp:8080", POLICY_DENY, "ingress@any:tcp", "ingress@10.0.0.5:tcp:8080");
}

/* A deny on the name that is bound does not see a client that sends another's, which its own lookup could not bind */
Test(regions, of_one_name_bound_and_another_sent)
{
	fails_by(
		"allow@c.example:tcp:80,deny@c.example:tcp:443,deny@s.example:tcp:80,allow@{c.example,s.example}:tcp:443",
		POLICY_DENY, "egress@8.8.8.0/24:tcp:443",
		"egress@8.8.8.0:tcp:443 resolve=c.example=8.8.8.0 sni=s.example");
}

/* A rule that says `in` lets its names, and no others, lead into its network, and matches nowhere else */
Test(regions, of_names_in_a_network)
{
	const char *db = "allow@db.example.org:tcp:5432 in 10.20.0.0/16";
	const char *both = "allow@db.example.org:tcp:5432 in 10.20.0.0/16,allow@a.example:tcp:22";
	const char *witness = "egress@10.20.0.0:tcp:5432 resolve=db.example.org=10.20.0.0";

	fails_by(db, POLICY_DENY, "egress@private", witness);
	fails_by(db, POLICY_DENY, "egress@any", witness);
	fails_by(db, POLICY_DENY, "egress@10.20.0.0/16:tcp:5000-6000", witness);
	holds(db, POLICY_DENY, "egress@192.168.0.0/16");
	holds(db, POLICY_DENY, "egress@public");
	holds(db, POLICY_DENY, "egress@10.20.0.0/16:tcp:443");
	fails_by(db, POLICY_DENY, "egress@{db.example.org}:tcp:5432",
		 "egress@db.example.org:tcp:5432 resolve=db.example.org=10.20.0.0");
	fails_by(db, POLICY_ALLOW, "egress@{db.example.org}:tcp:5432", "egress@db.example.org:tcp:5432");
	/* another name is led there by no answer */
	holds(both, POLICY_DENY, "egress@private:tcp:22");
	holds(both, POLICY_ALLOW, "egress@{a.example}:tcp:22");
	/* an earlier deny of the network, and one of the name, go first */
	holds("deny@10.0.0.0/8,allow@db.example.org:tcp:5432 in 10.20.0.0/16", POLICY_DENY, "egress@private");
	holds("deny@db.example.org,allow@db.example.org:tcp:5432 in 10.20.0.0/16", POLICY_DENY, "egress@private");
	/* a rule elsewhere may match by what is bound there by another's exception */
	fails_by("allow@*.example.org:tcp:22,allow@db.example.org:tcp:5432 in 10.20.0.0/16", POLICY_DENY,
		 "egress@private:tcp:22", "egress@10.20.0.0:tcp:22 resolve=db.example.org=10.20.0.0");
	/* from there such a name's peer comes, looked up or not */
	fails_by("allow:ingress@10.20.0.0/16:tcp,deny@db.example.org,allow@db.example.org in 10.20.0.0/16", POLICY_DENY,
		 "ingress@{db.example.org}:tcp:80", "ingress@db.example.org:tcp:80 resolve=db.example.org=10.20.0.0");
	holds("allow:ingress@10.20.0.0/16:tcp,deny@a.example,allow@db.example.org in 10.20.0.0/16", POLICY_DENY,
	      "ingress@{a.example}:tcp:80");
}

/* The name sent and the name bound are both the rule's, in its network only */
Test(regions, of_two_names_in_a_network)
{
	const char *rules = "allow@c.example:tcp:80,deny@c.example:tcp:443,"
			    "allow@{c.example,s.example}:tcp:443 in 10.20.0.0/16";

	fails_by(rules, POLICY_DENY, "egress@10.0.0.0/8:tcp:443",
		 "egress@10.20.0.0:tcp:443 resolve=s.example=10.20.0.0");
	holds(rules, POLICY_DENY, "egress@public:tcp:443");
	fails_by("deny@s.example:tcp:80,allow@c.example:tcp:80,deny@c.example:tcp:443,"
		 "deny@s.example:{udp,icmpv4},allow@{c.example,s.example}:tcp:443 in 10.20.0.0/16",
		 POLICY_DENY, "egress@any:tcp:443",
		 "egress@10.20.0.0:tcp:443 resolve=c.example=10.20.0.0 sni=s.example");
}

Test(regions, of_the_host)
{
	fails_by("allow@host.microsandbox.internal:tcp:22", POLICY_DENY, "egress@host:tcp:22",
		 "egress@172.16.0.1:tcp:22 resolve=host.microsandbox.internal=172.16.0.1");
	fails_by("deny@host.microsandbox.internal:tcp:22,allow@host:tcp", POLICY_ALLOW, "egress@host:tcp:22",
		 "egress@172.16.0.1:tcp:22 sni=host.microsandbox.internal");
	fails_by("allow@host.microsandbox.internal:tcp:22", POLICY_ALLOW,
		 "egress@{host.microsandbox.internal}:tcp:{22,23}", "egress@host.microsandbox.internal:tcp:23");
	fails_above_floor(true, "allow@host.microsandbox.internal:tcp:22", POLICY_ALLOW,
			  "egress@{host.microsandbox.internal}:tcp:22", "egress@host.microsandbox.internal:tcp:22");
}

/* Whatever the fuel, an expectation that holds does so with enough of it; with too little it fails, and says why */
Test(regions, without_fuel_nothing_holds)
{
	struct random random = { SEED + 2 };
	size_t too_complex = 0, held = 0;

	for (size_t n = random_effort(150); n; n--) {
		struct test_policy made = random_policy(&random, 7);
		struct fuel plenty = { .left = ANALYSIS_FUEL };
		struct region_outcome *all;

		for (int i = 0; i < 4; i++)
			add_region(&made, &random);
		all = regions_run(made.arena, &made.context, coverage_new(made.arena, &made.context), &plenty);
		for (uint64_t left = 1; left < 100000; left *= 3) {
			struct fuel fuel = { .left = left };
			struct region_outcome *some =
				regions_run(made.arena, &made.context, coverage_new(made.arena, &made.context), &fuel);

			for (size_t i = 0; i < made.policy->expects.count; i++) {
				cr_assert(!some[i].holds || all[i].holds);
				cr_assert_eq(some[i].holds + some[i].empty + some[i].too_complex + !!some[i].witness,
					     1);
				too_complex += some[i].too_complex;
				held += some[i].holds;
			}
		}
		arena_free(made.arena);
	}
	cr_expect(too_complex && held);
}
