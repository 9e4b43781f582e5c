/* Draws trials near the edges of rules, resolves them, and prints them for people. */
#include "trial.h"
#include "lower/lower.h"
#include "lower/sandbox_net.h"
#include "optimise/optimise.h"
#include "policy/flow.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

/* Members of every class, and their neighbours */
static const char *const sample_addrs[] = {
	"93.184.216.34",   "8.8.8.8",       "203.0.113.7",      "11.0.0.0",          "9.255.255.255",
	"240.0.0.1",       "198.18.0.1",    "10.0.0.5",         "10.255.255.255",    "172.16.5.4",
	"172.31.255.255",  "172.32.0.1",    "192.168.1.1",      "100.64.0.1",        "100.127.255.255",
	"100.128.0.0",     "169.254.1.1",   "169.253.255.255",  "169.254.169.254",   "169.254.170.2",
	"169.254.170.23",  "168.63.129.16", "100.100.100.200",  "192.0.0.192",       "172.16.0.1",
	"2606:4700::1111", "2001:db8::1",   "fc00::1",          "fd00::1",           "fdff:ffff::1",
	"fec0::1",         "fe00::1",       "100::1",           "fd00:ec2::254",     "fd00:ec2::23",
	"fd20:ce::254",    "fd20:ce::253",  "64:ff9b::808:808", "64:ff9b::a00:5",    "64:ff9b::a9fe:a9fe",
	"64:ff9b::ac10:1", "2002:a00:5::1", "2002:808:808::1",  "::ffff:0:10.0.0.5", "::10.0.0.5",
	"::8.8.8.8",       "2002:ac10:1::", "fd42:6d73:62::1",
};
static const char *const groups[] = { "public",     "private", "public",    "private", "loopback",
				      "link-local", "meta",    "multicast", "host" };
static const char *const names[] = { "a.example.com", "b.example.com",   "example.com",
				     "example.org",   "x.y.example.net", "c.example.com" };
static const char *const name_targets[] = { "a.example.com",   "b.example.com", "example.com",   "example.org",
					    "x.y.example.net", "*.example.com", "*.example.net", "*.y.example.net" };
static const char *const networks[] = { "10.0.0.0/8", "8.8.0.0/16",       "{172.16.0.0/12,[fd00::/8]}",
					"0.0.0.0/0",  "[2606:4700::/32]", "{93.184.216.34,[2001:db8::/32]}" };
static const char *const ports[] = { ":1",
				     ":22",
				     ":53",
				     ":80",
				     ":80-81",
				     ":443",
				     ":853",
				     ":5353",
				     ":137",
				     ":8080",
				     ":79-443",
				     ":0-65535",
				     ":0-80",
				     ":80-65535",
				     ":{80,443}",
				     ":{22,80-90}",
				     ":{22,80-91}",
				     ":{22,80-90}",
				     ":{1,65535,443}",
				     ":{79,81,8080-8200}" };
static const uint16_t sample_ports[] = { 0, 1, 22, 53, 79, 80, 81, 137, 443, 853, 5353, 5355, 8080, 65535 };

static struct addr parsed(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	addr_parse(text, &addr);
	return addr;
}

static const struct addr *samples(void)
{
	static struct addr list[RANDOM_COUNT(sample_addrs)];

	for (size_t i = 0; i < RANDOM_COUNT(sample_addrs) && !list[0].value; i++)
		list[RANDOM_COUNT(sample_addrs) - 1 - i] = parsed(sample_addrs[RANDOM_COUNT(sample_addrs) - 1 - i]);
	return list;
}

static struct addr random_addr(struct random *random)
{
	struct addr addr = samples()[random_below(random, RANDOM_COUNT(sample_addrs))];

	if (random_one_in(random, 4))
		addr.value ^= (u128)1 << random_below(random, addr.family == ADDR_V4 ? 32 : 128);
	if (random_one_in(random, 6))
		addr.value += random_one_in(random, 2) ? (u128)1 : ~(u128)0;
	if (addr.family == ADDR_V4)
		addr.value &= UINT32_MAX;
	return addr;
}

/* ---- policies ---- */

/* A network's own NAT64 prefix, now and then; one that is told, or one that was found out */
static void random_nat64(struct random *random, struct addr_nat64 *out)
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };
	struct addr_prefix prefix = { parsed("2a00:64::"), RANDOM_PICK(random, lengths) };

	if (!random_one_in(random, 3))
		return;
	if (random_one_in(random, 3))
		addr_nat64_find(out, prefix);
	else
		addr_nat64_add(out, prefix);
}

static struct random_pool pool_of(bool narrow)
{
	return (struct random_pool){
		.addresses = groups,
		.address_count = RANDOM_COUNT(groups),
		.names = name_targets,
		.name_count = RANDOM_COUNT(name_targets),
		.within = networks,
		.within_count = RANDOM_COUNT(networks),
		.ports = ports,
		.port_count = RANDOM_COUNT(ports),
		.near = samples(),
		.near_count = RANDOM_COUNT(sample_addrs),
		.narrow = narrow,
	};
}

static void draw_floor(struct arena *arena, struct random *random, struct trial *trial)
{
	struct random_pool pool = pool_of(false);
	struct trial_floor *floor = arena_push(arena, &trial->floors);

	floor->egress = random_one_in(random, 2) ? "deny" : "allow";
	for (uint32_t n = 1 + random_below(random, 6); n; n--)
		*arena_push(arena, &floor->rules) = random_rule(arena, random, &pool);
}

static bool is_bindable(const struct trial *trial, struct addr addr)
{
	return (addr.family == ADDR_V4 ? trial->gateway.has4 : trial->gateway.has6) && trial_is_routable(trial, addr);
}

/* What no name ever passes to by itself: the gateway, metadata */
static struct addr special_addr(const struct trial *trial, struct random *random)
{
	static const char *const meta[] = { "169.254.169.254", "168.63.129.16", "fd00:ec2::254" };

	switch (random_below(random, 3)) {
	case 0:
		return trial->gateway.v4;
	case 1:
		return trial->gateway.v6;
	default:
		return parsed(RANDOM_PICK(random, meta));
	}
}

/* Every name gets some addresses, now and then one that another has as well, and loses them now and then */
static void draw_bindings(struct arena *arena, struct random *random, struct trial *trial)
{
	struct trial_bindings *list = &trial->bindings;
	bool hurried = random_one_in(random, 24);

	for (uint32_t n = 2 * RANDOM_COUNT(names); n; n--) {
		struct trial_binding made = { .name = RANDOM_PICK(random, names) };
		bool again = list->count && random_one_in(random, 3);
		made.addr = again                    ? list->items[random_below(random, (uint32_t)list->count)].addr :
			    random_one_in(random, 6) ? special_addr(trial, random) :
						       random_addr(random);
		made.how = random_one_in(random, 12)           ? TRIAL_GONE :
			   hurried && random_one_in(random, 2) ? TRIAL_ENDS :
								 TRIAL_LASTS;
		if (is_bindable(trial, made.addr))
			*arena_push(arena, list) = made;
	}
}

bool trial_is_hurried(const struct trial *trial)
{
	for (size_t i = 0; i < trial->bindings.count; i++)
		if (trial->bindings.items[i].how == TRIAL_ENDS)
			return true;
	return false;
}

struct trial trial_draw(struct arena *arena, struct random *random, const struct addr_gateway *gateway, size_t most)
{
	struct trial trial = { .egress = random_one_in(random, 2) ? "deny" : "allow", .gateway = *gateway };
	bool many = most > 12 && random_one_in(random, 2);
	struct random_pool pool = pool_of(many && !random_one_in(random, 4));

	trial.multi_tenant = random_one_in(random, 6);
	for (uint32_t n = 1 + random_below(random, (uint32_t)(many || most < 12 ? most : 12)); n; n--)
		*arena_push(arena, &trial.rules) = random_rule(arena, random, &pool);
	for (uint32_t n = random_one_in(random, 3) ? 1 + random_below(random, 2) : 0; n; n--)
		draw_floor(arena, random, &trial);
	random_nat64(random, &trial.gateway.nat64);
	if (random_one_in(random, 8))
		trial.gateway.has4 = false;
	else if (random_one_in(random, 8))
		trial.gateway.has6 = false;
	draw_bindings(arena, random, &trial);
	return trial;
}

static struct policy *resolved(struct arena *arena, const struct policy_options *options)
{
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy *policy = options_resolve(options, NULL, diags);

	if (diags->errors) {
		diags_print_text(diags, stderr, false);
		errx(3, "a random policy does not resolve");
	}
	return policy;
}

struct policy *trial_policy(struct arena *arena, const struct trial *trial)
{
	struct policy_options options = { .arena = arena,
					  .rules = trial->rules,
					  .net_default_egress = trial->egress,
					  .deployment_profile = trial->multi_tenant ? "multi-tenant" : NULL,
					  .bounds = { [BOUND_CONNECTIONS] = TRIAL_BOUND, [BOUND_RATE] = TRIAL_BOUND } };
	struct policy *policy = resolved(arena, &options);

	for (size_t i = 0; i < trial->floors.count; i++) {
		struct policy_options of_floor = { .arena = arena,
						   .rules = trial->floors.items[i].rules,
						   .net_default_egress = trial->floors.items[i].egress };
		struct policy *floor = resolved(arena, &of_floor);
		floor->is_floor = true;
		*arena_push(arena, &policy->floors) = floor;
	}
	return policy;
}

struct ruleset *trial_ruleset(struct arena *arena, const struct trial *trial, const struct policy *policy)
{
	struct lower_options options = { .gateway = trial->gateway };
	struct ruleset *ruleset = lower_policy(arena, policy, &options);

	optimise(ruleset, trial->level);
	return ruleset;
}

/* ---- flows ---- */

bool trial_is_routable(const struct trial *trial, struct addr to)
{
	static const char *const never[] = { "0.0.0.0/8", "::/128", "::ffff:0:0/96", "198.51.100.0/30",
					     "2001:db8:ff::/126" };
	struct addr own = to.family == ADDR_V4 ? trial->gateway.v4 : trial->gateway.v6;
	struct addr_prefix on_link = { own, to.family == ADDR_V4 ? 30 : 126 };

	for (size_t i = 0; i < RANDOM_COUNT(never); i++) {
		struct addr_prefix prefix = { { ADDR_V4, 0 }, 0 };
		addr_prefix_parse(never[i], &prefix);
		if (prefix.addr.family == to.family && addr_prefix_contains(prefix, to))
			return false;
	}
	return addr_equal(to, own) || !addr_prefix_contains(on_link, to);
}

/* An IPv4 address inside the network's own NAT64 prefix, sometimes; sometimes malformed */
static struct addr by_nat64(struct random *random, const struct addr_nat64 *nat64, struct addr addr)
{
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];

	if (addr.family != ADDR_V4 || !nat64->count || random_one_in(random, 2))
		return addr;
	addr = carrying[addr_embedding_prefixes((struct addr_prefix){ addr, 32 }, nat64, carrying) - 1].addr;
	if (random_one_in(random, 8))
		addr.value |= (u128)1 << (56 + random_below(random, 8));
	return addr;
}

static const struct policy_rule *random_rule_of(const struct policy *policy, struct random *random)
{
	if (policy->floors.count && random_one_in(random, 4))
		policy = policy->floors.items[random_below(random, (uint32_t)policy->floors.count)];
	return policy->rules.count ? &policy->rules.items[random_below(random, (uint32_t)policy->rules.count)] : NULL;
}

static struct addr edge_of(struct random *random, const struct policy_targets *targets)
{
	const struct policy_target *target = &targets->items[random_below(random, (uint32_t)targets->count)];

	if (target->kind != TARGET_CIDR)
		return random_addr(random);
	struct addr_range range = addr_prefix_range(target->prefix);
	struct addr addr = target->prefix.addr;
	u128 ends[] = { range.lo, range.hi, range.lo - 1, range.hi + 1, addr.value };
	addr.value = RANDOM_PICK(random, ends);
	if (addr.family == ADDR_V4)
		addr.value &= UINT32_MAX;
	if (addr.family == ADDR_V4 && random_one_in(random, 4)) /* the same address inside an IPv6 one */
		return (struct addr){ ADDR_V6, ((u128)0x64ff9b << 96) | addr.value };
	return addr;
}

static struct addr random_destination(const struct trial *trial, const struct policy_rule *rule, struct random *random)
{
	const struct trial_bindings *bound = &trial->bindings;

	if (bound->count && random_one_in(random, 5))
		return bound->items[random_below(random, (uint32_t)bound->count)].addr;
	if (!rule || random_one_in(random, 4))
		return random_addr(random);
	return edge_of(random, rule->within.count && random_one_in(random, 2) ? &rule->within : &rule->targets);
}

static uint16_t random_port(const struct policy_rule *rule, struct random *random)
{
	if (!rule || !rule->ports.count || random_one_in(random, 4))
		return RANDOM_PICK(random, sample_ports);
	const struct policy_port_range *range = &rule->ports.items[random_below(random, (uint32_t)rule->ports.count)];
	uint16_t near[] = { range->lo, range->hi, (uint16_t)(range->lo - 1), (uint16_t)(range->hi + 1) };
	return RANDOM_PICK(random, near);
}

static enum packet_form random_form(struct random *random)
{
	if (!random_one_in(random, 8))
		return PACKET_WHOLE;
	if (random_one_in(random, 200)) /* each waits for the rest, and takes room from others */
		return PACKET_LAST_FRAGMENT;
	return random_one_in(random, 2) ? PACKET_FRAGMENTS : PACKET_FRAGMENTS_REVERSED;
}

void trial_draw_flow(const struct trial *trial, const struct policy *policy, struct random *random,
		     struct packet_flow *flow)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	const struct policy_rule *rule = random_rule_of(policy, random);

	do
		flow->to = by_nat64(random, &trial->gateway.nat64, random_destination(trial, rule, random));
	while (!trial_is_routable(trial, flow->to));
	flow->proto = RANDOM_PICK(random, protos);
	if (flow->proto == IPPROTO_ICMP && flow->to.family == ADDR_V6)
		flow->proto = IPPROTO_ICMPV6;
	flow->port = random_port(rule, random);
	flow->source_port = (uint16_t)(1024 + flow->id % 60000);
	flow->options = flow->to.family == ADDR_V6 && random_one_in(random, 8);
	flow->form = random_form(random);
	flow->every_hop = flow->to.family == ADDR_V6 && flow->form == PACKET_WHOLE && random_one_in(random, 16);
	flow->twist = flow->form == PACKET_WHOLE && random_one_in(random, 50) ?
			      (enum packet_twist)random_below(random, PACKET_TWISTS) :
			      PACKET_PLAIN;
	if (flow->twist == PACKET_LAST_HOP && addr_gateway_has(&trial->gateway, flow->to))
		flow->twist = PACKET_PLAIN; /* it has arrived */
}

static struct eval_connection connection_of(const struct packet_flow *flow)
{
	struct eval_connection connection = { .direction = POLICY_EGRESS, .addr = flow->to };

	connection.has_port = flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP;
	connection.port = connection.has_port ? flow->port : 0;
	connection.proto = packet_policy_proto(flow->proto);
	return connection;
}

enum eval_syn trial_expects(const struct eval_context *context, const struct packet_flow *flow)
{
	struct eval_connection connection = connection_of(flow);
	const struct addr_gateway *gateway = &context->gateway;

	if (!(flow->to.family == ADDR_V4 ? gateway->has4 : gateway->has6))
		return EVAL_SYN_DENY; /* a family without a gateway is dropped whole */
	if (connection.has_port && flow->port == LOWER_DNS_PORT)
		return EVAL_SYN_DENY; /* to the DNS proxy, which does not run */
	if (flow->form == PACKET_LAST_FRAGMENT)
		return EVAL_SYN_DENY; /* without its first it is no packet */
	if (flow->twist != PACKET_PLAIN)
		return EVAL_SYN_DENY;
	return eval_syn(context, &connection);
}

/* ---- as text ---- */

static void print_options(FILE *out, const struct trial *trial)
{
	fprintf(out, " --net-default-egress %s%s", trial->egress,
		trial->multi_tenant ? " --deployment-profile multi-tenant" : "");
	for (size_t i = 0; i < trial->rules.count; i++)
		fprintf(out, " --net-rule '%s'", trial->rules.items[i]);
	for (size_t i = 0; i < trial->floors.count; i++)
		fprintf(out, " --floor floor%zu.msb", i + 1);
}

static void print_gateway(FILE *out, const struct trial *trial)
{
	const struct addr_gateway *gateway = &trial->gateway;
	char v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];

	fprintf(out, " --gateway %s%s%s", gateway->has4 ? addr_format(gateway->v4, v4) : "",
		gateway->has4 && gateway->has6 ? "," : "", gateway->has6 ? addr_format(gateway->v6, v6) : "");
	for (size_t i = 0; i < gateway->nat64.count; i++)
		fprintf(out, " --net-nat64-prefix %s/%u", addr_format(gateway->nat64.items[i].addr, v6),
			gateway->nat64.items[i].len);
}

/* Whether it is so still when flows are sent */
static bool holds(const struct trial *trial, size_t index)
{
	const struct trial_binding *binding = &trial->bindings.items[index];

	if (binding->how != TRIAL_LASTS)
		return false;
	for (size_t i = index + 1; i < trial->bindings.count; i++)
		if (trial->bindings.items[i].how == TRIAL_GONE && trial->bindings.items[i].name == binding->name)
			return false;
	return true;
}

void trial_print(FILE *out, const struct trial *trial, const struct packet_flow *flow)
{
	struct arena *arena = arena_new();
	struct eval_connection connection = connection_of(flow);
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < trial->floors.count; i++) {
		fprintf(out, "#   printf '%%s\\n' 'default egress %s'", trial->floors.items[i].egress);
		for (size_t k = 0; k < trial->floors.items[i].rules.count; k++)
			fprintf(out, " '%s'", trial->floors.items[i].rules.items[k]);
		fprintf(out, " >floor%zu.msb\n", i + 1);
	}
	fputs("#   msb-policyc eval", out);
	print_options(out, trial);
	print_gateway(out, trial);
	for (size_t i = 0; i < trial->bindings.count; i++)
		if (holds(trial, i))
			fprintf(out, " --resolve %s=%s", trial->bindings.items[i].name,
				addr_format(trial->bindings.items[i].addr, text));
	fprintf(out, " '%s'\n#   install -O %d",
		flow_format_connection(arena, POLICY_EGRESS, flow->to, connection.proto, connection.has_port,
				       connection.port),
		trial->level);
	print_options(out, trial);
	print_gateway(out, trial);
	fputs(" --max-connections " TRIAL_BOUND " --max-connection-rate " TRIAL_BOUND, out);
	for (size_t i = 0; i < trial->bindings.count; i++) {
		const struct trial_binding *binding = &trial->bindings.items[i];
		fprintf(out, " --bind %s=%s%s", binding->name,
			binding->how == TRIAL_GONE ? "" : addr_format(binding->addr, text),
			binding->how == TRIAL_ENDS ? ",150" : "");
	}
	if (trial->gateway.nat64.found)
		fputs("\n#   (the NAT64 prefix was found out, not told)", out);
	fputc('\n', out);
	arena_free(arena);
}
