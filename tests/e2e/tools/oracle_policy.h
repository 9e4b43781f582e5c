/* Random policies and random flows that are likely to be near a rule's edge, for kernel_oracle. */
#pragma once
#include "dns/bindings.h"
#include "policy/options.h"

#include <stdio.h>
#include <string.h>

static uint64_t random_state;

static uint64_t random_word(void) /* splitmix64 */
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned random_below(unsigned n)
{
	return (unsigned)(random_word() % n);
}

static bool one_in(unsigned n)
{
	return random_below(n) == 0;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PICK(array) ((array)[random_below(COUNT(array))])

/* Members of every class, and their neighbours */
static const char *const sample_addrs4[] = {
	"93.184.216.34",  "8.8.8.8",       "203.0.113.7",     "11.0.0.0",        "9.255.255.255",
	"240.0.0.1",      "198.18.0.1",    "10.0.0.5",        "10.255.255.255",  "172.16.5.4",
	"172.31.255.255", "172.32.0.1",    "192.168.1.1",     "100.64.0.1",      "100.127.255.255",
	"100.128.0.0",    "169.254.1.1",   "169.253.255.255", "169.254.169.254", "169.254.170.2",
	"169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",     "172.16.0.1",
};
static const char *const sample_addrs6[] = {
	"2606:4700::1111", "2001:db8::1",   "fc00::1",          "fd00::1",           "fdff:ffff::1",
	"fec0::1",         "fe00::1",       "100::1",           "fd00:ec2::254",     "fd00:ec2::23",
	"fd20:ce::254",    "fd20:ce::253",  "64:ff9b::808:808", "64:ff9b::a00:5",    "64:ff9b::a9fe:a9fe",
	"64:ff9b::ac10:1", "2002:a00:5::1", "2002:808:808::1",  "::ffff:0:10.0.0.5", "::10.0.0.5",
	"::8.8.8.8",       "2002:ac10:1::", "fd42:6d73:62::1",
};
static const char *const sample_names[] = { "a.example.com", "b.example.com", "example.com", "example.org",
					    "x.y.example.net" };
static const unsigned sample_ports[] = { 1, 22, 53, 79, 80, 81, 137, 443, 853, 5353, 5355, 8080, 65535 };

static struct addr parse_sample(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	addr_parse(text, &addr);
	return addr;
}

static struct addr random_addr(void)
{
	struct addr addr = parse_sample(one_in(2) ? PICK(sample_addrs4) : PICK(sample_addrs6));
	unsigned bits = addr.family == ADDR_V4 ? 32 : 128;

	if (one_in(4))
		addr.value ^= (u128)1 << random_below(bits);
	if (one_in(6))
		addr.value += one_in(2) ? (u128)1 : ~(u128)0;
	if (addr.family == ADDR_V4)
		addr.value &= UINT32_MAX;
	return addr;
}

/* A network's own NAT64 prefix, now and then; one that is told, or one that was found out */
static void random_nat64(struct addr_nat64 *out)
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };
	struct addr_prefix prefix = { parse_sample("2a00:64::"), PICK(lengths) };

	if (one_in(3))
		one_in(3) ? addr_nat64_find(out, prefix) : addr_nat64_add(out, prefix);
}

/* An IPv4 address inside such a prefix, sometimes; sometimes malformed */
static struct addr by_nat64(const struct addr_nat64 *nat64, struct addr addr)
{
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];

	if (addr.family != ADDR_V4 || !nat64->count || one_in(2))
		return addr;
	addr = carrying[addr_embedding_prefixes((struct addr_prefix){ addr, 32 }, nat64, carrying) - 1].addr;
	if (one_in(8))
		addr.value |= (u128)1 << (56 + random_below(8));
	return addr;
}

static const char *random_cidr(struct arena *arena)
{
	struct addr_prefix prefix = { random_addr(), 0 };
	unsigned bits = prefix.addr.family == ADDR_V4 ? 32 : 128;
	char text[ADDR_TEXT_MAX];

	prefix.len = (uint8_t)(one_in(12) ? 0 : one_in(3) ? bits : bits / 4 + random_below(bits * 3 / 4));
	return arena_printf(arena, prefix.addr.family == ADDR_V4 ? "%s/%u" : "[%s/%u]", addr_format(prefix.addr, text),
			    prefix.len);
}

static const char *random_target_item(struct arena *arena)
{
	static const char *const groups[] = {
		"public", "private", "loopback", "link-local", "meta", "multicast", "host"
	};

	switch (random_below(5)) {
	case 0:
	case 1:
		return PICK(groups);
	case 2:
		return one_in(2) ? arena_printf(arena, "*.%s", one_in(2) ? "example.com" : "example.net") :
				   PICK(sample_names);
	default:
		return random_cidr(arena);
	}
}

static const char *random_target(struct arena *arena)
{
	const char *list;

	if (one_in(8))
		return "any";
	if (!one_in(5))
		return random_target_item(arena);
	list = random_target_item(arena);
	for (unsigned n = 1 + random_below(3); n; n--)
		list = arena_printf(arena, "%s,%s", list, random_target_item(arena));
	return arena_printf(arena, "{%s}", list);
}

static const char *random_port_item(struct arena *arena)
{
	unsigned lo = one_in(4) ? random_below(65536) : PICK(sample_ports), hi = lo + random_below(200);

	if (!one_in(3))
		return arena_printf(arena, "%u", lo);
	return arena_printf(arena, "%u-%u", one_in(10) ? 0 : lo, one_in(10) || hi > 65535 ? 65535 : hi);
}

static const char *random_ports(struct arena *arena)
{
	const char *list;

	if (!one_in(3))
		return random_port_item(arena);
	list = random_port_item(arena);
	for (unsigned n = 1 + random_below(4); n; n--)
		list = arena_printf(arena, "%s,%s", list, random_port_item(arena));
	return arena_printf(arena, "{%s}", list);
}

static const char *random_rule(struct arena *arena)
{
	static const char *const ported[] = { "tcp", "udp", "any", "{tcp,udp}" };
	static const char *const portless[] = {
		"tcp", "udp", "icmpv4", "icmpv6", "any", "{tcp,icmpv4}", "{udp,icmpv4,icmpv6}"
	};
	const char *action = one_in(2) ? "allow" : "deny";
	const char *rule;

	if (one_in(10))
		return arena_printf(arena, "%s@dns%s", action, one_in(3) ? ":udp" : "");
	if (one_in(12)) /* judged elsewhere: must have no effect here */
		return arena_printf(arena, "%s:ingress@%s:tcp", action, random_target(arena));
	rule = arena_printf(arena, "%s%s@%s", action, one_in(10) ? ":egress" : "", random_target(arena));
	if (one_in(3))
		return rule;
	if (one_in(2))
		return arena_printf(arena, "%s:%s", rule, PICK(portless));
	return arena_printf(arena, "%s:%s:%s", rule, PICK(ported), random_ports(arena));
}

static const struct policy *random_floor(struct arena *arena, struct diags *diags)
{
	struct policy_options options = { .arena = arena };
	struct policy *floor;

	options.net_default_egress = one_in(2) ? "deny" : "allow";
	for (unsigned n = 1 + random_below(6); n; n--)
		*arena_push(arena, &options.rules) = random_rule(arena);
	floor = options_resolve(&options, NULL, diags);
	floor->is_floor = true;
	return floor;
}

static struct policy *random_policy(struct arena *arena, struct diags *diags)
{
	struct policy_options options = { .arena = arena };

	options.net_default_egress = one_in(2) ? "allow" : "deny";
	if (one_in(6))
		options.deployment_profile = "multi-tenant";
	for (unsigned n = 1 + random_below(12); n; n--)
		*arena_push(arena, &options.rules) = random_rule(arena);
	struct policy *policy = options_resolve(&options, NULL, diags);
	for (unsigned n = one_in(3) ? 1 + random_below(2) : 0; n; n--)
		*arena_push(arena, &policy->floors) = random_floor(arena, diags);
	return policy;
}

/* An address at the edge of a rule's network, or one that names are bound to, or any sample */
static struct addr random_destination(const struct policy *policy, const struct addr *bound, size_t bound_count)
{
	if (bound_count && one_in(5))
		return bound[random_below((unsigned)bound_count)];
	if (policy->rules.count && one_in(2)) {
		const struct policy_rule *rule = &policy->rules.items[random_below((unsigned)policy->rules.count)];
		const struct policy_target *target = &rule->targets.items[random_below((unsigned)rule->targets.count)];
		if (target->kind == TARGET_CIDR) {
			struct addr_range range = addr_prefix_range(target->prefix);
			struct addr addr = target->prefix.addr;
			u128 ends[] = { range.lo, range.hi, range.lo - 1, range.hi + 1, addr.value };
			addr.value = PICK(ends);
			if (addr.family == ADDR_V4)
				addr.value &= UINT32_MAX;
			if (addr.family == ADDR_V4 && one_in(3)) /* the same address inside an IPv6 one */
				return (struct addr){ ADDR_V6, ((u128)0x64ff9b << 96) | addr.value };
			return addr;
		}
	}
	return random_addr();
}

static uint16_t random_port(const struct policy *policy)
{
	if (policy->rules.count && one_in(2)) {
		const struct policy_rule *rule = &policy->rules.items[random_below((unsigned)policy->rules.count)];
		if (rule->ports.count) {
			const struct policy_port_range *ports =
				&rule->ports.items[random_below((unsigned)rule->ports.count)];
			uint16_t near[] = { ports->lo, ports->hi, (uint16_t)(ports->lo - 1),
					    (uint16_t)(ports->hi + 1) };
			return PICK(near);
		}
	}
	return (uint16_t)PICK(sample_ports);
}
