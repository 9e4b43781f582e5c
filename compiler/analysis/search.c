/* A search for one connection, among those bound to nothing. */
#include "analysis/pass.h"

struct search {
	const struct analysis_query *query;
	struct witness *out;
	struct decider *by;
	bool found;
};

static bool wants_port(const struct analysis_query *query, uint16_t port)
{
	for (size_t i = 0; i < query->port_count; i++)
		if (query->ports[i].lo <= port && port <= query->ports[i].hi)
			return true;
	return !query->port_count;
}

static bool fits(const struct analysis_pass *pass, const struct analysis_query *query, uint32_t atom, uint32_t piece)
{
	enum policy_action action = analysis_pass_action(pass, 0, piece);

	if (analysis_pass_floored(pass, 0, atom))
		action = POLICY_DENY;
	return pass->speaks[atom] && analysis_is_address(pass->analysis, atom) && action == query->action &&
	       query->wanted(pass->analysis, atom, query->context);
}

static void found(const struct analysis_pass *pass, struct search *search, uint32_t atom, uint32_t piece)
{
	const struct analysis_plane *plane = &pass->analysis->planes[0];
	const struct policy_port_range ports = { .lo = pass->lo, .hi = pass->hi };
	uint16_t port = analysis_usual_port(&ports, 1);

	search->found = true;
	*search->out = (struct witness){
		.kind = FLOW_CONNECTION,
		.direction = pass->direction,
		.proto = pass->proto,
		.addr = atoms_member(pass->analysis->atoms, atom),
		.has_port = policy_proto_has_ports(pass->proto),
		.port = wants_port(search->query, port) ? port : pass->lo,
	};
	*search->by = analysis_decider(plane, piece);
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct analysis_pass *pass = tree->self;
	struct search *search = pass->self;
	const uint32_t *first = tree->planes[0].first;

	if (search->found || !wants_port(search->query, interval->lo) ||
	    !fuel_use(tree->fuel, pass->analysis->atom_count))
		return;
	pass->lo = interval->lo;
	pass->hi = interval->hi;
	for (uint32_t atom = 0; atom < pass->analysis->atom_count && !search->found; atom++)
		if (fits(pass, search->query, atom, first[atom]))
			found(pass, search, atom, first[atom]);
}

static void search_proto(struct analysis *analysis, struct search *search, enum policy_proto proto)
{
	const struct analysis_query *query = search->query;
	struct arena *arena = arena_new();
	struct analysis_pass pass;

	analysis_pass_init(&pass, analysis, arena, query->direction, proto, 0);
	for (size_t i = 0; i < query->port_count; i++) {
		*arena_push(arena, &pass.tree->cuts) = query->ports[i].lo;
		*arena_push(arena, &pass.tree->cuts) = (uint16_t)(query->ports[i].hi + 1);
	}
	pass.self = search;
	pass.tree->visit = visit;
	pass.tree->self = &pass;
	port_tree_visit(pass.tree);
	arena_free(arena);
}

bool analysis_find(struct analysis *analysis, const struct analysis_query *query, struct witness *out,
		   struct decider *by)
{
	struct search search = { .query = query, .out = out, .by = by };

	for (size_t i = 0; i < POLICY_PROTOS && !search.found && !analysis->fuel->out; i++)
		if ((query->protos & policy_protos[i]) &&
		    (!query->port_count || policy_proto_has_ports(policy_protos[i])))
			search_proto(analysis, &search, policy_protos[i]);
	return search.found;
}
