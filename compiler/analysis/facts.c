/* Rule facts: runs the passes in order, and answers from what they noted. */
#include "analysis/facts_state.h"

/* ---- whether a rule could match anything, if it stood alone ---- */

static bool ports_match(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	if (!policy_rule_fits(rule, direction, proto))
		return false;
	for (size_t i = 0; i < rule->ports.count; i++)
		for (uint32_t port = rule->ports.items[i].lo; port <= rule->ports.items[i].hi; port++)
			if (!eval_refused_port(direction, proto, (uint16_t)port))
				return true;
	return !rule->ports.count;
}

/* Bit 0: some IPv4 address that can be spoken to, bit 1: some IPv6 one */
static unsigned families_of(const struct facts *facts, const struct piece *piece)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < piece->run_count && found != 3; i++) {
		struct run run = facts->plane->runs.items[piece->runs + i];

		for (uint32_t atom = run.lo; atom < run.hi && found != 3; atom++)
			if (analysis_is_address(facts->analysis, atom))
				found |= atoms_at(facts->analysis->atoms, atom)->family == ADDR_V4 ? 1 : 2;
	}
	return found;
}

static bool piece_matches(const struct facts *facts, uint32_t index)
{
	const struct piece *piece = &facts->plane->pieces[index];
	const struct policy_rule *rule = &facts->plane->policy->rules.items[facts->plane->rule_of[index]];
	unsigned families;

	if (piece->target == ANALYSIS_HIDDEN) /* the names match as much */
		return false;
	if (piece->target == ANALYSIS_NONE) /* a query, or a connection bound to the name */
		return (rule->directions & POLICY_EGRESS) || ports_match(rule, POLICY_INGRESS, PROTO_TCP) ||
		       ports_match(rule, POLICY_INGRESS, PROTO_UDP);
	families = families_of(facts, piece);
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < POLICY_PROTOS; i++) {
			enum policy_proto proto = policy_protos[i];
			unsigned spoken = proto == PROTO_ICMPV4 ? 1 : proto == PROTO_ICMPV6 ? 2 : 3;

			if ((families & spoken) && ports_match(rule, (enum policy_direction)direction, proto))
				return true;
		}
	return false;
}

static bool judges_some_query(const struct policy_rule *rule)
{
	/* over TLS lookups are refused */
	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_TCP; transport++)
		if (eval_rule_matches_query(rule, NULL, (enum flow_transport)transport))
			return true;
	return false;
}

static void find_matching(struct facts *facts)
{
	const struct analysis_plane *plane = facts->plane;

	for (uint32_t i = 0; i < plane->piece_count; i++) {
		struct rule_facts *rule = &facts->rules[plane->rule_of[i]];

		if (!rule->matches)
			rule->matches = piece_matches(facts, i);
	}
	for (size_t i = 0; i < plane->policy->rules.count; i++)
		if (!facts->rules[i].matches)
			facts->rules[i].matches = judges_some_query(&plane->policy->rules.items[i]);
}

/* ---- the whole ---- */

static void make_rules(struct facts *facts)
{
	const struct policy *policy = facts->plane->policy;
	struct arena *arena = facts->analysis->arena;

	facts->rules = arena_alloc(arena, (policy->rules.count + 1) * sizeof *facts->rules);
	facts->seen = arena_alloc(arena, (facts->plane->piece_count + 1u) * sizeof *facts->seen);
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (rule->targets.count > 1)
			facts->rules[i].targets = arena_alloc(arena, rule->targets.count);
		if (rule->ports.count > 1)
			facts->rules[i].ports = arena_alloc(arena, rule->ports.count);
	}
	facts->rules[policy->rules.count].changes_verdict = true; /* nothing is to be found out about the default */
}

/* What a `no-ech` leaves to the rules behind it are hellos with ECH, which no flow looked at here has. */
static void leave_ech_open(struct facts *facts)
{
	const struct policy *policy = facts->plane->policy;
	bool left = false;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (left && !rule->no_ech && policy_rule_has_names(rule) &&
		    policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP))
			facts->rules[i].unknown = facts->rules[i].of_ech = true;
		left = left || rule->no_ech;
	}
}

struct facts *facts_find(struct analysis *analysis)
{
	struct facts *facts = arena_alloc(analysis->arena, sizeof *facts);

	facts->analysis = analysis;
	facts->plane = &analysis->planes[0];
	if (analysis->fuel->out)
		return facts;
	make_rules(facts);
	find_matching(facts);
	facts_look_at_answers(facts);
	for (uint32_t zone = 0; !analysis->fuel->out && zone < analysis_zone_count(analysis); zone++) {
		analysis_enter_zone(analysis, zone);
		for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
			for (size_t i = 0; i < POLICY_PROTOS && !analysis->fuel->out; i++)
				facts_look_at_connections(facts, (enum policy_direction)direction, policy_protos[i]);
	}
	facts_look_at_queries(facts);
	for (uint32_t zone = 0; !analysis->fuel->out && zone < analysis_zone_count(analysis); zone++) {
		analysis_enter_zone(analysis, zone);
		facts_look_at_pairs(facts);
	}
	facts_look_at_within(facts);
	facts_find_shadowing(facts);
	leave_ech_open(facts);
	analysis_enter_zone(analysis, ANALYSIS_NONE);
	return facts;
}

const struct rule_facts *facts_of_rule(const struct facts *facts, size_t rule)
{
	return &facts->rules[rule];
}

bool facts_decides_class(const struct facts *facts, enum policy_direction direction, size_t rule, size_t target,
			 enum addr_class class, struct witness *out)
{
	const struct analysis_plane *plane = facts->plane;
	bool is_default = rule == plane->policy->rules.count;
	uint32_t end = is_default ? plane->piece_count + 1 : plane->first_piece[rule + 1];

	for (uint32_t i = plane->first_piece[rule]; i < end; i++) {
		const struct seen_class *seen;

		if (!facts->seen[i] || (!is_default && plane->pieces[i].target != target))
			continue;
		seen = &facts->seen[i][direction == POLICY_INGRESS][class];
		if (!seen->seen)
			continue;
		*out = (struct witness){
			.kind = FLOW_CONNECTION,
			.direction = direction,
			.proto = seen->proto,
			.addr = atoms_member(facts->analysis->atoms, seen->atom),
			.has_port = policy_proto_has_ports(seen->proto),
			.port = seen->port,
		};
		return true;
	}
	return false;
}
