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
/* Where IPv4 addresses lie in IPv6, mapped ones aside */
static const char *const embedding_v6[] = { "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "2002::/16" };
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

struct tables {
	struct ranges class4, class6, reserved4, reserved6, embedding6;
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
	fill(&filled.embedding6, embedding_v6, COUNT(embedding_v6));
	filled.mapped6 = range_of(MAPPED_V6);
	ready = true;
	return &filled;
}

/* Index of the first range that holds `value`, or count */
static size_t find(const struct ranges *ranges, u128 value)
{
	size_t i = 0;

	while (i < ranges->count && (value < ranges->items[i].lo || ranges->items[i].hi < value))
		i++;
	return i;
}

static bool is_gateway(struct addr addr, const struct addr_gateway *gateway)
{
	return gateway &&
	       ((gateway->has4 && addr_equal(addr, gateway->v4)) || (gateway->has6 && addr_equal(addr, gateway->v6)));
}

enum addr_class addr_classify(struct addr addr, const struct addr_gateway *gateway)
{
	addr = addr_unmap(addr);
	if (addr_is_unspecified(addr))
		return ADDR_CLASS_NONE;
	if (is_gateway(addr, gateway))
		return ADDR_CLASS_HOST;
	struct addr carried;
	if (addr_embedded_v4(addr, &carried))
		return addr_classify(carried, gateway);
	const struct ranges *table = addr.family == ADDR_V4 ? &tables()->class4 : &tables()->class6;
	size_t i = find(table, addr.value);
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
	return find(table, addr.value) < table->count ||
	       (addr_embedded_v4(addr, &carried) && addr_is_reserved(carried, gateway));
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
static struct addr_set native_v6(struct arena *arena)
{
	struct addr_set all = addr_set_all(arena, ADDR_V6), taken = addr_set_empty(ADDR_V6);

	addr_set_add(arena, &taken, tables()->mapped6);
	for (size_t i = 0; i < tables()->embedding6.count; i++)
		addr_set_add(arena, &taken, tables()->embedding6.items[i]);
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
		struct addr_set native = native_v6(arena);
		struct addr_set v4 = addr_class_set(arena, class, ADDR_V4, gateway);
		struct addr_set carried = addr_embedding_set(arena, &v4);
		if (class != ADDR_CLASS_HOST)
			set = addr_set_intersect(arena, &set, &native);
		set = addr_set_union(arena, &set, &carried);
	}
	return class == ADDR_CLASS_HOST ? set : addr_set_subtract(arena, &set, &host);
}

struct addr_set addr_embedding_set(struct arena *arena, const struct addr_set *v4)
{
	struct addr_set set = addr_set_empty(ADDR_V6);
	struct addr_range *ranges = arena_alloc(arena, (v4->count * 4 + 1) * sizeof *ranges);
	size_t count = 0;

	for (size_t i = 0; i < v4->count; i++) {
		u128 lo = v4->items[i].lo, hi = v4->items[i].hi, six = (u128)0x2002 << 112, rest = ((u128)1 << 80) - 1;
		u128 siit = (u128)0xffff << 48, nat64 = (u128)0x0064ff9b << 96;
		if (hi > 1) /* :: and ::1 are addresses of their own */
			ranges[count++] = (struct addr_range){ lo > 1 ? lo : 2, hi };
		ranges[count++] = (struct addr_range){ siit | lo, siit | hi };
		ranges[count++] = (struct addr_range){ nat64 | lo, nat64 | hi };
		ranges[count++] = (struct addr_range){ six | lo << 80, six | hi << 80 | rest };
	}
	return count ? addr_set_from_ranges(arena, ADDR_V6, ranges, count) : set;
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
		struct addr_set carried = addr_embedding_set(arena, &v4), mapped = addr_set_empty(ADDR_V6);
		addr_set_add(arena, &mapped, tables()->mapped6);
		set = addr_set_union(arena, &set, &carried);
		set = addr_set_subtract(arena, &set, &mapped);
	}
	return set;
}
