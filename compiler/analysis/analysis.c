/* One policy's analysis: builds the axes, runs the passes in order, and answers from what they noted. */
#include "analysis/pass.h"

static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };
#define PROTOS (sizeof protos / sizeof *protos)

/* ---- whether a rule could match anything, if it stood alone ---- */

static bool is_refused(enum policy_direction direction, enum policy_proto proto, uint32_t port)
{
	const uint16_t *refused = region_refused_ports(direction, proto);

	while (*refused && *refused != port)
		refused++;
	return *refused;
}

static bool ports_match(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	if (!region_rule_fits(rule, direction, proto))
		return false;
	for (size_t i = 0; i < rule->ports.count; i++)
		for (uint32_t port = rule->ports.items[i].lo; port <= rule->ports.items[i].hi; port++)
			if (!is_refused(direction, proto, port))
				return true;
	return !rule->ports.count;
}

/* Bit 0: some IPv4 address that can be spoken to, bit 1: some IPv6 one */
static unsigned families_of(const struct region *region, const struct region_piece *piece)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < piece->span_count && found != 3; i++) {
		struct axis_span span = region->spans.items[piece->spans + i];

		for (uint32_t atom = span.lo; atom < span.hi && found != 3; atom++)
			if (axis_atom(region->axis, atom)->class != ADDR_CLASS_NONE)
				found |= axis_atom(region->axis, atom)->family == ADDR_V4 ? 1 : 2;
	}
	return found;
}

static bool piece_matches(const struct region *region, const struct region_piece *piece)
{
	const struct policy_rule *rule = &region->policy->rules.items[piece->rule];
	unsigned families;

	if (piece->target == WALK_NONE) /* a query, or a connection bound to the name */
		return (rule->directions & POLICY_EGRESS) || ports_match(rule, POLICY_INGRESS, PROTO_TCP) ||
		       ports_match(rule, POLICY_INGRESS, PROTO_UDP);
	families = families_of(region, piece);
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < PROTOS; i++)
			if (ports_match(rule, (enum policy_direction)direction, protos[i]) &&
			    (families & (protos[i] == PROTO_ICMPV4 ? 1u :
					 protos[i] == PROTO_ICMPV6 ? 2u :
								     3u)))
				return true;
	return false;
}

static bool judges_some_query(const struct policy_rule *rule)
{
	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_DOT; transport++)
		if (eval_rule_matches_query(rule, NULL, (enum flow_transport)transport))
			return true;
	return false;
}

static void find_matching(struct region *region)
{
	for (uint32_t i = 0; i < region->piece_count; i++) {
		struct region_rule *rule = &region->rules[region->rule_of[i]];

		if (!rule->matches)
			rule->matches = piece_matches(region, &region->pieces[i]);
	}
	for (size_t i = 0; i < region->policy->rules.count; i++)
		if (!region->rules[i].matches)
			region->rules[i].matches = judges_some_query(&region->policy->rules.items[i]);
}

/* ---- the whole ---- */

static void make_rules(struct region *region)
{
	size_t count = region->policy->rules.count;

	region->rules = arena_alloc(region->arena, (count + 1) * sizeof *region->rules);
	for (size_t i = 0; i < count; i++) {
		const struct policy_rule *rule = &region->policy->rules.items[i];

		region->rules[i].taker = count;
		if (rule->targets.count > 1)
			region->rules[i].targets = arena_alloc(region->arena, rule->targets.count);
		if (rule->ports.count > 1)
			region->rules[i].ports = arena_alloc(region->arena, rule->ports.count);
	}
	region->rules[count].effect = true;
}

static void run_passes(struct region *region)
{
	find_matching(region);
	region_find_resolvable(region);
	region_find_answers(region);
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < PROTOS && !region->fuel->out; i++)
			region_pass_run(region, (enum policy_direction)direction, protos[i]);
	region_find_queries(region);
	region_find_pairs(region);
	region_find_takers(region);
}

struct region *region_new(struct arena *arena, const struct policy *policy, const struct addr_gateway *gateway,
			  struct region_fuel *fuel)
{
	struct region *region = arena_alloc(arena, sizeof *region);

	region->arena = arena;
	region->policy = policy;
	region->gateway = *gateway;
	region->fuel = fuel;
	region->axis = axis_new(arena, gateway, &policy, 1);
	region->names = names_new(arena, &policy, 1);
	region->atoms = axis_count(region->axis);
	region->classes = names_count(region->names);
	region->bindable = arena_alloc(arena, region->atoms + 1);
	region->resolvable = arena_alloc(arena, region->classes + 1);
	make_rules(region);
	region_cut(region);
	if (!fuel->out)
		run_passes(region);
	return region;
}

const struct region_rule *region_rule(const struct region *region, size_t rule)
{
	return &region->rules[rule];
}

const struct names *region_names(const struct region *region)
{
	return region->names;
}

const struct axis *region_axis(const struct region *region)
{
	return region->axis;
}

bool region_resolvable(const struct region *region, uint32_t class)
{
	return region->resolvable[class];
}

bool region_bindable(const struct region *region, uint32_t atom)
{
	return region->bindable[atom];
}

bool region_decides_class(const struct region *region, enum policy_direction direction, size_t rule, size_t target,
			  enum addr_class class, struct region_flow *out)
{
	bool ingress = direction == POLICY_INGRESS;
	uint32_t end = rule < region->policy->rules.count ? region->first_piece[rule + 1] : region->piece_count + 1;

	for (uint32_t i = region->first_piece[rule]; i < end; i++) {
		const struct region_piece *piece = &region->pieces[i];
		const struct region_seen *seen;

		if (i < region->piece_count && piece->target != target)
			continue;
		if (!(piece->seen[ingress] >> class & 1))
			continue;
		seen = &piece->where[ADDR_CLASS_COUNT * ingress + class];
		*out = (struct region_flow){
			.kind = FLOW_CONNECTION,
			.direction = direction,
			.proto = (enum policy_proto)seen->proto,
			.addr = axis_member(region->axis, seen->atom),
			.has_port = region_proto_has_ports((enum policy_proto)seen->proto),
			.port = seen->port,
		};
		return true;
	}
	return false;
}
