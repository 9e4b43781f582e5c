#include "random_policy.h"
#include "base/name.h"
#include "policy/policy_facts.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

size_t random_effort(size_t count)
{
	const char *percent = getenv("MSB_TEST_EFFORT");
	size_t share = count * (percent ? strtoul(percent, NULL, 10) : 100) / 100;

	return share ? share : 1;
}

static const char *const address_targets[] = {
	"public",
	"public",
	"private",
	"loopback",
	"link-local",
	"meta",
	"multicast",
	"host",
	"10.0.0.0/8",
	"10.1.0.0/16",
	"10.1.2.3",
	"10.1.2.0/30",
	"0.0.0.0/0",
	"128.0.0.0/1",
	"[::/0]",
	"[fd00::/8]",
	"[2000::/3]",
	"93.184.216.0/24",
	"93.184.216.34",
	"[64:ff9b::/96]",
	"[2002:a00::/24]",
	"169.254.169.254",
	"172.16.0.0/16",
	"[2606:2800:220:1:248:1893:25c8:1946]",
	"[64:ff9b::a01:203]",
	"0.0.0.0",
	"[::ffff:10.0.0.0/104]",
	"192.0.2.0/24",
};
static const char *const name_targets[] = {
	"a.example",
	"b.example",
	"*.corp.example",
	"x.corp.example",
	"*.x.corp.example",
	"y.x.corp.example",
	"host.microsandbox.internal",
	"*.microsandbox.internal",
	"*.example.net",
};
static const char *const ports[] = { "",        ":80",       ":443",     ":53",         ":853",
				     ":80-443", ":{80,443}", ":0-65535", ":{22,80-90}", ":{80-90,85,91}",
				     ":5353" };

static const char *const networks[] = { "10.0.0.0/8",    "10.1.0.0/16",    "10.1.2.3",
					"[fd00::/8]",    "169.254.0.0/16", "{10.1.2.0/30,93.184.216.0/24}",
					"172.16.0.0/16", "[64:ff9b::/96]" };
/* Few of each, so that rules overlap a lot */
#define POOL                                                                                                  \
	.addresses = address_targets, .address_count = RANDOM_COUNT(address_targets), .names = name_targets,  \
	.name_count = RANDOM_COUNT(name_targets), .within = networks, .within_count = RANDOM_COUNT(networks), \
	.ports = ports, .port_count = RANDOM_COUNT(ports)
static const struct random_pool pool = { POOL }, floor_pool = { POOL, .floor = true };

const char *random_rules(struct arena *arena, struct random *random, size_t count)
{
	return random_rule_list(arena, random, &pool, count);
}

/* A network's own NAT64 prefix, of each length; random_flow() has addresses in them all */
static struct addr_prefix nat64_prefix(uint64_t which)
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };

	return (struct addr_prefix){ test_addr("2001:db8::"), lengths[which % 6] };
}

struct test_policy random_policy(struct random *random, size_t most)
{
	static const char *const actions[] = { "allow", "deny", "deny" };
	struct arena *arena = arena_new();
	const char *rules = random_rules(arena, random, random_below(random, (uint32_t)most) + 1);
	struct test_policy made = test_policy_of(RANDOM_PICK(random, actions), RANDOM_PICK(random, actions), rules,
						 random_below(random, 8) == 0);

	if (!made.policy->multi_tenant && random_below(random, 8) == 0)
		made.policy->rebind_protection = false;
	made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	if ((random->state >> 40) % 4 == 0) {
		cr_assert_null(addr_nat64_add(&made.policy->nat64, nat64_prefix(random->state >> 50)));
		made.context.gateway = policy_gateway(made.policy, made.context.gateway);
	}
	arena_free(arena);
	return made;
}

void random_add_floors(struct test_policy *made, struct random *random)
{
	static const char *const actions[] = { "allow", "deny" };

	for (uint32_t i = random_below(random, 2) + 1; i; i--) {
		struct policy_options options = { .arena = made->arena,
						  .net_default_egress = RANDOM_PICK(random, actions),
						  .net_default_ingress = RANDOM_PICK(random, actions) };
		struct policy *floor;

		*arena_push(made->arena, &options.rules) =
			random_rule_list(made->arena, random, &floor_pool, random_below(random, 4) + 1);
		floor = options_resolve(&options, NULL, made->diags);
		cr_assert_eq(made->diags->errors, 0);
		floor->is_floor = true;
		*arena_push(made->arena, &made->policy->floors) = floor;
	}
}

/* ---- flows ---- */

static const char *const addresses[] = {
	"93.184.216.34",
	"93.184.216.33",
	"93.184.216.255",
	"93.184.217.0",
	"8.8.8.8",
	"10.0.0.0",
	"10.0.255.255",
	"10.1.0.0",
	"10.1.2.3",
	"10.1.2.0",
	"10.1.2.4",
	"10.1.255.255",
	"10.2.0.0",
	"10.255.255.255",
	"11.0.0.0",
	"127.0.0.1",
	"169.254.169.254",
	"169.254.1.1",
	"172.16.0.1",
	"172.16.0.2",
	"172.16.255.255",
	"172.17.0.0",
	"192.0.2.1",
	"224.0.0.1",
	"239.255.255.255",
	"128.0.0.0",
	"127.255.255.255",
	"168.63.129.16",
	"192.168.1.1",
	"::1",
	"fd42:6d73:62::1",
	"fd42:6d73:62::2",
	"fd00:ec2::254",
	"fc00::1",
	"fe80::1",
	"ff02::fb",
	"2606:2800:220:1:248:1893:25c8:1946",
	"2606:2800:220:1::1",
	"64:ff9b::a01:203",
	"64:ff9b::808:808",
	"64:ff9b::a9fe:a9fe",
	"2002:a01:203::1",
	"2002:808:808::",
	"::10.1.2.3",
	"::ffff:0:10.1.2.3",
	"3fff::1",
	"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"2000::",
	"4000::",
	"64:ff9b::ac10:1",
	"2001:db8::1",
};
static const char *const names[] = {
	"a.example",
	"b.example",
	"corp.example",
	"x.corp.example",
	"z.corp.example",
	"y.x.corp.example",
	"w.x.corp.example",
	"host.microsandbox.internal",
	"sub.microsandbox.internal",
	"other.test",
	"example.net",
	"www.example.net",
};
static const uint16_t port_numbers[] = { 0,  22, 52,  53,  54,  79,  80,  81,   85,   90,
					 91, 92, 137, 442, 443, 444, 853, 5353, 65535 };
static const enum policy_proto proto_numbers[] = { PROTO_TCP,    PROTO_TCP,    PROTO_TCP,  PROTO_UDP,
						   PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };

/* The same IPv4 address, or its like, by a prefix of nat64_prefix() instead of the well-known one */
static struct addr by_own_prefix(struct addr addr, uint64_t which)
{
	struct addr_nat64 nat64 = { .items = { nat64_prefix(which) }, .count = 1 };
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];
	struct addr v4;

	if (!addr_embedded_v4(addr, NULL, &v4) || which % 2)
		return addr;
	size_t ways = addr_embedding_prefixes((struct addr_prefix){ v4, 32 }, &nat64, carrying);
	return carrying[ways - 1].addr;
}

struct witness random_flow(struct random *random)
{
	struct witness flow = { .kind = FLOW_CONNECTION, .addr = test_addr(RANDOM_PICK(random, addresses)) };
	flow.addr = by_own_prefix(flow.addr, random->state >> 20);
	uint32_t kind = random_below(random, 12);

	if (kind == 0) {
		flow.kind = FLOW_DNS;
		flow.name = RANDOM_PICK(random, names);
		flow.transport = (enum flow_transport)random_below(random, 3);
		return flow;
	}
	if (kind == 1) {
		flow.kind = FLOW_ANSWER;
		return flow;
	}
	flow.direction = random_below(random, 4) ? POLICY_EGRESS : POLICY_INGRESS;
	do
		flow.proto = RANDOM_PICK(random, proto_numbers);
	while ((flow.proto == PROTO_ICMPV4 && flow.addr.family == ADDR_V6) ||
	       (flow.proto == PROTO_ICMPV6 && flow.addr.family == ADDR_V4));
	flow.has_port = flow.proto == PROTO_TCP || flow.proto == PROTO_UDP;
	flow.port = flow.has_port ? RANDOM_PICK(random, port_numbers) : 0;
	if (random_below(random, 2))
		flow.bound[0] = RANDOM_PICK(random, names);
	if (flow.bound[0] && random_below(random, 3) == 0)
		flow.bound[1] = RANDOM_PICK(random, names);
	if (flow.proto == PROTO_TCP && flow.direction == POLICY_EGRESS && random_below(random, 3) == 0)
		flow.sni = RANDOM_PICK(random, names);
	return flow;
}

static bool can_be_looked_up(const struct eval_context *context, const char *name)
{
	return eval_dns(context, name, FLOW_DNS_UDP).action == POLICY_ALLOW ||
	       eval_dns(context, name, FLOW_DNS_TCP).action == POLICY_ALLOW;
}

bool random_flow_is_possible(const struct eval_context *context, const struct witness *flow)
{
	bool any = false;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		any = any || can_be_looked_up(context, names[i]);
	if (flow->kind != FLOW_DNS && addr_classify(flow->addr, &context->gateway) == ADDR_CLASS_NONE)
		return false; /* one that carries 0.0.0.0: nobody has it */
	if (flow->kind == FLOW_ANSWER)
		return any;
	for (int i = 0; i < 2; i++) {
		const char *name = flow->bound[i];

		if (!name)
			continue;
		if (!can_be_looked_up(context, name))
			return false;
		if (name_equal(name, NAME_HOST_ALIAS) ? !addr_equal(flow->addr, context->gateway.v4) &&
								!addr_equal(flow->addr, context->gateway.v6) :
							!eval_answer_passes_for(context, name, flow->addr))
			return false;
	}
	return true;
}
