/* The shortcuts of chain prerouting, in the interpreter: frames of all kinds fare alike with and without them, at the edges of
 * what each condition leaves out. They enter by the bridge, so that nothing of this hangs on what the link refuses. */
#include "policy_of.h"
#include "lower/lower.h"
#include "lower/sandbox_net.h"
#include "tests/lib/packet.h"
#include "tests/lib/random.h"
#include "tests/lib/ruleset_run.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Destinations, and sources now and then; the guest and the gateway are added */
static const char *const addrs4[] = { "93.184.216.34",   "10.1.2.3",        "127.0.0.0",       "127.255.255.255",
				      "126.255.255.255", "128.0.0.0",       "0.0.0.0",         "0.0.0.1",
				      "223.255.255.255", "224.0.0.0",       "239.255.255.255", "240.0.0.1",
				      "172.16.0.3",      "255.255.255.254", "255.255.255.255" };
static const char *const addrs6[] = { "2606:4700::1111",
				      "2000::",
				      "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
				      "1fff::1",
				      "4000::",
				      "fd00::5",
				      "fe80::5",
				      "ff02::1",
				      "::",
				      "::1",
				      "::ffff:8.8.8.8",
				      "::127.0.0.1",
				      "64:ff9b::7f00:1",
				      "64:ff9b::808:808",
				      "2001:ffff::1",
				      "2002:7f00:1::1",
				      "2002:e000:1::1",
				      "2002:808:808::1",
				      "2003::1",
				      "2001:db8:64::7f00:1",
				      "2001:db8:64::e000:1",
				      "2001:db8:64::808:808",
				      "2001:db8:64:0:ffff::1" };
static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, 47, 132, 136 };
static const uint16_t ports[] = { 53, 52, 54, 67, 68, 546, 547, 7, 443 };
static const uint8_t hops[] = { 0, 1, 2, 64, 255 };

struct frame {
	uint8_t bytes[PACKET_MAX];
	size_t len;
};

/* Two rulesets of one policy */
struct pair {
	struct arena *arena;
	struct addr_gateway gateway;
	struct ruleset_run *plain, *quick;
};

static struct ruleset_run *run_of(const struct test_policy *made, const struct addr_gateway *gateway, bool plain)
{
	struct lower_options options = { .gateway = *gateway, .plain = plain };

	return ruleset_run_new(made->arena, lower_policy(made->arena, made->policy, &options));
}

static struct pair pair_of(const struct addr_gateway *gateway, bool rate)
{
	struct test_policy made = test_policy_of("allow", "allow", NULL, false);

	if (rate)
		made.policy->egress_ops = (struct policy_limit){ .size = 1000, .refill_ms = 1000 };
	return (struct pair){ made.arena, *gateway, run_of(&made, gateway, true), run_of(&made, gateway, false) };
}

static struct addr drawn_addr(struct random *random, const struct addr_gateway *gateway, bool v4)
{
	struct addr own = v4 ? gateway->v4 : gateway->v6;

	if (random_one_in(random, 4))
		return random_one_in(random, 2) ? own : lower_guest_addr(own);
	return test_addr(v4 ? RANDOM_PICK(random, addrs4) : RANDOM_PICK(random, addrs6));
}

static struct addr drawn_source(struct random *random, const struct addr_gateway *gateway, bool v4)
{
	return random_one_in(random, 6) ? drawn_addr(random, gateway, v4) :
					  lower_guest_addr(v4 ? gateway->v4 : gateway->v6);
}

/* A header of the transport's, or less than its ports */
static void put_end(struct random *random, struct frame *frame)
{
	uint16_t pair[2] = { htons(RANDOM_PICK(random, ports)), htons(RANDOM_PICK(random, ports)) };
	size_t len = random_one_in(random, 12) ? random_below(random, 4) : 20;

	memset(frame->bytes + frame->len, 0, 20);
	memcpy(frame->bytes + frame->len, pair, sizeof pair);
	frame->len += len;
}

static void put4(struct random *random, const struct addr_gateway *gateway, struct frame *frame)
{
	unsigned words = random_one_in(random, 6) ? 6 + random_below(random, 2) : 5;
	struct iphdr ip = { .version = 4,
			    .ihl = words & 0xf,
			    .ttl = RANDOM_PICK(random, hops),
			    .protocol = RANDOM_PICK(random, protos),
			    .saddr = htonl((uint32_t)drawn_source(random, gateway, true).value),
			    .daddr = htonl((uint32_t)drawn_addr(random, gateway, true).value) };

	memset(frame->bytes + frame->len, IPOPT_NOOP, words * 4);
	memcpy(frame->bytes + frame->len, &ip, sizeof ip);
	frame->len += words * 4;
	put_end(random, frame);
}

static void put6(struct random *random, const struct addr_gateway *gateway, struct frame *frame)
{
	static const uint8_t headers[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING };
	struct ip6_hdr ip = { .ip6_flow = htonl(6u << 28), .ip6_hlim = RANDOM_PICK(random, hops) };
	uint8_t *next = frame->bytes + frame->len + offsetof(struct ip6_hdr, ip6_nxt);

	addr_to_bytes(drawn_source(random, gateway, false), ip.ip6_src.s6_addr);
	addr_to_bytes(drawn_addr(random, gateway, false), ip.ip6_dst.s6_addr);
	memcpy(frame->bytes + frame->len, &ip, sizeof ip);
	frame->len += sizeof ip;
	for (unsigned n = random_one_in(random, 4) ? 1 + random_below(random, 2) : 0; n; n--) {
		*next = RANDOM_PICK(random, headers);
		next = frame->bytes + frame->len;
		memset(next, 0, 8);
		frame->len += 8;
	}
	*next = RANDOM_PICK(random, protos);
	put_end(random, frame);
}

static struct frame draw_frame(struct random *random, const struct addr_gateway *gateway)
{
	struct frame frame = { .len = sizeof(struct ether_header) };
	bool v4 = random_one_in(random, 2);
	struct ether_header ether = { .ether_type = htons(v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6) };

	memcpy(frame.bytes, &ether, sizeof ether);
	(v4 ? put4 : put6)(random, gateway, &frame);
	return frame;
}

static struct run_world draw_world(struct random *random, const struct addr_gateway *gateway)
{
	static const unsigned states[] = { RUN_CT_NEW, RUN_CT_NEW, RUN_CT_ESTABLISHED, RUN_CT_INVALID, RUN_CT_RELATED };

	return (struct run_world){ .gateway = *gateway,
				   .ct_state = RANDOM_PICK(random, states),
				   .proxy = random_one_in(random, 2),
				   .over_rate = random_one_in(random, 8) };
}

static char *hex(struct arena *arena, const struct frame *frame)
{
	char *text = arena_alloc(arena, frame->len * 2 + 1);

	for (size_t i = 0; i < frame->len; i++)
		snprintf(text + i * 2, 3, "%02x", frame->bytes[i]);
	return text;
}

static bool alike(const struct run_result *a, const struct run_result *b)
{
	return a->end == b->end && a->mark == b->mark && a->untracked == b->untracked && a->proxied == b->proxied &&
	       a->logged == b->logged;
}

/* Returns how many the shortcuts spared rules. */
static size_t try_frames(struct random *random, const struct pair *pair, unsigned count)
{
	size_t spared = 0;

	while (count--) {
		struct frame frame = draw_frame(random, &pair->gateway);
		struct run_world world = draw_world(random, &pair->gateway);
		struct run_result plain = ruleset_run_frame(pair->plain, &world, LOWER_BRIDGE, frame.bytes, frame.len);
		struct run_result quick = ruleset_run_frame(pair->quick, &world, LOWER_BRIDGE, frame.bytes, frame.len);
		cr_assert(alike(&plain, &quick),
			  "the shortcuts change what becomes of %s: %s (chain %s), without them %s (chain %s)",
			  hex(pair->arena, &frame), run_end_name(quick.end), quick.chain, run_end_name(plain.end),
			  plain.chain);
		spared += quick.rules < plain.rules;
	}
	return spared;
}

static void try_gateway(const char *v6, const char *nat64, bool rate)
{
	struct random random = { 20261128 };
	struct addr_gateway gateway = test_gateway("172.16.0.1", v6);
	struct addr_prefix prefix;

	if (nat64 && addr_prefix_parse(nat64, &prefix))
		addr_nat64_add(&gateway.nat64, prefix);
	struct pair pair = pair_of(&gateway, rate);
	cr_expect_gt(try_frames(&random, &pair, 60000), 1000, "the shortcuts must be taken");
	arena_free(pair.arena);
}

Test(shortcuts, change_nothing)
{
	try_gateway("fd42:6d73:62::1", NULL, false);
}

Test(shortcuts, change_nothing_where_packets_a_second_are_bounded)
{
	try_gateway("fd42:6d73:62::1", NULL, true);
}

Test(shortcuts, change_nothing_where_addresses_are_translated)
{
	try_gateway("fd42:6d73:62::1", "2001:db8:64::/96", false);
}

Test(shortcuts, change_nothing_where_the_gateway_has_a_global_address)
{
	try_gateway("2606:4700::1111", "2001:db8:64::/64", false);
}
