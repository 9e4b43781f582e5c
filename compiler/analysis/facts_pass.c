/* Rule facts from connections: visits the port intervals of a direction and protocol, and notes what each rule decides
 * there, and whether a verdict would change without it. */
#include "analysis/facts_state.h"

#include <string.h>

/* ---- sets of pieces ---- */

static struct piece_set new_set(struct arena *arena, uint32_t pieces)
{
	struct piece_set set = { .count = pieces / 64 + 1 };

	set.words = arena_alloc(arena, set.count * sizeof *set.words);
	return set;
}

static void set_clear(struct piece_set *set)
{
	memset(set->words, 0, set->count * sizeof *set->words);
}

static void set_add(struct piece_set *set, uint32_t piece)
{
	set->words[piece / 64] |= UINT64_C(1) << piece % 64;
}

uint32_t piece_set_next(const struct piece_set *set, uint32_t from)
{
	size_t word = from / 64;
	uint64_t bits;

	if (word >= set->count)
		return ANALYSIS_NONE;
	bits = set->words[word] & ~UINT64_C(0) << from % 64;
	while (!bits)
		if (++word == set->count)
			return ANALYSIS_NONE;
		else
			bits = set->words[word];
	return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
}

/* ---- the interval ---- */

void facts_pass_start(struct facts_pass *pass, const struct port_interval *interval)
{
	const struct policy_port_range ports = { .lo = interval->lo, .hi = interval->hi };

	pass->base.lo = interval->lo;
	pass->base.hi = interval->hi;
	pass->port = analysis_usual_port(&ports, 1);
	pass->have_matches = pass->have_names = false;
}

static enum policy_action action_of(const struct facts_pass *pass, uint32_t piece)
{
	return analysis_pass_action(&pass->base, 0, piece);
}

static bool is_floored(const struct facts_pass *pass, uint32_t atom)
{
	return analysis_pass_floored(&pass->base, 0, atom);
}

static struct rule_facts *rule_of(const struct facts_pass *pass, uint32_t piece)
{
	return &pass->facts->rules[pass->facts->plane->rule_of[piece]];
}

struct witness facts_pass_witness(const struct facts_pass *pass, uint32_t atom)
{
	return (struct witness){
		.kind = FLOW_CONNECTION,
		.direction = pass->base.direction,
		.proto = pass->base.proto,
		.addr = atoms_member(pass->facts->analysis->atoms, atom),
		.has_port = policy_proto_has_ports(pass->base.proto),
		.port = pass->port,
	};
}

static void add_match(struct first_matches *matches, enum policy_action action, uint32_t piece)
{
	set_add(&matches->by_action[action], piece);
	if (piece > matches->max)
		matches->max = piece;
}

static void add_floored(struct facts_pass *pass, uint32_t atom)
{
	uint32_t piece = pass->first[atom];

	if (piece > pass->all_floored)
		pass->all_floored = piece;
	if (pass->facts->plane->bindable[atom] && piece > pass->bindable_floored)
		pass->bindable_floored = piece;
}

bool facts_pass_find_matches(struct facts_pass *pass)
{
	const struct analysis *analysis = pass->facts->analysis;

	if (pass->have_matches)
		return true;
	if (!fuel_use(analysis->fuel, analysis->atom_count))
		return false;
	pass->have_matches = true;
	pass->bindable.max = pass->all.max = pass->bindable_floored = pass->all_floored = 0;
	for (int i = 0; i < 2; i++) {
		set_clear(&pass->bindable.by_action[i]);
		set_clear(&pass->all.by_action[i]);
	}
	for (uint32_t atom = 0; atom < analysis->atom_count; atom++) {
		enum policy_action action;

		if (!pass->active[atom])
			continue;
		if (is_floored(pass, atom)) {
			add_floored(pass, atom);
			continue;
		}
		action = action_of(pass, pass->first[atom]);
		add_match(&pass->all, action, pass->first[atom]);
		if (pass->facts->plane->bindable[atom])
			add_match(&pass->bindable, action, pass->first[atom]);
	}
	return true;
}

static void find_names(struct facts_pass *pass)
{
	const struct analysis *analysis = pass->facts->analysis;

	if (pass->have_names || !fuel_use(analysis->fuel, 2u * analysis->class_count))
		return;
	pass->have_names = true;
	set_clear(&pass->bound[0]);
	set_clear(&pass->bound[1]);
	set_clear(&pass->sent);
	pass->alias = ANALYSIS_NONE;
	for (uint32_t i = 0; i < analysis->class_count; i++) {
		uint32_t bound = pass->first[analysis_pass_bound(&pass->base, i)];
		uint32_t sent = pass->first[analysis_pass_sent(&pass->base, i)];

		if (bound != ANALYSIS_NONE && pass->facts->plane->resolvable[i] &&
		    name_classes_at(analysis->names, i)->alias)
			pass->alias = i;
		else if (bound != ANALYSIS_NONE && pass->facts->plane->resolvable[i])
			set_add(&pass->bound[action_of(pass, bound)], bound);
		if (pass->base.server_names && sent != ANALYSIS_NONE)
			set_add(&pass->sent, sent);
	}
}

uint32_t facts_pass_find_atom(const struct facts_pass *pass, bool bindable, uint32_t piece)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t found = ANALYSIS_NONE, floored = ANALYSIS_NONE;

	for (uint32_t atom = 0; atom < analysis->atom_count; atom++) {
		if (!pass->active[atom] || (bindable && !pass->facts->plane->bindable[atom]) ||
		    pass->first[atom] <= piece)
			continue;
		if (is_floored(pass, atom)) {
			floored = floored == ANALYSIS_NONE ? atom : floored;
			continue;
		}
		/* one that needs no explaining, if there is one */
		if (atoms_is_unnamed(analysis->atoms, atom) &&
		    atoms_at(analysis->atoms, atom)->class == ADDR_CLASS_PUBLIC)
			return atom;
		if (found == ANALYSIS_NONE)
			found = atom;
	}
	return found == ANALYSIS_NONE ? floored : found;
}

/* ---- rules on addresses ---- */

static void note_class(struct facts_pass *pass, uint32_t piece, uint32_t atom)
{
	struct facts *facts = pass->facts;
	struct seen_class *seen;

	if (!facts->seen[piece])
		facts->seen[piece] = arena_alloc(facts->analysis->arena, 2 * sizeof *facts->seen[piece]);
	seen = &facts->seen[piece][pass->base.direction == POLICY_INGRESS]
			   [atoms_at(facts->analysis->atoms, atom)->class];
	if (!seen->seen)
		*seen = (struct seen_class){ true, atom, pass->port, pass->base.proto };
}

/* Whether flows bound to a name of the class fare otherwise, without the rule of piece `first`, by a rule that comes before
 * `end`: the first on that name, or where that is the very rule, the second */
static bool class_changes(const struct facts_pass *pass, uint32_t class, uint32_t first, uint32_t end)
{
	uint32_t at = analysis_pass_bound(&pass->base, class), next = pass->first[at];
	const uint32_t *rules = pass->facts->plane->rule_of;

	if (next != ANALYSIS_NONE && rules[next] == rules[first])
		next = pass->second[at];
	return next != ANALYSIS_NONE && next > first && next < end && action_of(pass, next) != action_of(pass, first);
}

/* The same of any class that the rule itself takes in, beside the addresses it takes in */
static bool own_names_change(const struct facts_pass *pass, uint32_t first, uint32_t end)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t rule = pass->facts->plane->rule_of[first];

	if (first >= pass->facts->plane->piece_count ||
	    analysis_names_piece(pass->facts->plane, rule) == ANALYSIS_NONE ||
	    !fuel_use(analysis->fuel, analysis->class_count))
		return false;
	for (uint32_t class = 0; class < analysis->class_count; class ++)
		if (pass->facts->plane->resolvable[class] && class != pass->alias &&
		    class_changes(pass, class, first, end))
			return true;
	return false;
}

static bool is_gateway(const struct facts_pass *pass, uint32_t atom)
{
	const struct addr_gateway *gateway = &pass->facts->analysis->gateway;
	const struct atoms *atoms = pass->facts->analysis->atoms;

	return (gateway->has4 && atoms_find(atoms, gateway->v4) == atom) ||
	       (gateway->has6 && atoms_find(atoms, gateway->v6) == atom);
}

/* Without its first rule the atom's flows fare by the second, or, bound to a name, by a rule on that name
 * between the two. */
static bool atom_changes(struct facts_pass *pass, uint32_t atom)
{
	uint32_t first = pass->first[atom], second = pass->second[atom];
	enum policy_action action = action_of(pass, first);

	if (is_floored(pass, atom))
		return false;
	if (action_of(pass, second) != action)
		return true;
	if (!pass->base.named)
		return false;
	find_names(pass);
	if (pass->facts->plane->bindable[atom] &&
	    (piece_set_next(&pass->bound[!action], first + 1) < second || own_names_change(pass, first, second)))
		return true;
	/* no answer binds the gateway but the host's alias does */
	if (pass->alias != ANALYSIS_NONE && is_gateway(pass, atom) && class_changes(pass, pass->alias, first, second))
		return true;
	return pass->base.server_names && action == POLICY_ALLOW && piece_set_next(&pass->sent, first + 1) < second;
}

static void note_ports(const struct facts_pass *pass, uint32_t piece)
{
	struct rule_facts *rule = rule_of(pass, piece);

	/* kept for rules with several ports only; stale otherwise */
	if (rule->ports)
		rule->ports[pass->base.tree->planes[0].port_item[pass->facts->plane->rule_of[piece]]] = true;
}

static void look_at_atoms(struct facts_pass *pass, uint32_t lo, uint32_t hi)
{
	if (!fuel_use(pass->facts->analysis->fuel, hi - lo))
		return;
	for (uint32_t atom = lo; atom < hi; atom++) {
		uint32_t piece = pass->first[atom];
		struct rule_facts *rule = rule_of(pass, piece);

		if (!pass->active[atom])
			continue;
		note_class(pass, piece, atom);
		if (!rule->decides) {
			struct witness flow = facts_pass_witness(pass, atom);

			facts_decided(rule, &flow);
		}
		rule->protos |= pass->base.proto;
		if (rule->targets)
			rule->targets[pass->facts->plane->pieces[piece].target] = true;
		note_ports(pass, piece);
		if (!rule->changes_verdict && atom_changes(pass, atom))
			rule->changes_verdict = true;
	}
}

/* ---- rules on names ---- */

/* The host's alias beside another name: at the gateway, where a rule lets an answer have that */
static bool alias_changes(const struct facts_pass *pass, uint32_t first, uint32_t end)
{
	const struct analysis *analysis = pass->facts->analysis;
	const struct addr_gateway *gateway = &analysis->gateway;

	for (int v6 = 0; pass->alias != ANALYSIS_NONE && v6 < 2; v6++) {
		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		uint32_t atom = atoms_find(analysis->atoms, v6 ? gateway->v6 : gateway->v4), top = pass->first[atom];

		if (pass->active[atom] && pass->facts->plane->bindable[atom] && !is_floored(pass, atom) &&
		    top > first && class_changes(pass, pass->alias, first, top < end ? top : end))
			return true;
	}
	return false;
}

/* Whether what the scenario's first rule decides would fare otherwise without it: by a rule on addresses, by the second
 * rule of the same scenario, or by the first of another name bound beside. */
static bool scenario_changes(struct facts_pass *pass, const struct name_scenario *scenario,
			     const struct first_matches *matches)
{
	uint32_t first = scenario->first, second = scenario->second;
	enum policy_action action = action_of(pass, first);
	uint32_t other = piece_set_next(&matches->by_action[!action], first + 1);

	if (other != ANALYSIS_NONE && other < second)
		return true;
	if (second != ANALYSIS_NONE && action_of(pass, second) != action && matches->max > second)
		return true;
	if (!scenario->beside)
		return false;
	find_names(pass);
	other = piece_set_next(&pass->bound[!action], first + 1);
	if (other != ANALYSIS_NONE && other < second && other < matches->max)
		return true;
	return alias_changes(pass, first, second);
}

static struct witness scenario_witness(const struct facts_pass *pass, const struct name_scenario *scenario)
{
	const struct name_classes *names = pass->facts->analysis->names;
	bool bound = scenario->bound != ANALYSIS_NONE;
	struct witness flow = facts_pass_witness(pass, facts_pass_find_atom(pass, bound, scenario->first));

	if (bound)
		flow.bound[0] = name_classes_at(names, scenario->bound)->member;
	if (scenario->sent != ANALYSIS_NONE)
		flow.sni = name_classes_at(names, scenario->sent)->member;
	return flow;
}

void facts_pass_look_at_scenario(struct facts_pass *pass, const struct name_scenario *scenario)
{
	bool bound = scenario->bound != ANALYSIS_NONE;
	const struct first_matches *matches = bound ? &pass->bindable : &pass->all;
	const uint32_t *floored = bound ? &pass->bindable_floored : &pass->all_floored;
	struct rule_facts *rule = rule_of(pass, scenario->first);
	uint32_t index = pass->facts->plane->rule_of[scenario->first];

	if (!facts_pass_find_matches(pass))
		return;
	/* below the floor a deny decides still, though it changes nothing */
	if (matches->max <= scenario->first &&
	    (action_of(pass, scenario->first) == POLICY_ALLOW || *floored <= scenario->first)) {
		pass->pending += !rule->changes_verdict; /* another interval's addresses may be behind it */
		return;
	}
	if (!rule->decides) {
		struct witness flow = scenario_witness(pass, scenario);

		facts_decided(rule, &flow);
	}
	rule->protos |= pass->base.proto;
	note_ports(pass, scenario->first);
	if (bound)
		facts_mark_names(pass->facts, index, scenario->bound);
	if (scenario->sent != ANALYSIS_NONE)
		facts_mark_names(pass->facts, index, scenario->sent);
	if (!rule->changes_verdict && scenario_changes(pass, scenario, matches))
		rule->changes_verdict = true;
	if (!rule->changes_verdict)
		pass->pending++;
}

static void look_at_gateway(struct facts_pass *pass, const struct name_scenario *alias, struct addr gateway)
{
	const struct analysis *analysis = pass->facts->analysis;
	struct rule_facts *rule = rule_of(pass, alias->first);
	uint32_t atom = atoms_find(analysis->atoms, gateway), top = pass->first[atom], next;
	enum policy_action action = action_of(pass, alias->first);
	struct witness flow;

	if (!pass->active[atom] || top <= alias->first)
		return;
	flow = facts_pass_witness(pass, atom);
	flow.bound[0] = name_classes_at(analysis->names, alias->bound)->member;
	if (alias->sent != ANALYSIS_NONE)
		flow.sni = name_classes_at(analysis->names, alias->sent)->member;
	if (!rule->decides)
		facts_decided(rule, &flow);
	rule->protos |= pass->base.proto;
	note_ports(pass, alias->first);
	facts_mark_names(pass->facts, pass->facts->plane->rule_of[alias->first], alias->bound);
	if (alias->sent != ANALYSIS_NONE)
		facts_mark_names(pass->facts, pass->facts->plane->rule_of[alias->first], alias->sent);
	next = top < alias->second ? top : alias->second;
	if (alias->beside)
		find_names(pass);
	if (!is_floored(pass, atom) &&
	    (action_of(pass, next) != action || (alias->beside && pass->facts->plane->bindable[atom] &&
						 piece_set_next(&pass->bound[!action], alias->first + 1) < next)))
		rule->changes_verdict = true;
}

void facts_pass_look_at_alias(struct facts_pass *pass, const struct name_scenario *alias)
{
	const struct addr_gateway *gateway = &pass->facts->analysis->gateway;

	if (gateway->has4)
		look_at_gateway(pass, alias, gateway->v4);
	if (gateway->has6)
		look_at_gateway(pass, alias, gateway->v6);
	if (!rule_of(pass, alias->first)->changes_verdict)
		pass->pending++;
}

/* A deny on a name that still lets clients in who bring an address */
static void look_for_bypass(struct facts_pass *pass, uint32_t first)
{
	struct rule_facts *rule = rule_of(pass, first);
	uint32_t atom, by;

	if (rule->bypass || pass->base.direction != POLICY_EGRESS || action_of(pass, first) != POLICY_DENY)
		return;
	if (!facts_pass_find_matches(pass) ||
	    piece_set_next(&pass->bindable.by_action[POLICY_ALLOW], 0) == ANALYSIS_NONE) {
		pass->pending++;
		return;
	}
	for (atom = 0; !pass->active[atom] || !pass->facts->plane->bindable[atom] ||
		       action_of(pass, pass->first[atom]) != POLICY_ALLOW || is_floored(pass, atom);
	     atom++)
		;
	by = pass->first[atom];
	rule->bypass = true;
	rule->bypass_flow = facts_pass_witness(pass, atom);
	rule->bypass_by = by < pass->facts->plane->piece_count ? decided_by_rule(pass->facts->plane->rule_of[by]) :
								 decided_by(DECIDER_DEFAULT);
}

static void look_at_names(struct facts_pass *pass)
{
	const struct analysis *analysis = pass->facts->analysis;

	pass->pending = 0;
	for (uint32_t i = 0; i < analysis->class_count; i++) {
		uint32_t bound = analysis_pass_bound(&pass->base, i), sent = analysis_pass_sent(&pass->base, i);
		const struct name_scenario by_binding = { i, ANALYSIS_NONE, pass->first[bound], pass->second[bound],
							  true };
		const struct name_class *class = name_classes_at(analysis->names, i);

		if (!class->member)
			continue;
		if (by_binding.first != ANALYSIS_NONE && !class->alias)
			look_for_bypass(pass, by_binding.first);
		if (by_binding.first != ANALYSIS_NONE && pass->facts->plane->resolvable[i]) {
			if (class->alias)
				facts_pass_look_at_alias(pass, &by_binding);
			else
				facts_pass_look_at_scenario(pass, &by_binding);
		}
		if (pass->base.server_names && pass->first[sent] != ANALYSIS_NONE)
			facts_pass_look_at_scenario(pass, &(struct name_scenario){ ANALYSIS_NONE, i, pass->first[sent],
										   pass->second[sent], false });
	}
}

/* ---- passes ---- */

void facts_pass_init(struct facts_pass *pass, struct facts *facts, struct arena *arena, enum policy_direction direction,
		     enum policy_proto proto, uint32_t pairs)
{
	uint32_t atoms = facts->analysis->atom_count, pieces = facts->plane->piece_count;

	*pass = (struct facts_pass){ .facts = facts, .active = arena_alloc(arena, atoms + 1) };
	analysis_pass_init(&pass->base, facts->analysis, arena, direction, proto, pairs);
	pass->base.tree->self = pass;
	pass->first = pass->base.tree->planes[0].first;
	pass->second = pass->base.tree->planes[0].second;
	pass->sent = new_set(arena, pieces);
	for (int i = 0; i < 2; i++) {
		pass->bindable.by_action[i] = new_set(arena, pieces);
		pass->all.by_action[i] = new_set(arena, pieces);
		pass->bound[i] = new_set(arena, pieces);
	}
	for (uint32_t i = 0; i < atoms; i++)
		pass->active[i] = pass->base.speaks[i] && analysis_is_address(facts->analysis, i);
}

/* Other names than elsewhere may be first to match here, behind rules that decide the same everywhere. */
static void look_behind_atoms(struct facts_pass *pass)
{
	uint32_t atoms = pass->facts->analysis->atom_count;

	if (!fuel_use(pass->facts->analysis->fuel, atoms))
		return;
	for (uint32_t atom = 0; atom < atoms; atom++) {
		struct rule_facts *rule = rule_of(pass, pass->first[atom]);

		if (!rule->changes_verdict && pass->active[atom] && atom_changes(pass, atom))
			rule->changes_verdict = true;
	}
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct facts_pass *pass = tree->self;
	const struct analysis *analysis = pass->facts->analysis;
	bool names = false;

	facts_pass_start(pass, interval);
	if (interval->whole)
		look_at_atoms(pass, 0, analysis->atom_count);
	for (size_t i = 0; !interval->whole && i < interval->touched_count; i++) {
		struct run run = interval->touched[i];

		if (run.lo < analysis->atom_count)
			look_at_atoms(pass, run.lo, run.hi);
		else
			names = true;
	}
	if (names)
		look_behind_atoms(pass);
	if (pass->base.named && (names || pass->names_before || interval->whole || pass->pending) &&
	    fuel_use(analysis->fuel, 2u * analysis->class_count))
		look_at_names(pass);
	pass->names_before = names;
}

void facts_look_at_connections(struct facts *facts, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct facts_pass pass;

	facts_pass_init(&pass, facts, arena, direction, proto, 0);
	analysis_pass_add_names(&pass.base);
	pass.base.tree->visit = visit;
	port_tree_visit(pass.base.tree);
	arena_free(arena);
}
