/* Addresses: text, classes, and the sets that must agree with classifying one address at a time. */
#include "base/address.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct addr parse(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };
	cr_assert(addr_parse(text, &addr), "%s", text);
	return addr;
}

static struct addr_gateway gateway(void)
{
	return (struct addr_gateway){ true, true, parse("172.16.0.1"), parse("fd42:6d73:62::1") };
}

/* On a network that translates IPv6 to IPv4 by a prefix of its own (RFC 6052) */
static struct addr_gateway nat64_gateway(void)
{
	struct addr_gateway host = gateway();
	cr_assert(addr_prefix_parse("2001:db8:64::/96", &host.nat64.items[host.nat64.count++]));
	return host;
}

static void expect_class(const char *text, enum addr_class class)
{
	struct addr_gateway host = gateway();
	enum addr_class got = addr_classify(parse(text), &host);
	cr_expect_eq(got, class, "%s is %s, not %s", text, addr_class_name(got), addr_class_name(class));
}

Test(address, strict_text)
{
	static const char *const refused[] = {
		"",           "10.0.0.01", "127.1",    "0x7f.0.0.1", "1.2.3.4.5",         "256.1.1.1",
		"fe80::1%lo", "[::1]",     " 1.1.1.1", "1.1.1.1 ",   "1:2:3:4:5:6:7:8:9", "+1.1.1.1"
	};
	struct addr addr;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		cr_expect_not(addr_parse(refused[i], &addr), "%s", refused[i]);
}

Test(address, prefix_text)
{
	static const char *const refused[] = { "10.0.0.0/33",    "10.0.0.0/",     "10.0.0.0/08", "10.0.0.0/255.0.0.0",
					       "::/129",         "10/8",          "/8",          "::/-1",
					       "2001:db8::/032", "fe80::/10%eth0" };
	struct addr_prefix prefix;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		cr_expect_not(addr_prefix_parse(refused[i], &prefix), "%s", refused[i]);
	cr_assert(addr_prefix_parse("10.1.2.3/8", &prefix));
	cr_expect_eq(prefix.len, 8);
	cr_expect_eq((uint32_t)prefix.addr.value, 0x0a010203u);
	cr_expect_eq((uint32_t)addr_prefix_range(prefix).hi, 0x0affffffu);
	cr_assert(addr_prefix_parse("::", &prefix));
	cr_expect_eq(prefix.len, 128);
}

Test(address, canonical_text)
{
	static const char *const pairs[][2] = {
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "::ffff:a00:1", "::ffff:10.0.0.1" },
		{ "::10.0.0.1", "::a00:1" },
		{ "::1:0", "::1:0" },
		{ "::2", "::2" },
		{ "::", "::" },
		{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
		{ "10.0.0.1", "10.0.0.1" },
	};
	char buf[ADDR_TEXT_MAX];
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		cr_expect_str_eq(addr_format(parse(pairs[i][0]), buf), pairs[i][1]);
}

Test(address, classes)
{
	expect_class("0.0.0.0", ADDR_CLASS_NONE);
	expect_class("::", ADDR_CLASS_NONE);
	expect_class("::ffff:0.0.0.0", ADDR_CLASS_NONE);
	expect_class("172.16.0.1", ADDR_CLASS_HOST);
	expect_class("::ffff:172.16.0.1", ADDR_CLASS_HOST);
	expect_class("64:ff9b::ac10:1", ADDR_CLASS_HOST);
	expect_class("fd42:6d73:62::1", ADDR_CLASS_HOST);
	expect_class("fd42:6d73:62::2", ADDR_CLASS_PRIVATE);
	expect_class("168.63.129.16", ADDR_CLASS_META);
	expect_class("2002:a9fe:a9fe::1", ADDR_CLASS_META);
	expect_class("fd00:ec2::23", ADDR_CLASS_META);
	expect_class("169.254.169.253", ADDR_CLASS_LINK_LOCAL);
	expect_class("::1", ADDR_CLASS_LOOPBACK);
	expect_class("::2", ADDR_CLASS_PUBLIC); /* carries 0.0.0.2 */
	expect_class("::ffff:0:127.0.0.1", ADDR_CLASS_LOOPBACK);
	expect_class("100.64.0.0", ADDR_CLASS_PRIVATE);
	expect_class("224.0.0.1", ADDR_CLASS_MULTICAST);
	expect_class("255.255.255.255", ADDR_CLASS_PUBLIC);
	expect_class("64:ff9b:1::1", ADDR_CLASS_PRIVATE);
	expect_class("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ADDR_CLASS_PRIVATE);
	expect_class("64:ff9b:2::", ADDR_CLASS_PUBLIC);
	expect_class("fec0::1", ADDR_CLASS_PRIVATE);
	expect_class("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_CLASS_PRIVATE);
}

Test(address, bytes_round_trip)
{
	static const char *const texts[] = { "1.2.3.4", "2001:db8::ff", "::1" };
	for (size_t i = 0; i < 3; i++) {
		struct sockaddr_storage storage;
		struct addr addr = parse(texts[i]);
		addr_to_sockaddr(addr, 53, &storage);
		cr_expect(addr_equal(addr, addr_from_sockaddr((struct sockaddr *)&storage)), "%s", texts[i]);
	}
}

/* Values where something may change: each edge of each range, its neighbours, and the middle */
static size_t edges(const struct addr_set *set, u128 *out, u128 max)
{
	size_t count = 0;
	for (size_t i = 0; i < set->count; i++) {
		struct addr_range r = set->items[i];
		out[count++] = r.lo;
		out[count++] = r.hi;
		out[count++] = r.lo + (r.hi - r.lo) / 2;
		if (r.lo)
			out[count++] = r.lo - 1;
		if (r.hi < max)
			out[count++] = r.hi + 1;
	}
	return count;
}

static void check_value(struct addr addr, const struct addr_set *sets, const struct addr_gateway *host)
{
	char buf[ADDR_TEXT_MAX];
	int holders = 0;
	cr_expect_eq(addr_set_contains(&sets[ADDR_CLASS_COUNT], addr.value),
		     !addr_is_mapped(addr) && addr_is_reserved(addr, host), "reserved: %s", addr_format(addr, buf));
	for (int class = 0; class < ADDR_CLASS_COUNT; class ++) {
		bool in = addr_set_contains(&sets[class], addr.value);
		bool is = !addr_is_mapped(addr) && addr_classify(addr, host) == (enum addr_class) class;
		holders += in;
		cr_expect_eq(in, is, "%s: set of %s says %d, classifying %d", addr_format(addr, buf),
			     addr_class_name((enum addr_class) class), in, is);
	}
	cr_expect_eq(holders, addr_is_mapped(addr) ? 0 : 1, "%s", addr_format(addr, buf));
}

static void check_sets(enum addr_family family, const struct addr_gateway *host)
{
	struct arena *arena = arena_new();
	struct addr_set sets[ADDR_CLASS_COUNT + 1];
	u128 max = family == ADDR_V4 ? (u128)UINT32_MAX : ~(u128)0;

	for (int class = 0; class < ADDR_CLASS_COUNT; class ++)
		sets[class] = addr_class_set(arena, (enum addr_class) class, family, host);
	sets[ADDR_CLASS_COUNT] = addr_reserved_set(arena, family, host);
	for (int class = 0; class <= ADDR_CLASS_COUNT; class ++) {
		u128 *values = arena_alloc(arena, (sets[class].count * 5 + 1) * sizeof *values);
		size_t count = edges(&sets[class], values, max);
		for (size_t i = 0; i < count; i++)
			check_value((struct addr){ family, values[i] }, sets, host);
	}
	srandom(20261124);
	for (int i = 0; i < 20000; i++) {
		static const char *const tops[] = { "::",     "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::",
						    "2002::", "fd00::",     "fe80::",       "2001:db8:64::" };
		struct addr addr = { family, (uint32_t)random() << 1 ^ (uint32_t)random() };
		if (family == ADDR_V6) {
			struct addr top = parse(tops[i % 8]);
			addr.value =
				i % 8 == 4 ? top.value | addr.value << 80 | (uint32_t)random() : top.value | addr.value;
		}
		check_value(addr, sets, host);
	}
	arena_free(arena);
}

Test(address, class_sets_agree_with_classify)
{
	struct addr_gateway host = gateway();
	struct addr_gateway nat64 = nat64_gateway();
	struct addr_gateway odd = { true, true, parse("8.8.8.8"), parse("2002:7f00:1::1") };
	check_sets(ADDR_V4, &host);
	check_sets(ADDR_V6, &host);
	check_sets(ADDR_V4, NULL);
	check_sets(ADDR_V6, NULL);
	check_sets(ADDR_V4, &odd);
	check_sets(ADDR_V6, &odd);
	check_sets(ADDR_V4, &nat64);
	check_sets(ADDR_V6, &nat64);
}

Test(address, a_networks_own_nat64_prefix_carries_ipv4)
{
	static const struct {
		const char *text, *carried;
		enum addr_class class; /* without the prefix all of them are public */
	} cases[] = {
		{ "2001:db8:64::10.0.0.1", "10.0.0.1", ADDR_CLASS_PRIVATE },
		{ "2001:db8:64::169.254.169.254", "169.254.169.254", ADDR_CLASS_META },
		{ "2001:db8:64::172.16.0.1", "172.16.0.1", ADDR_CLASS_HOST },
		{ "2001:db8:64::127.0.0.1", "127.0.0.1", ADDR_CLASS_LOOPBACK },
		{ "2001:db8:64::8.8.8.8", "8.8.8.8", ADDR_CLASS_PUBLIC },
		{ "2001:db8:64::", "0.0.0.0", ADDR_CLASS_NONE },
		{ "2001:db8:64::1:0:0", NULL, ADDR_CLASS_PUBLIC }, /* behind the last of the prefix */
	};
	struct addr_gateway host = nat64_gateway(), plain = gateway();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct addr addr = parse(cases[i].text), carried = { ADDR_V4, 0 };
		cr_expect_eq(addr_embedded_v4(addr, &host.nat64, &carried), cases[i].carried != NULL, "%s",
			     cases[i].text);
		cr_expect(!cases[i].carried || addr_equal(carried, parse(cases[i].carried)), "%s", cases[i].text);
		cr_expect_not(addr_embedded_v4(addr, NULL, &carried), "%s", cases[i].text);
		cr_expect_eq(addr_classify(addr, &host), cases[i].class, "%s", cases[i].text);
		cr_expect_eq(addr_classify(addr, &plain), ADDR_CLASS_PUBLIC, "%s", cases[i].text);
	}
}

/* Set operations against the plain meaning, on a world of 64 values at the top of IPv4 */
enum { WORLD = 64 };

static uint64_t random_bits(void)
{
	uint64_t runs = 0;
	for (int i = 0; i < 6; i++) {
		unsigned lo = (unsigned)random() % WORLD, len = (unsigned)random() % 12;
		for (unsigned v = lo; v < WORLD && v <= lo + len; v++)
			runs |= 1ull << v;
	}
	return runs;
}

static struct addr_set from_bits(struct arena *arena, uint64_t bits, bool one_by_one)
{
	u128 base = UINT32_MAX - (WORLD - 1);
	struct addr_range ranges[WORLD];
	size_t count = 0;
	for (unsigned v = 0; v < WORLD; v++)
		if (bits >> v & 1)
			ranges[count++] = (struct addr_range){ base + v, base + v };
	for (size_t i = count; i > 1; i--) { /* any order must do */
		size_t j = (size_t)random() % i;
		struct addr_range swap = ranges[j];
		ranges[j] = ranges[i - 1];
		ranges[i - 1] = swap;
	}
	if (!one_by_one)
		return addr_set_from_ranges(arena, ADDR_V4, ranges, count);
	struct addr_set set = addr_set_empty(ADDR_V4);
	for (size_t i = 0; i < count; i++)
		addr_set_add(arena, &set, ranges[i]);
	return set;
}

static void expect_set(struct arena *arena, struct addr_set got, uint64_t bits, const char *what)
{
	struct addr_set want = from_bits(arena, bits, false);
	cr_expect(addr_set_equal(&got, &want), "%s", what);
}

Test(address, set_operations)
{
	struct arena *arena = arena_new();
	srandom(7);
	for (int round = 0; round < 2000; round++) {
		uint64_t x = random_bits(), y = random_bits();
		struct addr_set a = from_bits(arena, x, round & 1), b = from_bits(arena, y, false);
		expect_set(arena, a, x, "add");
		expect_set(arena, addr_set_union(arena, &a, &b), x | y, "union");
		expect_set(arena, addr_set_intersect(arena, &a, &b), x & y, "intersect");
		expect_set(arena, addr_set_subtract(arena, &a, &b), x & ~y, "subtract");
	}
	arena_free(arena);
}

Test(address, range_prefixes_cover_exactly)
{
	struct addr_prefix prefixes[254];
	struct addr_range worst = { 1, ~(u128)0 - 1 };
	cr_expect_eq(addr_range_prefixes(ADDR_V6, worst, prefixes), 254);
	cr_expect_eq(addr_range_prefixes(ADDR_V6, (struct addr_range){ 0, ~(u128)0 }, prefixes), 1);
	cr_expect_eq(prefixes[0].len, 0);
	srandom(11);
	for (int round = 0; round < 500; round++) {
		u128 a = (uint32_t)random() * 2u, b = (uint32_t)random() * 2u;
		struct addr_range range = { a < b ? a : b, a < b ? b : a };
		size_t count = addr_range_prefixes(ADDR_V4, range, prefixes);
		u128 next = range.lo;
		for (size_t i = 0; i < count; i++) {
			struct addr_range part = addr_prefix_range(prefixes[i]);
			cr_expect(part.lo == next && part.lo == prefixes[i].addr.value);
			next = part.hi + 1;
		}
		cr_expect(next == range.hi + 1);
	}
}

Test(address, reserved)
{
	struct addr_gateway odd = { true, false, parse("8.8.8.8"), { ADDR_V6, 0 } };
	cr_expect(addr_is_reserved(parse("::10.0.0.1"), NULL));
	cr_expect(addr_is_reserved(parse("168.63.129.16"), NULL));
	cr_expect(addr_is_reserved(parse("2002:0a00:1::"), NULL));
	cr_expect(addr_is_reserved(parse("::ffff:203.0.113.9"), NULL));
	cr_expect(addr_is_reserved(parse("64:ff9b::808:808"), &odd));
	cr_expect_not(addr_is_reserved(parse("64:ff9b::808:808"), NULL));
	cr_expect_not(addr_is_reserved(parse("fe7f::1"), NULL));
}

/* ---- a network's own NAT64 prefixes (RFC 6052) ---- */

static struct addr_prefix prefix_of(const char *text)
{
	struct addr_prefix prefix = { { ADDR_V6, 0 }, 0 };
	cr_assert(addr_prefix_parse(text, &prefix), "%s", text);
	return prefix;
}

/* The examples of RFC 6052, section 2.4, with 192.0.2.33 */
Test(address, nat64_prefixes_of_all_lengths_carry_ipv4)
{
	static const char *const cases[][2] = {
		{ "2001:db8::/32", "2001:db8:c000:221::" },
		{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
		{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::" },
		{ "2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33" },
	};
	struct addr_prefix v4 = { parse("192.0.2.33"), 32 }, out[ADDR_EMBEDDINGS_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct addr_gateway host = gateway();
		struct addr carried = { ADDR_V6, 0 };
		cr_assert_null(addr_nat64_add(&host.nat64, prefix_of(cases[i][0])), "%s", cases[i][0]);
		cr_assert(addr_embedded_v4(parse(cases[i][1]), &host.nat64, &carried), "%s", cases[i][1]);
		cr_expect(addr_equal(carried, v4.addr), "%s", cases[i][1]);
		size_t ways = addr_embedding_prefixes(v4, &host.nat64, out);
		cr_expect(addr_equal(out[ways - 1].addr, parse(cases[i][1])), "%s", cases[i][0]);
		check_sets(ADDR_V6, &host);
	}
}

Test(address, what_cannot_be_a_nat64_prefix)
{
	static const char *const refused[] = {
		"2001:db8::/33",   "2001:db8::/0",   "2001:db8::1/64", "2001:db8:0:0:100::/96",
		"::/96",           "::ffff:0:0/96",  "64:ff9b::/32",   "2002::/32",
		"fe80::/64",       "ff00::/32",      "fd00:ec2::/32",  "fd00:ec2::/96",
		"10.0.0.0/32",     "2001:db8::/128", "2000::/16",      "2002:a00:1::/48",
		"::ffff:0:0:0/96",
	};
	struct addr_nat64 nat64 = { .count = 0 };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		cr_expect_not_null(addr_nat64_add(&nat64, prefix_of(refused[i])), "%s", refused[i]);
	cr_expect_null(addr_nat64_add(&nat64, prefix_of("64:ff9b::/96"))); /* goes without saying */
	cr_expect_eq(nat64.count, 0);
	cr_expect_null(addr_nat64_add(&nat64, prefix_of("64:ff9b:1::/48")));
	cr_expect_null(addr_nat64_add(&nat64, prefix_of("64:ff9b:1::/48")));
	cr_expect_not_null(addr_nat64_add(&nat64, prefix_of("64:ff9b:1:1::/96")));
	cr_expect_eq(nat64.count, 1);
}

/* A resolver that lies must close at most: never a private network opened as public, nor the other way round */
Test(address, a_prefix_that_was_found_out_never_opens)
{
	static const char *const inside[] = { "fd00:64::/96", "64:ff9b:1::/96", "fec0::/64", "fd42:6d73:62::/96" };
	struct addr_gateway host = gateway(), plain = gateway();
	struct arena *arena = arena_new();

	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
		cr_expect_not_null(addr_nat64_find(&host.nat64, prefix_of(inside[i])), "%s", inside[i]);
	cr_assert_null(addr_nat64_find(&host.nat64, prefix_of("2001:db8:64::/96")));
	cr_assert_null(addr_nat64_find(&host.nat64, prefix_of("2a00:64::/40")));
	cr_assert_eq(host.nat64.found, 2);
	srandom(8);
	for (int i = 0; i < 20000; i++) {
		struct addr addr = host.nat64.items[i % 2].addr;
		uint32_t word = (uint32_t)random() << 1 ^ (uint32_t)random();
		u128 v4 = i & 2 ? word : (u128)0x0a000000 | (word & 0xffff);
		addr.value |= i % 2 ? (v4 >> 8) << 64 | (v4 & 0xff) << 48 : v4;
		for (int group = 1; group < ADDR_CLASS_COUNT; group++) {
			enum addr_class class = (enum addr_class)group;
			bool before = addr_classify(addr, &plain) == class;
			cr_expect(before || !addr_group_takes(class, false, addr, &host), "an allow takes in more");
			cr_expect(!before || addr_group_takes(class, true, addr, &host), "a deny takes in less");
			for (int deny = 0; i < 200 && deny < 2; deny++) {
				struct addr_set set = addr_group_set(arena, class, deny, ADDR_V6, &host);
				cr_expect_eq(addr_set_contains(&set, addr.value),
					     addr_group_takes(class, deny, addr, &host));
			}
		}
		cr_expect(addr_is_reserved(addr, &host) || !addr_is_reserved(addr, &plain));
	}
	cr_expect(addr_group_takes(ADDR_CLASS_PRIVATE, true, parse("2001:db8:64::10.0.0.1"), &host));
	cr_expect_not(addr_group_takes(ADDR_CLASS_PUBLIC, false, parse("2001:db8:64::10.0.0.1"), &host));
	cr_expect(addr_group_takes(ADDR_CLASS_PUBLIC, false, parse("2001:db8:64::8.8.8.8"), &host));
	arena_free(arena);
}
