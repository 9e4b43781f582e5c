/* Connections of one direction and protocol: visits the port intervals, and groups what changes in them into regions. */
#include "diff/diff_state.h"

static uint32_t compare_atom(struct diff_pass *pass, uint32_t atom)
{
	struct diff_finding finding = { .atom = ANALYSIS_NONE, .partner = ANALYSIS_NONE };
	enum policy_action now;

	if (!pass->base.speaks[atom])
		return 0;
	finding.was = diff_verdict(pass, 0, atom, pass->first[0][atom], &finding.by[0]);
	now = diff_verdict(pass, 1, atom, pass->first[1][atom], &finding.by[1]);
	if (finding.was == now)
		return 0;
	diff_find_cause(pass, finding.by);
	return diff_findings_key(pass, &(struct diff_findings){ .items = { finding }, .count = 1 });
}

static void root(struct port_tree *tree)
{
	struct diff_pass *pass = tree->self;
	uint32_t atoms = pass->base.analysis->atom_count;

	if (!fuel_use(tree->fuel, atoms))
		return;
	for (uint32_t atom = 0; atom < atoms; atom++)
		pass->addresses.base[atom] = compare_atom(pass, atom);
	diff_names_root(pass);
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct diff_pass *pass = tree->self;
	const struct run all = { 0, pass->base.analysis->atom_count };
	const struct run *runs = interval->whole ? &all : interval->touched;
	size_t count = interval->whole ? 1 : interval->touched_count;

	pass->base.lo = interval->lo;
	pass->base.hi = interval->hi;
	cells_add_interval(&pass->addresses, interval->lo, interval->hi);
	cells_add_interval(&pass->names, interval->lo, interval->hi);
	cells_add_interval(&pass->pairs, interval->lo, interval->hi);
	for (size_t i = 0; i < count; i++) {
		if (runs[i].lo >= all.hi)
			continue;
		if (!fuel_use(tree->fuel, runs[i].hi - runs[i].lo))
			return;
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi; atom++)
			cells_set(&pass->addresses, tree->fuel, atom, compare_atom(pass, atom));
	}
	diff_names_interval(pass, interval);
}

/* ---- regions ---- */

static struct diff_region *add_region(struct diff_pass *pass, enum diff_kind kind, const struct diff_finding *finding,
				      const struct cell_group *group)
{
	struct diff_region *region = diff_add(pass->diff, kind, pass->base.direction, finding->was, finding->by);

	region->protos = pass->base.proto;
	for (size_t i = 0; i < group->port_count; i++)
		*arena_push(pass->diff->arena, &region->ports) = group->ports[i];
	return region;
}

static void address_region(void *self, const struct cell_group *group)
{
	struct diff_pass *pass = self;
	struct diff_region *region =
		add_region(pass, DIFF_ADDRESSES, &diff_findings_of(pass, group->key)->items[0], group);

	for (size_t i = 0; i < group->count; i++)
		*arena_push(pass->diff->arena, &region->atoms) = group->items[i];
}

/* A region for each finding; classes: by item of the cells, NULL: the items themselves */
static void add_name_regions(struct diff_pass *pass, const struct cell_group *group, const struct name_pair *pairs)
{
	const struct diff_findings *findings = diff_findings_of(pass, group->key);

	for (size_t i = 0; i < findings->count; i++) {
		const struct diff_finding *finding = &findings->items[i];
		struct diff_region *region = add_region(pass, DIFF_NAMES, finding, group);

		region->by_server_name = finding->by_server_name;
		region->zone = pass->base.analysis->zone;
		region->where = atoms_member(pass->diff->atoms, finding->atom);
		if (finding->partner != ANALYSIS_NONE)
			region->together = name_classes_at(pass->diff->names, finding->partner)->member;
		for (size_t j = 0; j < group->count; j++)
			*arena_push(pass->diff->arena, &region->classes) =
				pairs ? pairs[group->items[j]].sent : group->items[j];
	}
}

static void name_regions(void *self, const struct cell_group *group)
{
	add_name_regions(self, group, NULL);
}

static void pair_regions(void *self, const struct cell_group *group)
{
	struct diff_pass *pass = self;

	add_name_regions(pass, group, pass->name_pairs.list.items);
}

/* ---- the pass ---- */

void diff_connections(struct diff *diff, enum policy_direction direction, enum policy_proto proto)
{
	struct analysis *analysis = diff->analysis;
	struct diff_pass pass = { .diff = diff, .arena = arena_new(), .base.analysis = analysis };
	bool has_ports = policy_proto_has_ports(proto);

	if (direction == POLICY_EGRESS && proto == PROTO_TCP && diff->policies[0]->server_names)
		diff_find_pairs(&pass);
	cells_init(&pass.addresses, pass.arena, analysis->atom_count);
	cells_init(&pass.names, pass.arena, analysis->class_count);
	cells_init(&pass.pairs, pass.arena, (uint32_t)pass.name_pairs.list.count);
	analysis_pass_init(&pass.base, analysis, pass.arena, direction, proto, (uint32_t)pass.name_pairs.list.count);
	analysis_pass_add_names(&pass.base);
	if (pass.base.server_names)
		name_pairs_insert(&pass.name_pairs, &pass.base);
	for (int side = 0; side < 2; side++)
		pass.first[side] = pass.base.tree->planes[side].first;
	diff_init_scenarios(&pass);
	pass.base.tree->root = root;
	pass.base.tree->visit = visit;
	pass.base.tree->self = &pass;
	port_tree_visit(pass.base.tree);
	if (!analysis->fuel->out) {
		cells_group(&pass.addresses, has_ports, address_region, &pass);
		cells_group(&pass.names, has_ports, name_regions, &pass);
		cells_group(&pass.pairs, has_ports, pair_regions, &pass);
	}
	arena_free(pass.arena);
}
