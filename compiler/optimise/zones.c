/* Zones: the rules on wide sets of addresses, the first of which that takes a flow is known by its protocol and port. */
#include "optimise/zones.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 65536u
#define LINEAR_MOST 4   /* rules on ports: so few stay rules */
#define IN_PLACE_MOST 8 /* runs of ports in a rule itself; more are in sets that rules share */
#define LOOKED_AT_MOST 64
#define RADIX_BITS 4
#define LEVELS 5 /* of RADIX_BITS: more than there are ports */

static const unsigned proto_bits[ZONE_PROTOS] = { LINEAR_TCP, LINEAR_UDP, LINEAR_ICMP, LINEAR_ICMP6, LINEAR_OTHER };

static int compare_numbers(const void *a, const void *b)
{
	const struct zone_run *x = a, *y = b;

	return COMPARE(x->number, y->number) ?: COMPARE(x->lo, y->lo);
}

/* ---- who is first ---- */

/* The first port from `port` on that nobody has; next[] leads there */
static uint32_t free_port(uint32_t *next, uint32_t port)
{
	while (next[port] != port) {
		next[port] = next[next[port]];
		port = next[port];
	}
	return port;
}

/* Every rule takes what none before it has taken */
static void settle_ports(struct addresses *pass, const struct zone *zone, struct zone_ports *ports, unsigned bit)
{
	uint32_t *next = arena_must(calloc(PORTS + 1, sizeof *next)), *owner = arena_must(calloc(PORTS, sizeof *owner));

	for (uint32_t i = 0; i <= PORTS; i++)
		next[i] = i;
	for (size_t i = 0; i < zone->count && zone->items[i]->number < ports->rest; i++) {
		const struct linear_rule *rule = zone->items[i];
		for (size_t j = 0; rule->ports && rule->protos & bit && j < rule->ports->values.count; j++) {
			const struct rs_value *value = &rule->ports->values.items[j];
			for (uint32_t port; (port = free_port(next, (uint32_t)value->lo)) <= value->hi; next[port]++)
				owner[port] = (uint32_t)i + 1;
		}
	}
	for (uint32_t port = 0; port < PORTS; port++) {
		uint32_t number = owner[port] ? zone->items[owner[port] - 1]->number : 0;
		struct zone_run *last = ports->count ? &ports->items[ports->count - 1] : NULL;
		if (owner[port] && last && last->hi + 1u == port && last->number == number)
			last->hi++;
		else if (owner[port])
			*arena_push(pass->arena, ports) = (struct zone_run){ (uint16_t)port, (uint16_t)port, number };
	}
	free(next);
	free(owner);
}

void zone_settle(struct addresses *pass, struct zone *zone)
{
	bool has_ports = false;

	for (size_t i = 0; i < zone->count; i++)
		has_ports |= zone->items[i]->ports != NULL;
	for (int proto = 0; proto < ZONE_PROTOS; proto++) {
		struct zone_ports *ports = &zone->ports[proto];
		ports->rest = UINT32_MAX;
		for (size_t i = zone->count; i-- > 0;)
			if (!zone->items[i]->ports && zone->items[i]->protos & proto_bits[proto])
				ports->rest = zone->items[i]->number;
		if (proto > ZONE_UDP || !has_ports)
			continue;
		settle_ports(pass, zone, ports, proto_bits[proto]);
		ports->by_number = arena_alloc(pass->arena, (ports->count + 1) * sizeof *ports->by_number);
		if (ports->count)
			memcpy(ports->by_number, ports->items, ports->count * sizeof *ports->items);
		qsort(ports->by_number, ports->count, sizeof *ports->by_number, compare_numbers);
	}
}

uint32_t zone_end(const struct zone *zone)
{
	return zone->ports[ZONE_OTHER].rest; /* which only a rule without protocols takes */
}

/* ---- the chain ---- */

static const struct linear_rule *rule_of(const struct zone *zone, uint32_t number)
{
	return zone->items[FIND_FIRST(zone->count, at, zone->items[at]->number < number)];
}

static const char *proto_name(int proto)
{
	return proto == ZONE_TCP ? "tcp" : "udp";
}

static enum rs_field port_field(int proto)
{
	return proto == ZONE_TCP ? RS_TCP_DPORT : RS_UDP_DPORT;
}

static struct rs_chain *chain_at(const struct addresses *pass, size_t chain)
{
	return &pass->table->chains.items[chain];
}

static void add_port_map(struct addresses *pass, const struct zone *zone, int proto, size_t chain)
{
	const struct zone_ports *ports = &zone->ports[proto];
	const char *name = arena_printf(pass->arena, "%s_%s", zone->chain, proto_name(proto));

	if (!ports->count)
		return;
	struct rs_set *map = rs_set_add(pass->ruleset, pass->table, name, RS_TYPE_PORT);
	map->map = map->interval = map->counters = true;
	map->note = "who takes a port first";
	arena_reserve(pass->arena, &map->elements, ports->count);
	for (size_t i = 0; i < ports->count; i++) {
		const struct linear_rule *rule = rule_of(zone, ports->items[i].number);
		struct rs_element *element = arena_push(pass->arena, &map->elements);
		element->key[0] = rs_range(ports->items[i].lo, ports->items[i].hi);
		element->comment = rule->source->comment;
		element->verdict = linear_verdict(rule);
	}
	rs_lookup(pass->ruleset, rs_rule_add(pass->ruleset, chain_at(pass, chain), NULL), name, port_field(proto))
		->kind = RS_VMAP;
}

/* Whether any flow can still come to it */
static bool is_alive(const struct zone *zone, const struct linear_rule *rule)
{
	for (int proto = 0; proto < ZONE_PROTOS; proto++)
		if (rule->protos & proto_bits[proto] && rule->number <= zone->ports[proto].rest)
			return true;
	return false;
}

void zone_fill(struct addresses *pass, struct zone *zone, size_t chain)
{
	size_t on_ports = 0;

	for (size_t i = 0; i < zone->count; i++)
		on_ports += zone->items[i]->ports && is_alive(zone, zone->items[i]);
	bool maps = on_ports > LINEAR_MOST;
	for (int proto = ZONE_TCP; maps && proto <= ZONE_UDP; proto++)
		add_port_map(pass, zone, proto, chain);
	for (size_t i = 0; i < zone->count; i++)
		if (is_alive(zone, zone->items[i]) && !(maps && zone->items[i]->ports))
			linear_copy(pass->ruleset, chain_at(pass, chain), zone->items[i]);
}

/* ---- what is before a rule ---- */

/* What is left to a zone's rules */
static struct rs_rule *leave(struct addresses *pass, size_t chain)
{
	return rs_rule_add(pass->ruleset, chain_at(pass, chain), "a wider rule is before");
}

static void leave_end(struct addresses *pass, struct rs_rule *rule, const struct zone *zone)
{
	if (pass->floor)
		rs_verdict(pass->ruleset, rule, RS_GOTO, zone->chain);
	else
		rs_verdict(pass->ruleset, rule, RS_RETURN, NULL);
}

static int compare_low(const void *a, const void *b)
{
	return COMPARE(((const struct zone_run *)a)->lo, ((const struct zone_run *)b)->lo);
}

static void add_block(struct addresses *pass, const char *name, const struct zone_run *runs, size_t count)
{
	struct zone_run *sorted = arena_must(calloc(count, sizeof *sorted));
	struct rs_set *set = rs_set_add(pass->ruleset, pass->table, name, RS_TYPE_PORT);

	memcpy(sorted, runs, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_low);
	for (size_t i = 0; i < count; i++) {
		struct rs_value *last =
			set->elements.count ? &set->elements.items[set->elements.count - 1].key[0] : NULL;
		if (last && last->hi + 1 == sorted[i].lo)
			last->hi = sorted[i].hi;
		else
			arena_push(pass->arena, &set->elements)->key[0] = rs_range(sorted[i].lo, sorted[i].hi);
	}
	set->interval = true;
	set->note = "ports that wider rules take before";
	free(sorted);
}

/* The first `count` runs by rule, as sets that other rules' look into too: of each digit of the number one */
static void leave_by_sets(struct addresses *pass, struct zone *zone, size_t chain, int proto, size_t count)
{
	struct zone_ports *ports = &zone->ports[proto];

	if (!ports->blocks)
		ports->blocks = arena_alloc(pass->arena, LEVELS * sizeof *ports->blocks);
	for (unsigned level = LEVELS; level-- > 0;) {
		unsigned shift = level * RADIX_BITS;
		size_t upper = count >> shift, from = upper >> RADIX_BITS << RADIX_BITS;
		if (from == upper)
			continue;
		if (!ports->blocks[level])
			ports->blocks[level] =
				arena_alloc(pass->arena, ((ports->count >> shift) + 1) * sizeof(const char *));
		const char **name = &ports->blocks[level][upper];
		if (!*name) {
			*name = arena_printf(pass->arena, "%s_%s_%zu_%zu", zone->chain, proto_name(proto),
					     from << shift, (upper << shift) - 1);
			add_block(pass, *name, ports->by_number + (from << shift), (upper - from) << shift);
		}
		struct rs_rule *rule = leave(pass, chain);
		rs_lookup(pass->ruleset, rule, *name, port_field(proto));
		leave_end(pass, rule, zone);
	}
}

static size_t count_before(const struct zone_ports *ports, uint32_t number)
{
	return FIND_FIRST(ports->count, at, ports->by_number[at].number < number);
}

struct runs {
	struct zone_run *items;
	size_t count, cap;
};

/* The runs of rules before it within its ports; false: too many to look at */
static bool runs_before(struct addresses *pass, const struct zone_ports *ports, const struct linear_rule *rule,
			struct runs *out)
{
	size_t looked = 0;

	for (size_t v = 0; v < (rule->ports ? rule->ports->values.count : 1); v++) {
		uint32_t lo = rule->ports ? (uint32_t)rule->ports->values.items[v].lo : 0;
		uint32_t hi = rule->ports ? (uint32_t)rule->ports->values.items[v].hi : PORTS - 1;
		size_t first = FIND_FIRST(ports->count, at, ports->items[at].hi < lo);
		for (; first < ports->count && ports->items[first].lo <= hi; first++) {
			const struct zone_run *run = &ports->items[first];
			if (++looked > LOOKED_AT_MOST)
				return false;
			if (run->number >= rule->number)
				continue;
			struct zone_run *last = out->count ? &out->items[out->count - 1] : NULL;
			if (last && last->hi + 1u >= run->lo)
				last->hi = run->hi;
			else
				*arena_push(pass->arena, out) = *run;
		}
	}
	return out->count <= IN_PLACE_MOST;
}

static void leave_by_port(struct addresses *pass, struct zone *zone, size_t chain, int proto,
			  const struct linear_rule *rule)
{
	struct runs runs = { 0 };

	if (!count_before(&zone->ports[proto], rule->number))
		return;
	if (!runs_before(pass, &zone->ports[proto], rule, &runs)) {
		leave_by_sets(pass, zone, chain, proto, count_before(&zone->ports[proto], rule->number));
		return;
	}
	if (!runs.count)
		return;
	struct rs_rule *out = leave(pass, chain);
	struct rs_expr *expr =
		rs_match(pass->ruleset, out, port_field(proto), rs_range(runs.items[0].lo, runs.items[0].hi));
	for (size_t i = 1; i < runs.count; i++)
		rs_or(pass->ruleset, expr, rs_range(runs.items[i].lo, runs.items[i].hi));
	leave_end(pass, out, zone);
}

void zone_before(struct addresses *pass, struct zone *zone, size_t chain, const struct linear_rule *rule)
{
	static const unsigned numbers[ZONE_PROTOS] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, 0 };

	for (int proto = 0; proto < ZONE_OTHER; proto++) {
		if (!(rule->protos & proto_bits[proto]))
			continue;
		if (zone->ports[proto].rest < rule->number) {
			struct rs_rule *out = leave(pass, chain);
			rs_match(pass->ruleset, out, RS_META_L4PROTO, rs_number(numbers[proto]));
			leave_end(pass, out, zone);
		} else if (proto <= ZONE_UDP) {
			leave_by_port(pass, zone, chain, proto, rule);
		}
	}
}
