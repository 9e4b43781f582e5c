/* One policy's analysis: builds the axes, runs the passes in order, and answers from what they noted. */
#include "analysis/pass.h"

static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };
#define PROTOS (sizeof protos / sizeof *protos)

/* ---- whether a rule could match anything, if it stood alone ---- */

static bool is_refused(enum policy_direction direction, enum policy_proto proto, uint32_t port)
{
	const uint16_t *refused = analysis_refused_ports(direction, proto);

	while (*refused && *refused != port)
		refused++;
	return *refused;
}

static bool ports_match(const struct policy_rule *rule, enum policy_direction direction, enum policy_proto proto)
{
	if (!policy_rule_fits(rule, direction, proto))
		return false;
	for (size_t i = 0; i < rule->ports.count; i++)
		for (uint32_t port = rule->ports.items[i].lo; port <= rule->ports.items[i].hi; port++)
			if (!is_refused(direction, proto, port))
				return true;
	return !rule->ports.count;
}

/* Bit 0: some IPv4 address that can be spoken to, bit 1: some IPv6 one */
static unsigned families_of(const struct analysis *analysis, const struct piece *piece)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < piece->span_count && found != 3; i++) {
		struct run span = analysis->spans.items[piece->spans + i];

		for (uint32_t atom = span.lo; atom < span.hi && found != 3; atom++)
			if (atoms_at(analysis->atoms, atom)->class != ADDR_CLASS_NONE)
				found |= atoms_at(analysis->atoms, atom)->family == ADDR_V4 ? 1 : 2;
	}
	return found;
}

static bool piece_matches(const struct analysis *analysis, const struct piece *piece)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[piece->rule];
	unsigned families;

	if (piece->target == ANALYSIS_NONE) /* a query, or a connection bound to the name */
		return (rule->directions & POLICY_EGRESS) || ports_match(rule, POLICY_INGRESS, PROTO_TCP) ||
		       ports_match(rule, POLICY_INGRESS, PROTO_UDP);
	families = families_of(analysis, piece);
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

static void find_matching(struct analysis *analysis)
{
	for (uint32_t i = 0; i < analysis->piece_count; i++) {
		struct rule_facts *rule = &analysis->rules[analysis->rule_of[i]];

		if (!rule->matches)
			rule->matches = piece_matches(analysis, &analysis->pieces[i]);
	}
	for (size_t i = 0; i < analysis->policy->rules.count; i++)
		if (!analysis->rules[i].matches)
			analysis->rules[i].matches = judges_some_query(&analysis->policy->rules.items[i]);
}

/* ---- the whole ---- */

static void make_rules(struct analysis *analysis)
{
	size_t count = analysis->policy->rules.count;

	analysis->rules = arena_alloc(analysis->arena, (count + 1) * sizeof *analysis->rules);
	for (size_t i = 0; i < count; i++) {
		const struct policy_rule *rule = &analysis->policy->rules.items[i];

		analysis->rules[i].taker = count;
		if (rule->targets.count > 1)
			analysis->rules[i].targets = arena_alloc(analysis->arena, rule->targets.count);
		if (rule->ports.count > 1)
			analysis->rules[i].ports = arena_alloc(analysis->arena, rule->ports.count);
	}
	analysis->rules[count].effect = true;
}

static void run_passes(struct analysis *analysis)
{
	find_matching(analysis);
	analysis_find_resolvable(analysis);
	analysis_find_answers(analysis);
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < PROTOS && !analysis->fuel->out; i++)
			analysis_pass_run(analysis, (enum policy_direction)direction, protos[i]);
	analysis_find_queries(analysis);
	analysis_find_pairs(analysis);
	analysis_find_takers(analysis);
}

struct analysis *analysis_new(struct arena *arena, const struct policy *policy, const struct addr_gateway *gateway,
			      struct fuel *fuel)
{
	struct analysis *analysis = arena_alloc(arena, sizeof *analysis);

	analysis->arena = arena;
	analysis->policy = policy;
	analysis->gateway = *gateway;
	analysis->fuel = fuel;
	analysis->atoms = atoms_new(arena, gateway, &policy, 1);
	analysis->names = name_classes_new(arena, &policy, 1);
	analysis->atom_count = atoms_count(analysis->atoms);
	analysis->class_count = name_classes_count(analysis->names);
	analysis->bindable = arena_alloc(arena, analysis->atom_count + 1);
	analysis->resolvable = arena_alloc(arena, analysis->class_count + 1);
	make_rules(analysis);
	analysis_cut(analysis);
	if (!fuel->out)
		run_passes(analysis);
	return analysis;
}

const struct rule_facts *analysis_rule_facts(const struct analysis *analysis, size_t rule)
{
	return &analysis->rules[rule];
}

const struct name_classes *analysis_names(const struct analysis *analysis)
{
	return analysis->names;
}

const struct atoms *analysis_atoms(const struct analysis *analysis)
{
	return analysis->atoms;
}

bool analysis_resolvable(const struct analysis *analysis, uint32_t class)
{
	return analysis->resolvable[class];
}

bool analysis_bindable(const struct analysis *analysis, uint32_t atom)
{
	return analysis->bindable[atom];
}

bool analysis_decides_class(const struct analysis *analysis, enum policy_direction direction, size_t rule,
			    size_t target, enum addr_class class, struct witness *out)
{
	bool ingress = direction == POLICY_INGRESS;
	uint32_t end =
		rule < analysis->policy->rules.count ? analysis->first_piece[rule + 1] : analysis->piece_count + 1;

	for (uint32_t i = analysis->first_piece[rule]; i < end; i++) {
		const struct piece *piece = &analysis->pieces[i];
		const struct noted_names *seen;

		if (i < analysis->piece_count && piece->target != target)
			continue;
		if (!(piece->seen[ingress] >> class & 1))
			continue;
		seen = &piece->where[ADDR_CLASS_COUNT * ingress + class];
		*out = (struct witness){
			.kind = FLOW_CONNECTION,
			.direction = direction,
			.proto = (enum policy_proto)seen->proto,
			.addr = atoms_member(analysis->atoms, seen->atom),
			.has_port = policy_proto_has_ports((enum policy_proto)seen->proto),
			.port = seen->port,
		};
		return true;
	}
	return false;
}
