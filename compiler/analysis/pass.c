/* A pass: the tree of one direction and protocol with the rules of all policies in it. */
#include "analysis/pass.h"

/* ---- places ---- */

uint32_t analysis_pass_bound(const struct analysis_pass *pass, uint32_t class)
{
	return pass->analysis->atom_count + class;
}

uint32_t analysis_pass_sent(const struct analysis_pass *pass, uint32_t class)
{
	return pass->analysis->atom_count + pass->analysis->class_count + class;
}

uint32_t analysis_pass_pair(const struct analysis_pass *pass, uint32_t pair)
{
	return pass->analysis->atom_count + 2 * pass->analysis->class_count + pair;
}

/* ---- ports ---- */

uint16_t analysis_usual_port(const struct policy_port_range *ports, size_t count)
{
	static const uint16_t usual[] = { 443, 80, 22, 1024 };

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		for (size_t j = 0; j < count; j++)
			if (ports[j].lo <= usual[i] && usual[i] <= ports[j].hi)
				return usual[i];
	return ports[0].lo;
}

/* ---- the rules ---- */

static void add_addresses(struct analysis_pass *pass, uint32_t index)
{
	const struct analysis_plane *plane = &pass->analysis->planes[index];

	for (uint32_t i = 0; i < plane->piece_count && !pass->analysis->fuel->out; i++) {
		const struct piece *piece = &plane->pieces[i];

		if (piece->run_count &&
		    policy_rule_fits(&plane->policy->rules.items[plane->rule_of[i]], pass->direction, pass->proto))
			analysis_add_rects(pass->analysis, pass->tree, index, i, plane->runs.items + piece->runs,
					   piece->run_count, 0);
	}
}

static bool may_be_quic(const struct analysis_pass *pass)
{
	return pass->direction == POLICY_EGRESS && pass->proto == PROTO_UDP;
}

/* Denies on names, everywhere. The first two are the first two in every place, so no more are inserted. */
static void add_hidden_everywhere(struct analysis_pass *pass, uint32_t index)
{
	const struct analysis_plane *plane = &pass->analysis->planes[index];
	const struct run every = { 0, pass->analysis->atom_count };
	int added = 0;

	for (size_t i = 0; may_be_quic(pass) && i < plane->policy->rules.count && added < 2; i++) {
		uint32_t piece = analysis_hidden_piece(plane, i);

		if (piece == ANALYSIS_NONE || plane->policy->rules.items[i].action != POLICY_DENY || !every.hi)
			continue;
		analysis_add_rects(pass->analysis, pass->tree, index, piece, &every, 1, 0);
		added++;
	}
}

void analysis_pass_init(struct analysis_pass *pass, struct analysis *analysis, struct arena *arena,
			enum policy_direction direction, enum policy_proto proto, uint32_t pairs)
{
	*pass = (struct analysis_pass){
		.analysis = analysis,
		.tree = analysis_tree_new(analysis, arena, direction, proto, 2 * analysis->class_count + pairs),
		.direction = direction,
		.proto = proto,
		.server_names =
			direction == POLICY_EGRESS && proto == PROTO_TCP && analysis->planes[0].policy->server_names,
		.speaks = arena_alloc(arena, analysis->atom_count + 1),
	};
	for (uint32_t i = 0; i < analysis->atom_count; i++) {
		enum addr_family family = atoms_at(analysis->atoms, i)->family;

		pass->speaks[i] = (proto != PROTO_ICMPV4 || family == ADDR_V4) &&
				  (proto != PROTO_ICMPV6 || family == ADDR_V6) && analysis_in_zone(analysis, i);
	}
	for (uint32_t i = 0; i < analysis->plane_count; i++) {
		const struct policy *policy = analysis->planes[i].policy;

		pass->defaults[i] = policy_default_of(policy, direction)->action;
		add_addresses(pass, i);
		add_hidden_everywhere(pass, i);
	}
}

struct decider analysis_pass_floor(const struct analysis_pass *pass, uint32_t plane, uint32_t atom)
{
	const struct analysis_plane *of = &pass->analysis->planes[plane];

	for (uint32_t i = 0; i < of->floor_count; i++) {
		uint32_t piece = pass->tree->planes[of->floors + i].first[atom];
		if (analysis_pass_action(pass, of->floors + i, piece) == POLICY_DENY)
			return decided_by_floor(i, pass->analysis->planes[of->floors + i].rule_of[piece]);
	}
	return decided_by_floor(of->floor_count, 0);
}

static void add_hidden(struct analysis_pass *pass, uint32_t index, size_t rule, const struct run *runs, size_t count)
{
	const struct analysis_plane *plane = &pass->analysis->planes[index];
	uint32_t piece = may_be_quic(pass) ? analysis_hidden_piece(plane, rule) : ANALYSIS_NONE;

	if (piece != ANALYSIS_NONE && plane->policy->rules.items[rule].action == POLICY_ALLOW)
		analysis_add_rects(pass->analysis, pass->tree, index, piece, runs, count, analysis_pass_bound(pass, 0));
}

static void add_names(struct analysis_pass *pass, uint32_t index)
{
	struct analysis *analysis = pass->analysis;
	const struct analysis_plane *plane = &analysis->planes[index];

	for (size_t i = 0; i < plane->policy->rules.count && !analysis->fuel->out; i++) {
		const struct policy_rule *rule = &plane->policy->rules.items[i];
		uint32_t piece = analysis_names_piece(plane, i);
		size_t count;
		const struct run *runs = name_classes_rule_runs(analysis->names, index, i, &count);

		if (!count || !policy_rule_fits(rule, pass->direction, pass->proto) ||
		    !analysis_takes_part(analysis, index, i))
			continue;
		pass->named = true;
		analysis_add_rects(analysis, pass->tree, index, piece, runs, count, analysis_pass_bound(pass, 0));
		add_hidden(pass, index, i, runs, count);
		if (pass->server_names && rule->action == POLICY_DENY)
			analysis_add_rects(analysis, pass->tree, index, piece, runs, count,
					   analysis_pass_sent(pass, 0));
	}
}

void analysis_pass_add_names(struct analysis_pass *pass)
{
	for (uint32_t i = 0; i < pass->analysis->policy_count; i++)
		add_names(pass, i);
}
