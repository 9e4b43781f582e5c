/* Answers: which addresses a lookup may bind, and which rules rebind protection looks at to know. */
#include "analysis/pass.h"

/* A rule says something about an address by CIDR or group, without ports; an allow on all that is public
 * does not. */
static bool is_exception(const struct analysis *analysis, const struct piece *piece)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[piece->rule];
	const struct policy_target *target;

	if (piece->target == ANALYSIS_NONE || rule->ports.count || !(rule->directions & POLICY_EGRESS))
		return false;
	target = &rule->targets.items[piece->target];
	if (target->kind == TARGET_GROUP)
		return target->group != ADDR_CLASS_PUBLIC || rule->action == POLICY_DENY;
	return target->kind == TARGET_CIDR;
}

static void nothing(struct port_tree *walk, const struct port_interval *column)
{
	struct port_tree_plane *keep = walk->self;

	(void)column;
	*keep = walk->planes[0];
}

/* The first two such rules for every atom */
static struct port_tree_plane exceptions(struct analysis *analysis, struct arena *arena, enum policy_proto proto)
{
	struct port_tree_plane kept = { .pieces = 0 };
	struct port_tree *walk = analysis_walk_new(analysis, arena, POLICY_EGRESS, proto, 0);
	size_t count = 0;

	walk->has_ports = false;
	for (size_t i = 0; i < walk->items.count; i++)
		if (is_exception(analysis, &analysis->pieces[walk->items.items[i].piece]))
			walk->items.items[count++] = walk->items.items[i];
	walk->items.count = count;
	walk->visit = nothing;
	walk->self = &kept;
	port_tree_visit(walk);
	return kept;
}

static bool allows(const struct analysis *analysis, uint32_t piece)
{
	return piece < analysis->piece_count &&
	       analysis->policy->rules.items[analysis->rule_of[piece]].action == POLICY_ALLOW;
}

/* Whether the atom would fare otherwise in answers without `rule` */
static bool matters(const struct analysis *analysis, const struct port_tree_plane *tcp,
		    const struct port_tree_plane *udp, uint32_t atom, uint32_t rule)
{
	uint32_t by_tcp = tcp->first[atom], by_udp = udp->first[atom];
	bool now = allows(analysis, by_tcp) || allows(analysis, by_udp);

	if (by_tcp < analysis->piece_count && analysis->rule_of[by_tcp] == rule)
		by_tcp = tcp->second[atom];
	if (by_udp < analysis->piece_count && analysis->rule_of[by_udp] == rule)
		by_udp = udp->second[atom];
	return now != (allows(analysis, by_tcp) || allows(analysis, by_udp));
}

static bool family_active(const struct analysis *analysis, enum addr_family family)
{
	const struct addr_gateway *gateway = &analysis->gateway;

	return (!gateway->has4 && !gateway->has6) || (family == ADDR_V4 ? gateway->has4 : gateway->has6);
}

static void look_at_atom(struct analysis *analysis, const struct port_tree_plane *tcp,
			 const struct port_tree_plane *udp, uint32_t index)
{
	const struct policy *policy = analysis->policy;
	const struct atom *atom = atoms_at(analysis->atoms, index);
	const struct port_tree_plane *const planes[] = { tcp, udp };

	if (atom->class == ADDR_CLASS_NONE || !family_active(analysis, atom->family))
		return;
	analysis->bindable[index] = !atom->reserved || !policy->rebind_protection;
	if (analysis->bindable[index] || (policy->multi_tenant && atom->class != ADDR_CLASS_PUBLIC))
		return;
	analysis->bindable[index] = allows(analysis, tcp->first[index]) || allows(analysis, udp->first[index]);
	for (int i = 0; i < 2; i++) {
		uint32_t piece = planes[i]->first[index], rule = analysis->rule_of[piece];

		if (piece < analysis->piece_count && analysis->any_resolvable && !analysis->rules[rule].effect &&
		    matters(analysis, tcp, udp, index, rule))
			analysis->rules[rule].effect = analysis->rules[rule].answers = true;
	}
}

void analysis_find_answers(struct analysis *analysis)
{
	struct arena *arena = arena_new();
	struct port_tree_plane tcp = exceptions(analysis, arena, PROTO_TCP);
	struct port_tree_plane udp = exceptions(analysis, arena, PROTO_UDP);

	for (uint32_t i = 0; !analysis->fuel->out && i < analysis->atom_count; i++)
		look_at_atom(analysis, &tcp, &udp, i);
	arena_free(arena);
}
