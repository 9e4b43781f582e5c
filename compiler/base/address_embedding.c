/* Where IPv6 addresses carry IPv4 ones (RFC 6052 and its forerunners): the ways, each a prefix, and how to get
 * through them in both directions, for an address, a prefix and a set. */
#include "base/address.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FIXED_WAYS (ADDR_EMBEDDINGS_MAX - ADDR_NAT64_MAX)

enum { WELL_KNOWN = 2 }; /* of these ways the NAT64 prefix that everybody knows */
/* Mapped addresses (::ffff:0:0/96) aside, which are IPv4 addresses */
static const char *const fixed_ways[FIXED_WAYS] = { "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "2002::/16" };

static struct addr_prefix parsed_ways[FIXED_WAYS];

/* Before main(): so that no thread meets a half of it, and jailed processes need no call for a lock */
__attribute__((constructor)) static void parse_ways(void)
{
	for (size_t i = 0; i < FIXED_WAYS; i++)
		addr_prefix_parse(fixed_ways[i], &parsed_ways[i]);
}

static struct addr_prefix fixed_way(size_t i)
{
	return parsed_ways[i];
}

static size_t way_count(const struct addr_nat64 *nat64)
{
	return FIXED_WAYS + (nat64 ? nat64->count : 0);
}

static struct addr_prefix way_at(const struct addr_nat64 *nat64, size_t i)
{
	return i < FIXED_WAYS ? fixed_way(i) : nat64->items[i - FIXED_WAYS];
}

/* ---- where the bits are (RFC 6052, section 2.2) ---- */

#define LOW_HALF ((u128)UINT64_MAX)
#define U_OCTET ((u128)0xff << 56) /* bits 64 to 71: zero, and skipped, unless the IPv4 address comes last */

static bool skips_octet(struct addr_prefix way)
{
	return way.len < 96;
}

static u128 put_bits(struct addr_prefix way, u128 v4)
{
	u128 bits = v4 << (96 - way.len);

	return skips_octet(way) ? (bits & ~LOW_HALF) | (bits & LOW_HALF) >> 8 : bits;
}

static uint32_t take_bits(struct addr_prefix way, u128 value)
{
	if (skips_octet(way))
		value = (value & ~LOW_HALF) | (value << 8 & LOW_HALF);
	return (uint32_t)(value >> (96 - way.len));
}

static struct addr_prefix put_prefix(struct addr_prefix way, struct addr_prefix v4)
{
	unsigned len = way.len + v4.len;

	return (struct addr_prefix){
		{ ADDR_V6, addr_prefix_range(way).lo | put_bits(way, addr_prefix_range(v4).lo) },
		(uint8_t)(skips_octet(way) && len > 64 ? len + 8 : len),
	};
}

/* ---- an address ---- */

static bool carries_none(struct addr addr)
{
	return addr.value <= 1; /* :: and ::1 are addresses of their own */
}

static bool find_way(struct addr addr, const struct addr_nat64 *nat64, size_t *out)
{
	if (addr.family != ADDR_V6 || carries_none(addr))
		return false;
	for (size_t i = 0; i < way_count(nat64); i++)
		if (addr_prefix_contains(way_at(nat64, i), addr)) {
			*out = i;
			return true;
		}
	return false;
}

bool addr_carries(struct addr addr, const struct addr_nat64 *nat64, struct addr_carried *out)
{
	size_t i;

	if (addr_is_mapped(addr)) {
		*out = (struct addr_carried){ addr_unmap(addr), 32, false };
		return true;
	}
	if (!find_way(addr, nat64, &i))
		return false;
	struct addr_prefix way = way_at(nat64, i);
	bool whole = !skips_octet(way) || !(addr.value & U_OCTET) || way.len <= 32;
	*out = (struct addr_carried){
		.v4 = { ADDR_V4, take_bits(way, addr.value) },
		.known = whole ? 32 : (uint8_t)(64 - way.len),
		.found = nat64 && i + nat64->found >= FIXED_WAYS + nat64->count,
	};
	return true;
}

bool addr_embedded_v4(struct addr addr, const struct addr_nat64 *nat64, struct addr *out)
{
	struct addr_carried carried;

	if (!addr_carries(addr, nat64, &carried) || carried.known < 32)
		return false;
	*out = carried.v4;
	return true;
}

bool addr_prefix_takes_carried(struct addr_prefix v4, const struct addr_carried *carried)
{
	return v4.addr.family == ADDR_V4 && v4.len <= carried->known && addr_prefix_contains(v4, carried->v4);
}

bool addr_is_malformed(struct addr addr, const struct addr_nat64 *nat64)
{
	size_t i;

	return find_way(addr, nat64, &i) && i >= FIXED_WAYS && skips_octet(way_at(nat64, i)) && (addr.value & U_OCTET);
}

/* ---- a prefix, a set ---- */

size_t addr_embedding_prefixes(struct addr_prefix v4, const struct addr_nat64 *nat64,
			       struct addr_prefix out[static ADDR_EMBEDDINGS_MAX])
{
	size_t count = way_count(nat64);

	for (size_t i = 0; i < count; i++)
		out[i] = put_prefix(way_at(nat64, i), v4);
	return count;
}

struct ranges {
	struct addr_range *items;
	size_t count, cap;
};

static void add_carrying(struct arena *arena, struct ranges *ranges, struct addr_prefix v4,
			 const struct addr_nat64 *nat64)
{
	struct addr_prefix prefixes[ADDR_EMBEDDINGS_MAX];
	size_t ways = addr_embedding_prefixes(v4, nat64, prefixes);

	for (size_t i = 0; i < ways; i++) {
		struct addr_range range = addr_prefix_range(prefixes[i]);
		if (range.hi <= 1) /* :: and ::1 */
			continue;
		range.lo = range.lo > 1 ? range.lo : 2;
		*arena_push(arena, ranges) = range;
	}
}

struct addr_set addr_embedding_of(struct arena *arena, struct addr_prefix v4, const struct addr_nat64 *nat64)
{
	struct ranges ranges = { NULL, 0, 0 };

	add_carrying(arena, &ranges, v4, nat64);
	return addr_set_from_ranges(arena, ADDR_V6, ranges.items, ranges.count);
}

struct addr_set addr_embedding_set(struct arena *arena, const struct addr_set *v4, const struct addr_nat64 *nat64)
{
	struct ranges ranges = { NULL, 0, 0 };
	struct addr_prefix prefixes[254];

	for (size_t i = 0; i < v4->count; i++) {
		size_t count = addr_range_prefixes(ADDR_V4, v4->items[i], prefixes);
		for (size_t k = 0; k < count; k++)
			add_carrying(arena, &ranges, prefixes[k], nat64);
	}
	return addr_set_from_ranges(arena, ADDR_V6, ranges.items, ranges.count);
}

/* ---- NAT64 prefixes ---- */

static const char *check_shape(struct addr_prefix prefix)
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };
	size_t i = 0;

	while (i < COUNT(lengths) && lengths[i] != prefix.len)
		i++;
	if (prefix.addr.family != ADDR_V6 || i == COUNT(lengths))
		return "a NAT64 prefix is an IPv6 network of length 32, 40, 48, 56, 64 or 96 (RFC 6052)";
	if (addr_prefix_range(prefix).lo != prefix.addr.value)
		return "it has bits set behind its length";
	if (prefix.addr.value & U_OCTET)
		return "bits 64 to 71 of a NAT64 prefix are zero (RFC 6052)";
	return NULL;
}

static bool overlaps(struct addr_prefix a, struct addr_prefix b)
{
	return addr_prefix_contains(a, b.addr) || addr_prefix_contains(b, a.addr);
}

static bool is_same(struct addr_prefix a, struct addr_prefix b)
{
	return a.len == b.len && addr_equal(a.addr, b.addr);
}

/* Addresses with a meaning of their own, which a translator cannot have: loopback and mapped ones lie in ::/32 */
static const char *const never[] = { "::/32", "fe80::/10", "ff00::/8", "2002::/16", "fd00:ec2::/64", "fd20:ce::/64" };

const char *addr_nat64_add(struct addr_nat64 *nat64, struct addr_prefix prefix)
{
	struct addr_prefix other;
	const char *why = check_shape(prefix);

	if (why)
		return why;
	if (is_same(fixed_way(WELL_KNOWN), prefix)) {
		nat64->well_known = true;
		return NULL;
	}
	for (size_t i = 0; i < COUNT(never); i++)
		if (addr_prefix_parse(never[i], &other) && overlaps(prefix, other))
			return "it overlaps addresses that have a meaning of their own";
	for (size_t i = 0; i < FIXED_WAYS; i++)
		if (overlaps(prefix, fixed_way(i)))
			return "it overlaps addresses that carry IPv4 ones in another way";
	for (size_t i = 0; i < nat64->count; i++) {
		if (is_same(nat64->items[i], prefix))
			return NULL;
		if (overlaps(nat64->items[i], prefix))
			return "it overlaps another NAT64 prefix";
	}
	if (nat64->count == ADDR_NAT64_MAX)
		return "more than 8 NAT64 prefixes";
	nat64->items[nat64->count++] = prefix;
	return NULL;
}
