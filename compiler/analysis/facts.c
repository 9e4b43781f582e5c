/* Rule facts: runs the passes in order, and answers from what they noted. */
#include "analysis/facts_state.h"
#include "base/name.h"

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
	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_DOT; transport++)
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

/* ---- what a rule decides ---- */

void facts_decided(struct rule_facts *rule, const struct witness *flow)
{
	if (!rule->decides)
		rule->example = *flow;
	rule->decides = true;
}

static uint64_t *find_slot(uint64_t *slots, size_t size, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (size - 1);

	while (slots[at] && slots[at] != key)
		at = (at + 1) & (size - 1);
	return &slots[at];
}

/* false: it was there */
static bool mark_once(struct facts *facts, size_t rule, uint32_t class)
{
	uint64_t key = ((uint64_t)rule << 32 | class) + 1, *slot;

	if (facts->marked.used * 2 >= facts->marked.size) {
		size_t size = facts->marked.size ? facts->marked.size * 2 : 256;
		uint64_t *slots = arena_alloc(facts->analysis->arena, size * sizeof *slots);

		for (size_t i = 0; i < facts->marked.size; i++)
			if (facts->marked.slots[i])
				*find_slot(slots, size, facts->marked.slots[i]) = facts->marked.slots[i];
		facts->marked.slots = slots;
		facts->marked.size = size;
	}
	slot = find_slot(facts->marked.slots, facts->marked.size, key);
	if (*slot)
		return false;
	*slot = key;
	facts->marked.used++;
	return true;
}

static bool target_takes(const struct policy_target *target, const struct name_pattern *pattern)
{
	if (target->kind == TARGET_SUFFIX)
		return name_has_suffix(pattern->name, target->name);
	return target->kind == TARGET_DOMAIN && !pattern->suffix && name_equal(pattern->name, target->name);
}

void facts_mark_names(struct facts *facts, size_t index, uint32_t class)
{
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];
	const struct name_class *item = name_classes_at(facts->analysis->names, class);
	bool *targets = facts->rules[index].targets;

	if (!targets || !mark_once(facts, index, class))
		return;
	for (size_t i = 0; i < item->patterns.count; i++)
		for (size_t j = 0; j < rule->targets.count; j++) {
			if (!fuel_use(facts->analysis->fuel, 1))
				return;
			if (target_takes(&rule->targets.items[j], &item->patterns.items[i])) {
				targets[j] = true;
				break;
			}
		}
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
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < POLICY_PROTOS && !analysis->fuel->out; i++)
			facts_look_at_connections(facts, (enum policy_direction)direction, policy_protos[i]);
	facts_look_at_queries(facts);
	facts_look_at_pairs(facts);
	facts_find_shadowing(facts);
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
