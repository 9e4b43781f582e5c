/* Answers: which addresses a lookup may bind, by the rules that rebind protection heeds. */
#include "analysis/pass.h"

#include <string.h>

/* Rules without ports by the targets that name addresses: in all ports alike, so there is one interval, which the
 * tree's root is. */
static void add_exceptions(struct analysis *analysis, struct port_tree *tree, uint32_t index, enum policy_proto proto)
{
	const struct analysis_plane *plane = &analysis->planes[index];

	for (uint32_t i = 0; i < plane->policy->rules.count && !analysis->fuel->out; i++) {
		const struct policy_rule *rule = &plane->policy->rules.items[i];
		uint32_t piece = plane->first_piece[i];

		if (!policy_rule_fits(rule, POLICY_EGRESS, proto))
			continue;
		for (size_t j = 0; j < rule->targets.count; j++) {
			struct run runs[ATOMS_RUNS_MAX];

			if (policy_target_is_name(&rule->targets.items[j]))
				continue;
			if (eval_rule_excepts(plane->policy, rule, &rule->targets.items[j]))
				analysis_add_rects(
					analysis, tree, index, piece, runs,
					atoms_target_runs(analysis->atoms, rule->action, &rule->targets.items[j], runs),
					0);
			piece += analysis->grain == ANALYSIS_BY_TARGET;
		}
	}
}

static void ignore(struct port_tree *tree, const struct port_interval *interval)
{
	(void)tree, (void)interval;
}

static void find_exceptions(struct analysis *analysis, enum policy_proto proto,
			    struct port_tree_plane out[static ANALYSIS_PLANES])
{
	struct port_tree *tree = analysis_tree_new(analysis, analysis->arena, POLICY_EGRESS, proto, 0);

	tree->has_ports = false;
	for (uint32_t i = 0; i < analysis->plane_count; i++)
		add_exceptions(analysis, tree, i, proto);
	tree->visit = ignore;
	port_tree_visit(tree);
	/* what is inserted at the root is not rolled back */
	memcpy(out, tree->planes, sizeof tree->planes);
}

static bool excepts(const struct analysis_plane *plane, uint32_t piece)
{
	return piece < plane->piece_count && plane->actions[piece] == POLICY_ALLOW;
}

/* false: *by is the floor that does not let an answer have the atom, and what it says of it */
static bool floors_except(const struct analysis *analysis, uint32_t index, uint32_t at, struct decider *by)
{
	const struct analysis_plane *plane = &analysis->planes[index];

	for (uint32_t i = 0; i < plane->floor_count; i++) {
		const struct analysis_plane *floor = &analysis->planes[plane->floors + i];
		if (excepts(floor, floor->excepts_tcp.first[at]) || excepts(floor, floor->excepts_udp.first[at]))
			continue;
		*by = decided_by_floor(i, floor->rule_of[floor->excepts_tcp.first[at]]);
		return false;
	}
	return true;
}

bool analysis_floors_except(const struct analysis *analysis, uint32_t index, uint32_t at)
{
	struct decider by;

	return floors_except(analysis, index, at, &by);
}

bool analysis_answer_passes(const struct analysis *analysis, uint32_t index, uint32_t at, struct decider *by)
{
	const struct analysis_plane *plane = &analysis->planes[index];
	const struct policy *policy = plane->policy;
	const struct atom *atom = atoms_at(analysis->atoms, at);
	const uint32_t first[2] = { plane->excepts_tcp.first[at], plane->excepts_udp.first[at] };

	*by = decided_by(DECIDER_REBIND);
	if (!atom->reserved || !policy->rebind_protection)
		return true;
	if (!floors_except(analysis, index, at, by))
		return false;
	for (int i = 0; i < 2; i++) {
		if (first[i] == plane->piece_count)
			continue;
		*by = decided_by_rule(plane->rule_of[first[i]]);
		if (policy->rules.items[by->rule].action == POLICY_ALLOW)
			return true;
	}
	return false;
}

void analysis_find_answers(struct analysis *analysis)
{
	struct port_tree_plane tcp[ANALYSIS_PLANES], udp[ANALYSIS_PLANES];
	struct decider by;

	find_exceptions(analysis, PROTO_TCP, tcp);
	find_exceptions(analysis, PROTO_UDP, udp);
	for (uint32_t i = 0; i < analysis->plane_count; i++) {
		struct analysis_plane *plane = &analysis->planes[i];

		plane->excepts_tcp = tcp[i];
		plane->excepts_udp = udp[i];
	}
	for (uint32_t i = 0; i < analysis->policy_count; i++) {
		struct analysis_plane *plane = &analysis->planes[i];

		plane->bindable = arena_alloc(analysis->arena, analysis->atom_count + 1);
		for (uint32_t at = 0; at < analysis->atom_count && !analysis->fuel->out; at++)
			plane->bindable[at] =
				analysis_is_address(analysis, at) &&
				eval_family_active(&analysis->gateway, atoms_at(analysis->atoms, at)->family) &&
				analysis_answer_passes(analysis, i, at, &by);
	}
}
