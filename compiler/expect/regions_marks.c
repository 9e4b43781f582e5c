/* What is noted on the way: matches by address of several atoms, and which rules were exercised. */
#include "expect/regions_state.h"

/* A rule's pieces follow each other, and so do their runs */
const struct run *region_runs(const struct regions *all, const struct region *region, size_t *count)
{
	const struct analysis_plane *edges = &all->analysis->planes[1];
	uint32_t first = edges->first_piece[region->rule], last = edges->first_piece[region->rule + 1];

	*count = 0;
	for (uint32_t i = first; i < last; i++)
		*count += edges->pieces[i].run_count;
	return *count ? &edges->runs.items[edges->pieces[first].runs] : NULL;
}

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

/* Marks, if there is something left to mark and the bound on that work is not met */
static void mark(struct regions *all, struct decider by, const struct flow *flow, const struct eval_result *result)
{
	const size_t *first = all->coverage->first;
	size_t cost = by.kind == DECIDER_RULE ? 1 + first[by.rule + 1] - first[by.rule] : 3;

	if (by.kind == DECIDER_HIDDEN || all->marks < cost || coverage_is_complete(all->coverage, by, flow->direction))
		return;
	all->marks -= cost;
	coverage_mark(all->coverage, flow, result);
}

void region_mark(struct region_pass *pass, uint32_t piece, uint32_t atom, const char *name)
{
	struct regions *all = pass->all;
	const struct analysis_plane *plane = &all->analysis->planes[0];
	struct decider by = analysis_decider(plane, piece);
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

	if (atom != ANALYSIS_NONE)
		result.addr = atoms_member(all->analysis->atoms, atom);
	mark(all, by, &flow, &result);
}

/* A class is many names, each perhaps a target of its own in the rule. */
void region_mark_names(struct region_pass *pass, uint32_t piece, uint32_t class)
{
	const struct name_class *of = name_classes_at(pass->base.analysis->names, class);

	region_mark(pass, piece, ANALYSIS_NONE, of->member);
	for (size_t i = 0; i < of->patterns.count; i++)
		region_mark(pass, piece, ANALYSIS_NONE, of->patterns.items[i].name);
}

void regions_mark_lookup(struct regions *all, uint32_t rule, uint32_t class, enum flow_transport transport)
{
	const struct name_class *of = name_classes_at(all->analysis->names, class);
	struct decider by = rule == ANALYSIS_NONE ? decided_by(DECIDER_DEFAULT) : decided_by_rule(rule);
	struct flow flow = { .kind = FLOW_DNS, .direction = POLICY_EGRESS, .name = of->member, .transport = transport };
	const struct eval_result result = { .verdict = { .by = by } };

	mark(all, by, &flow, &result);
	for (size_t i = 0; i < of->patterns.count; i++) {
		flow.name = of->patterns.items[i].name;
		mark(all, by, &flow, &result);
	}
}

void regions_mark_answer(struct regions *all, struct decider by, struct addr addr)
{
	const struct flow flow = { .kind = FLOW_ANSWER, .direction = POLICY_EGRESS };
	const struct eval_result result = { .answer = EVAL_ANSWER_EXCEPTED, .verdict = { .by = by }, .addr = addr };

	if (by.kind == DECIDER_RULE)
		mark(all, by, &flow, &result);
}
