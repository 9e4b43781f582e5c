/* Who takes the flows of rules that decide nothing: a rule of the other action, if there is one. */
#include "analysis/pass.h"

struct dead {
	struct region *region;
	LIST_OF(uint32_t) rules;
};

static void note_taker(struct region *region, uint32_t index, uint32_t taker, const struct region_flow *flow)
{
	struct region_rule *rule = &region->rules[index];
	const struct policy *policy = region->policy;
	bool opposes = policy->rules.items[taker].action != policy->rules.items[index].action;

	if (taker < index && !opposes)
		rule->taken_alike = true;
	if (taker >= index || rule->taker_opposes || (rule->taker < policy->rules.count && !opposes))
		return;
	rule->taker = taker;
	rule->taker_opposes = opposes;
	rule->taken = *flow;
}

static bool has_port(const struct region *region, uint32_t rule, const struct walk_column *column)
{
	size_t lo = 0, hi = region->ports[rule].count;

	if (!hi)
		return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (region->ports[rule].items[mid].hi < column->lo)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < region->ports[rule].count && region->ports[rule].items[lo].lo <= column->lo;
}

static void look_at_addresses(struct region_pass *pass, uint32_t index)
{
	struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first;

	for (uint32_t i = region->first_piece[index]; i < region->first_piece[index + 1]; i++)
		for (uint32_t j = 0; j < region->pieces[i].span_count; j++) {
			struct axis_span span = region->spans.items[region->pieces[i].spans + j];

			if (!region_fuel_use(region->fuel, span.hi - span.lo))
				return;
			for (uint32_t atom = span.lo; atom < span.hi; atom++) {
				struct region_flow flow;

				if (!pass->active[atom] || first[atom] >= region->piece_count)
					continue;
				if (region->rules[index].taker < region->policy->rules.count &&
				    region_piece_action(pass, first[atom]) == region->policy->rules.items[index].action)
					continue;
				flow = region_pass_flow(pass, atom);
				note_taker(region, index, region->rule_of[first[atom]], &flow);
				if (region->rules[index].taker_opposes)
					return;
			}
		}
}

/* An atom that can be bound whose first rule is exactly this piece */
static uint32_t atom_of(const struct region_pass *pass, uint32_t piece)
{
	uint32_t atom = 0;

	while (pass->walk->planes[0].first[atom] != piece || !pass->active[atom] || !pass->region->bindable[atom])
		atom++;
	return atom;
}

/* Flows bound to a class of the rule: the first rule by that name, or the first by address before it */
static void look_at_class(struct region_pass *pass, uint32_t index, uint32_t class)
{
	struct region *region = pass->region;
	uint32_t first = pass->walk->planes[0].first[region->atoms + class], atom, top;
	struct region_flow flow;

	if (!region->resolvable[class] || first == WALK_NONE)
		return;
	region_pass_find_tops(pass);
	for (int action = 0; pass->have_tops && action < 2; action++) {
		top = piece_set_next(&pass->bindable[action], 0);
		if (top >= first || top >= region->piece_count)
			continue;
		flow = region_pass_flow(pass, atom_of(pass, top));
		flow.bound[0] = names_class(region->names, class)->member;
		note_taker(region, index, region->rule_of[top], &flow);
	}
	if (pass->bindable_max > first && region->rule_of[first] != index) {
		atom = region_pass_find_atom(pass, true, first);
		flow = region_pass_flow(pass, atom);
		flow.bound[0] = names_class(region->names, class)->member;
		note_taker(region, index, region->rule_of[first], &flow);
	}
}

static void look_at_names(struct region_pass *pass, uint32_t index)
{
	struct region *region = pass->region;
	size_t count;
	const struct axis_span *spans = names_rule_spans(region->names, 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (!region_fuel_use(region->fuel, 1) || region->rules[index].taker_opposes)
				return;
			else
				look_at_class(pass, index, class);
}

static void visit(struct walk *walk, const struct walk_column *column)
{
	struct region_pass *pass = walk->self;
	const struct dead *dead = pass->self;

	region_pass_start_column(pass, column);
	for (size_t i = 0; i < dead->rules.count && region_fuel_use(walk->fuel, 1); i++) {
		uint32_t index = dead->rules.items[i];

		if (pass->region->rules[index].taker_opposes ||
		    !region_rule_fits(&pass->region->policy->rules.items[index], pass->direction, pass->proto) ||
		    !has_port(pass->region, index, column))
			continue;
		look_at_addresses(pass, index);
		look_at_names(pass, index);
	}
}

static void run_pass(struct dead *dead, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct region_pass pass;

	region_pass_init(&pass, dead->region, arena, direction, proto);
	pass.walk = region_walk_new(dead->region, arena, direction, proto, 2 * dead->region->classes);
	region_pass_add_names(&pass);
	pass.walk->visit = visit;
	pass.walk->self = &pass;
	pass.self = dead;
	walk_run(pass.walk);
	arena_free(arena);
}

/* Queries that the rule would judge, were it not for an earlier one */
static void look_at_queries(struct region *region, uint32_t index)
{
	const struct eval_context context = { .policy = region->policy, .gateway = region->gateway };
	const struct policy_rule *rule = &region->policy->rules.items[index];

	if (!(rule->directions & POLICY_EGRESS))
		return;
	for (size_t i = 0; i <= rule->targets.count; i++) {
		bool named = i < rule->targets.count && (rule->targets.items[i].kind == TARGET_DOMAIN ||
							 rule->targets.items[i].kind == TARGET_SUFFIX);
		uint32_t class = named ? names_class_of(region->names, rule->targets.items[i].kind == TARGET_SUFFIX,
							rule->targets.items[i].name) :
					 0;
		struct region_flow flow = { .kind = FLOW_DNS, .name = names_class(region->names, class)->member };

		if (!flow.name || (i < rule->targets.count && !named))
			continue;
		for (int t = FLOW_DNS_UDP; t <= FLOW_DNS_DOT; t++) {
			struct eval_verdict verdict;

			if (!region_fuel_use(region->fuel, index))
				return;
			flow.transport = (enum flow_transport)t;
			if (!eval_rule_matches_query(rule, flow.name, flow.transport))
				continue;
			verdict = eval_dns(&context, flow.name, flow.transport);
			if (verdict.by.kind == DECIDER_RULE)
				note_taker(region, index, (uint32_t)verdict.by.rule, &flow);
		}
	}
}

void region_find_takers(struct region *region)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };
	struct dead dead = { .region = region };

	for (uint32_t i = 0; i < region->policy->rules.count; i++)
		if (!region->rules[i].decides && region->rules[i].matches)
			*arena_push(region->arena, &dead.rules) = i;
	for (int direction = POLICY_EGRESS; dead.rules.count && direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < sizeof protos / sizeof *protos && !region->fuel->out; i++)
			run_pass(&dead, (enum policy_direction)direction, protos[i]);
	for (size_t i = 0; i < dead.rules.count && !region->fuel->out; i++)
		look_at_queries(region, dead.rules.items[i]);
}
