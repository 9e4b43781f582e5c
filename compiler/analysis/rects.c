/* Rules as rectangles: pieces, the runs of atoms they take in, and their ports made disjoint. */
#include "analysis/pass.h"

#include <stdlib.h>

/* ---- ports ---- */

struct port_cuts {
	uint32_t *items;
	size_t count, cap;
};

static int compare_cuts(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t find_free(uint32_t *next, uint32_t at)
{
	while (next[at] != at)
		at = next[at] = next[next[at]];
	return at;
}

static uint32_t cut_index(const struct port_cuts *cuts, uint32_t port)
{
	const uint32_t *found = bsearch(&port, cuts->items, cuts->count, sizeof port, compare_cuts);

	return (uint32_t)(found - cuts->items);
}

static struct port_cuts port_boundaries(struct arena *arena, const struct policy_rule *rule)
{
	struct port_cuts cuts = { NULL, 0, 0 };
	size_t kept = 0;

	for (size_t i = 0; i < rule->ports.count; i++) {
		*arena_push(arena, &cuts) = rule->ports.items[i].lo;
		*arena_push(arena, &cuts) = rule->ports.items[i].hi + 1u;
	}
	qsort(cuts.items, cuts.count, sizeof *cuts.items, compare_cuts);
	for (size_t i = 0; i < cuts.count; i++)
		if (!kept || cuts.items[kept - 1] != cuts.items[i])
			cuts.items[kept++] = cuts.items[i];
	cuts.count = kept;
	return cuts;
}

/* Each item gets the ports that no item before it has: painted once, found by a union of what is painted. */
static void split_ports(struct region *region, size_t index)
{
	const struct policy_rule *rule = &region->policy->rules.items[index];
	struct port_cuts cuts = port_boundaries(region->arena, rule);
	uint32_t *next = arena_alloc(region->arena, (cuts.count + 1) * sizeof *next);
	uint32_t *owner = arena_alloc(region->arena, (cuts.count + 1) * sizeof *owner);

	for (uint32_t i = 0; i <= cuts.count; i++) {
		next[i] = i;
		owner[i] = WALK_NONE;
	}
	for (uint32_t i = 0; i < rule->ports.count; i++) {
		uint32_t end = cut_index(&cuts, rule->ports.items[i].hi + 1u);
		uint32_t at = find_free(next, cut_index(&cuts, rule->ports.items[i].lo));

		for (; at < end; at = find_free(next, at)) {
			owner[at] = i;
			next[at] = at + 1;
		}
	}
	for (uint32_t i = 0; i + 1 < cuts.count; i++)
		if (owner[i] != WALK_NONE)
			*arena_push(region->arena, &region->ports[index]) =
				(struct region_ports){ (uint16_t)cuts.items[i], (uint16_t)(cuts.items[i + 1] - 1),
						       owner[i] };
}

bool region_proto_has_ports(enum policy_proto proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP;
}

const uint16_t *region_refused_ports(enum policy_direction direction, enum policy_proto proto)
{
	static const uint16_t none[] = { 0 }, tcp[] = { 853, 0 }, udp[] = { 137, 853, 5353, 5355, 0 };

	if (direction != POLICY_EGRESS)
		return none;
	return proto == PROTO_TCP ? tcp : proto == PROTO_UDP ? udp : none;
}

bool region_rule_fits(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	return (rule->directions & direction) && (!rule->protos || (rule->protos & proto)) &&
	       (!rule->ports.count || region_proto_has_ports(proto));
}

/* ---- pieces ---- */

static bool is_name(const struct policy_target *target)
{
	return target->kind == TARGET_DOMAIN || target->kind == TARGET_SUFFIX;
}

static struct region_piece *add_piece(struct region *region, size_t rule, uint32_t target)
{
	struct region_piece *piece = &region->pieces[region->piece_count];

	piece->rule = (uint32_t)rule;
	piece->target = target;
	region->rule_of[region->piece_count++] = (uint32_t)rule;
	return piece;
}

static void cut_rule(struct region *region, size_t index)
{
	const struct policy_rule *rule = &region->policy->rules.items[index];
	struct axis_span spans[AXIS_SPANS_MAX];
	bool names = false;

	region->first_piece[index] = region->piece_count;
	for (size_t i = 0; i < rule->targets.count; i++) {
		struct region_piece *piece;

		if (is_name(&rule->targets.items[i])) {
			names = true;
			continue;
		}
		piece = add_piece(region, index, (uint32_t)i);
		piece->spans = (uint32_t)region->spans.count;
		piece->span_count =
			(uint32_t)axis_target_spans(region->axis, rule->action, &rule->targets.items[i], spans);
		for (size_t j = 0; j < piece->span_count; j++)
			*arena_push(region->arena, &region->spans) = spans[j];
	}
	if (names)
		add_piece(region, index, WALK_NONE);
	if (rule->ports.count == 1)
		*arena_push(region->arena, &region->ports[index]) =
			(struct region_ports){ rule->ports.items[0].lo, rule->ports.items[0].hi, 0 };
	else if (rule->ports.count)
		split_ports(region, index);
}

void region_cut(struct region *region)
{
	const struct policy *policy = region->policy;
	size_t most = 1, rules = policy->rules.count;

	for (size_t i = 0; i < rules; i++)
		most += policy->rules.items[i].targets.count + 1;
	region->pieces = arena_alloc(region->arena, most * sizeof *region->pieces);
	region->rule_of = arena_alloc(region->arena, most * sizeof *region->rule_of);
	region->first_piece = arena_alloc(region->arena, (rules + 1) * sizeof *region->first_piece);
	region->ports = arena_alloc(region->arena, (rules + 1) * sizeof *region->ports);
	for (size_t i = 0; i < rules && region_fuel_use(region->fuel, 1000); i++)
		cut_rule(region, i);
	region->first_piece[rules] = region->piece_count;
	region->pieces[region->piece_count].rule = region->rule_of[region->piece_count] = (uint32_t)rules;
}

uint32_t region_names_piece(const struct region *region, size_t rule)
{
	uint32_t last = region->first_piece[rule + 1];

	if (last > region->first_piece[rule] && region->pieces[last - 1].target == WALK_NONE)
		return last - 1;
	return WALK_NONE;
}

/* ---- walks ---- */

void region_add_rects(struct region *region, struct walk *walk, uint32_t piece, const struct axis_span *spans,
		      size_t count, uint32_t offset)
{
	size_t rule = region->rule_of[piece], ports = region->ports[rule].count, start = walk->spans.count;

	if (!region_fuel_use(region->fuel, count + 64 * (ports ? ports : 1)))
		return;
	region->fuel->rule = rule;
	for (size_t i = 0; i < count; i++)
		*arena_push(walk->arena, &walk->spans) =
			(struct axis_span){ spans[i].lo + offset, spans[i].hi + offset };
	for (size_t i = 0; i < (ports ? ports : 1); i++) {
		struct walk_item *item = arena_push(walk->arena, &walk->items);

		item->piece = piece;
		item->spans = (uint32_t)start;
		item->span_count = (uint32_t)count;
		item->lo = ports ? region->ports[rule].items[i].lo : 0;
		item->hi = ports ? region->ports[rule].items[i].hi : UINT16_MAX;
		item->port_item = ports > 1 ? region->ports[rule].items[i].item : WALK_NONE;
	}
}

struct walk *region_walk_new(struct region *region, struct arena *arena, enum policy_direction direction,
			     enum policy_proto proto, uint32_t situations)
{
	struct walk *walk = arena_alloc(arena, sizeof *walk);
	struct walk_plane *plane = &walk->planes[0];
	uint32_t line = region->atoms + situations;

	walk->arena = arena;
	walk->fuel = region->fuel;
	walk->plane_count = 1;
	walk->has_ports = region_proto_has_ports(proto);
	plane->pieces = region->piece_count;
	plane->rule_of = region->rule_of;
	plane->first = arena_alloc(arena, (line + 1) * sizeof *plane->first);
	plane->second = arena_alloc(arena, (line + 1) * sizeof *plane->second);
	plane->port_item = arena_alloc(arena, (region->policy->rules.count + 1) * sizeof *plane->port_item);
	for (uint32_t i = 0; i < line; i++) {
		plane->first[i] = i < region->atoms ? region->piece_count : WALK_NONE;
		plane->second[i] = WALK_NONE;
	}
	if (region->policy->multi_tenant && direction == POLICY_EGRESS)
		walk->apart = 53; /* the floor lets the gateway's DNS through */
	walk->refused = region_refused_ports(direction, proto);
	for (uint32_t i = 0; i < region->piece_count; i++) {
		const struct region_piece *piece = &region->pieces[i];

		if (piece->span_count && region_rule_fits(&region->policy->rules.items[piece->rule], direction, proto))
			region_add_rects(region, walk, i, region->spans.items + piece->spans, piece->span_count, 0);
	}
	return walk;
}
