/* The ruleset against the evaluator, without a kernel: what the interpreter makes of a guest's packet must be what
 * eval_connection() says, and the rule it names the one that decided, at the edges of everything that a policy names. */
#include "proof.h"
#include "random_policy.h"
#include "eval/builtin.h"
#include "lower/sandbox_net.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "tests/lib/flow_edges.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>

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

/* Flows at each edge; policies are many and their edges few */
enum { FLOWS_AT_ADDR = 6, FLOWS_AT_CLASS = 2, FLOWS_NEAR_RULES = 40 };

/* A further packet of a flow that conntrack knows, whatever the rules say by now; and such with something wrong */
static void try_known(struct proof *proof, struct random *random, struct packet_flow packet)
{
	struct run_world world = proof->world;

	world.ct_state = RUN_CT_ESTABLISHED;
	world.ct_status = 8 | 2; /* IPS_CONFIRMED, IPS_SEEN_REPLY */
	packet.stage = PACKET_LATER;
	packet.twist = (enum packet_twist)random_below(random, PACKET_TWISTS);
	bool here = addr_gateway_has(&world.gateway, packet.to);
	if (here && packet.twist == PACKET_LAST_HOP)
		packet.twist = PACKET_PLAIN; /* it has arrived */
	struct run_result result = proof_run(proof, &world, &packet);
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

	return (flow->addr.family == ADDR_V4 ? gateway->has4 : gateway->has6) && !proof_refuses_always(proof, flow) &&
	       !(flow->has_port && flow->port == LOWER_DNS_PORT);
}

static void try_flow(struct proof *proof, struct random *random, struct addr addr, uint16_t port)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	struct packet_flow packet = {
		.to = addr, .proto = RANDOM_PICK(random, protos), .source_port = 40000, .port = port
	};
	struct run_result result;

	if (packet.proto == IPPROTO_ICMP && addr.family == ADDR_V6)
		packet.proto = IPPROTO_ICMPV6;
	packet.options = addr.family == ADDR_V6 && random_one_in(random, 8);
	packet.every_hop = addr.family == ADDR_V6 && random_one_in(random, 8);
	if (!proof_packet(proof, &packet, !proof->trial, &result)) {
		proof_explain(proof, packet);
		cr_assert_fail("the ruleset and the evaluator do not agree");
	}
	proof->flows++;
	proof->allowed += result.end == RUN_FORWARDED || result.end == RUN_DELIVERED;
	struct eval_connection flow = proof_connection(&packet);
	if (random_one_in(random, 8) && can_be_known(proof, &flow))
		try_known(proof, random, packet);
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

/* The name relay's own way out is the guest's: what is refused for certain is refused to it as well, and what its name
 * decides, which was judged by then, is not. */
static void try_name_relay(struct proof *proof, struct addr addr, uint16_t port)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	struct packet_ends own = { .source = test_addr(addr.family == ADDR_V4 ? "198.51.100.1" : "2001:db8:ff::1") };
	struct packet_flow packet = { .to = addr, .proto = IPPROTO_TCP, .port = port };
	struct eval_connection flow = proof_connection(&packet);
	uint8_t frame[PACKET_MAX];

	if (!policy_defers(proof->made.policy) || port == LOWER_DNS_PORT ||
	    !(addr.family == ADDR_V4 ? gateway->has4 : gateway->has6) || addr_gateway_has(gateway, addr) ||
	    eval_refused_address(POLICY_EGRESS, addr, gateway) || addr_is_malformed(addr, &gateway->nat64))
		return; /* nothing of these comes to it */
	size_t len = packet_build(frame, &own, &packet);
	struct run_result result =
		ruleset_run_output(proof->run, &proof->world, LOWER_UPLINK, LOWER_NAMES_MARK, frame, len);
	bool denied = eval_syn(&proof->made.context, &flow) == EVAL_SYN_DENY;
	cr_assert_eq(result.end, denied ? RUN_RESET : RUN_FORWARDED,
		     "the name relay to %s: eval: %s by its SYN; the ruleset %s (by \"%s\", chain %s)\n%s",
		     flow_format_connection(proof->made.arena, POLICY_EGRESS, addr, PROTO_TCP, true, port),
		     denied ? "deny" : "allow", run_end_name(result.end), result.decided ? result.decided : "",
		     result.chain, policy_format(proof->made.arena, proof->made.policy));
	proof->flows++;
}

/* Flows near one rule's address and port at once, as the kernel oracle has them */
static void try_near_rules(struct proof *proof, struct random *random)
{
	struct packet_flow packet = { .id = 0 };

	for (unsigned n = proof->trial ? FLOWS_NEAR_RULES * proof->made.policy->rules.count : 0; n; n--) {
		trial_draw_flow(proof->trial, proof->made.policy, random, &packet);
		if (proof_asks(proof, packet.to))
			try_flow(proof, random, packet.to, packet.port);
	}
}

static void try_around(struct proof *proof, struct random *random, const struct flow_edges *edges, struct addr addr,
		       unsigned flows)
{
	if (!proof_asks(proof, addr))
		return;
	try_resolver(proof, random, addr);
	while (flows--) {
		uint16_t port = edges->ports.items[random_below(random, (uint32_t)edges->ports.count)];
		try_flow(proof, random, addr, port);
		try_name_relay(proof, addr, port);
	}
}

/* One of the pool's, or one that a rule of the policy names */
static const char *name_to_bind(struct proof *proof, struct random *random)
{
	const struct policy *policy = proof->made.policy;

	if (policy->rules.count && random_one_in(random, 2)) {
		const struct policy_rule *rule =
			&policy->rules.items[random_below(random, (uint32_t)policy->rules.count)];
		const struct policy_target *target =
			&rule->targets.items[random_below(random, (uint32_t)rule->targets.count)];
		if (target->kind == TARGET_SUFFIX && random_one_in(random, 2))
			return arena_printf(proof->made.arena, "a.%s", target->name);
		if (policy_target_is_name(target))
			return target->name;
	}
	return RANDOM_PICK(random, bound_names);
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
		proof_bind(proof, name_to_bind(proof, random), addr, (100 + random_below(random, 8) * 100) * 1000);
	}
	if (random_one_in(random, 2))
		proof_unbind(proof, RANDOM_PICK(random, bound_names), random_one_in(random, 2) ? ADDR_V4 : ADDR_V6);
	proof_pass_time(proof, PROOF_START_MS);
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
	if (random_one_in(random, 2))
		proof_meter(proof, random);
	proof_prepare(proof, level);
}

/* Networks of any length and ports of any number, prefixes that were found out: as the kernel oracle has them */
static void draw_wide(struct proof *proof, struct random *random, size_t most, int level)
{
	struct addr_gateway both = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	struct arena *arena = arena_new();
	struct trial *trial = arena_alloc(arena, sizeof *trial);

	*trial = trial_draw(arena, random, &both, most);
	trial->level = level;
	for (size_t i = 0; i < trial->bindings.count; i++)
		if (trial->bindings.items[i].how == TRIAL_LASTS && random_one_in(random, 3))
			trial->bindings.items[i].how = TRIAL_ENDS;
	*proof = proof_of_trial(arena, trial);
}

/* Few rules, half of them on names, in floors too: what one says of a flow and the next is seen */
static const char *named_rules(struct arena *arena, struct random *random, uint32_t most)
{
	static const char *const names[] = { "a.example", "b.example", "x.corp.example", "*.corp.example" },
				 *const addresses[] = { "8.8.8.8", "8.8.8.0/30", "[2600::1]", "public", "any" },
				 *const services[] = { "",         ":tcp",        ":tcp:443",       ":tcp:{80,443}",
						       ":any:443", ":any:80-443", ":{tcp,udp}:443", ":udp" },
				 *const actions[] = { "allow", "deny" };
	const char *rules = "";

	for (uint32_t i = random_below(random, most) + 1; i; i--) {
		const char *target =
			random_one_in(random, 2) ? RANDOM_PICK(random, addresses) : RANDOM_PICK(random, names);
		rules = arena_printf(arena, "%s%s%s@%s%s", rules, *rules ? "," : "", RANDOM_PICK(random, actions),
				     target, RANDOM_PICK(random, services));
	}
	return rules;
}

static void draw_named(struct proof *proof, struct random *random, size_t most, int level)
{
	static const char *const actions[] = { "allow", "deny", "deny" };
	struct arena *arena = arena_new();

	proof->made = test_policy_of(RANDOM_PICK(random, actions), "allow", named_rules(arena, random, (uint32_t)most),
				     false);
	proof->made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	for (uint32_t i = random_below(random, 3); i; i--) {
		struct test_policy floor = test_policy_of(RANDOM_PICK(random, actions), "allow",
							  named_rules(arena, random, (uint32_t)most / 2), false);
		floor.policy->is_floor = true;
		*arena_push(proof->made.arena, &proof->made.policy->floors) = floor.policy;
		*arena_push(proof->made.arena, &proof->others) = floor.arena;
	}
	arena_free(arena);
	if (random_one_in(random, 2))
		proof_meter(proof, random);
	proof_prepare(proof, level);
}

/* The policies that are shipped, in turn */
static void draw_shipped(struct proof *proof, struct random *random, size_t most, int level)
{
	glob_t files;

	(void)most;
	cr_assert_eq(glob("policies/*.msb", 0, NULL, &files), 0);
	const char *file = files.gl_pathv[random_below(random, (uint32_t)files.gl_pathc)];
	proof->made = test_policy_of(NULL, NULL, NULL, false);
	struct policy_options options = { .arena = proof->made.arena };
	*arena_push(proof->made.arena, &options.files) = arena_strdup(proof->made.arena, file);
	proof->made.policy = options_resolve(&options, NULL, proof->made.diags);
	cr_assert_eq(proof->made.diags->errors, 0, "%s", file);
	proof->made.context.policy = proof->made.policy;
	proof->made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	globfree(&files);
	proof_prepare(proof, level);
}

typedef void draw_function(struct proof *, struct random *, size_t most, int level);

static void try_policy(struct random *random, draw_function *draw, size_t most, int level, size_t *flows,
		       size_t *allowed)
{
	struct proof proof = { 0 };

	draw(&proof, random, most, level);
	struct flow_edges edges = flow_edges_of(proof.made.arena, proof.made.policy, &proof.made.context.gateway);
	if (!proof.trial)
		bind_names(&proof, random, &edges);
	for (size_t i = 0; i < edges.addrs.count; i++)
		try_around(&proof, random, &edges, edges.addrs.items[i], FLOWS_AT_ADDR);
	for (size_t i = 0; i < edges.class_addrs.count; i++)
		try_around(&proof, random, &edges, edges.class_addrs.items[i], FLOWS_AT_CLASS);
	for (uint64_t now_ms = PROOF_START_MS; now_ms <= PROOF_START_MS + 3 * PROOF_STEP_MS; now_ms += PROOF_STEP_MS) {
		proof_pass_time(&proof, now_ms);
		for (size_t i = 0; i < proof.bound.count; i++)
			try_around(&proof, random, &edges, proof.bound.items[i], 2 * FLOWS_AT_ADDR);
	}
	try_near_rules(&proof, random);
	*flows += proof.flows;
	*allowed += proof.allowed;
	proof_finish(&proof);
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
	try_policies(20261131, draw_wide, 40, 200);
}

Test(ruleset_run, means_it_with_names_and_floors_of_names)
{
	try_policies(20261134, draw_named, 400, 8);
}

Test(ruleset_run, means_it_of_what_is_shipped)
{
	try_policies(20261132, draw_shipped, 60, 1);
}

/* At least so many rules, which are as mixed as those of short policies */
static struct trial draw_long(struct arena *arena, struct random *random, size_t least)
{
	struct addr_gateway both = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	struct trial trial;

	do
		trial = trial_draw(arena, random, &both, 2 * least);
	while (trial.rules.count < least);
	return trial;
}

Test(ruleset_run, thousands_of_rules_mean_what_the_evaluator_says)
{
	struct random random = { 20261133 };

	for (size_t n = random_effort(3); n; n--) {
		struct arena *arena = arena_new();
		struct trial trial = draw_long(arena, &random, 2000);
		trial.level = 2;
		struct proof proof = proof_of_trial(arena, &trial);
		for (unsigned i = 0; i < 6000; i++) {
			struct packet_flow packet = { .id = i };
			trial_draw_flow(&trial, proof.made.policy, &random, &packet);
			if (proof_asks(&proof, packet.to))
				try_flow(&proof, &random, packet.to, packet.port);
		}
		cr_log_info("%zu rules, %zu names bound: %zu flows, %zu let pass", trial.rules.count, proof.bound.count,
			    proof.flows, proof.allowed);
		cr_expect(proof.allowed * 50 > proof.flows && proof.allowed * 50 < proof.flows * 49,
			  "%zu of %zu were let pass", proof.allowed, proof.flows);
		proof_finish(&proof);
	}
}

/* ---- what is not the policy's ---- */

static struct proof proof_of(const char *egress, const char *rules)
{
	struct proof proof = { .made = test_policy_of(egress, "allow", rules, false) };

	proof.made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	proof_prepare(&proof, 0);
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
	proof_finish(&proof);
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
	proof_finish(&proof);
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
	proof_finish(&proof);
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
	proof_finish(&proof);
}

/* ---- flows of the name relay's ---- */

Test(ruleset_run, what_is_diverted_is_never_forwarded)
{
	static const unsigned states[] = { RUN_CT_NEW, RUN_CT_ESTABLISHED, RUN_CT_RELATED, RUN_CT_INVALID };
	struct proof proof = proof_of("deny", "deny@evil.example, allow@public");
	struct packet_ends server = { .source = test_addr("8.8.8.8") }, server6 = { .source = test_addr("2600::1") };

	struct run_result first = sent(&proof, "8.8.8.8", IPPROTO_TCP, 443);
	cr_expect(first.end == RUN_DELIVERED && first.mark == LOWER_DIVERT_MARK && first.ct_mark == LOWER_DIVERTED_CT);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		for (int listens = 0; listens < 2; listens++) {
			bool known = listens && states[i] != RUN_CT_INVALID && states[i] != RUN_CT_RELATED;
			enum run_end end = known ? RUN_DELIVERED : RUN_DROPPED;
			proof.world.ct_mark = LOWER_DIVERTED_CT;
			proof.world.ct_state = states[i];
			proof.world.name_relay = listens;
			cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_TCP, 443).end, end, "state %u", states[i]);
			cr_expect_eq(sent(&proof, "2600::1", IPPROTO_TCP, 443).end, end, "state %u", states[i]);
			cr_expect_eq(sent_by(&proof, LOWER_UPLINK, &server, "172.16.0.2", IPPROTO_TCP, 40000).end,
				     RUN_DROPPED, "state %u", states[i]);
			cr_expect_eq(sent_by(&proof, LOWER_UPLINK, &server6, "fd42:6d73:62::2", IPPROTO_TCP, 40000).end,
				     RUN_DROPPED, "state %u", states[i]);
		}
	}
	proof_finish(&proof);
}

/* A rule on UDP leads to chain forward, where TCP has no business to be judged. */
Test(ruleset_run, tcp_that_was_not_judged_before_routing_is_not_let_pass)
{
	struct proof proof = proof_of("allow", "deny@evil.example:tcp:443");

	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_TCP, 80).end, RUN_FORWARDED);
	proof.world.ct_state = RUN_CT_UNTRACKED;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_TCP, 80).end, RUN_RESET);
	cr_expect_eq(sent(&proof, "172.16.0.1", IPPROTO_TCP, 80).end, RUN_RESET);
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_UDP, 80).end, RUN_FORWARDED);
	proof_finish(&proof);
}

Test(ruleset_run, bounds_hold_for_deferred_flows)
{
	struct proof proof = proof_of("deny", "deny@evil.example, allow@any");

	proof.world.over_rate = true;
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_TCP, 443).end, RUN_DROPPED);
	proof.world.ct_mark = LOWER_DIVERTED_CT; /* the same SYN once more */
	cr_expect_eq(sent(&proof, "8.8.8.8", IPPROTO_TCP, 443).end, RUN_DELIVERED);
	proof_finish(&proof);
}

Test(ruleset_run, the_gateway_s_flows_are_counted_and_deferred)
{
	struct proof proof = proof_of("allow", "deny@host.microsandbox.internal:tcp:443");

	cr_expect_eq(sent(&proof, "172.16.0.1", IPPROTO_TCP, 443).ct_mark, LOWER_DIVERTED_CT);
	struct run_result result = sent(&proof, "172.16.0.1", IPPROTO_TCP, 80);
	cr_expect(result.end == RUN_DELIVERED && !result.ct_mark);
	proof.world.over_count = true;
	cr_expect_eq(sent(&proof, "172.16.0.1", IPPROTO_TCP, 80).end, RUN_RESET);
	cr_expect_eq(sent(&proof, "172.16.0.1", IPPROTO_UDP, 80).end, RUN_PROHIBITED);
	proof_finish(&proof);
}

static struct proof proof_of_text(const char *text, int level)
{
	struct proof proof = { .made = test_policy_of(NULL, NULL, NULL, false) };

	proof.made.options.text = text;
	proof.made.policy = options_resolve(&proof.made.options, "text", proof.made.diags);
	cr_assert_eq(proof.made.diags->errors, 0, "%s", text);
	proof.made.context.policy = proof.made.policy;
	proof.made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	proof_prepare(&proof, level);
	return proof;
}

/* What passes by its address behind a bound name's allow that logs is logged for that; the name relay's is the supervisor's to
 * log. */
Test(ruleset_run, rules_on_names_log_what_passes_by_address)
{
	static const struct {
		const char *rules;
		bool logged;
	} cases[] = {
		{ "allow@{a.example,b.example}:tcp:443 log\nallow@public", true },
		{ "allow@{a.example,b.example}:tcp:443\nallow@public", false },
		{ "allow@a.example:tcp:443\nallow@b.example:tcp:443 log\nallow@public", false },
		{ "allow@a.example:tcp:443 log\nallow@b.example:tcp:443\nallow@public", true },
		{ "allow@a.example:tcp:443 log\nallow@public log", true },
		{ "allow@a.example:tcp:443 log\ndeny@c.example\nallow@public log", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int level = 0; level <= 2; level += 2) {
			struct proof proof = proof_of_text(cases[i].rules, level);
			proof_bind(&proof, "a.example", test_addr("8.8.8.8"), 100000);
			proof_bind(&proof, "b.example", test_addr("8.8.8.8"), 100000);
			proof_pass_time(&proof, PROOF_START_MS);
			unsigned logged = sent(&proof, "8.8.8.8", IPPROTO_TCP, 443).logged;
			cr_expect_eq(logged, cases[i].logged ? 1u << LOWER_ALLOW_LOG_GROUP : 0, "%s at -O%d",
				     cases[i].rules, level);
			proof_finish(&proof);
		}
}
