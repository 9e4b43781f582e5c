/* What the addresses of ipv4only.arpa say about a network's NAT64 prefixes (RFC 7050). */
#include "dns/dns_nat64.h"

#include <criterion/criterion.h>

static void expect_prefix(const char *address, const char *prefix)
{
	struct addr addr = { ADDR_V6, 0 };
	struct addr_prefix out[ADDR_NAT64_MAX], want = { { ADDR_V6, 0 }, 0 };

	cr_assert(addr_parse(address, &addr), "%s", address);
	size_t count = dns_nat64_prefixes(&addr, 1, out);
	cr_expect_eq(count, prefix != NULL, "%s", address);
	if (!count || !prefix)
		return;
	cr_assert(addr_prefix_parse(prefix, &want), "%s", prefix);
	cr_expect(addr_equal(out[0].addr, want.addr) && out[0].len == want.len, "%s: /%u", address, out[0].len);
}

Test(nat64, each_length_is_read)
{
	expect_prefix("2a00:64::192.0.0.170", "2a00:64::/96");
	expect_prefix("2a00:64::192.0.0.171", "2a00:64::/96");
	expect_prefix("fd00:64::192.0.0.171", "fd00:64::/96"); /* whether it is believed is not decided here */
	expect_prefix("2a00:64:1:2:c0:0:aa00::", "2a00:64:1:2::/64");
	expect_prefix("2a00:64:1:2c0:0:ab::", "2a00:64:1:200::/56");
	expect_prefix("2a00:64:1:c000:0:aa00::", "2a00:64:1::/48");
	expect_prefix("2a00:64:1c0:0:aa::", "2a00:64:100::/40");
	expect_prefix("2a00:64:c000:aa::", "2a00:64::/32");
}

Test(nat64, what_is_no_answer_says_nothing)
{
	static const char *const nothing[] = {
		"2a00:64::8.8.8.8",
		"2a00:64::192.0.0.172",
		"::192.0.0.170",
		"::ffff:192.0.0.170",
		"64:ff9b::192.0.0.170",
		"2002:c000:aa::",
		"2a00:64:c000:aa::1",
		"2a00:64:c000:aa:100::",
		"2a00:64:c000:aa::c000:aa",
		"2a00:64:1:2:1c0:0:aa00:0",
		"2a00:64:1:2:100:0:c000:aa",
		"fe80::192.0.0.170",
		"ff02::192.0.0.170",
		"192.0.0.170",
		"::",
	};

	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		expect_prefix(nothing[i], NULL);
}

Test(nat64, prefixes_are_counted_once_and_bounded)
{
	struct addr addrs[64];
	struct addr_prefix out[ADDR_NAT64_MAX];

	for (size_t i = 0; i < 64; i++) {
		cr_assert(addr_parse("2a00:64::192.0.0.170", &addrs[i]));
		addrs[i].value |= (u128)(i % 2) | (u128)(i / 2 % 20) << 80;
	}
	cr_expect_eq(dns_nat64_prefixes(addrs, 2, out), 1);
	cr_expect_eq(dns_nat64_prefixes(addrs, 64, out), ADDR_NAT64_MAX);
}
