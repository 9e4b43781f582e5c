/* The ruleset against the evaluator, without a kernel: what the interpreter makes of a guest's packet must be what
 * eval_connection() says, and the rule it names the one that decided, at the edges of everything that a policy names. */
#include "random_policy.h"
#include "base/escape.h"
#include "dns/bindings.h"
#include "eval/builtin.h"
#include "policy/flow.h"
#include "lower/lower_bound.h"
#include "lower/sandbox_net.h"
#include "tests/lib/flow_edges.h"
#include "tests/lib/packet.h"
#include "tests/lib/ruleset_run.h"
#include "tests/lib/trial.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Flows at each edge; policies are many and their edges few */
#define START_MS 1000u
enum { FLOWS_AT_ADDR = 6, FLOWS_AT_CLASS = 2 };

struct proof {
	struct test_policy made;
	struct bindings *bindings;
	struct ruleset_run *run;
	struct run_world world;
	struct packet_ends ends4, ends6;
	LIST_OF(struct addr) bound;
	size_t flows, allowed;
};

static const char *const bound_names[] = { "a.example.com",
					   "b.example.com",
					   "c.example.com",
					   "x.y.example.net",
					   "example.org",
					   "a.example",
					   "b.example",
					   "corp.example",
					   "x.corp.example",
					   "y.x.corp.example",
					   "sub.microsandbox.internal",
					   "www.example.net",
					   "other.test" };

static struct packet_ends ends_of(const struct addr_gateway *gateway, struct addr own)
{
	struct packet_ends ends = { .source = lower_guest_addr(own) };

	lower_guest_mac(gateway, ends.source_mac);
	return ends;
}

static const char *rule_comment(struct arena *arena, const struct policy *policy, size_t rule)
{
	const struct policy_rule *by = &policy->rules.items[rule];

	return escape_nft_comment(arena,
				  arena_printf(arena, "%s %s", policy_origin(arena, policy, by->span), by->text));
}

static const char *decider_comment(struct arena *arena, const struct policy *subject, struct decider by)
{
	const struct policy_default *otherwise = &subject->egress;

	if (by.kind == DECIDER_RULE)
		return rule_comment(arena, subject, by.rule);
	return escape_nft_comment(
		arena,
		otherwise->span.source == SPAN_NO_SOURCE ?
			otherwise->text :
			arena_printf(arena, "%s %s", policy_origin(arena, subject, otherwise->span), otherwise->text));
}

/* The words that stand in the ruleset for who decided: a floor that denies is asked before the policy's own rules. */
static const char *words_of(const struct proof *proof, const struct eval_connection *flow, struct decider by)
{
	const struct policy *policy = proof->made.policy;

	for (size_t i = 0; i < policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(&proof->made.context, i);
		struct eval_verdict verdict = eval_connection(&floor, flow);
		if (verdict.action == POLICY_DENY)
			return decider_comment(proof->made.arena, floor.policy, verdict.by);
	}
	return decider_comment(proof->made.arena, policy, by);
}

static bool is_asked(const struct proof *proof, struct addr addr)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	struct addr guest = lower_guest_addr(addr.family == ADDR_V4 ? gateway->v4 : gateway->v6);

	return !addr_is_mapped(addr) && !addr_is_unspecified(addr) && !addr_equal(addr, guest);
}

static const char *arrives_as(enum run_end end)
{
	return end == RUN_FORWARDED ? "lets it pass" : end == RUN_DELIVERED ? "delivers it" : run_end_name(end);
}

/* What no rule can allow is refused before the rules are asked, whoever the evaluator says decided. */
static bool refused_always(const struct proof *proof, const struct eval_connection *flow)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;

	return eval_port_refused(flow) || eval_refused_address(POLICY_EGRESS, flow->addr, gateway) ||
	       addr_is_malformed(flow->addr, &gateway->nat64);
}

/* How a refusal by the rules looks: at once, and reported */
static bool refused_rightly(const struct run_result *result, bool tcp)
{
	return result->end == (tcp ? RUN_RESET : RUN_PROHIBITED) && result->logged & 1u << LOWER_LOG_GROUP;
}

static void show(const struct proof *proof, const struct eval_connection *flow, const struct eval_verdict *verdict,
		 const struct run_result *result, const char *words)
{
	struct arena *arena = proof->made.arena;

	cr_log_error("%s, bound to %s\n%s\neval: %s by \"%s\"; the ruleset %s, by \"%s\" (chain %s)",
		     flow_format_connection(arena, POLICY_EGRESS, flow->addr, flow->proto, flow->has_port, flow->port),
		     proof->bound.count ? "some names" : "no name", policy_format(arena, proof->made.policy),
		     policy_action_name(verdict->action), words ? words : "(what no rule changes)",
		     arrives_as(result->end), result->decided ? result->decided : "", result->chain);
}

/* Whether the frame fared as the evaluator says; *words: of who must have decided, NULL where that does not matter */
static bool fared(const struct proof *proof, const struct eval_connection *flow, const struct eval_verdict *verdict,
		  const struct run_result *result, const char **words)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	bool arrived = result->end == RUN_FORWARDED || result->end == RUN_DELIVERED;

	*words = NULL;
	if (!(flow->addr.family == ADDR_V4 ? gateway->has4 : gateway->has6))
		return result->end == RUN_DROPPED;
	if (flow->has_port && flow->port == LOWER_DNS_PORT)
		return !arrived;
	if (refused_always(proof, flow))
		return verdict->action == POLICY_DENY && !arrived;
	*words = words_of(proof, flow, verdict->by);
	if (verdict->action == POLICY_DENY)
		return refused_rightly(result, flow->proto == PROTO_TCP);
	return result->end == (addr_gateway_has(gateway, flow->addr) ? RUN_DELIVERED : RUN_FORWARDED);
}

static bool agrees(const struct proof *proof, const struct eval_connection *flow, const struct run_result *result)
{
	struct eval_verdict verdict = eval_connection(&proof->made.context, flow);
	const char *words;
	bool same = fared(proof, flow, &verdict, result, &words);
	bool named = !words || (result->decided && !strcmp(result->decided, words));

	if (!same || !named)
		show(proof, flow, &verdict, result, words);
	return same && named;
}

/* A further packet of a flow that conntrack knows, whatever the rules say by now; and such with something wrong */
static void try_known(struct proof *proof, struct random *random, struct packet_flow packet)
{
	struct run_world world = proof->world;
	struct run_result result;
	uint8_t frame[PACKET_MAX];
	bool v4 = packet.to.family == ADDR_V4;

	world.ct_state = RUN_CT_ESTABLISHED;
	world.ct_status = 8 | 2; /* IPS_CONFIRMED, IPS_SEEN_REPLY */
	packet.stage = PACKET_LATER;
	packet.twist = (enum packet_twist)random_below(random, PACKET_TWISTS);
	bool here = addr_gateway_has(&world.gateway, packet.to);
	if (here && packet.twist == PACKET_LAST_HOP)
		packet.twist = PACKET_PLAIN; /* it has arrived */
	size_t len = packet_build(frame, v4 ? &proof->ends4 : &proof->ends6, &packet);
	result = ruleset_run_frame(proof->run, &world, LOWER_TAP, frame, len);
	enum run_end expected = packet.twist == PACKET_PLAIN    ? (here ? RUN_DELIVERED : RUN_FORWARDED) :
				packet.twist == PACKET_LAST_HOP ? RUN_EXPIRED :
								  RUN_DROPPED;
	cr_assert_eq(result.end, expected, "of a known flow to %s port %u, twist %d: %s in chain %s",
		     flow_format_connection(proof->made.arena, POLICY_EGRESS, packet.to,
					    packet_policy_proto(packet.proto), false, 0),
		     packet.port, packet.twist, run_end_name(result.end), result.chain);
	if (packet.twist == PACKET_LAST_HOP)
		cr_assert(result.untracked, "conntrack must not see what ends at this hop");
}

static bool can_be_known(const struct proof *proof, const struct eval_connection *flow)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;

	return (flow->addr.family == ADDR_V4 ? gateway->has4 : gateway->has6) && !refused_always(proof, flow) &&
	       !(flow->has_port && flow->port == LOWER_DNS_PORT);
}

static void try_flow(struct proof *proof, struct random *random, struct addr addr, uint16_t port)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	uint8_t proto = RANDOM_PICK(random, protos), frame[PACKET_MAX];
	bool v4 = addr.family == ADDR_V4;

	if (proto == IPPROTO_ICMP && !v4)
		proto = IPPROTO_ICMPV6;
	struct packet_flow packet = { .to = addr, .proto = proto, .source_port = 40000, .port = port };
	packet.options = !v4 && random_one_in(random, 8);
	size_t len = packet_build(frame, v4 ? &proof->ends4 : &proof->ends6, &packet);
	struct eval_connection flow = { .direction = POLICY_EGRESS, .addr = addr };
	flow.has_port = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
	flow.port = flow.has_port ? port : 0;
	flow.proto = packet_policy_proto(proto);
	struct run_result result = ruleset_run_frame(proof->run, &proof->world, LOWER_TAP, frame, len);
	cr_assert(agrees(proof, &flow, &result));
	if (random_one_in(random, 8) && can_be_known(proof, &flow))
		try_known(proof, random, packet);
	proof->flows++;
	proof->allowed += result.end == RUN_FORWARDED || result.end == RUN_DELIVERED;
}

/* The DNS proxy's question to a resolver that the guest chose goes out where the guest's own flow might; without the proxy's
 * mark nothing does. */
static void try_resolver(struct proof *proof, struct random *random, struct addr addr)
{
	static const struct {
		uint8_t number;
		enum flow_transport transport;
	} protos[] = { { IPPROTO_UDP, FLOW_DNS_UDP }, { IPPROTO_TCP, FLOW_DNS_TCP } };
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	size_t which = random_below(random, 2);
	struct packet_ends own = { .source = test_addr(addr.family == ADDR_V4 ? "198.51.100.1" : "2001:db8:ff::1") };
	struct packet_flow packet = { .to = addr, .proto = protos[which].number, .port = LOWER_DNS_PORT };
	uint32_t mark = random_one_in(random, 8) ? 0 : LOWER_UPSTREAM_MARK;
	uint8_t frame[PACKET_MAX];

	if (!(addr.family == ADDR_V4 ? gateway->has4 : gateway->has6) || addr_gateway_has(gateway, addr) ||
	    eval_refused_address(POLICY_EGRESS, addr, gateway) || addr_is_malformed(addr, &gateway->nat64))
		return; /* the proxy is not asked there, or asks no further */
	size_t len = packet_build(frame, &own, &packet);
	struct run_result result = ruleset_run_output(proof->run, &proof->world, LOWER_UPLINK, mark, frame, len);
	bool direct = eval_dns_route(&proof->made.context, addr, protos[which].transport) == EVAL_ROUTE_DIRECT;
	cr_assert_eq(result.end == RUN_FORWARDED, mark && direct,
		     "a question to %s by %s, mark %x: eval: %s by route, the ruleset %s (by \"%s\", chain %s)\n%s",
		     flow_format_connection(proof->made.arena, POLICY_EGRESS, addr, PROTO_UDP, true, LOWER_DNS_PORT),
		     which ? "TCP" : "UDP", mark, direct ? "allow" : "deny", run_end_name(result.end),
		     result.decided ? result.decided : "", result.chain,
		     policy_format(proof->made.arena, proof->made.policy));
	proof->flows++;
}

static void try_around(struct proof *proof, struct random *random, const struct flow_edges *edges, struct addr addr,
		       unsigned flows)
{
	if (!is_asked(proof, addr))
		return;
	try_resolver(proof, random, addr);
	while (flows--)
		try_flow(proof, random, addr, edges->ports.items[random_below(random, (uint32_t)edges->ports.count)]);
}

/* What the runtime does with the kernel's table: chains first, then elements */
static void apply(struct proof *proof, const struct bindings_changes *changes, uint64_t now_ms)
{
	const struct rs_table *made = changes->ruleset ? &changes->ruleset->tables.items[0] : NULL;

	for (size_t i = 0; made && i < made->chains.count; i++)
		ruleset_run_add_chain(proof->run, &made->chains.items[i]);
	for (size_t i = 0; i < changes->count; i++) {
		const struct bindings_change *change = &changes->items[i];
		const u128 key[RS_KEY_PARTS] = { change->addr.value };
		struct rs_verdict verdict = { change->jump ? RS_JUMP : RS_GOTO, change->chain };
		if (change->remove)
			ruleset_run_remove(proof->run, change->set, key);
		else
			ruleset_run_add(proof->run, change->set, key, change->chain ? &verdict : NULL,
					now_ms + change->timeout_ms);
	}
}

static void bind_name(struct proof *proof, const char *name, struct addr addr, uint64_t ttl_ms)
{
	struct bindings_changes changes;

	if (!is_asked(proof, addr) || !(addr.family == ADDR_V4 ? proof->world.gateway.has4 : proof->world.gateway.has6))
		return;
	cr_assert_eq(bindings_set(proof->bindings, name, addr.family, &addr, 1, ttl_ms, START_MS, &changes), 0);
	apply(proof, &changes, START_MS);
	*arena_push(proof->made.arena, &proof->bound) = addr;
}

/* A negative answer */
static void unbind_name(struct proof *proof, const char *name, enum addr_family family)
{
	struct bindings_changes changes;

	cr_assert_eq(bindings_set(proof->bindings, name, family, NULL, 0, 0, START_MS, &changes), 0);
	apply(proof, &changes, START_MS);
}

/* Time goes on, and what ends by then ends: what the supervisor's timer does */
static void pass_time(struct proof *proof, uint64_t now_ms)
{
	struct bindings_changes changes;
	uint64_t next;

	while ((next = bindings_next_ms(proof->bindings)) <= now_ms) {
		bindings_expire(proof->bindings, next, &changes);
		apply(proof, &changes, next);
	}
	ruleset_run_set_time(proof->run, now_ms);
	proof->made.context.bindings = bindings_view(proof->bindings, now_ms);
}

/* Names come to addresses that rules name, and to such as none does. */
static void bind_names(struct proof *proof, struct random *random, const struct flow_edges *edges)
{
	for (unsigned i = 0; i < 24; i++) {
		bool own = edges->addrs.count && random_one_in(random, 2);
		struct addr addr =
			own ? edges->addrs.items[random_below(random, (uint32_t)edges->addrs.count)] :
			      edges->class_addrs.items[random_below(random, (uint32_t)edges->class_addrs.count)];
		if (proof->bound.count && random_one_in(random, 3)) /* one address, several names */
			addr = proof->bound.items[random_below(random, (uint32_t)proof->bound.count)];
		bind_name(proof, RANDOM_PICK(random, bound_names), addr, (100 + random_below(random, 8) * 100) * 1000);
	}
	if (random_one_in(random, 2))
		unbind_name(proof, RANDOM_PICK(random, bound_names), random_one_in(random, 2) ? ADDR_V4 : ADDR_V6);
	pass_time(proof, START_MS);
}

static void prepare(struct proof *proof, int level)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	struct trial as = { .gateway = *gateway, .level = level };

	const struct ruleset *ruleset = trial_ruleset(proof->made.arena, &as, proof->made.policy);
	proof->run = ruleset_run_new(proof->made.arena, ruleset);
	proof->world = (struct run_world){ .gateway = *gateway, .ct_state = RUN_CT_NEW };
	proof->ends4 = ends_of(gateway, gateway->v4);
	proof->ends6 = ends_of(gateway, gateway->v6);
	proof->bindings = bindings_new(proof->made.policy, gateway, lower_bound_maps(ruleset));
}

static void finish(struct proof *proof)
{
	bindings_free(proof->bindings);
	arena_free(proof->made.arena);
}

/* Few networks, names and ports, so that rules overlap a lot */
static void draw_dense(struct proof *proof, struct random *random, size_t most, int level)
{
	proof->made = random_policy(random, most);
	struct addr_gateway *gateway = &proof->made.context.gateway;

	if (random_one_in(random, 3))
		random_add_floors(&proof->made, random);
	if (random_one_in(random, 16))
		gateway->has4 = false;
	else if (random_one_in(random, 16))
		gateway->has6 = false;
	prepare(proof, level);
}

/* Networks of any length and ports of any number, prefixes that were found out: as the kernel oracle has them */
static void draw_wide(struct proof *proof, struct random *random, size_t most, int level)
{
	struct addr_gateway both = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	struct arena *arena = arena_new();
	struct trial trial = trial_draw(arena, random, &both, most);

	proof->made = (struct test_policy){ .arena = arena, .policy = trial_policy(arena, &trial) };
	proof->made.context = (struct eval_context){ .policy = proof->made.policy, .gateway = trial.gateway };
	prepare(proof, level);
}

typedef void draw_function(struct proof *, struct random *, size_t most, int level);

static void try_policy(struct random *random, draw_function *draw, size_t most, int level, size_t *flows,
		       size_t *allowed)
{
	struct proof proof = { 0 };

	draw(&proof, random, most, level);
	struct flow_edges edges = flow_edges_of(proof.made.arena, proof.made.policy, &proof.made.context.gateway);
	bind_names(&proof, random, &edges);
	for (size_t i = 0; i < edges.addrs.count; i++)
		try_around(&proof, random, &edges, edges.addrs.items[i], FLOWS_AT_ADDR);
	for (size_t i = 0; i < edges.class_addrs.count; i++)
		try_around(&proof, random, &edges, edges.class_addrs.items[i], FLOWS_AT_CLASS);
	for (uint64_t now_ms = START_MS; now_ms <= START_MS + 1000 * 1000; now_ms += 300 * 1000) {
		pass_time(&proof, now_ms);
		for (size_t i = 0; i < proof.bound.count; i++)
			try_around(&proof, random, &edges, proof.bound.items[i], 2 * FLOWS_AT_ADDR);
	}
	*flows += proof.flows;
	*allowed += proof.allowed;
	finish(&proof);
}

static void try_policies(uint64_t seed, draw_function *draw, size_t count, size_t most)
{
	const char *given = getenv("MSB_SEED");
	struct random random = { given ? seed ^ strtoull(given, NULL, 10) : seed };
	size_t flows = 0, allowed = 0;

	for (size_t i = random_effort(count); i; i--)
		try_policy(&random, draw, most, trial_level(i), &flows, &allowed);
	cr_log_info("%zu flows, %zu let pass", flows, allowed);
	cr_expect(allowed * 20 > flows && allowed * 20 < flows * 19, "%zu of %zu were let pass", allowed, flows);
}

Test(ruleset_run, means_what_the_evaluator_says)
{
	try_policies(20261128, draw_dense, 400, 14);
}

Test(ruleset_run, means_it_with_many_rules)
{
	try_policies(20261129, draw_dense, 20, 120);
}

Test(ruleset_run, means_it_with_any_network_and_port)
{
	try_policies(20261130, draw_wide, 120, 12);
}

Test(ruleset_run, means_it_with_many_of_any_network_and_port)
{
	try_policies(20261131, draw_wide, 12, 200);
}

/* ---- what is not the policy's ---- */

static struct proof proof_of(const char *egress, const char *rules)
{
	struct proof proof = { .made = test_policy_of(egress, "allow", rules, false) };

	proof.made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	prepare(&proof, 0);
	return proof;
}

static struct run_result sent_by(struct proof *proof, const char *link, const struct packet_ends *ends, const char *to,
				 uint8_t proto, uint16_t port)
{
	struct packet_flow flow = { .to = test_addr(to), .proto = proto, .source_port = 40000, .port = port };
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(frame, ends, &flow);

	return ruleset_run_frame(proof->run, &proof->world, link, frame, len);
}

static struct run_result sent(struct proof *proof, const char *to, uint8_t proto, uint16_t port)
{
	return sent_by(proof, LOWER_TAP, test_addr(to).family == ADDR_V4 ? &proof->ends4 : &proof->ends6, to, proto,
		       port);
}

Test(ruleset_run, conntrack_decides_before_the_rules)
{
	struct proof proof = proof_of("deny", "allow@8.8.8.8");

	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_FORWARDED);
	cr_expect_eq(sent(&proof, "8.8.4.4", IPPROTO_UDP, 80).end, RUN_PROHIBITED);
	proof.world.ct_state = RUN_CT_ESTABLISHED;
	cr_expect_eq(sent(&proof, "8.8.4.4", IPPROTO_UDP, 80).end, RUN_FORWARDED);
	proof.world.ct_state = RUN_CT_INVALID;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_DROPPED);
	proof.world.ct_state = RUN_CT_RELATED;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_DROPPED, "not an error");
	finish(&proof);
}

Test(ruleset_run, bounds_hold_for_new_flows_alone)
{
	struct proof proof = proof_of("allow", NULL);

	proof.world.over_rate = true;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_DROPPED);
	proof.world.ct_state = RUN_CT_ESTABLISHED;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_FORWARDED);
	proof.world = (struct run_world){ .gateway = proof.world.gateway, .ct_state = RUN_CT_NEW, .over_count = true };
	cr_expect_eq(sent(&proof, "172.16.0.1", IPPROTO_TCP, 80).end, RUN_RESET);
	finish(&proof);
}

Test(ruleset_run, questions_go_to_the_proxy_untracked)
{
	struct proof proof = proof_of("allow", NULL);
	struct run_result result;

	proof.world.proxy = true;
	result = sent(&proof, "8.8.8.8", IPPROTO_UDP, 53);
	cr_expect_eq(result.end, RUN_DELIVERED);
	cr_expect_eq(result.mark, LOWER_DNS_MARK);
	cr_expect(result.untracked && result.proxied);
	proof.world.proxy = false;
	cr_expect_neq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 53).end, RUN_FORWARDED);
	finish(&proof);
}

Test(ruleset_run, nothing_forged_gets_in_and_nothing_new_from_outside)
{
	struct proof proof = proof_of("allow", NULL);
	struct packet_ends forged = proof.ends4, outside = { .source = test_addr("192.0.2.77") };

	forged.source_mac[5] ^= 1;
	cr_expect_eq(sent_by(&proof, LOWER_TAP, &forged, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_DROPPED);
	forged = proof.ends4;
	forged.source.value ^= 1;
	cr_expect_eq(sent_by(&proof, LOWER_TAP, &forged, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_DROPPED);
	cr_expect_eq(sent_by(&proof, LOWER_UPLINK, &outside, "172.16.0.2", IPPROTO_UDP, 80).end, RUN_DROPPED);
	cr_expect_eq(sent_by(&proof, LOWER_UPLINK, &outside, "172.16.0.1", IPPROTO_TCP, 80).end, RUN_DROPPED);
	proof.world.ct_state = RUN_CT_ESTABLISHED;
	cr_expect_eq(sent_by(&proof, LOWER_UPLINK, &outside, "172.16.0.2", IPPROTO_UDP, 80).end, RUN_FORWARDED);
	finish(&proof);
}
