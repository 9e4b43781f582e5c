/* Lookups and answers that change. */
#include "diff/diff_state.h"

/* ---- lookups ---- */

/* Classes whose lookup changes, decided by the same, over the same transports */
struct query_change {
	enum policy_action was;
	struct decider by[2];
	unsigned transports; /* as bits */
	size_t region;
};

static size_t query_fields(const void *record, uint64_t out[static RECORDS_FIELDS_MAX])
{
	const struct query_change *change = record;
	size_t count = 0;

	for (int side = 0; side < 2; side++) {
		out[count++] = change->by[side].kind;
		out[count++] = decider_number(change->by[side]);
	}
	out[count++] = change->transports;
	return count;
}

static bool same_deciders(const struct query_change *a, const struct query_change *b)
{
	return decider_equal(a->by[0], b->by[0]) && decider_equal(a->by[1], b->by[1]);
}

static enum policy_action judge(const struct analysis *analysis, uint32_t side, uint32_t class,
				enum flow_transport transport, struct decider *by)
{
	enum policy_action action;
	uint32_t two[2];

	analysis_lookup(analysis, side, class, transport, two);
	action = analysis_query_action(&analysis->planes[side], two[0]);
	*by = two[0] == ANALYSIS_NONE ? decided_by(DECIDER_DEFAULT) : decided_by_rule(two[0]);
	if (action == POLICY_ALLOW && analysis_query_floored(analysis, side, transport, by))
		return POLICY_DENY;
	if (action == POLICY_ALLOW && analysis_label_is_too_long(analysis, side, class)) {
		*by = decided_by(DECIDER_LABEL);
		return POLICY_DENY;
	}
	return action;
}

static size_t find_changes(const struct analysis *analysis, uint32_t class, struct query_change out[FLOW_TRANSPORTS])
{
	size_t count = 0;

	/* over TLS they are denied before and after */
	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_TCP; transport++) {
		struct query_change change = { .transports = 1u << transport };
		size_t i = 0;

		change.was = judge(analysis, 0, class, (enum flow_transport)transport, &change.by[0]);
		if (change.was == judge(analysis, 1, class, (enum flow_transport)transport, &change.by[1]))
			continue;
		while (i < count && !same_deciders(&out[i], &change))
			i++;
		if (i == count)
			out[count++] = change;
		out[i].transports |= change.transports;
	}
	return count;
}

static void add_query(struct diff *diff, struct records *changes, uint32_t class, const struct query_change *found)
{
	size_t known = records_count(changes);
	struct query_change *change = records_get(changes, records_intern(changes, found));

	if (records_count(changes) > known) {
		change->region = diff->regions.count;
		diff_add(diff, DIFF_QUERIES, POLICY_EGRESS, change->was, change->by)->protos = change->transports;
	}
	*arena_push(diff->arena, &diff->regions.items[change->region].classes) = class;
}

void diff_queries(struct diff *diff)
{
	struct records changes;

	records_init(&changes, diff->arena, sizeof(struct query_change), query_fields);
	for (uint32_t i = 0; i < diff->analysis->class_count; i++) {
		struct query_change found[FLOW_TRANSPORTS];
		size_t count = name_classes_at(diff->names, i)->member ? find_changes(diff->analysis, i, found) : 0;

		for (size_t j = 0; j < count; j++)
			add_query(diff, &changes, i, &found[j]);
	}
}

/* ---- answers ---- */

/* Atoms whose answers change, decided by the same */
struct answer_change {
	bool passed; /* before */
	struct decider by[2];
	size_t region;
};

static size_t answer_fields(const void *record, uint64_t out[static RECORDS_FIELDS_MAX])
{
	const struct answer_change *change = record;

	out[0] = change->passed;
	for (int side = 0; side < 2; side++) {
		out[1 + 2 * side] = change->by[side].kind;
		out[2 + 2 * side] = decider_number(change->by[side]);
	}
	return 5;
}

static void add_answer(struct diff *diff, struct records *changes, uint32_t atom, const struct answer_change *found)
{
	size_t known = records_count(changes);
	struct answer_change *change = records_get(changes, records_intern(changes, found));

	if (records_count(changes) > known) {
		change->region = diff->regions.count;
		diff_add(diff, DIFF_ANSWERS, POLICY_EGRESS, change->passed ? POLICY_ALLOW : POLICY_DENY, change->by);
	}
	*arena_push(diff->arena, &diff->regions.items[change->region].atoms) = atom;
}

void diff_answers(struct diff *diff)
{
	struct records changes;

	records_init(&changes, diff->arena, sizeof(struct answer_change), answer_fields);
	for (uint32_t atom = 0; atom < diff->analysis->atom_count; atom++) {
		struct answer_change change = { .region = 0 };

		change.passed = analysis_answer_passes(diff->analysis, 0, atom, &change.by[0]);
		if (change.passed != analysis_answer_passes(diff->analysis, 1, atom, &change.by[1]))
			add_answer(diff, &changes, atom, &change);
	}
}
