/* Lookups and answers that change. */
#include "diff/diff_pass.h"

#include <string.h>

#define TRANSPORTS 3

static const enum flow_transport transports[TRANSPORTS] = { FLOW_DNS_UDP, FLOW_DNS_TCP, FLOW_DNS_DOT };

/* ---- lookups ---- */

/* The first rule that takes every query of each transport, whatever the name */
struct by_transport {
	uint32_t rule[TRANSPORTS];
};

static struct by_transport find_by_transport(const struct policy *policy)
{
	struct by_transport found;

	for (size_t t = 0; t < TRANSPORTS; t++) {
		uint32_t i = 0;

		while (i < policy->rules.count &&
		       !eval_rule_matches_query(&policy->rules.items[i], NULL, transports[t]))
			i++;
		found.rule[t] = i;
	}
	return found;
}

static uint32_t decider(const struct diff *diff, int side, const struct by_transport *by, uint32_t class, size_t t)
{
	uint32_t named = name_classes_at(diff->names, class)->lookup[side][0];

	return named < by->rule[t] ? named : by->rule[t];
}

/* The transports over which the class's lookup changes between the same two rules, as bits */
struct change {
	uint32_t deciders[2];
	unsigned transports;
};

static size_t find_changes(const struct diff *diff, const struct by_transport by[2], uint32_t class,
			   struct change out[TRANSPORTS])
{
	size_t count = 0;

	for (size_t t = 0; t < TRANSPORTS; t++) {
		uint32_t before = decider(diff, 0, &by[0], class, t), after = decider(diff, 1, &by[1], class, t);
		size_t i = 0;

		if (diff_action(diff, 0, POLICY_EGRESS, before) == diff_action(diff, 1, POLICY_EGRESS, after))
			continue;
		while (i < count && (out[i].deciders[0] != before || out[i].deciders[1] != after))
			i++;
		if (i == count)
			out[count++] = (struct change){ { before, after }, 0 };
		out[i].transports |= 1u << transports[t];
	}
	return count;
}

static void add_query(struct diff *diff, struct keys *keys, uint32_t **regions, uint32_t class,
		      const struct change *change)
{
	uint64_t words[2] = { (uint64_t)change->deciders[0] << 32 | change->deciders[1], change->transports };
	size_t known = keys->list.count;
	uint32_t key = keys_intern(keys, words, 2);
	struct diff_region *region;

	if (key == known) {
		region = diff_add(diff, DIFF_QUERIES, POLICY_EGRESS,
				  diff_action(diff, 0, POLICY_EGRESS, change->deciders[0]), change->deciders[0],
				  change->deciders[1]);
		region->protos = change->transports;
		(*regions)[key] = (uint32_t)(diff->regions.count - 1);
	}
	region = &diff->regions.items[(*regions)[key]];
	*arena_push(diff->arena, &region->classes) = class;
}

static void find_lookups(struct diff *diff, struct diff_state *state, const struct by_transport by[2], int side)
{
	uint32_t count = name_classes_count(diff->names);

	state->resolvable[side] = arena_alloc(diff->arena, count + 1);
	state->lookup[side] = arena_alloc(diff->arena, (count + 1) * sizeof *state->lookup[side]);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t udp = decider(diff, side, &by[side], i, 0), tcp = decider(diff, side, &by[side], i, 1);

		state->lookup[side][i] = udp;
		state->resolvable[side][i] = name_classes_at(diff->names, i)->member &&
					     (diff_action(diff, side, POLICY_EGRESS, udp) == POLICY_ALLOW ||
					      diff_action(diff, side, POLICY_EGRESS, tcp) == POLICY_ALLOW);
	}
}

void diff_queries(struct diff *diff, struct diff_state *state)
{
	struct by_transport by[2] = { find_by_transport(diff->policies[0]), find_by_transport(diff->policies[1]) };
	uint32_t count = name_classes_count(diff->names);
	uint32_t *regions = arena_alloc(diff->arena, ((size_t)count * TRANSPORTS + 2) * sizeof *regions);
	struct keys keys;

	keys_init(&keys, diff->arena);
	for (int side = 0; side < 2; side++)
		find_lookups(diff, state, by, side);
	for (uint32_t i = 0; i < count; i++) {
		struct change changes[TRANSPORTS];
		size_t found = name_classes_at(diff->names, i)->member ? find_changes(diff, by, i, changes) : 0;

		for (size_t j = 0; j < found; j++)
			add_query(diff, &keys, &regions, i, &changes[j]);
	}
}

/* ---- answers ---- */

static void keep(struct port_tree *walk, const struct port_interval *column)
{
	struct port_tree_plane *planes = walk->self;

	(void)column;
	planes[0] = walk->planes[0];
	planes[1] = walk->planes[1];
}

static bool allows(const struct diff *diff, int side, uint32_t rule)
{
	const struct policy *policy = diff->policies[side];

	return rule < policy->rules.count && policy->rules.items[rule].action == POLICY_ALLOW;
}

/* Whether an answer with an address of the atom passes, and the rule that says so, if one does */
static bool passes(const struct diff *diff, int side, uint32_t index, const struct port_tree_plane *tcp,
		   const struct port_tree_plane *udp, size_t *by)
{
	const struct policy *policy = diff->policies[side];
	const struct atom *atom = atoms_at(diff->atoms, index);

	*by = policy->rules.count + DIFF_BY_REBIND;
	if (!atom->reserved || !policy->rebind_protection)
		return true;
	if (policy->multi_tenant && atom->class != ADDR_CLASS_PUBLIC) {
		*by = policy->rules.count + DIFF_BY_FLOOR;
		return false;
	}
	for (int i = 0; i < 2; i++) {
		uint32_t rule = (i ? udp : tcp)[side].first[index];

		if (rule < policy->rules.count)
			*by = rule;
		if (allows(diff, side, rule))
			return true;
	}
	return false;
}

static void add_answer(struct diff *diff, struct keys *keys, uint32_t *regions, uint32_t atom, bool before,
		       const size_t by[2])
{
	uint64_t words[2] = { (uint64_t)by[0] << 1 | before, by[1] };
	size_t known = keys->list.count;
	uint32_t key = keys_intern(keys, words, 2);

	if (key == known) {
		diff_add(diff, DIFF_ANSWERS, POLICY_EGRESS, before ? POLICY_ALLOW : POLICY_DENY, by[0], by[1]);
		regions[key] = (uint32_t)(diff->regions.count - 1);
	}
	*arena_push(diff->arena, &diff->regions.items[regions[key]].atoms) = atom;
}

static bool active_family(const struct diff *diff, enum addr_family family)
{
	const struct addr_gateway *gateway = &diff->contexts[0].gateway;

	return (!gateway->has4 && !gateway->has6) || (family == ADDR_V4 ? gateway->has4 : gateway->has6);
}

void diff_answers(struct diff *diff, struct diff_state *state, struct fuel *fuel)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP };
	struct arena *arena = arena_new();
	struct port_tree_plane planes[2][2]; /* by protocol, by side */
	uint32_t count = atoms_count(diff->atoms);
	uint32_t *regions = arena_alloc(arena, (count + 2u) * sizeof *regions);
	struct keys keys;

	keys_init(&keys, arena);
	for (int i = 0; i < 2 && !fuel->out; i++) {
		struct port_tree *walk = diff_walk_new(diff, arena, fuel, POLICY_EGRESS, protos[i], 0, true);

		walk->visit = keep;
		walk->self = planes[i];
		port_tree_visit(walk);
	}
	for (int side = 0; side < 2; side++)
		state->bindable[side] = arena_alloc(diff->arena, count + 1);
	for (uint32_t atom = 0; atom < count && !fuel->out; atom++) {
		size_t by[2];
		bool before = passes(diff, 0, atom, planes[0], planes[1], &by[0]);
		bool after = passes(diff, 1, atom, planes[0], planes[1], &by[1]);
		bool active = active_family(diff, atoms_at(diff->atoms, atom)->family);

		state->bindable[0][atom] = before && active;
		state->bindable[1][atom] = after && active;
		if (before != after)
			add_answer(diff, &keys, regions, atom, before, by);
	}
	arena_free(arena);
}
