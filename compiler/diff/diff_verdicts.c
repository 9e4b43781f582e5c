/* What a first match says in each policy, and whether two of them come to the same. */
#include "diff/diff_state.h"

enum policy_action diff_verdict(const struct diff_pass *pass, int side, uint32_t atom, uint32_t piece,
				struct decider *by)
{
	enum policy_action action = analysis_pass_action(&pass->base, (uint32_t)side, piece);

	*by = analysis_decider(&pass->base.analysis->planes[side], piece);
	if (action == POLICY_ALLOW && analysis_pass_floored(&pass->base, (uint32_t)side, atom)) {
		*by = analysis_pass_refused(&pass->base, atom) ? decided_by(DECIDER_REFUSED) :
								 analysis_pass_floor(&pass->base, (uint32_t)side, atom);
		return POLICY_DENY;
	}
	return action;
}

bool diff_corresponds(const struct diff_pass *pass, uint32_t a, uint32_t b)
{
	const struct analysis_plane *planes = pass->base.analysis->planes;
	struct decider before, after;

	if (a == ANALYSIS_NONE || b == ANALYSIS_NONE)
		return a == b;
	if (!pass->base.analysis->same_floors)
		return false;
	before = analysis_decider(&planes[0], a);
	after = analysis_decider(&planes[1], b);
	if (before.kind != after.kind)
		return false;
	if (before.kind == DECIDER_DEFAULT)
		return analysis_pass_action(&pass->base, 0, a) == analysis_pass_action(&pass->base, 1, b);
	return pass->diff->match[0][before.rule] == after.rule;
}

bool diff_place_corresponds(const struct diff_pass *pass, uint32_t place)
{
	return diff_corresponds(pass, pass->first[0][place], pass->first[1][place]);
}

void diff_find_cause(const struct diff_pass *pass, struct decider by[static 2])
{
	bool changed[2];

	for (int side = 0; side < 2; side++)
		changed[side] = (by[side].kind == DECIDER_RULE || by[side].kind == DECIDER_HIDDEN) &&
				pass->diff->match[side][by[side].rule] == ANALYSIS_NONE;
	if (changed[0] != changed[1])
		by[changed[0]] = decided_by(DECIDER_SEVERAL);
}
