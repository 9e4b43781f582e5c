/* What the host has no route to: the table for it, and the error as a frame. */
#include "net/icmp_error.h"
#include "net/unrouted.h"

#include <criterion/criterion.h>
#include <string.h>

static struct icmp_ends ends(void)
{
	struct icmp_ends ends = { .gateway = { .has4 = true, .has6 = true },
				  .guest_mac = { 2, 1 },
				  .gateway_mac = { 2, 2 } };

	addr_parse("172.16.0.1", &ends.gateway.v4);
	addr_parse("fd42:6d73:62::1", &ends.gateway.v6);
	return ends;
}

/* RFC 1071: over what is right it comes to 0xffff */
static unsigned sum(unsigned start, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		start += (unsigned)bytes[i] << 8 | bytes[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

Test(no_route, an_error_about_ipv4)
{
	struct icmp_ends from = ends();
	uint8_t packet[60] = { 0x45, [9] = 6, [12] = 172, 16, 0, 2, 93, 184, 216, 34, [20] = 0xab, 0xcd, 1, 187 };
	uint8_t frame[ICMP_FRAME_MAX];

	cr_assert_eq(icmp_no_route(&from, packet, sizeof packet, frame), 14 + 20 + 8 + 60);
	cr_assert_eq(memcmp(frame, "\x02\x01\0\0\0\0\x02\x02\0\0\0\0\x08\0", 14), 0);
	cr_assert_eq(sum(0, frame + 14, 20), 0xffff);
	cr_assert_eq(sum(0, frame + 34, 68), 0xffff);
	cr_assert_eq(memcmp(frame + 14 + 12, "\xac\x10\0\x01\xac\x10\0\x02\x03\0", 10), 0);
	cr_assert_eq(memcmp(frame + 42, packet, sizeof packet), 0);
}

Test(no_route, an_error_about_ipv6)
{
	struct icmp_ends from = ends();
	uint8_t packet[200] = { 0x60, [6] = 6, [8] = 0xfd, 0x42, [23] = 2, [24] = 0x26, [40] = 0xab, 0xcd, 1, 187 };
	uint8_t frame[ICMP_FRAME_MAX];

	cr_assert_eq(icmp_no_route(&from, packet, sizeof packet, frame), ICMP_FRAME_MAX);
	cr_assert_eq(sum(8 + ICMP_QUOTED_MAX + 58, frame + 14 + 8, 32 + 8 + ICMP_QUOTED_MAX), 0xffff);
	cr_assert_eq(frame[14 + 40], 1);
	cr_assert_eq(memcmp(frame + 14 + 24, packet + 8, 16), 0, "to who sent it");
}

Test(no_route, nothing_about_what_is_no_packet)
{
	struct icmp_ends from = ends();
	uint8_t packet[256], frame[ICMP_FRAME_MAX];

	for (unsigned version = 0; version < 16; version++) {
		memset(packet, (int)(version << 4 | 5), sizeof packet);
		size_t least = version == 4 ? 28 : version == 6 ? 48 : sizeof packet + 1;
		for (size_t len = 0; len <= sizeof packet; len++)
			cr_assert_eq(icmp_no_route(&from, packet, len, frame) > 0, len >= least, "%u %zu", version,
				     len);
	}
	from.gateway.has6 = false;
	cr_assert_eq(icmp_no_route(&from, (uint8_t[60]){ 0x60 }, 60, frame), 0);
}

Test(no_route, the_table)
{
	struct arena *arena = arena_new();
	struct reach v4 = { addr_set_empty(ADDR_V4), addr_set_empty(ADDR_V4) };
	struct reach v6 = { addr_set_all(arena, ADDR_V6), addr_set_empty(ADDR_V6) };
	const char *text = ruleset_format(arena, unrouted_rules(arena, &v4, &v6, 0, false));

	cr_assert(strstr(text, "nfproto == ipv6") && !strstr(text, "nfproto == ipv4"), "%s", text);
	cr_assert(strstr(text, "reject-route"));
	struct addr_range some = { 0x0a000000, 0x0affffff };
	v4.none = addr_set_from_ranges(arena, ADDR_V4, &some, 1);
	v6.none = addr_set_empty(ADDR_V6);
	text = ruleset_format(arena, unrouted_rules(arena, &v4, &v6, 0, false));
	cr_assert(strstr(text, "10.0.0.0") && !strstr(text, "neighbours"), "%s", text);
	some = (struct addr_range){ 0xc0a80100, 0xc0a801ff };
	v4.linked = addr_set_from_ranges(arena, ADDR_V4, &some, 1);
	text = ruleset_format(arena, unrouted_rules(arena, &v4, &v6, 63, false));
	cr_assert(strstr(text, "192.168.1.0") && strstr(text, "over_neighbours"), "%s", text);
	arena_free(arena);
}

Test(no_route, established_flows_meet_one_rule)
{
	struct arena *arena = arena_new();
	struct reach v4 = { addr_set_all(arena, ADDR_V4), addr_set_empty(ADDR_V4) };
	struct reach v6 = { addr_set_all(arena, ADDR_V6), addr_set_empty(ADDR_V6) };
	const char *text = ruleset_format(arena, unrouted_rules(arena, &v4, &v6, 0, false));
	const char *known = strstr(text, "match ct state != "), *looks = strstr(text, "nfproto");

	cr_assert(known && looks && known < looks, "%s", text);
	cr_assert(!strstr(looks, "ct state"), "what is new is looked at once:\n%s", text);
	arena_free(arena);
}
