/* Rule facts from connections: visits the port intervals of a direction and protocol, and notes what each rule decides
 * there, and whether a verdict would change without it. */
#include "analysis/facts_state.h"

#include <string.h>

/* ---- the interval ---- */

void facts_pass_start(struct facts_pass *pass, const struct port_interval *interval)
{
	const struct policy_port_range ports = { .lo = interval->lo, .hi = interval->hi };

	pass->interval = interval;
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

/* Whether the piece is what QUIC would hide of a rule */
static bool is_hidden(const struct facts_pass *pass, uint32_t piece)
{
	return piece < pass->facts->plane->piece_count && pass->facts->plane->pieces[piece].target == ANALYSIS_HIDDEN;
}

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

/* The next piece behind `first` that is of another rule: what QUIC hides of an allow is a deny */
static uint32_t next_of_other(const struct facts_pass *pass, const struct piece_set *set, uint32_t first)
{
	const uint32_t *rules = pass->facts->plane->rule_of;
	uint32_t next = piece_set_next(set, first + 1);

	while (next != ANALYSIS_NONE && rules[next] == rules[first])
		next = piece_set_next(set, next + 1);
	return next;
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

	/* a deny of what is refused anyway is for the reader */
	if (is_floored(pass, atom) && !(action == POLICY_DENY && analysis_pass_refused(&pass->base, atom)))
		return false;
	if (action_of(pass, second) != action)
		return true;
	if (!pass->base.named)
		return false;
	facts_pass_find_names(pass);
	if (pass->facts->plane->bindable[atom] &&
	    (next_of_other(pass, &pass->bound[!action], first) < second || own_names_change(pass, first, second)))
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

/* All names of a rule alike let it refuse QUIC */
static void note_target(const struct facts_pass *pass, uint32_t piece)
{
	const struct analysis_plane *plane = pass->facts->plane;
	const struct policy_rule *rule = &plane->policy->rules.items[plane->rule_of[piece]];
	bool *targets = rule_of(pass, piece)->targets;

	if (!is_hidden(pass, piece))
		targets[plane->pieces[piece].target] = true;
	for (size_t i = 0; is_hidden(pass, piece) && i < rule->targets.count; i++)
		targets[i] = targets[i] || policy_target_is_name(&rule->targets.items[i]);
}

/* What the atom shows about its first rule. true: another atom of its class with this first rule shows no more */
static bool look_at_atom(struct facts_pass *pass, uint32_t atom)
{
	uint32_t piece = pass->first[atom];
	struct rule_facts *rule = rule_of(pass, piece);

	note_class(pass, piece, atom);
	if (!rule->decides) {
		struct witness flow = facts_pass_witness(pass, atom);

		facts_decided(rule, &flow);
	}
	rule->protos |= pass->base.proto;
	if (rule->targets)
		note_target(pass, piece);
	note_ports(pass, piece);
	if (!rule->changes_verdict && atom_changes(pass, atom))
		rule->changes_verdict = true;
	return rule->changes_verdict;
}

static void look_at_atoms(struct facts_pass *pass, uint32_t lo, uint32_t hi)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t known = ANALYSIS_NONE; /* the piece that shows no more in this class */
	uint8_t class = ADDR_CLASS_NONE;

	if (!fuel_use(analysis->fuel, hi - lo))
		return;
	for (uint32_t atom = lo; atom < hi; atom++) {
		uint32_t piece = pass->first[atom];

		if (!pass->active[atom] || pass->done[atom] == piece ||
		    (piece == known && pass->class_of[atom] == class) ||
		    (pass->refused[atom] && action_of(pass, piece) == POLICY_ALLOW))
			continue;
		if (!look_at_atom(pass, atom))
			continue;
		known = piece;
		class = pass->class_of[atom];
		if (!rule_of(pass, piece)->ports)
			pass->done[atom] = piece;
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
	facts_pass_find_names(pass);
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

/* Whether nothing is left to be learnt about the scenario's rule, if that decides here */
static bool is_known(const struct facts_pass *pass, const struct name_scenario *scenario, uint32_t index)
{
	const struct rule_facts *rule = &pass->facts->rules[index];

	return rule->decides && facts_pass_is_changed_here(pass, scenario->first, scenario->bound != ANALYSIS_NONE) &&
	       (rule->protos & pass->base.proto) && !rule->ports &&
	       (scenario->bound == ANALYSIS_NONE || facts_has_names(pass->facts, index, scenario->bound)) &&
	       (scenario->sent == ANALYSIS_NONE || facts_has_names(pass->facts, index, scenario->sent));
}

bool facts_pass_look_at_scenario(struct facts_pass *pass, const struct name_scenario *scenario)
{
	bool bound = scenario->bound != ANALYSIS_NONE;
	const struct first_matches *matches = bound ? &pass->bindable : &pass->all;
	const uint32_t *floored = bound ? &pass->last_bindable_floored : &pass->last_floored;
	struct rule_facts *rule = rule_of(pass, scenario->first);
	uint32_t index = pass->facts->plane->rule_of[scenario->first];

	if (is_known(pass, scenario, index))
		return true;
	if (!facts_pass_find_matches(pass))
		return false;
	/* below the floor a deny decides still, though it changes nothing */
	if (matches->max <= scenario->first &&
	    (action_of(pass, scenario->first) == POLICY_ALLOW || *floored <= scenario->first))
		return false;
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
	return true;
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
		facts_pass_find_names(pass);
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
}

/* A deny on a name that still lets clients in who bring an address */
static void look_for_bypass(struct facts_pass *pass, uint32_t first)
{
	struct rule_facts *rule = rule_of(pass, first);
	uint32_t atom, by;

	if (rule->bypass || is_hidden(pass, first) || pass->base.direction != POLICY_EGRESS ||
	    action_of(pass, first) != POLICY_DENY)
		return;
	if (!facts_pass_find_matches(pass) ||
	    piece_set_next(&pass->bindable.by_action[POLICY_ALLOW], 0) == ANALYSIS_NONE)
		return;
	for (atom = 0; !pass->active[atom] || !pass->facts->plane->bindable[atom] ||
		       action_of(pass, pass->first[atom]) != POLICY_ALLOW || is_floored(pass, atom);
	     atom++)
		;
	by = pass->first[atom];
	rule->bypass = true;
	rule->bypass_flow = facts_pass_witness(pass, atom);
	rule->bypass_by = analysis_decider(pass->facts->plane, by);
}

enum { BY_BINDING = 1, BY_SERVER_NAME = 2 };

static void look_at_class(struct facts_pass *pass, uint32_t index)
{
	const struct name_class *class = name_classes_at(pass->facts->analysis->names, index);
	uint32_t bound = analysis_pass_bound(&pass->base, index), sent = analysis_pass_sent(&pass->base, index);
	const struct name_scenario by_binding = { index, ANALYSIS_NONE, pass->first[bound], pass->second[bound], true };
	const struct name_scenario by_name = { ANALYSIS_NONE, index, pass->first[sent], pass->second[sent], false };

	if (!class->member)
		return;
	if (by_binding.first != ANALYSIS_NONE && !class->alias)
		look_for_bypass(pass, by_binding.first);
	if (by_binding.first != ANALYSIS_NONE && pass->facts->plane->resolvable[index]) {
		if (class->alias)
			facts_pass_look_at_alias(pass, &by_binding);
		else if (facts_pass_look_at_scenario(pass, &by_binding) && by_binding.first == pass->for_all[bound])
			pass->decided[index] |= BY_BINDING;
	}
	if (pass->base.server_names && by_name.first != ANALYSIS_NONE && facts_pass_look_at_scenario(pass, &by_name) &&
	    by_name.first == pass->for_all[sent])
		pass->decided[index] |= BY_SERVER_NAME;
}

static bool is_place_open(const struct facts_pass *pass, uint32_t place, bool decided, bool bound)
{
	uint32_t piece = pass->for_all[place];

	return piece != ANALYSIS_NONE && !(decided && facts_pass_is_changed(pass, piece, bound));
}

/* Whether the first rules for all ports that match the class's names may still show something */
static bool is_class_open(const struct facts_pass *pass, uint32_t index)
{
	const struct name_class *class = name_classes_at(pass->facts->analysis->names, index);
	uint32_t bound = analysis_pass_bound(&pass->base, index), first = pass->for_all[bound];

	if (!class->member)
		return false;
	if (class->alias)
		return first != ANALYSIS_NONE;
	if (first != ANALYSIS_NONE && pass->base.direction == POLICY_EGRESS && action_of(pass, first) == POLICY_DENY &&
	    !rule_of(pass, first)->bypass)
		return true;
	return (pass->facts->plane->resolvable[index] &&
		is_place_open(pass, bound, pass->decided[index] & BY_BINDING, true)) ||
	       (pass->base.server_names && is_place_open(pass, analysis_pass_sent(&pass->base, index),
							 pass->decided[index] & BY_SERVER_NAME, false));
}

static void look_at_open_classes(struct facts_pass *pass)
{
	size_t kept = 0;

	if (!fuel_use(pass->facts->analysis->fuel, pass->open_classes.count))
		return;
	for (size_t i = 0; i < pass->open_classes.count; i++) {
		uint32_t class = pass->open_classes.items[i];

		look_at_class(pass, class);
		if (is_class_open(pass, class))
			pass->open_classes.items[kept++] = class;
	}
	pass->open_classes.count = kept;
}

static void look_at_touched_classes(struct facts_pass *pass, struct run places)
{
	const struct analysis *analysis = pass->facts->analysis;

	if (fuel_use(analysis->fuel, places.hi - places.lo))
		for (uint32_t place = places.lo; place < places.hi; place++)
			look_at_class(pass, (place - analysis->atom_count) % analysis->class_count);
}

/* Other names than elsewhere may be first to match here, behind rules that decide the same everywhere. */
static void look_at_open_atoms(struct facts_pass *pass)
{
	size_t kept = 0;

	if (!fuel_use(pass->facts->analysis->fuel, pass->open_atoms.count))
		return;
	for (size_t i = 0; i < pass->open_atoms.count; i++) {
		uint32_t atom = pass->open_atoms.items[i];
		struct rule_facts *rule = rule_of(pass, pass->first[atom]);

		if (!rule->changes_verdict && atom_changes(pass, atom))
			rule->changes_verdict = true;
		if (!facts_pass_is_changed(pass, pass->for_all[atom], true))
			pass->open_atoms.items[kept++] = atom;
	}
	pass->open_atoms.count = kept;
}

/* ---- passes ---- */

void facts_pass_init(struct facts_pass *pass, struct facts *facts, struct arena *arena, enum policy_direction direction,
		     enum policy_proto proto, uint32_t pairs)
{
	uint32_t atoms = facts->analysis->atom_count;

	*pass = (struct facts_pass){ .facts = facts, .active = arena_alloc(arena, atoms + 1) };
	analysis_pass_init(&pass->base, facts->analysis, arena, direction, proto, pairs);
	pass->base.tree->self = pass;
	pass->first = pass->base.tree->planes[0].first;
	pass->second = pass->base.tree->planes[0].second;
	facts_matches_init(pass, arena);
	pass->for_all = arena_alloc(arena, analysis_pass_pair(&pass->base, 0) * sizeof *pass->for_all);
	pass->decided = arena_alloc(arena, facts->analysis->class_count + 1);
	pass->done = arena_alloc(arena, (atoms + 1) * sizeof *pass->done);
	memset(pass->done, 0xff, (atoms + 1) * sizeof *pass->done);
	pass->class_of = arena_alloc(arena, atoms + 1);
	pass->refused = arena_alloc(arena, atoms + 1);
	for (uint32_t i = 0; i < atoms; i++) {
		pass->class_of[i] = (uint8_t)atoms_at(facts->analysis->atoms, i)->class;
		pass->refused[i] = analysis_pass_refused(&pass->base, i);
		pass->active[i] = pass->base.speaks[i] && pass->class_of[i] != ADDR_CLASS_NONE;
	}
}

/* Once what holds for all ports is inserted */
static void remember(struct port_tree *tree)
{
	struct facts_pass *pass = tree->self;
	const struct analysis *analysis = pass->facts->analysis;

	memcpy(pass->for_all, pass->first, analysis_pass_pair(&pass->base, 0) * sizeof *pass->first);
	for (uint32_t i = 0; i < analysis->atom_count; i++)
		if (pass->active[i])
			*arena_push(tree->arena, &pass->open_atoms) = i;
	for (uint32_t i = 0; pass->base.named && i < analysis->class_count; i++)
		*arena_push(tree->arena, &pass->open_classes) = i;
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct facts_pass *pass = tree->self;
	const struct analysis *analysis = pass->facts->analysis;
	bool names = false;

	facts_pass_start(pass, interval);
	if (interval->whole)
		look_at_atoms(pass, 0, analysis->atom_count);
	for (size_t i = 0; !interval->whole && i < interval->touched_count; i++)
		if (interval->touched[i].lo < analysis->atom_count)
			look_at_atoms(pass, interval->touched[i].lo, interval->touched[i].hi);
		else
			names = true;
	if (names)
		look_at_open_atoms(pass);
	for (size_t i = 0; names && i < interval->touched_count; i++)
		if (interval->touched[i].lo >= analysis->atom_count)
			look_at_touched_classes(pass, interval->touched[i]);
	if (interval->whole && pass->base.named)
		look_at_touched_classes(
			pass, (struct run){ analysis->atom_count, analysis->atom_count + analysis->class_count });
	look_at_open_classes(pass);
}

void facts_look_at_connections(struct facts *facts, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct facts_pass pass;

	facts_pass_init(&pass, facts, arena, direction, proto, 0);
	analysis_pass_add_names(&pass.base);
	facts_matches_find_present(&pass);
	pass.base.tree->root = remember;
	pass.base.tree->visit = visit;
	port_tree_visit(pass.base.tree);
	arena_free(arena);
}
