/* Answers: which addresses a lookup may bind, and which rules rebind protection looks at to know. */
#include "analysis/pass.h"

/* A rule says something about an address by CIDR or group, without ports; an allow on all that is public
 * does not. */
static bool is_exception(const struct region *region, const struct region_piece *piece)
{
	const struct policy_rule *rule = &region->policy->rules.items[piece->rule];
	const struct policy_target *target;

	if (piece->target == WALK_NONE || rule->ports.count || !(rule->directions & POLICY_EGRESS))
		return false;
	target = &rule->targets.items[piece->target];
	if (target->kind == TARGET_GROUP)
		return target->group != ADDR_CLASS_PUBLIC || rule->action == POLICY_DENY;
	return target->kind == TARGET_CIDR;
}

static void nothing(struct walk *walk, const struct walk_column *column)
{
	struct walk_plane *keep = walk->self;

	(void)column;
	*keep = walk->planes[0];
}

/* The first two such rules for every atom */
static struct walk_plane exceptions(struct region *region, struct arena *arena, enum policy_proto proto)
{
	struct walk_plane kept = { .pieces = 0 };
	struct walk *walk = region_walk_new(region, arena, POLICY_EGRESS, proto, 0);
	size_t count = 0;

	walk->has_ports = false;
	for (size_t i = 0; i < walk->items.count; i++)
		if (is_exception(region, &region->pieces[walk->items.items[i].piece]))
			walk->items.items[count++] = walk->items.items[i];
	walk->items.count = count;
	walk->visit = nothing;
	walk->self = &kept;
	walk_run(walk);
	return kept;
}

static bool allows(const struct region *region, uint32_t piece)
{
	return piece < region->piece_count &&
	       region->policy->rules.items[region->rule_of[piece]].action == POLICY_ALLOW;
}

/* Whether the atom would fare otherwise in answers without `rule` */
static bool matters(const struct region *region, const struct walk_plane *tcp, const struct walk_plane *udp,
		    uint32_t atom, uint32_t rule)
{
	uint32_t by_tcp = tcp->first[atom], by_udp = udp->first[atom];
	bool now = allows(region, by_tcp) || allows(region, by_udp);

	if (by_tcp < region->piece_count && region->rule_of[by_tcp] == rule)
		by_tcp = tcp->second[atom];
	if (by_udp < region->piece_count && region->rule_of[by_udp] == rule)
		by_udp = udp->second[atom];
	return now != (allows(region, by_tcp) || allows(region, by_udp));
}

static bool family_active(const struct region *region, enum addr_family family)
{
	const struct addr_gateway *gateway = &region->gateway;

	return (!gateway->has4 && !gateway->has6) || (family == ADDR_V4 ? gateway->has4 : gateway->has6);
}

static void look_at_atom(struct region *region, const struct walk_plane *tcp, const struct walk_plane *udp,
			 uint32_t index)
{
	const struct policy *policy = region->policy;
	const struct axis_atom *atom = axis_atom(region->axis, index);
	const struct walk_plane *const planes[] = { tcp, udp };

	if (atom->class == ADDR_CLASS_NONE || !family_active(region, atom->family))
		return;
	region->bindable[index] = !atom->reserved || !policy->rebind_protection;
	if (region->bindable[index] || (policy->multi_tenant && atom->class != ADDR_CLASS_PUBLIC))
		return;
	region->bindable[index] = allows(region, tcp->first[index]) || allows(region, udp->first[index]);
	for (int i = 0; i < 2; i++) {
		uint32_t piece = planes[i]->first[index], rule = region->rule_of[piece];

		if (piece < region->piece_count && region->any_resolvable && !region->rules[rule].effect &&
		    matters(region, tcp, udp, index, rule))
			region->rules[rule].effect = region->rules[rule].answers = true;
	}
}

void region_find_answers(struct region *region)
{
	struct arena *arena = arena_new();
	struct walk_plane tcp = exceptions(region, arena, PROTO_TCP);
	struct walk_plane udp = exceptions(region, arena, PROTO_UDP);

	for (uint32_t i = 0; !region->fuel->out && i < region->atoms; i++)
		look_at_atom(region, &tcp, &udp, i);
	arena_free(arena);
}
