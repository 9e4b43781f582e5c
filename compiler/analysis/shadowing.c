/* Who takes the flows of rules that decide nothing: a rule of the other action, if there is one. */
#include "analysis/pass.h"

struct dead {
	struct analysis *analysis;
	LIST_OF(uint32_t) rules;
};

static void note_taker(struct analysis *analysis, uint32_t index, uint32_t taker, const struct witness *flow)
{
	struct rule_facts *rule = &analysis->rules[index];
	const struct policy *policy = analysis->policy;
	bool opposes = policy->rules.items[taker].action != policy->rules.items[index].action;

	if (taker < index && !opposes)
		rule->taken_alike = true;
	if (taker >= index || rule->taker_opposes || (rule->taker < policy->rules.count && !opposes))
		return;
	rule->taker = taker;
	rule->taker_opposes = opposes;
	rule->taken = *flow;
}

static bool has_port(const struct analysis *analysis, uint32_t rule, const struct port_interval *column)
{
	size_t lo = 0, hi = analysis->ports[rule].count;

	if (!hi)
		return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (analysis->ports[rule].items[mid].hi < column->lo)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < analysis->ports[rule].count && analysis->ports[rule].items[lo].lo <= column->lo;
}

static void look_at_addresses(struct analysis_pass *pass, uint32_t index)
{
	struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first;

	for (uint32_t i = analysis->first_piece[index]; i < analysis->first_piece[index + 1]; i++)
		for (uint32_t j = 0; j < analysis->pieces[i].span_count; j++) {
			struct run span = analysis->spans.items[analysis->pieces[i].spans + j];

			if (!fuel_use(analysis->fuel, span.hi - span.lo))
				return;
			for (uint32_t atom = span.lo; atom < span.hi; atom++) {
				struct witness flow;

				if (!pass->active[atom] || first[atom] >= analysis->piece_count)
					continue;
				if (analysis->rules[index].taker < analysis->policy->rules.count &&
				    analysis_piece_action(pass, first[atom]) ==
					    analysis->policy->rules.items[index].action)
					continue;
				flow = analysis_pass_flow(pass, atom);
				note_taker(analysis, index, analysis->rule_of[first[atom]], &flow);
				if (analysis->rules[index].taker_opposes)
					return;
			}
		}
}

/* An atom that can be bound whose first rule is exactly this piece */
static uint32_t atom_of(const struct analysis_pass *pass, uint32_t piece)
{
	uint32_t atom = 0;

	while (pass->walk->planes[0].first[atom] != piece || !pass->active[atom] || !pass->analysis->bindable[atom])
		atom++;
	return atom;
}

/* Flows bound to a class of the rule: the first rule by that name, or the first by address before it */
static void look_at_class(struct analysis_pass *pass, uint32_t index, uint32_t class)
{
	struct analysis *analysis = pass->analysis;
	uint32_t first = pass->walk->planes[0].first[analysis->atom_count + class], atom, top;
	struct witness flow;

	if (!analysis->resolvable[class] || first == ANALYSIS_NONE)
		return;
	analysis_pass_find_tops(pass);
	for (int action = 0; pass->have_tops && action < 2; action++) {
		top = piece_set_next(&pass->bindable[action], 0);
		if (top >= first || top >= analysis->piece_count)
			continue;
		flow = analysis_pass_flow(pass, atom_of(pass, top));
		flow.bound[0] = name_classes_at(analysis->names, class)->member;
		note_taker(analysis, index, analysis->rule_of[top], &flow);
	}
	if (pass->bindable_max > first && analysis->rule_of[first] != index) {
		atom = analysis_pass_find_atom(pass, true, first);
		flow = analysis_pass_flow(pass, atom);
		flow.bound[0] = name_classes_at(analysis->names, class)->member;
		note_taker(analysis, index, analysis->rule_of[first], &flow);
	}
}

static void look_at_names(struct analysis_pass *pass, uint32_t index)
{
	struct analysis *analysis = pass->analysis;
	size_t count;
	const struct run *spans = name_classes_rule_runs(analysis->names, 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (!fuel_use(analysis->fuel, 1) || analysis->rules[index].taker_opposes)
				return;
			else
				look_at_class(pass, index, class);
}

static void visit(struct port_tree *walk, const struct port_interval *column)
{
	struct analysis_pass *pass = walk->self;
	const struct dead *dead = pass->self;

	analysis_pass_start_column(pass, column);
	for (size_t i = 0; i < dead->rules.count && fuel_use(walk->fuel, 1); i++) {
		uint32_t index = dead->rules.items[i];

		if (pass->analysis->rules[index].taker_opposes ||
		    !policy_rule_fits(&pass->analysis->policy->rules.items[index], pass->direction, pass->proto) ||
		    !has_port(pass->analysis, index, column))
			continue;
		look_at_addresses(pass, index);
		look_at_names(pass, index);
	}
}

static void run_pass(struct dead *dead, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct analysis_pass pass;

	analysis_pass_init(&pass, dead->analysis, arena, direction, proto);
	pass.walk = analysis_walk_new(dead->analysis, arena, direction, proto, 2 * dead->analysis->class_count);
	analysis_pass_add_names(&pass);
	pass.walk->visit = visit;
	pass.walk->self = &pass;
	pass.self = dead;
	port_tree_visit(pass.walk);
	arena_free(arena);
}

/* Queries that the rule would judge, were it not for an earlier one */
static void look_at_queries(struct analysis *analysis, uint32_t index)
{
	const struct eval_context context = { .policy = analysis->policy, .gateway = analysis->gateway };
	const struct policy_rule *rule = &analysis->policy->rules.items[index];

	if (!(rule->directions & POLICY_EGRESS))
		return;
	for (size_t i = 0; i <= rule->targets.count; i++) {
		bool named = i < rule->targets.count && (rule->targets.items[i].kind == TARGET_DOMAIN ||
							 rule->targets.items[i].kind == TARGET_SUFFIX);
		uint32_t class =
			named ? name_classes_of_pattern(analysis->names, rule->targets.items[i].kind == TARGET_SUFFIX,
							rule->targets.items[i].name) :
				0;
		struct witness flow = { .kind = FLOW_DNS, .name = name_classes_at(analysis->names, class)->member };

		if (!flow.name || (i < rule->targets.count && !named))
			continue;
		for (int t = FLOW_DNS_UDP; t <= FLOW_DNS_DOT; t++) {
			struct eval_verdict verdict;

			if (!fuel_use(analysis->fuel, index))
				return;
			flow.transport = (enum flow_transport)t;
			if (!eval_rule_matches_query(rule, flow.name, flow.transport))
				continue;
			verdict = eval_dns(&context, flow.name, flow.transport);
			if (verdict.by.kind == DECIDER_RULE)
				note_taker(analysis, index, (uint32_t)verdict.by.rule, &flow);
		}
	}
}

void analysis_find_takers(struct analysis *analysis)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };
	struct dead dead = { .analysis = analysis };

	for (uint32_t i = 0; i < analysis->policy->rules.count; i++)
		if (!analysis->rules[i].decides && analysis->rules[i].matches)
			*arena_push(analysis->arena, &dead.rules) = i;
	for (int direction = POLICY_EGRESS; dead.rules.count && direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < sizeof protos / sizeof *protos && !analysis->fuel->out; i++)
			run_pass(&dead, (enum policy_direction)direction, protos[i]);
	for (size_t i = 0; i < dead.rules.count && !analysis->fuel->out; i++)
		look_at_queries(analysis, dead.rules.items[i]);
}
