#include "random_policy.h"
#include "base/name.h"
#include "policy/policy_facts.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

uint32_t random_below(struct random *random, uint32_t bound)
{
	random->state = random->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random->state >> 33) % bound);
}

size_t random_effort(size_t count)
{
	const char *percent = getenv("MSB_TEST_EFFORT");
	size_t share = count * (percent ? strtoul(percent, NULL, 10) : 100) / 100;

	return share ? share : 1;
}

#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof *(list))])

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
static const char *const protos[] = { "",        "",        ":tcp",       ":tcp",         ":udp",
				      ":icmpv4", ":icmpv6", ":{tcp,udp}", ":{tcp,icmpv4}" };
static const char *const ports[] = { "",        ":80",       ":443",     ":53",         ":853",
				     ":80-443", ":{80,443}", ":0-65535", ":{22,80-90}", ":{80-90,85,91}",
				     ":5353" };

static const char *random_target(struct random *random)
{
	return random_below(random, 5) < 3 ? PICK(random, address_targets) : PICK(random, name_targets);
}

/* An allow on names that says where they may be */
static const char *random_placed_rule(struct arena *arena, struct random *random)
{
	static const char *const networks[] = { "10.0.0.0/8",    "10.1.0.0/16",    "10.1.2.3",
						"[fd00::/8]",    "169.254.0.0/16", "{10.1.2.0/30,93.184.216.0/24}",
						"172.16.0.0/16", "[64:ff9b::/96]" };
	const char *target = PICK(random, name_targets), *proto = PICK(random, protos), *port = "";

	while (!strcmp(target, "host.microsandbox.internal"))
		target = PICK(random, name_targets);
	if (random_below(random, 3) == 0)
		target = arena_printf(arena, "{%s,b.example}", target);
	if (random_below(random, 2) && !strstr(proto, "icmp")) {
		port = PICK(random, ports);
		proto = port[0] && !proto[0] ? ":any" : proto;
	}
	return arena_printf(arena, "allow@%s%s%s in %s", target, proto, port, PICK(random, networks));
}

static const char *random_rule(struct arena *arena, struct random *random)
{
	static const char *const actions[] = { "allow", "deny" };
	static const char *const directions[] = { "", "", "", ":ingress", ":any" };
	const char *direction = PICK(random, directions), *target = random_target(random),
		   *proto = PICK(random, protos);
	const char *port = "";

	if (random_below(random, 10) == 0)
		return random_placed_rule(arena, random);
	if (random_below(random, 12) == 0) {
		target = "any";
	} else if (random_below(random, 12) == 0) {
		return arena_printf(arena, "%s@dns", PICK(random, actions));
	} else if (random_below(random, 4) == 0) {
		target = arena_printf(arena, "{%s", target);
		for (uint32_t i = random_below(random, 3) + 1; i; i--)
			target = arena_printf(arena, "%s,%s", target, random_target(random));
		target = arena_printf(arena, "%s}", target);
	}
	if (strstr(proto, "icmp") && direction[0])
		proto = "";
	if (random_below(random, 2)) {
		port = PICK(random, ports);
		if (port[0] && (!proto[0] || strstr(proto, "icmp")))
			proto = ":any";
	}
	return arena_printf(arena, "%s%s@%s%s%s", PICK(random, actions), direction, target, proto, port);
}

const char *random_rules(struct arena *arena, struct random *random, size_t count)
{
	const char *rules = random_rule(arena, random);

	while (--count)
		rules = arena_printf(arena, "%s,%s", rules, random_rule(arena, random));
	return rules;
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
	struct test_policy made =
		test_policy_of(PICK(random, actions), PICK(random, actions), rules, random_below(random, 8) == 0);

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

/* Rules without names: drawn anew until there are such */
static const char *random_floor_rules(struct arena *arena, struct random *random)
{
	const char *rules = NULL;

	for (uint32_t wanted = random_below(random, 4) + 1; wanted;) {
		const char *rule = random_rule(arena, random);
		if (strstr(rule, "example") || strstr(rule, "corp") || strstr(rule, "microsandbox"))
			continue;
		rules = rules ? arena_printf(arena, "%s,%s", rules, rule) : rule;
		wanted--;
	}
	return rules;
}

void random_add_floors(struct test_policy *made, struct random *random)
{
	static const char *const actions[] = { "allow", "deny" };

	for (uint32_t i = random_below(random, 2) + 1; i; i--) {
		struct policy_options options = { .arena = made->arena,
						  .net_default_egress = PICK(random, actions),
						  .net_default_ingress = PICK(random, actions) };
		struct policy *floor;

		*arena_push(made->arena, &options.rules) = random_floor_rules(made->arena, random);
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
	struct witness flow = { .kind = FLOW_CONNECTION, .addr = test_addr(PICK(random, addresses)) };
	flow.addr = by_own_prefix(flow.addr, random->state >> 20);
	uint32_t kind = random_below(random, 12);

	if (kind == 0) {
		flow.kind = FLOW_DNS;
		flow.name = PICK(random, names);
		flow.transport = (enum flow_transport)random_below(random, 3);
		return flow;
	}
	if (kind == 1) {
		flow.kind = FLOW_ANSWER;
		return flow;
	}
	flow.direction = random_below(random, 4) ? POLICY_EGRESS : POLICY_INGRESS;
	do
		flow.proto = PICK(random, proto_numbers);
	while ((flow.proto == PROTO_ICMPV4 && flow.addr.family == ADDR_V6) ||
	       (flow.proto == PROTO_ICMPV6 && flow.addr.family == ADDR_V4));
	flow.has_port = flow.proto == PROTO_TCP || flow.proto == PROTO_UDP;
	flow.port = flow.has_port ? PICK(random, port_numbers) : 0;
	if (random_below(random, 2))
		flow.bound[0] = PICK(random, names);
	if (flow.bound[0] && random_below(random, 3) == 0)
		flow.bound[1] = PICK(random, names);
	if (flow.proto == PROTO_TCP && flow.direction == POLICY_EGRESS && random_below(random, 3) == 0)
		flow.sni = PICK(random, names);
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
