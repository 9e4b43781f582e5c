/* Which ports rules take: see lower_taken.h. */
#include "lower/lower_taken.h"
#include "lower/lower_state.h"

#include <stdlib.h>
#include <string.h>

#define RADIX_BITS 4
#define NODES(ports, level) (((ports)->count >> (level)*RADIX_BITS) + 1)

/* ---- as bits ---- */

static void take_ports(uint64_t *ports, unsigned lo, unsigned hi)
{
	for (unsigned port = lo; port <= hi;) {
		if (port % 64 == 0 && port + 63 <= hi) {
			ports[port / 64] = ~UINT64_C(0);
			port += 64;
		} else {
			ports[port / 64] |= UINT64_C(1) << port % 64;
			port++;
		}
	}
}

void taken_add(struct taken *taken, const struct policy_rule *rule, enum addr_family family)
{
	static const struct policy_port_range every = { 0, TAKEN_PORTS - 1, { 0, 0, 0 } };
	unsigned protos = lower_rule_protos(rule, family);
	size_t count = rule->ports.count ? rule->ports.count : 1;
	const struct policy_port_range *ports = rule->ports.count ? rule->ports.items : &every;

	for (size_t i = 0; i < count; i++) {
		if (protos & PROTO_TCP)
			take_ports(taken->tcp, ports[i].lo, ports[i].hi);
		if (protos & PROTO_UDP)
			take_ports(taken->udp, ports[i].lo, ports[i].hi);
	}
	taken->others |= protos & ~(unsigned)(PROTO_TCP | PROTO_UDP);
}

/* From `port` on the first that is in the set, or is not; TAKEN_PORTS: none */
static unsigned next_port(const uint64_t *ports, unsigned port, bool in)
{
	while (port < TAKEN_PORTS) {
		uint64_t word = (in ? ports[port / 64] : ~ports[port / 64]) >> port % 64;

		if (word)
			return port + (unsigned)__builtin_ctzll(word);
		port = port / 64 * 64 + 64;
	}
	return TAKEN_PORTS;
}

void taken_list(struct arena *arena, const uint64_t *ports, struct policy_port_list *out)
{
	for (unsigned lo = next_port(ports, 0, true); lo < TAKEN_PORTS;) {
		unsigned end = next_port(ports, lo, false);

		*arena_push(arena, out) = (struct policy_port_range){ .lo = (uint16_t)lo, .hi = (uint16_t)(end - 1) };
		lo = next_port(ports, end, true);
	}
}

/* ---- as sets ---- */

/* Each rule has what none before it has */
void taken_settle(struct arena *arena, struct taken_wide *wide, const struct policy_rule *rule, uint32_t number)
{
	static const unsigned protos[TAKEN_PROTOS] = { PROTO_TCP, PROTO_UDP };
	struct taken own = { .others = 0 };

	taken_add(&own, rule, wide->family);
	for (int i = 0; i < TAKEN_PROTOS; i++) {
		uint64_t *mine = i ? own.udp : own.tcp, *before = i ? wide->all.udp : wide->all.tcp;
		struct policy_port_list left = { 0 };
		if (!(lower_rule_protos(rule, wide->family) & protos[i]))
			continue;
		for (size_t j = 0; j < TAKEN_PORTS / 64; j++) {
			mine[j] &= ~before[j];
			before[j] |= mine[j];
		}
		taken_list(arena, mine, &left);
		for (size_t j = 0; j < left.count; j++)
			*arena_push(arena, &wide->ports[i]) =
				(struct taken_run){ number, left.items[j].lo, left.items[j].hi };
	}
}

size_t taken_before(const struct taken_wide *wide, enum taken_proto proto, uint32_t rule)
{
	const struct taken_runs *runs = &wide->ports[proto];

	return FIND_FIRST(runs->count, at, runs->items[at].rule < rule);
}

/* The set of the count's digit on that level; false: the digit is 0. In units of a run */
struct node {
	size_t number, from, count;
};
static bool node_of(size_t count, unsigned level, struct node *out)
{
	unsigned shift = level * RADIX_BITS;
	size_t upper = count >> shift, from = upper >> RADIX_BITS << RADIX_BITS;

	*out = (struct node){ upper, from << shift, (upper - from) << shift };
	return upper != from;
}

static bool is_made(const struct taken_runs *runs, unsigned level, size_t number)
{
	return runs->made[level] && runs->made[level][number];
}

size_t taken_to_make(const struct taken_wide *wide, enum taken_proto proto, size_t count)
{
	struct node node;
	size_t sum = 0;

	for (unsigned level = 0; level < TAKEN_LEVELS; level++)
		if (node_of(count, level, &node))
			sum += is_made(&wide->ports[proto], level, node.number) ? 0 : node.count;
	return sum;
}

static int compare_low(const void *a, const void *b)
{
	return COMPARE(((const struct taken_run *)a)->lo, ((const struct taken_run *)b)->lo);
}

static void add_set(struct ruleset *ruleset, struct rs_table *table, const char *name, const struct taken_run *runs,
		    size_t count)
{
	struct taken_run *sorted = arena_alloc(ruleset->arena, count * sizeof *sorted);
	struct rs_set *set = rs_set_add(ruleset, table, name, RS_TYPE_PORT);

	memcpy(sorted, runs, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_low);
	for (size_t i = 0; i < count; i++) {
		struct rs_value *last =
			set->elements.count ? &set->elements.items[set->elements.count - 1].key[0] : NULL;
		if (last && last->hi + 1 == sorted[i].lo)
			last->hi = sorted[i].hi;
		else
			arena_push(ruleset->arena, &set->elements)->key[0] = rs_range(sorted[i].lo, sorted[i].hi);
	}
	set->interval = true;
}

const char *taken_set(struct arena *lasting, struct taken_wide *wide, enum taken_proto proto, size_t count,
		      unsigned level, struct ruleset *ruleset, struct rs_table *table)
{
	struct taken_runs *runs = &wide->ports[proto];
	struct node node;

	if (!node_of(count, level, &node))
		return NULL;
	const char *name = arena_printf(ruleset->arena, "%s_%s_%zu_%zu", wide->name, proto == TAKEN_TCP ? "tcp" : "udp",
					node.from, node.from + node.count - 1);
	if (!runs->made[level])
		runs->made[level] = arena_alloc(lasting, NODES(runs, level) * sizeof(bool));
	if (!runs->made[level][node.number]) {
		add_set(ruleset, table, name, runs->items + node.from, node.count);
		runs->made[level][node.number] = true;
		wide->weight += node.count;
		*arena_push(ruleset->arena, &wide->fresh) =
			(struct taken_fresh){ &runs->made[level][node.number], node.count };
	}
	return name;
}

void taken_undo(struct taken_wide *wide)
{
	for (size_t i = 0; i < wide->fresh.count; i++) {
		*wide->fresh.items[i].made = false;
		wide->weight -= wide->fresh.items[i].weight;
	}
	taken_forget(wide);
}

void taken_forget(struct taken_wide *wide)
{
	memset(&wide->fresh, 0, sizeof wide->fresh);
}
