/* The rules of both policies on one line of atoms, and the pass that compares their first rules column by
 * column. */
#include "diff/diff_pass.h"
#include "analysis/pass.h"

#include <stdlib.h>

/* ---- laying out ---- */

/* What rebind protection looks at: CIDRs and groups, an allow on all that is public aside */
static bool is_exception(const struct policy_rule *rule, const struct policy_target *target)
{
	if (target->kind == TARGET_GROUP)
		return target->group != ADDR_CLASS_PUBLIC || rule->action == POLICY_DENY;
	return target->kind == TARGET_CIDR;
}

static void add_item(struct port_tree *walk, uint32_t plane, uint32_t rule, size_t spans, uint16_t lo, uint16_t hi)
{
	*arena_push(walk->arena, &walk->items) = (struct port_tree_rect){
		.plane = plane,
		.piece = rule,
		.spans = (uint32_t)spans,
		.span_count = (uint32_t)(walk->spans.count - spans),
		.lo = lo,
		.hi = hi,
		.port_item = ANALYSIS_NONE,
	};
}

/* The spans from `spans` on, in all of the rule's ports */
void diff_add_rects(struct port_tree *walk, uint32_t plane, uint32_t index, const struct policy_rule *rule,
		    size_t spans)
{
	if (walk->spans.count == spans || !fuel_use(walk->fuel, 64 * (rule->ports.count + 1)))
		return;
	walk->fuel->policy = plane;
	walk->fuel->rule = index;
	if (!rule->ports.count)
		add_item(walk, plane, index, spans, 0, UINT16_MAX);
	for (size_t i = 0; i < rule->ports.count; i++)
		add_item(walk, plane, index, spans, rule->ports.items[i].lo, rule->ports.items[i].hi);
}

static void add_addresses(struct diff *diff, struct port_tree *walk, uint32_t plane, uint32_t index,
			  bool exceptions_only)
{
	const struct policy_rule *rule = &diff->policies[plane]->rules.items[index];
	struct run spans[ATOMS_RUNS_MAX];
	size_t start = walk->spans.count;

	for (size_t i = 0; i < rule->targets.count; i++) {
		size_t count;

		if (exceptions_only && !is_exception(rule, &rule->targets.items[i]))
			continue;
		count = atoms_target_runs(diff->atoms, rule->action, &rule->targets.items[i], spans);
		for (size_t j = 0; j < count; j++)
			*arena_push(walk->arena, &walk->spans) = spans[j];
	}
	diff_add_rects(walk, plane, index, rule, start);
}

static void init_plane(struct diff *diff, struct port_tree *walk, uint32_t side, uint32_t situations)
{
	struct port_tree_plane *plane = &walk->planes[side];
	uint32_t atoms = atoms_count(diff->atoms), line = atoms + situations;
	uint32_t rules = (uint32_t)diff->policies[side]->rules.count;
	uint32_t *identity = arena_alloc(walk->arena, (rules + 1) * sizeof *identity);

	for (uint32_t i = 0; i <= rules; i++)
		identity[i] = i;
	plane->pieces = rules;
	plane->rule_of = identity;
	plane->first = arena_alloc(walk->arena, (line + 1) * sizeof *plane->first);
	plane->second = arena_alloc(walk->arena, (line + 1) * sizeof *plane->second);
	for (uint32_t i = 0; i < line; i++) {
		plane->first[i] = i < atoms ? rules : ANALYSIS_NONE;
		plane->second[i] = ANALYSIS_NONE;
	}
}

struct port_tree *diff_walk_new(struct diff *diff, struct arena *arena, struct fuel *fuel,
				enum policy_direction direction, enum policy_proto proto, uint32_t situations,
				bool exceptions_only)
{
	struct port_tree *walk = arena_alloc(arena, sizeof *walk);

	walk->arena = arena;
	walk->fuel = fuel;
	walk->plane_count = 2;
	walk->has_ports = policy_proto_has_ports(proto) && !exceptions_only;
	walk->refused = analysis_refused_ports(direction, proto);
	if (direction == POLICY_EGRESS && (diff->policies[0]->multi_tenant || diff->policies[1]->multi_tenant))
		walk->apart = 53;
	for (uint32_t side = 0; side < 2; side++) {
		init_plane(diff, walk, side, situations);
		for (uint32_t i = 0; i < diff->policies[side]->rules.count && !fuel->out; i++) {
			const struct policy_rule *rule = &diff->policies[side]->rules.items[i];

			if (policy_rule_fits(rule, direction, proto) && !(exceptions_only && rule->ports.count))
				add_addresses(diff, walk, side, i, exceptions_only);
		}
	}
	return walk;
}

void diff_add_names(struct diff *diff, struct port_tree *walk, enum policy_direction direction, enum policy_proto proto,
		    uint32_t offset, bool denies_only)
{
	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < diff->policies[side]->rules.count && !walk->fuel->out; i++) {
			const struct policy_rule *rule = &diff->policies[side]->rules.items[i];
			size_t count, start = walk->spans.count;
			const struct run *spans = name_classes_rule_runs(diff->names, side, i, &count);

			if (!policy_rule_fits(rule, direction, proto) || (denies_only && rule->action != POLICY_DENY))
				continue;
			for (size_t j = 0; j < count; j++)
				*arena_push(walk->arena, &walk->spans) =
					(struct run){ spans[j].lo + offset, spans[j].hi + offset };
			diff_add_rects(walk, side, i, rule, start);
		}
}

/* ---- verdicts ---- */

enum policy_action diff_action(const struct diff *diff, int side, enum policy_direction direction, uint32_t piece)
{
	const struct policy *policy = diff->policies[side];

	if (piece < policy->rules.count)
		return policy->rules.items[piece].action;
	return (direction == POLICY_EGRESS ? policy->egress : policy->ingress).action;
}

bool diff_floored(const struct diff_pass *pass, int side, uint32_t atom)
{
	enum addr_class class;

	if (!pass->diff->policies[side]->multi_tenant || pass->direction != POLICY_EGRESS)
		return false;
	class = atoms_at(pass->diff->atoms, atom)->class;
	if (class == ADDR_CLASS_HOST)
		return !policy_proto_has_ports(pass->proto) || pass->port != 53;
	return class != ADDR_CLASS_PUBLIC;
}

enum policy_action diff_verdict(const struct diff_pass *pass, int side, uint32_t atom, uint32_t piece, size_t *decider)
{
	enum policy_action action = diff_action(pass->diff, side, pass->direction, piece);

	*decider = piece;
	if (action == POLICY_ALLOW && diff_floored(pass, side, atom)) {
		*decider = pass->diff->policies[side]->rules.count + DIFF_BY_FLOOR;
		return POLICY_DENY;
	}
	return action;
}

/* ---- a pass ---- */

/* A rule that the other policy has not is the cause of what changes: all that it changes is one region, whoever
 * decides on the other side. */
void diff_find_cause(const struct diff_pass *pass, uint64_t decider[2])
{
	bool changed[2];

	for (int side = 0; side < 2; side++)
		changed[side] = decider[side] < pass->diff->policies[side]->rules.count &&
				pass->state->match[side][decider[side]] == ANALYSIS_NONE;
	if (changed[0] != changed[1])
		decider[changed[0]] = DIFF_ANYBODY;
}

static uint32_t key_at(struct diff_pass *pass, uint32_t atom)
{
	size_t before, after;
	uint64_t words[2];
	enum policy_action was, now;

	if (!pass->active[atom])
		return 0;
	was = diff_verdict(pass, 0, atom, pass->walk->planes[0].first[atom], &before);
	now = diff_verdict(pass, 1, atom, pass->walk->planes[1].first[atom], &after);
	if (was == now)
		return 0;
	words[0] = before;
	words[1] = after;
	diff_find_cause(pass, words);
	words[0] = words[0] << 1 | (was == POLICY_ALLOW);
	return keys_intern(&pass->keys, words, 2);
}

static void root(struct port_tree *walk)
{
	struct diff_pass *pass = walk->self;

	pass->port = 0; /* in no case the one port that the floor lets through */
	if (!fuel_use(walk->fuel, pass->atom_count))
		return;
	for (uint32_t atom = 0; atom < pass->atom_count; atom++)
		pass->addresses.base[atom] = key_at(pass, atom);
	diff_names_root(pass);
}

static void visit(struct port_tree *walk, const struct port_interval *column)
{
	struct diff_pass *pass = walk->self;
	const struct run all = { 0, pass->atom_count };
	const struct run *spans = column->whole ? &all : column->touched;
	size_t count = column->whole ? 1 : column->touched_count;

	pass->port = column->lo;
	cells_add_column(&pass->addresses, column->lo, column->hi);
	cells_add_column(&pass->named, column->lo, column->hi);
	cells_add_column(&pass->paired, column->lo, column->hi);
	for (size_t i = 0; i < count; i++) {
		if (spans[i].lo >= pass->atom_count)
			continue;
		if (!fuel_use(walk->fuel, spans[i].hi - spans[i].lo))
			return;
		for (uint32_t atom = spans[i].lo; atom < spans[i].hi; atom++)
			cells_set(&pass->addresses, walk->fuel, atom, key_at(pass, atom));
	}
	diff_names_column(pass, column);
}

static void address_region(void *self, const struct cell_group *group)
{
	struct diff_pass *pass = self;
	const struct key *key = keys_get(&pass->keys, group->key);
	enum policy_action was = key->words[0] & 1 ? POLICY_ALLOW : POLICY_DENY;
	struct diff_region *region =
		diff_add(pass->diff, DIFF_ADDRESSES, pass->direction, was, key->words[0] >> 1, key->words[1]);

	region->protos = pass->proto;
	for (size_t i = 0; i < group->count; i++)
		*arena_push(pass->diff->arena, &region->atoms) = group->items[i];
	for (size_t i = 0; i < group->port_count; i++)
		*arena_push(pass->diff->arena, &region->ports) = group->ports[i];
}

static void find_active(struct diff_pass *pass)
{
	pass->active = arena_alloc(pass->arena, pass->atom_count + 1);
	for (uint32_t i = 0; i < pass->atom_count; i++) {
		enum addr_family family = atoms_at(pass->diff->atoms, i)->family;

		pass->active[i] = (pass->proto != PROTO_ICMPV4 || family == ADDR_V4) &&
				  (pass->proto != PROTO_ICMPV6 || family == ADDR_V6);
	}
}

void diff_pass_run(struct diff *diff, const struct diff_state *state, struct fuel *fuel,
		   enum policy_direction direction, enum policy_proto proto)
{
	struct diff_pass pass = {
		.diff = diff,
		.fuel = fuel,
		.arena = arena_new(),
		.direction = direction,
		.proto = proto,
		.atom_count = atoms_count(diff->atoms),
		.class_count = name_classes_count(diff->names),
		.server_names = direction == POLICY_EGRESS && proto == PROTO_TCP,
		.state = state,
	};

	find_active(&pass);
	keys_init(&pass.keys, pass.arena);
	cells_init(&pass.addresses, pass.arena, pass.atom_count);
	cells_init(&pass.named, pass.arena, pass.class_count);
	if (pass.server_names)
		diff_find_pairs(&pass);
	cells_init(&pass.paired, pass.arena, (uint32_t)pass.pairs.count);
	pass.walk = diff_walk_new(diff, pass.arena, fuel, direction, proto,
				  2 * pass.class_count + (uint32_t)pass.pairs.count, false);
	diff_add_names(diff, pass.walk, direction, proto, pass.atom_count, false);
	if (pass.server_names)
		diff_add_names(diff, pass.walk, direction, proto, pass.atom_count + pass.class_count, true);
	diff_add_pairs(&pass);
	pass.walk->root = root;
	pass.walk->visit = visit;
	pass.walk->self = &pass;
	port_tree_visit(pass.walk);
	if (!fuel->out) {
		cells_group(&pass.addresses, policy_proto_has_ports(proto), address_region, &pass);
		diff_names_regions(&pass);
		diff_pairs_regions(&pass);
	}
	arena_free(pass.arena);
}
