/* What is noted on the way: matches by address of several atoms, and which rules were exercised. */
#include "expect/regions_state.h"

/* ---- matches by address ---- */

void region_matches_init(struct region_matches *matches)
{
	*matches = (struct region_matches){
		.first = { ANALYSIS_NONE, ANALYSIS_NONE },
		.first_atom = { ANALYSIS_NONE, ANALYSIS_NONE },
		.last_atom = ANALYSIS_NONE,
		.last_open_atom = ANALYSIS_NONE,
		.floored_atom = ANALYSIS_NONE,
	};
}

void region_matches_add(const struct region_pass *pass, struct region_matches *matches, uint32_t atom)
{
	uint32_t match = pass->first[atom];
	enum policy_action action = analysis_pass_action(&pass->base, 0, match);
	bool floored = analysis_pass_floored(&pass->base, 0, atom);

	matches->any = true;
	if (matches->last_atom == ANALYSIS_NONE || match > matches->last) {
		matches->last = match;
		matches->last_atom = atom;
	}
	if (floored)
		matches->floored_atom = atom;
	else if (matches->last_open_atom == ANALYSIS_NONE || match > matches->last_open) {
		matches->last_open = match;
		matches->last_open_atom = atom;
	}
	if (floored && action == POLICY_ALLOW)
		return;
	if (match < matches->first[action] || matches->first_atom[action] == ANALYSIS_NONE) {
		matches->first[action] = match;
		matches->first_atom[action] = atom;
	}
}

/* ---- coverage ---- */

void region_mark(struct region_pass *pass, uint32_t piece, uint32_t atom, const char *name)
{
	struct regions *all = pass->all;
	const struct analysis_plane *plane = &all->analysis->planes[0];
	struct decider by =
		piece < plane->piece_count ? decided_by_rule(plane->rule_of[piece]) : decided_by(DECIDER_DEFAULT);
	struct flow flow = {
		.kind = FLOW_CONNECTION,
		.direction = pass->base.direction,
		.proto = pass->base.proto,
		.has_port = policy_proto_has_ports(pass->base.proto),
		.port = pass->base.lo,
		.to_name = name != NULL,
		.name = name,
	};
	struct eval_result result = { .has_syn = true, .verdict = { .by = by } };

	if (!all->marks || coverage_is_complete(all->coverage, by, pass->base.direction))
		return;
	all->marks--;
	if (atom != ANALYSIS_NONE)
		result.addr = atoms_member(all->analysis->atoms, atom);
	coverage_mark(all->coverage, &flow, &result);
}
