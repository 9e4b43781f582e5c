/* Random rules: every form of target, protocol and port list that the language has. */
#include "random_rules.h"

#include <string.h>

static const char *const protos[] = { "",        "",        ":tcp",       ":tcp",         ":udp",
				      ":icmpv4", ":icmpv6", ":{tcp,udp}", ":{tcp,icmpv4}" };

static const char *pick(struct random *random, const char *const *list, size_t count)
{
	return list[random_below(random, (uint32_t)count)];
}

/* A network around one of the pool's addresses: of any length, often the address alone */
static const char *random_network(struct arena *arena, struct random *random, const struct random_pool *pool)
{
	struct addr_prefix prefix = { pool->near[random_below(random, (uint32_t)pool->near_count)], 0 };
	unsigned bits = prefix.addr.family == ADDR_V4 ? 32 : 128;
	char text[ADDR_TEXT_MAX];

	if (random_one_in(random, 4))
		prefix.addr.value ^= (u128)1 << random_below(random, bits);
	if (random_one_in(random, 6))
		prefix.addr.value += random_one_in(random, 2) ? (u128)1 : ~(u128)0;
	if (prefix.addr.family == ADDR_V4)
		prefix.addr.value &= UINT32_MAX;
	if (pool->narrow)
		prefix.len = (uint8_t)(bits - random_below(random, bits / 4 + 1));
	else
		prefix.len = (uint8_t)(random_one_in(random, 12) ? 0 :
				       random_one_in(random, 3)  ? bits :
								   bits / 4 + random_below(random, bits * 3 / 4));
	return arena_printf(arena, prefix.addr.family == ADDR_V4 ? "%s/%u" : "[%s/%u]", addr_format(prefix.addr, text),
			    prefix.len);
}

static const char *random_target(struct arena *arena, struct random *random, const struct random_pool *pool)
{
	bool names = !pool->floor && random_below(random, 5) >= 3;

	if (names)
		return pick(random, pool->names, pool->name_count);
	if (pool->near && (random_one_in(random, 2) || (pool->narrow && !random_one_in(random, 12))))
		return random_network(arena, random, pool);
	return pick(random, pool->addresses, pool->address_count);
}

/* Ports of the pool, or any: one, or a range, where the pool's own networks are any as well */
static const char *random_ports(struct arena *arena, struct random *random, const struct random_pool *pool)
{
	uint32_t lo = random_below(random, 65536), hi = lo + random_below(random, 200);

	if (!pool->near || !random_one_in(random, 4))
		return pick(random, pool->ports, pool->port_count);
	return random_one_in(random, 2) ? arena_printf(arena, ":%u", lo) :
					  arena_printf(arena, ":%u-%u", lo, hi > 65535 ? 65535 : hi);
}

/* An allow on names that says where they may be */
static const char *random_placed_rule(struct arena *arena, struct random *random, const struct random_pool *pool)
{
	const char *target = pick(random, pool->names, pool->name_count), *proto = RANDOM_PICK(random, protos),
		   *port = "";

	while (!strcmp(target, "host.microsandbox.internal"))
		target = pick(random, pool->names, pool->name_count);
	if (random_below(random, 3) == 0)
		target = arena_printf(arena, "{%s,%s}", target, pool->names[1]);
	if (random_below(random, 2) && !strstr(proto, "icmp")) {
		port = random_ports(arena, random, pool);
		proto = port[0] && !proto[0] ? ":any" : proto;
	}
	return arena_printf(arena, "allow@%s%s%s in %s", target, proto, port,
			    pick(random, pool->within, pool->within_count));
}

static const char *random_list(struct arena *arena, struct random *random, const struct random_pool *pool,
			       const char *first)
{
	const char *list = arena_printf(arena, "{%s", first);

	for (uint32_t i = random_below(random, 3) + 1; i; i--)
		list = arena_printf(arena, "%s,%s", list, random_target(arena, random, pool));
	return arena_printf(arena, "%s}", list);
}

const char *random_rule(struct arena *arena, struct random *random, const struct random_pool *pool)
{
	static const char *const actions[] = { "allow", "deny" };
	static const char *const directions[] = { "", "", "", ":ingress", ":any" };
	uint32_t rare = pool->narrow ? 200 : 12;
	const char *direction = RANDOM_PICK(random, directions), *target = random_target(arena, random, pool),
		   *proto = RANDOM_PICK(random, protos), *port = "";

	if (pool->within && !pool->floor && random_one_in(random, 10))
		return random_placed_rule(arena, random, pool);
	if (random_one_in(random, rare)) {
		target = "any";
	} else if (random_one_in(random, rare)) {
		return arena_printf(arena, "%s@dns", RANDOM_PICK(random, actions));
	} else if (random_one_in(random, 4)) {
		target = random_list(arena, random, pool, target);
	}
	if (pool->narrow && !random_one_in(random, 20))
		direction = "";
	if (strstr(proto, "icmp") && direction[0])
		proto = "";
	if (random_below(random, pool->narrow ? 8 : 2)) {
		port = random_ports(arena, random, pool);
		if (port[0] && (!proto[0] || strstr(proto, "icmp")))
			proto = ":any";
	}
	return arena_printf(arena, "%s%s@%s%s%s", RANDOM_PICK(random, actions), direction, target, proto, port);
}

const char *random_rule_list(struct arena *arena, struct random *random, const struct random_pool *pool, size_t count)
{
	const char *rules = random_rule(arena, random, pool);

	while (--count)
		rules = arena_printf(arena, "%s,%s", rules, random_rule(arena, random, pool));
	return rules;
}
