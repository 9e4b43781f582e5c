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

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TABLE_MAX = 16 };

/* A table with its prefixes turned into ranges, once: classifying happens for every packet of a test and
 * every answer of the DNS proxy. */
struct ranges {
	struct addr_prefix prefixes[TABLE_MAX];
	struct addr_range items[TABLE_MAX];
	enum addr_class classes[TABLE_MAX];
	size_t count;
};

struct tables {
	struct ranges class4, class6, reserved4, reserved6;
	struct addr_range mapped6;
};

static void add(struct ranges *out, const char *text, enum addr_class class)
{
	struct addr_prefix *prefix = &out->prefixes[out->count];

	addr_prefix_parse(text, prefix);
	out->items[out->count] = addr_prefix_range(*prefix);
	out->classes[out->count++] = class;
}

static void fill_classes(struct ranges *out, const struct listed_prefix *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(out, table[i].text, table[i].class);
}

static void fill(struct ranges *out, const char *const *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(out, table[i], ADDR_CLASS_NONE);
}

static struct tables filled;

/* Before main(), as address_embedding.c's */
__attribute__((constructor)) static void fill_tables(void)
{
	_Static_assert(COUNT(class_table_v4) <= TABLE_MAX && COUNT(reserved_v4) <= TABLE_MAX, "room");
	fill_classes(&filled.class4, class_table_v4, COUNT(class_table_v4));
	fill_classes(&filled.class6, class_table_v6, COUNT(class_table_v6));
	fill(&filled.reserved4, reserved_v4, COUNT(reserved_v4));
	fill(&filled.reserved6, reserved_v6, COUNT(reserved_v6));
	filled.mapped6 = (struct addr_range){ (u128)0xffff << 32, (u128)0xffff << 32 | UINT32_MAX };
}

/* Index of the first range that holds `value`, or count */
static size_t find_range(const struct ranges *ranges, u128 value)
{
	size_t i = 0;

	while (i < ranges->count && (value < ranges->items[i].lo || ranges->items[i].hi < value))
		i++;
	return i;
}

/* The same by what an address carries, as far as that is known */
static size_t find_carried(const struct ranges *ranges, const struct addr_carried *carried)
{
	size_t i = 0;

	while (i < ranges->count && !addr_prefix_takes_carried(ranges->prefixes[i], carried))
		i++;
	return i;
}

static const struct addr_nat64 *nat64_of(const struct addr_gateway *gateway)
{
	return gateway ? &gateway->nat64 : NULL;
}

/* ---- classes ---- */

void addr_gateway_set(struct addr_gateway *gateway, struct addr addr)
{
	*(addr.family == ADDR_V4 ? &gateway->has4 : &gateway->has6) = true;
	*(addr.family == ADDR_V4 ? &gateway->v4 : &gateway->v6) = addr;
}

const char *addr_gateway_parse(const char *text, struct addr_gateway *out)
{
	static const char wanted[] = "V4,V6, one of them, or none";
	struct addr_gateway gateway = { .has4 = false };
	char copy[2 * ADDR_TEXT_MAX], *rest = copy;

	if (strlen(text) >= sizeof copy)
		return wanted;
	strcpy(copy, text);
	for (char *part; strcmp(text, "none") != 0 && (part = strsep(&rest, ","));) {
		struct addr addr;

		if (!addr_parse(part, &addr))
			return wanted;
		if (addr.family == ADDR_V4 ? gateway.has4 : gateway.has6)
			return "one address of each family";
		addr_gateway_set(&gateway, addr);
	}
	*out = gateway;
	return NULL;
}

static bool is_among(const struct addr *items, size_t count, struct addr addr)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(items[i], addr))
			return true;
	return false;
}

bool addr_gateway_has(const struct addr_gateway *gateway, struct addr addr)
{
	if (!gateway)
		return false;
	return (gateway->has4 && addr_equal(addr, gateway->v4)) || (gateway->has6 && addr_equal(addr, gateway->v6)) ||
	       (gateway->pod && is_among(gateway->pod->nodes, gateway->pod->node_count, addr));
}

bool addr_gateway_resolves(const struct addr_gateway *gateway, struct addr addr)
{
	return addr_gateway_has(gateway, addr) ||
	       (gateway->pod && is_among(gateway->pod->resolvers, gateway->pod->resolver_count, addr));
}

enum addr_class addr_classify(struct addr addr, const struct addr_gateway *gateway)
{
	addr = addr_unmap(addr);
	if (addr_is_unspecified(addr))
		return ADDR_CLASS_NONE;
	if (addr_gateway_has(gateway, addr))
		return ADDR_CLASS_HOST;
	struct addr_carried carried;
	const struct ranges *table = addr.family == ADDR_V4 ? &filled.class4 : &filled.class6;
	size_t i;
	if (addr_carries(addr, nat64_of(gateway), &carried)) {
		if (carried.known == 32 && addr_gateway_has(gateway, carried.v4))
			return ADDR_CLASS_HOST;
		table = &filled.class4;
		i = find_carried(table, &carried);
	} else {
		i = find_range(table, addr.value);
	}
	return i < table->count ? table->classes[i] : ADDR_CLASS_PUBLIC;
}

bool addr_is_reserved(struct addr addr, const struct addr_gateway *gateway)
{
	addr = addr_unmap(addr);
	enum addr_class class = addr_classify(addr, gateway);
	if (class == ADDR_CLASS_META || class == ADDR_CLASS_HOST)
		return true;
	const struct ranges *table = addr.family == ADDR_V4 ? &filled.reserved4 : &filled.reserved6;
	struct addr_carried carried;
	bool carries = addr_carries(addr, nat64_of(gateway), &carried);
	if (carries && find_carried(&filled.reserved4, &carried) < filled.reserved4.count)
		return true;
	/* a prefix that the user vouches for has no standing but that of what it carries */
	return (!carries || carried.found) && find_range(table, addr.value) < table->count;
}

bool addr_group_takes(enum addr_class group, bool deny, struct addr addr, const struct addr_gateway *gateway)
{
	enum addr_class class = addr_classify(addr, gateway);
	struct addr_carried carried;

	if (!addr_carries(addr, nat64_of(gateway), &carried) || !carried.found || addr_gateway_has(gateway, addr))
		return class == group;
	if (deny)
		return class == group || group == ADDR_CLASS_PUBLIC;
	return class == group && group == ADDR_CLASS_PUBLIC;
}

/* ---- the same as sets ---- */

/* What `class` covers of `left` by a table whose entries are sets: subtracting each entry before the next makes them
 * disjoint, the first that fits first */
static struct addr_set walk(struct arena *arena, enum addr_class class, struct addr_set left,
			    const struct ranges *table, const struct addr_set *entries)
{
	struct addr_set found = addr_set_empty(left.family);

	for (size_t i = 0; i < table->count; i++) {
		if (table->classes[i] == class) {
			struct addr_set fresh = addr_set_intersect(arena, &left, &entries[i]);
			found = addr_set_union(arena, &found, &fresh);
		}
		left = addr_set_subtract(arena, &left, &entries[i]);
	}
	return class == ADDR_CLASS_PUBLIC ? left : found;
}

/* By the family's own table, without what is carried and without the gateway */
static struct addr_set own_set(struct arena *arena, enum addr_class class, struct addr_set all)
{
	const struct ranges *table = all.family == ADDR_V4 ? &filled.class4 : &filled.class6;
	struct addr_set entries[TABLE_MAX];

	for (size_t i = 0; i < table->count; i++)
		entries[i] = addr_set_from_ranges(arena, all.family, &table->items[i], 1);
	return walk(arena, class, all, table, entries);
}

static struct addr_set carried_set(struct arena *arena, enum addr_class class, const struct addr_set *all,
				   const struct addr_nat64 *nat64)
{
	const struct ranges *table = &filled.class4;
	struct addr_set entries[TABLE_MAX];

	for (size_t i = 0; i < table->count; i++)
		entries[i] = addr_embedding_of(arena, table->prefixes[i], nat64);
	return walk(arena, class, *all, table, entries);
}

/* An address of the host's: itself in its family, and where it is IPv4, what carries it in IPv6 */
static void add_host(struct arena *arena, struct addr_set *set, struct addr host, const struct addr_gateway *gateway)
{
	struct addr_set own = addr_set_empty(set->family);

	if (host.family == set->family)
		addr_set_add(arena, &own, (struct addr_range){ host.value, host.value });
	else if (host.family == ADDR_V4)
		own = addr_embedding_of(arena, (struct addr_prefix){ host, 32 }, &gateway->nat64);
	*set = addr_set_union(arena, set, &own);
}

static struct addr_set host_set(struct arena *arena, enum addr_family family, const struct addr_gateway *gateway)
{
	struct addr_set set = addr_set_empty(family);

	if (gateway && gateway->has4)
		add_host(arena, &set, gateway->v4, gateway);
	if (gateway && gateway->has6)
		add_host(arena, &set, gateway->v6, gateway);
	for (size_t i = 0; gateway && gateway->pod && i < gateway->pod->node_count; i++)
		add_host(arena, &set, gateway->pod->nodes[i], gateway);
	return set;
}

/* All IPv6 addresses that carry an IPv4 one, mapped ones aside */
static struct addr_set carrying_set(struct arena *arena, const struct addr_nat64 *nat64)
{
	return addr_embedding_of(arena, (struct addr_prefix){ { ADDR_V4, 0 }, 0 }, nat64);
}

struct addr_set addr_class_set(struct arena *arena, enum addr_class class, enum addr_family family,
			       const struct addr_gateway *gateway)
{
	struct addr_set host = host_set(arena, family, gateway), set = addr_set_all(arena, family);

	if (class == ADDR_CLASS_HOST)
		return host;
	if (family == ADDR_V4) {
		set = own_set(arena, class, set);
	} else {
		struct addr_set carrying = carrying_set(arena, nat64_of(gateway)), mapped = addr_set_empty(ADDR_V6);
		addr_set_add(arena, &mapped, filled.mapped6);
		struct addr_set carried = carried_set(arena, class, &carrying, nat64_of(gateway));
		set = addr_set_subtract(arena, &set, &mapped);
		set = addr_set_subtract(arena, &set, &carrying);
		set = own_set(arena, class, set);
		set = addr_set_union(arena, &set, &carried);
	}
	return addr_set_subtract(arena, &set, &host);
}

struct addr_set addr_group_set(struct arena *arena, enum addr_class group, bool deny, enum addr_family family,
			       const struct addr_gateway *gateway)
{
	struct addr_set set = addr_class_set(arena, group, family, gateway), own = addr_set_empty(family);
	const struct addr_nat64 *nat64 = nat64_of(gateway);

	if (family == ADDR_V4 || !nat64 || (group == ADDR_CLASS_PUBLIC) != deny)
		return set;
	if (gateway->has6)
		addr_set_add(arena, &own, (struct addr_range){ gateway->v6.value, gateway->v6.value });
	struct addr_set kept = addr_set_intersect(arena, &set, &own);
	for (size_t i = nat64->count - nat64->found; i < nat64->count; i++) {
		struct addr_range range = addr_prefix_range(nat64->items[i]);
		struct addr_set found = addr_set_from_ranges(arena, family, &range, 1);
		set = deny ? addr_set_union(arena, &set, &found) : addr_set_subtract(arena, &set, &found);
	}
	set = deny ? addr_set_subtract(arena, &set, &own) : set;
	return addr_set_union(arena, &set, &kept);
}

struct addr_set addr_reserved_set(struct arena *arena, enum addr_family family, const struct addr_gateway *gateway)
{
	const struct ranges *table = family == ADDR_V4 ? &filled.reserved4 : &filled.reserved6;
	struct addr_set set = addr_set_from_ranges(arena, family, table->items, table->count);
	struct addr_set meta = addr_class_set(arena, ADDR_CLASS_META, family, gateway);
	struct addr_set host = addr_class_set(arena, ADDR_CLASS_HOST, family, gateway);
	struct addr_nat64 vouched = gateway ? gateway->nat64 : (struct addr_nat64){ .count = 0 };

	vouched.count -= vouched.found;
	vouched.found = 0;
	if (family == ADDR_V6) {
		struct addr_set carrying = carrying_set(arena, &vouched), mapped = addr_set_empty(ADDR_V6);
		set = addr_set_subtract(arena, &set, &carrying);
		for (size_t i = 0; i < filled.reserved4.count; i++) {
			struct addr_set carried =
				addr_embedding_of(arena, filled.reserved4.prefixes[i], nat64_of(gateway));
			set = addr_set_union(arena, &set, &carried);
		}
		addr_set_add(arena, &mapped, filled.mapped6);
		set = addr_set_subtract(arena, &set, &mapped);
	}
	set = addr_set_union(arena, &set, &meta);
	return addr_set_union(arena, &set, &host);
}

const char *addr_nat64_find(struct addr_nat64 *nat64, struct addr_prefix prefix)
{
	struct addr_nat64 longer = *nat64;
	const char *why = addr_nat64_add(&longer, prefix);

	if (why || longer.count == nat64->count)
		return why;
	struct arena *arena = arena_new();
	struct addr_range range = addr_prefix_range(prefix);
	struct addr_set own = addr_set_from_ranges(arena, ADDR_V6, &range, 1);
	struct addr_set public = addr_class_set(arena, ADDR_CLASS_PUBLIC, ADDR_V6, NULL);
	struct addr_set inside = addr_set_intersect(arena, &own, &public);
	bool is_public = addr_set_equal(&own, &inside);
	arena_free(arena);
	if (!is_public)
		return "it is no public network";
	longer.found++;
	*nat64 = longer;
	return NULL;
}
