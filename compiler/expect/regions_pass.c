/* Connections of one direction and protocol: looks in every interval of ports at the addresses of each region. */
#include "expect/regions_state.h"

/* ---- a region's addresses ---- */

static void found_at(struct region_pass *pass, struct region *region, uint32_t atom)
{
	region_found(pass->all, region,
		     &(struct region_find){ .direction = pass->base.direction,
					    .proto = pass->base.proto,
					    .lo = pass->base.lo,
					    .hi = pass->base.hi,
					    .atom = atom });
}

static void look_at_address(struct region_pass *pass, struct region *region, uint32_t atom)
{
	enum policy_action action = analysis_pass_action(&pass->base, 0, pass->first[atom]);

	if (action == POLICY_ALLOW && analysis_pass_floored(&pass->base, 0, atom))
		action = POLICY_DENY;
	else
		region_mark(pass, pass->first[atom], atom, NULL);
	if (action == region->contrary)
		found_at(pass, region, atom);
}

static void look_at_addresses(struct region_pass *pass, struct region *region)
{
	const struct analysis *analysis = pass->base.analysis;
	struct region_matches all, bindable;
	size_t count;
	const struct run *runs = region_runs(pass->all, region, &count);

	region_matches_init(&all);
	region_matches_init(&bindable);
	for (size_t i = 0; i < count && fuel_use(analysis->fuel, runs[i].hi - runs[i].lo); i++)
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi; atom++) {
			if (!pass->base.speaks[atom] || !analysis_is_address(analysis, atom))
				continue;
			region->seen = true;
			look_at_address(pass, region, atom);
			region_matches_add(pass, &all, atom);
			if (analysis->planes[0].bindable[atom])
				region_matches_add(pass, &bindable, atom);
		}
	if (all.any && pass->base.named)
		region_look_beside_names(pass, region, &all, &bindable);
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct region_pass *pass = tree->self;

	pass->base.lo = interval->lo;
	pass->base.hi = interval->hi;
	pass->names.known = pass->names.have_bindable = false;
	for (size_t i = 0; i < pass->regions.count && !tree->fuel->out; i++) {
		struct region *region = pass->regions.items[i];

		if (tree->has_ports && !region_has_port(region, interval->lo))
			continue;
		look_at_addresses(pass, region);
		region_look_at_names(pass, region);
	}
}

/* ---- ports that are refused whatever the rules say ---- */

static bool has_address(const struct region_pass *pass, const struct region *region, uint32_t *atom)
{
	size_t count;
	const struct run *runs = region_runs(pass->all, region, &count);

	for (size_t i = 0; i < count; i++)
		for (*atom = runs[i].lo; *atom < runs[i].hi; ++*atom)
			if (pass->base.speaks[*atom] && analysis_is_address(pass->base.analysis, *atom))
				return true;
	return false;
}

static void look_at_refused(struct region_pass *pass, struct region *region, uint16_t port)
{
	const struct analysis *analysis = pass->base.analysis;
	struct region_find find = {
		pass->base.direction, pass->base.proto, port, port, ANALYSIS_NONE, NULL, NULL, false
	};
	size_t count;
	const struct run *runs = name_classes_rule_runs(analysis->names, 1, region->rule, &count);

	if (!has_address(pass, region, &find.atom)) {
		find.atom = ANALYSIS_NONE;
		for (size_t i = 0; i < count && !find.bound; i++)
			find.bound = name_classes_at(analysis->names, runs[i].lo)->member;
		find.to_name = true;
		if (!find.bound)
			return;
	}
	region->seen = true;
	if (region->contrary == POLICY_DENY)
		region_found(pass->all, region, &find);
}

static void look_at_refused_ports(struct region_pass *pass)
{
	for (size_t i = 0; pass->base.direction == POLICY_EGRESS && i < EVAL_REFUSED_PORTS; i++)
		for (size_t k = 0; eval_refused_ports[i].proto == pass->base.proto && k < pass->regions.count; k++)
			if (region_has_port(pass->regions.items[k], eval_refused_ports[i].port))
				look_at_refused(pass, pass->regions.items[k], eval_refused_ports[i].port);
}

/* ---- the pass ---- */

void regions_look_at_connections(struct regions *all, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct region_pass pass = { .all = all };

	for (size_t i = 0; i < all->list.count; i++) {
		struct region *region = &all->list.items[i];

		if (region->expect->region->kind == FLOW_CONNECTION &&
		    policy_rule_fits(&region->expect->region->rule, direction, proto))
			*arena_push(arena, &pass.regions) = region;
	}
	if (pass.regions.count) {
		analysis_pass_init(&pass.base, all->analysis, arena, direction, proto, 0);
		analysis_pass_add_names(&pass.base);
		pass.first = pass.base.tree->planes[0].first;
		pass.base.tree->visit = visit;
		pass.base.tree->self = &pass;
		port_tree_visit(pass.base.tree);
		look_at_refused_ports(&pass);
	}
	arena_free(arena);
}
