/* The seven address classes and the reserved ranges, each written down once as a table of prefixes. An
 * address is classified by walking the tables, and a class's set of addresses is computed from the same
 * tables, so that the packet filter and the evaluator cannot disagree. */
#include "base/address.h"

#include <string.h>

struct listed_prefix {
	enum addr_class class; /* of the class tables */
	const char *text;
};

/* In the order semantics gives: the first that fits. Public is what is left. */
static const struct listed_prefix class_table_v4[] = {
	{ ADDR_CLASS_NONE, "0.0.0.0" },
	{ ADDR_CLASS_META, "169.254.169.254" }, /* AWS, GCP, Azure and most others */
	{ ADDR_CLASS_META, "169.254.170.2" },   /* AWS ECS task credentials */
	{ ADDR_CLASS_META, "169.254.170.23" },  /* AWS EKS pod identity */
	{ ADDR_CLASS_META, "168.63.129.16" },   /* Azure WireServer */
	{ ADDR_CLASS_META, "100.100.100.200" }, /* Alibaba */
	{ ADDR_CLASS_META, "192.0.0.192" },     /* Oracle */
	{ ADDR_CLASS_LOOPBACK, "127.0.0.0/8" },
	{ ADDR_CLASS_PRIVATE, "10.0.0.0/8" },
	{ ADDR_CLASS_PRIVATE, "172.16.0.0/12" },
	{ ADDR_CLASS_PRIVATE, "192.168.0.0/16" },
	{ ADDR_CLASS_PRIVATE, "100.64.0.0/10" },
	{ ADDR_CLASS_LINK_LOCAL, "169.254.0.0/16" },
	{ ADDR_CLASS_MULTICAST, "224.0.0.0/4" },
};
static const struct listed_prefix class_table_v6[] = {
	{ ADDR_CLASS_NONE, "::" },
	{ ADDR_CLASS_META, "fd00:ec2::254" }, /* AWS */
	{ ADDR_CLASS_META, "fd00:ec2::23" },  /* AWS EKS pod identity */
	{ ADDR_CLASS_META, "fd20:ce::254" },  /* GCP */
	{ ADDR_CLASS_LOOPBACK, "::1" },
	{ ADDR_CLASS_PRIVATE, "fc00::/7" },
	{ ADDR_CLASS_PRIVATE, "64:ff9b:1::/48" }, /* a network's own NAT64 prefixes (RFC 8215) */
	{ ADDR_CLASS_PRIVATE, "fec0::/10" },      /* site-local, deprecated and still routed (RFC 3879) */
	{ ADDR_CLASS_LINK_LOCAL, "fe80::/10" },
	{ ADDR_CLASS_MULTICAST, "ff00::/8" },
};
static const char *const reserved_v4[] = {
	"0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
};
static const char *const reserved_v6[] = {
	"::",       "::1",      "fc00::/7",       "fe80::/10",     "fec0::/10",
	"ff00::/8", "100::/64", "64:ff9b:1::/48", "2001:db8::/32", "3fff::/20",
};
/* Where IPv4 addresses lie in IPv6, mapped ones aside: the prefix, and how many bits follow the IPv4 address */
static const struct {
	const char *prefix;
	unsigned shift;
} embeddings[] = { { "::/96", 0 }, { "::ffff:0:0:0/96", 0 }, { "64:ff9b::/96", 0 }, { "2002::/16", 80 } };
#define MAPPED_V6 "::ffff:0:0/96"

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TABLE_MAX = 16 };

/* A table with its prefixes turned into ranges, once: classifying happens for every packet of a test and
 * every answer of the DNS proxy. */
struct ranges {
	struct addr_range items[TABLE_MAX];
	enum addr_class classes[TABLE_MAX];
	size_t count;
};

struct embedding {
	struct addr_range range;
	unsigned shift;
};

struct tables {
	struct ranges class4, class6, reserved4, reserved6;
	struct embedding embeddings[COUNT(embeddings)];
	struct addr_range mapped6;
};

static struct addr_range range_of(const char *text)
{
	struct addr_prefix prefix = { { ADDR_V4, 0 }, 0 };

	addr_prefix_parse(text, &prefix);
	return addr_prefix_range(prefix);
}

static void fill_classes(struct ranges *out, const struct listed_prefix *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		out->items[i] = range_of(table[i].text);
		out->classes[i] = table[i].class;
	}
	out->count = count;
}

static void fill(struct ranges *out, const char *const *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out->items[i] = range_of(table[i]);
	out->count = count;
}

static const struct tables *tables(void)
{
	static struct tables filled;
	static bool ready;

	if (ready)
		return &filled;
	_Static_assert(COUNT(class_table_v4) <= TABLE_MAX && COUNT(reserved_v4) <= TABLE_MAX, "room");
	fill_classes(&filled.class4, class_table_v4, COUNT(class_table_v4));
	fill_classes(&filled.class6, class_table_v6, COUNT(class_table_v6));
	fill(&filled.reserved4, reserved_v4, COUNT(reserved_v4));
	fill(&filled.reserved6, reserved_v6, COUNT(reserved_v6));
	for (size_t i = 0; i < COUNT(embeddings); i++)
		filled.embeddings[i] = (struct embedding){ range_of(embeddings[i].prefix), embeddings[i].shift };
	filled.mapped6 = range_of(MAPPED_V6);
	ready = true;
	return &filled;
}

/* Index of the first range that holds `value`, or count */
static size_t find_range(const struct ranges *ranges, u128 value)
{
	size_t i = 0;

	while (i < ranges->count && (value < ranges->items[i].lo || ranges->items[i].hi < value))
		i++;
	return i;
}

/* ---- IPv4 within IPv6 ---- */

static size_t embedding_count(const struct addr_nat64 *nat64)
{
	_Static_assert(COUNT(embeddings) + ADDR_NAT64_MAX == ADDR_EMBEDDINGS_MAX, "room for all");
	return COUNT(embeddings) + (nat64 ? nat64->count : 0);
}

static struct embedding embedding_at(const struct addr_nat64 *nat64, size_t i)
{
	if (i < COUNT(embeddings))
		return tables()->embeddings[i];
	return (struct embedding){ addr_prefix_range(nat64->items[i - COUNT(embeddings)]), 0 };
}

static const struct addr_nat64 *nat64_of(const struct addr_gateway *gateway)
{
	return gateway ? &gateway->nat64 : NULL;
}

static bool carries_none(struct addr addr)
{
	return addr.value <= 1; /* :: and ::1 are addresses of their own */
}

bool addr_embedded_v4(struct addr addr, const struct addr_nat64 *nat64, struct addr *out)
{
	if (addr.family != ADDR_V6 || carries_none(addr))
		return false;
	if (addr_is_mapped(addr)) {
		*out = addr_unmap(addr);
		return true;
	}
	for (size_t i = 0; i < embedding_count(nat64); i++) {
		struct embedding at = embedding_at(nat64, i);
		if (at.range.lo <= addr.value && addr.value <= at.range.hi) {
			*out = (struct addr){ ADDR_V4, (uint32_t)(addr.value >> at.shift) };
			return true;
		}
	}
	return false;
}

size_t addr_embedding_prefixes(struct addr_prefix v4, const struct addr_nat64 *nat64,
			       struct addr_prefix out[static ADDR_EMBEDDINGS_MAX])
{
	u128 value = addr_prefix_range(v4).lo;
	size_t count = embedding_count(nat64);

	for (size_t i = 0; i < count; i++) {
		struct embedding at = embedding_at(nat64, i);
		out[i] = (struct addr_prefix){ { ADDR_V6, at.range.lo | value << at.shift },
					       (uint8_t)(96 - at.shift + v4.len) };
	}
	return count;
}

/* ---- classes ---- */

void addr_gateway_set(struct addr_gateway *gateway, struct addr addr)
{
	*(addr.family == ADDR_V4 ? &gateway->has4 : &gateway->has6) = true;
	*(addr.family == ADDR_V4 ? &gateway->v4 : &gateway->v6) = addr;
}

bool addr_gateway_has(const struct addr_gateway *gateway, struct addr addr)
{
	return gateway &&
	       ((gateway->has4 && addr_equal(addr, gateway->v4)) || (gateway->has6 && addr_equal(addr, gateway->v6)));
}

enum addr_class addr_classify(struct addr addr, const struct addr_gateway *gateway)
{
	addr = addr_unmap(addr);
	if (addr_is_unspecified(addr))
		return ADDR_CLASS_NONE;
	if (addr_gateway_has(gateway, addr))
		return ADDR_CLASS_HOST;
	struct addr carried;
	if (addr_embedded_v4(addr, nat64_of(gateway), &carried))
		return addr_classify(carried, gateway);
	const struct ranges *table = addr.family == ADDR_V4 ? &tables()->class4 : &tables()->class6;
	size_t i = find_range(table, addr.value);
	return i < table->count ? table->classes[i] : ADDR_CLASS_PUBLIC;
}

bool addr_is_reserved(struct addr addr, const struct addr_gateway *gateway)
{
	addr = addr_unmap(addr);
	enum addr_class class = addr_classify(addr, gateway);
	if (class == ADDR_CLASS_META || class == ADDR_CLASS_HOST)
		return true;
	const struct ranges *table = addr.family == ADDR_V4 ? &tables()->reserved4 : &tables()->reserved6;
	struct addr carried;
	return find_range(table, addr.value) < table->count ||
	       (addr_embedded_v4(addr, nat64_of(gateway), &carried) && addr_is_reserved(carried, gateway));
}

/* ---- the same as sets ---- */

/* What `class` covers by the family's own table, without embedded addresses and without the gateway */
static struct addr_set own_set(struct arena *arena, enum addr_class class, enum addr_family family)
{
	const struct ranges *table = family == ADDR_V4 ? &tables()->class4 : &tables()->class6;
	struct addr_set left = addr_set_all(arena, family), found = addr_set_empty(family);

	/* subtracting each entry before the next makes them disjoint, the first that fits first */
	for (size_t i = 0; i < table->count; i++) {
		struct addr_set entry = addr_set_empty(family);
		addr_set_add(arena, &entry, table->items[i]);
		if (table->classes[i] == class) {
			struct addr_set fresh = addr_set_intersect(arena, &left, &entry);
			found = addr_set_union(arena, &found, &fresh);
		}
		left = addr_set_subtract(arena, &left, &entry);
	}
	return class == ADDR_CLASS_PUBLIC ? left : found;
}

static struct addr_set gateway_set(struct arena *arena, enum addr_family family, const struct addr_gateway *gateway)
{
	struct addr_set set = addr_set_empty(family);

	if (gateway && family == ADDR_V4 && gateway->has4)
		addr_set_add(arena, &set, (struct addr_range){ gateway->v4.value, gateway->v4.value });
	if (gateway && family == ADDR_V6 && gateway->has6)
		addr_set_add(arena, &set, (struct addr_range){ gateway->v6.value, gateway->v6.value });
	return set;
}

/* The part of IPv6 that is neither mapped nor carries an IPv4 address */
static struct addr_set native_v6(struct arena *arena, const struct addr_nat64 *nat64)
{
	struct addr_set all = addr_set_all(arena, ADDR_V6), taken = addr_set_empty(ADDR_V6);

	addr_set_add(arena, &taken, tables()->mapped6);
	for (size_t i = 0; i < embedding_count(nat64); i++)
		addr_set_add(arena, &taken, embedding_at(nat64, i).range);
	struct addr_set native = addr_set_subtract(arena, &all, &taken);
	addr_set_add(arena, &native, (struct addr_range){ 0, 1 }); /* :: and ::1 carry none */
	return native;
}

struct addr_set addr_class_set(struct arena *arena, enum addr_class class, enum addr_family family,
			       const struct addr_gateway *gateway)
{
	struct addr_set host = gateway_set(arena, family, gateway);
	struct addr_set set = class == ADDR_CLASS_HOST ? host : own_set(arena, class, family);

	if (family == ADDR_V6) {
		struct addr_set native = native_v6(arena, nat64_of(gateway));
		struct addr_set v4 = addr_class_set(arena, class, ADDR_V4, gateway);
		struct addr_set carried = addr_embedding_set(arena, &v4, nat64_of(gateway));
		if (class != ADDR_CLASS_HOST)
			set = addr_set_intersect(arena, &set, &native);
		set = addr_set_union(arena, &set, &carried);
	}
	return class == ADDR_CLASS_HOST ? set : addr_set_subtract(arena, &set, &host);
}

struct addr_set addr_embedding_set(struct arena *arena, const struct addr_set *v4, const struct addr_nat64 *nat64)
{
	size_t ways = embedding_count(nat64), count = 0;
	struct addr_range *ranges = arena_alloc(arena, (v4->count * ways + 1) * sizeof *ranges);

	for (size_t i = 0; i < v4->count; i++)
		for (size_t j = 0; j < ways; j++) {
			struct embedding at = embedding_at(nat64, j);
			u128 below = ((u128)1 << at.shift) - 1;
			struct addr_range range = { at.range.lo | v4->items[i].lo << at.shift,
						    at.range.lo | v4->items[i].hi << at.shift | below };
			if (range.hi <= 1) /* :: and ::1 */
				continue;
			range.lo = range.lo > 1 ? range.lo : 2;
			ranges[count++] = range;
		}
	return count ? addr_set_from_ranges(arena, ADDR_V6, ranges, count) : addr_set_empty(ADDR_V6);
}

struct addr_set addr_reserved_set(struct arena *arena, enum addr_family family, const struct addr_gateway *gateway)
{
	const struct ranges *table = family == ADDR_V4 ? &tables()->reserved4 : &tables()->reserved6;
	struct addr_set set = addr_set_from_ranges(arena, family, table->items, table->count);
	struct addr_set meta = addr_class_set(arena, ADDR_CLASS_META, family, gateway);
	struct addr_set host = addr_class_set(arena, ADDR_CLASS_HOST, family, gateway);

	set = addr_set_union(arena, &set, &meta);
	set = addr_set_union(arena, &set, &host);
	if (family == ADDR_V6) {
		struct addr_set v4 = addr_reserved_set(arena, ADDR_V4, gateway);
		struct addr_set carried = addr_embedding_set(arena, &v4, nat64_of(gateway)),
				mapped = addr_set_empty(ADDR_V6);
		addr_set_add(arena, &mapped, tables()->mapped6);
		set = addr_set_union(arena, &set, &carried);
		set = addr_set_subtract(arena, &set, &mapped);
	}
	return set;
}
