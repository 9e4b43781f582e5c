/* A policy cut into pieces, the runs of atoms they take in and their ports made disjoint; and pieces as rectangles in
 * a tree. */
#include "analysis/pass.h"

#include <stdlib.h>

/* ---- ports ---- */

struct port_cuts {
	uint32_t *items;
	size_t count, cap;
};

static uint32_t find_free(uint32_t *next, uint32_t at)
{
	while (next[at] != at)
		at = next[at] = next[next[at]];
	return at;
}

static uint32_t cut_index(const struct port_cuts *cuts, uint32_t port)
{
	const uint32_t *found = bsearch(&port, cuts->items, cuts->count, sizeof port, compare_uint32);

	return (uint32_t)(found - cuts->items);
}

static struct port_cuts port_boundaries(struct arena *arena, const struct policy_rule *rule)
{
	struct port_cuts cuts = { NULL, 0, 0 };

	for (size_t i = 0; i < rule->ports.count; i++) {
		*arena_push(arena, &cuts) = rule->ports.items[i].lo;
		*arena_push(arena, &cuts) = rule->ports.items[i].hi + 1u;
	}
	cuts.count = sort_once_uint32(cuts.items, cuts.count);
	return cuts;
}

/* Each item gets the ports that no item before it has: painted once, found by a union of what is painted. */
static void split_ports(struct arena *arena, struct analysis_plane *plane, size_t index)
{
	const struct policy_rule *rule = &plane->policy->rules.items[index];
	struct port_cuts cuts = port_boundaries(arena, rule);
	uint32_t *next = arena_alloc(arena, (cuts.count + 1) * sizeof *next);
	uint32_t *owner = arena_alloc(arena, (cuts.count + 1) * sizeof *owner);

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
			*arena_push(arena, &plane->ports[index]) =
				(struct rule_ports){ (uint16_t)cuts.items[i], (uint16_t)(cuts.items[i + 1] - 1),
						     owner[i] };
}

/* ---- pieces ---- */

static struct piece *add_piece(struct analysis_plane *plane, size_t rule, uint32_t target)
{
	struct piece *piece = &plane->pieces[plane->piece_count];

	*piece = (struct piece){ .target = target, .runs = (uint32_t)plane->runs.count };
	plane->actions[plane->piece_count] = plane->policy->rules.items[rule].action;
	plane->rule_of[plane->piece_count++] = (uint32_t)rule;
	return piece;
}

static void add_runs(struct analysis *analysis, struct analysis_plane *plane, struct piece *piece,
		     const struct policy_rule *rule, size_t target)
{
	struct run runs[ATOMS_RUNS_MAX];
	size_t count = atoms_target_runs(analysis->atoms, rule->action, &rule->targets.items[target], runs);

	for (size_t i = 0; i < count; i++)
		*arena_push(analysis->arena, &plane->runs) = runs[i];
	piece->run_count += (uint32_t)count;
}

/* What the rule refuses since QUIC would hide its server name, before the names themselves and behind all addresses */
static void add_hidden(struct analysis_plane *plane, size_t index)
{
	if (!eval_rule_judges_quic(plane->policy, &plane->policy->rules.items[index]))
		return;
	add_piece(plane, index, ANALYSIS_HIDDEN);
	plane->actions[plane->piece_count - 1] = POLICY_DENY;
}

/* One piece for a rule as a whole; two, where what QUIC hides comes between its addresses and its names */
static bool is_one_piece(const struct analysis *analysis, const struct policy *policy, const struct policy_rule *rule)
{
	bool mixed = false;

	for (size_t i = 0; i < rule->targets.count; i++)
		mixed = mixed || !policy_target_is_name(&rule->targets.items[i]);
	return analysis->grain == ANALYSIS_BY_RULE && !(mixed && eval_rule_judges_quic(policy, rule));
}

static void cut_rule(struct analysis *analysis, struct analysis_plane *plane, size_t index)
{
	const struct policy_rule *rule = &plane->policy->rules.items[index];
	bool whole = is_one_piece(analysis, plane->policy, rule);
	struct piece *piece = NULL;

	plane->first_piece[index] = plane->piece_count;
	if (whole) {
		add_hidden(plane, index);
		piece = add_piece(plane, index, ANALYSIS_NONE);
	}
	for (size_t i = 0; i < rule->targets.count; i++) {
		if (policy_target_is_name(&rule->targets.items[i]))
			continue;
		if (!whole && (!piece || analysis->grain == ANALYSIS_BY_TARGET))
			piece = add_piece(plane, index, (uint32_t)i);
		add_runs(analysis, plane, piece, rule, i);
	}
	if (!whole && policy_rule_has_names(rule)) {
		add_hidden(plane, index);
		add_piece(plane, index, ANALYSIS_NONE);
	}
	if (rule->ports.count == 1)
		*arena_push(analysis->arena, &plane->ports[index]) =
			(struct rule_ports){ rule->ports.items[0].lo, rule->ports.items[0].hi, 0 };
	else if (rule->ports.count)
		split_ports(analysis->arena, plane, index);
}

void analysis_cut(struct analysis *analysis, uint32_t index)
{
	struct analysis_plane *plane = &analysis->planes[index];
	const struct policy *policy = plane->policy;
	size_t most = 1, rules = policy->rules.count;

	for (size_t i = 0; i < rules; i++)
		most += policy->rules.items[i].targets.count + 2;
	plane->pieces = arena_alloc(analysis->arena, most * sizeof *plane->pieces);
	plane->rule_of = arena_alloc(analysis->arena, most * sizeof *plane->rule_of);
	plane->actions = arena_alloc(analysis->arena, most);
	plane->first_piece = arena_alloc(analysis->arena, (rules + 1) * sizeof *plane->first_piece);
	plane->ports = arena_alloc(analysis->arena, (rules + 1) * sizeof *plane->ports);
	for (size_t i = 0; i < rules && fuel_use(analysis->fuel, 1000); i++)
		cut_rule(analysis, plane, i);
	plane->first_piece[rules] = plane->piece_count;
	plane->rule_of[plane->piece_count] = (uint32_t)rules;
}

uint32_t analysis_names_piece(const struct analysis_plane *plane, size_t rule)
{
	uint32_t last = plane->first_piece[rule + 1];

	if (last > plane->first_piece[rule] && plane->pieces[last - 1].target == ANALYSIS_NONE)
		return last - 1;
	return ANALYSIS_NONE;
}

uint32_t analysis_hidden_piece(const struct analysis_plane *plane, size_t rule)
{
	uint32_t names = analysis_names_piece(plane, rule);
	bool found = names != ANALYSIS_NONE && names > plane->first_piece[rule] &&
		     plane->pieces[names - 1].target == ANALYSIS_HIDDEN;

	return found ? names - 1 : ANALYSIS_NONE;
}

struct decider analysis_decider(const struct analysis_plane *plane, uint32_t piece)
{
	if (piece >= plane->piece_count)
		return decided_by(DECIDER_DEFAULT);
	return plane->pieces[piece].target == ANALYSIS_HIDDEN ? decided_by_hidden(plane->rule_of[piece]) :
								decided_by_rule(plane->rule_of[piece]);
}

/* ---- rectangles ---- */

/* A piece of what is hidden is of one port */
static void add_hidden_rect(const struct analysis_plane *plane, struct port_tree *tree, struct port_tree_rect rect)
{
	size_t rule = plane->rule_of[rect.piece];

	rect.lo = rect.hi = EVAL_QUIC_PORT;
	for (size_t i = 0; plane->ports[rule].count > 1 && i < plane->ports[rule].count; i++)
		if (plane->ports[rule].items[i].lo <= EVAL_QUIC_PORT &&
		    EVAL_QUIC_PORT <= plane->ports[rule].items[i].hi)
			rect.port_item = plane->ports[rule].items[i].item;
	*arena_push(tree->arena, &tree->rects) = rect;
}

void analysis_add_rects(struct analysis *analysis, struct port_tree *tree, uint32_t index, uint32_t piece,
			const struct run *runs, size_t count, uint32_t offset)
{
	const struct analysis_plane *plane = &analysis->planes[index];
	size_t rule = plane->rule_of[piece], ports = plane->ports[rule].count, start = tree->runs.count;

	if (!fuel_use(analysis->fuel, count + 64 * (ports ? ports : 1)))
		return;
	if (index < analysis->policy_count) {
		analysis->fuel->policy = index;
		analysis->fuel->rule = rule;
	}
	for (size_t i = 0; i < count; i++)
		*arena_push(tree->arena, &tree->runs) = (struct run){ runs[i].lo + offset, runs[i].hi + offset };
	if (plane->pieces[piece].target == ANALYSIS_HIDDEN) {
		add_hidden_rect(plane, tree,
				(struct port_tree_rect){ .plane = index,
							 .piece = piece,
							 .runs = (uint32_t)start,
							 .run_count = (uint32_t)count,
							 .port_item = ANALYSIS_NONE });
		return;
	}
	for (size_t i = 0; i < (ports ? ports : 1); i++) {
		const struct rule_ports *of = ports ? &plane->ports[rule].items[i] : NULL;

		*arena_push(tree->arena, &tree->rects) = (struct port_tree_rect){
			.plane = index,
			.piece = piece,
			.runs = (uint32_t)start,
			.run_count = (uint32_t)count,
			.lo = of ? of->lo : 0,
			.hi = of ? of->hi : UINT16_MAX,
			.port_item = ports > 1 ? of->item : ANALYSIS_NONE,
		};
	}
}

static void init_plane(const struct analysis *analysis, struct port_tree *tree, uint32_t index, uint32_t places)
{
	const struct analysis_plane *plane = &analysis->planes[index];
	struct port_tree_plane *into = &tree->planes[index];

	into->rule_of = plane->rule_of;
	into->first = arena_alloc(tree->arena, (places + 1) * sizeof *into->first);
	into->second = arena_alloc(tree->arena, (places + 1) * sizeof *into->second);
	into->port_item = arena_alloc(tree->arena, (plane->policy->rules.count + 1) * sizeof *into->port_item);
	for (uint32_t i = 0; i < places; i++) {
		into->first[i] = i < analysis->atom_count ? plane->piece_count : ANALYSIS_NONE;
		into->second[i] = ANALYSIS_NONE;
	}
}

struct port_tree *analysis_tree_new(struct analysis *analysis, struct arena *arena, enum policy_direction direction,
				    enum policy_proto proto, uint32_t scenarios)
{
	struct port_tree *tree = arena_alloc(arena, sizeof *tree);

	tree->arena = arena;
	tree->fuel = analysis->fuel;
	tree->has_ports = policy_proto_has_ports(proto);
	for (size_t i = 0; direction == POLICY_EGRESS && i < EVAL_REFUSED_PORTS; i++)
		if (eval_refused_ports[i].proto == proto)
			*arena_push(arena, &tree->refused) = eval_refused_ports[i].port;
	tree->floors = analysis->policy_count;
	for (uint32_t i = 0; i < analysis->plane_count; i++)
		init_plane(analysis, tree, i, analysis->atom_count + scenarios);
	return tree;
}
