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
static void split_ports(struct analysis *analysis, size_t index)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	struct port_cuts cuts = port_boundaries(analysis->arena, rule);
	uint32_t *next = arena_alloc(analysis->arena, (cuts.count + 1) * sizeof *next);
	uint32_t *owner = arena_alloc(analysis->arena, (cuts.count + 1) * sizeof *owner);

	for (uint32_t i = 0; i <= cuts.count; i++) {
		next[i] = i;
		owner[i] = ANALYSIS_NONE;
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
		if (owner[i] != ANALYSIS_NONE)
			*arena_push(analysis->arena, &analysis->ports[index]) =
				(struct rule_ports){ (uint16_t)cuts.items[i], (uint16_t)(cuts.items[i + 1] - 1),
						     owner[i] };
}

const uint16_t *analysis_refused_ports(enum policy_direction direction, enum policy_proto proto)
{
	static const uint16_t none[] = { 0 }, tcp[] = { 853, 0 }, udp[] = { 137, 853, 5353, 5355, 0 };

	if (direction != POLICY_EGRESS)
		return none;
	return proto == PROTO_TCP ? tcp : proto == PROTO_UDP ? udp : none;
}

/* ---- pieces ---- */

static bool is_name(const struct policy_target *target)
{
	return target->kind == TARGET_DOMAIN || target->kind == TARGET_SUFFIX;
}

static struct piece *add_piece(struct analysis *analysis, size_t rule, uint32_t target)
{
	struct piece *piece = &analysis->pieces[analysis->piece_count];

	piece->rule = (uint32_t)rule;
	piece->target = target;
	analysis->rule_of[analysis->piece_count++] = (uint32_t)rule;
	return piece;
}

static void cut_rule(struct analysis *analysis, size_t index)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	struct run spans[ATOMS_RUNS_MAX];
	bool names = false;

	analysis->first_piece[index] = analysis->piece_count;
	for (size_t i = 0; i < rule->targets.count; i++) {
		struct piece *piece;

		if (is_name(&rule->targets.items[i])) {
			names = true;
			continue;
		}
		piece = add_piece(analysis, index, (uint32_t)i);
		piece->spans = (uint32_t)analysis->spans.count;
		piece->span_count =
			(uint32_t)atoms_target_runs(analysis->atoms, rule->action, &rule->targets.items[i], spans);
		for (size_t j = 0; j < piece->span_count; j++)
			*arena_push(analysis->arena, &analysis->spans) = spans[j];
	}
	if (names)
		add_piece(analysis, index, ANALYSIS_NONE);
	if (rule->ports.count == 1)
		*arena_push(analysis->arena, &analysis->ports[index]) =
			(struct rule_ports){ rule->ports.items[0].lo, rule->ports.items[0].hi, 0 };
	else if (rule->ports.count)
		split_ports(analysis, index);
}

void analysis_cut(struct analysis *analysis)
{
	const struct policy *policy = analysis->policy;
	size_t most = 1, rules = policy->rules.count;

	for (size_t i = 0; i < rules; i++)
		most += policy->rules.items[i].targets.count + 1;
	analysis->pieces = arena_alloc(analysis->arena, most * sizeof *analysis->pieces);
	analysis->rule_of = arena_alloc(analysis->arena, most * sizeof *analysis->rule_of);
	analysis->first_piece = arena_alloc(analysis->arena, (rules + 1) * sizeof *analysis->first_piece);
	analysis->ports = arena_alloc(analysis->arena, (rules + 1) * sizeof *analysis->ports);
	for (size_t i = 0; i < rules && fuel_use(analysis->fuel, 1000); i++)
		cut_rule(analysis, i);
	analysis->first_piece[rules] = analysis->piece_count;
	analysis->pieces[analysis->piece_count].rule = analysis->rule_of[analysis->piece_count] = (uint32_t)rules;
}

uint32_t analysis_names_piece(const struct analysis *analysis, size_t rule)
{
	uint32_t last = analysis->first_piece[rule + 1];

	if (last > analysis->first_piece[rule] && analysis->pieces[last - 1].target == ANALYSIS_NONE)
		return last - 1;
	return ANALYSIS_NONE;
}

/* ---- walks ---- */

void analysis_add_rects(struct analysis *analysis, struct port_tree *walk, uint32_t piece, const struct run *spans,
			size_t count, uint32_t offset)
{
	size_t rule = analysis->rule_of[piece], ports = analysis->ports[rule].count, start = walk->spans.count;

	if (!fuel_use(analysis->fuel, count + 64 * (ports ? ports : 1)))
		return;
	analysis->fuel->rule = rule;
	for (size_t i = 0; i < count; i++)
		*arena_push(walk->arena, &walk->spans) = (struct run){ spans[i].lo + offset, spans[i].hi + offset };
	for (size_t i = 0; i < (ports ? ports : 1); i++) {
		struct port_tree_rect *item = arena_push(walk->arena, &walk->items);

		item->piece = piece;
		item->spans = (uint32_t)start;
		item->span_count = (uint32_t)count;
		item->lo = ports ? analysis->ports[rule].items[i].lo : 0;
		item->hi = ports ? analysis->ports[rule].items[i].hi : UINT16_MAX;
		item->port_item = ports > 1 ? analysis->ports[rule].items[i].item : ANALYSIS_NONE;
	}
}

struct port_tree *analysis_walk_new(struct analysis *analysis, struct arena *arena, enum policy_direction direction,
				    enum policy_proto proto, uint32_t situations)
{
	struct port_tree *walk = arena_alloc(arena, sizeof *walk);
	struct port_tree_plane *plane = &walk->planes[0];
	uint32_t line = analysis->atom_count + situations;

	walk->arena = arena;
	walk->fuel = analysis->fuel;
	walk->plane_count = 1;
	walk->has_ports = policy_proto_has_ports(proto);
	plane->pieces = analysis->piece_count;
	plane->rule_of = analysis->rule_of;
	plane->first = arena_alloc(arena, (line + 1) * sizeof *plane->first);
	plane->second = arena_alloc(arena, (line + 1) * sizeof *plane->second);
	plane->port_item = arena_alloc(arena, (analysis->policy->rules.count + 1) * sizeof *plane->port_item);
	for (uint32_t i = 0; i < line; i++) {
		plane->first[i] = i < analysis->atom_count ? analysis->piece_count : ANALYSIS_NONE;
		plane->second[i] = ANALYSIS_NONE;
	}
	if (analysis->policy->multi_tenant && direction == POLICY_EGRESS)
		walk->apart = 53; /* the floor lets the gateway's DNS through */
	walk->refused = analysis_refused_ports(direction, proto);
	for (uint32_t i = 0; i < analysis->piece_count; i++) {
		const struct piece *piece = &analysis->pieces[i];

		if (piece->span_count &&
		    policy_rule_fits(&analysis->policy->rules.items[piece->rule], direction, proto))
			analysis_add_rects(analysis, walk, i, analysis->spans.items + piece->spans, piece->span_count,
					   0);
	}
	return walk;
}
