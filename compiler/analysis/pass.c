/* One pass: walks the columns of a direction and protocol and notes what each rule decides there, and
 * whether it matters. */
#include "analysis/pass.h"

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

/* ---- the column ---- */

/* A port that readers know, where the column holds one */
static uint16_t usual_port(const struct port_interval *column)
{
	static const uint16_t usual[] = { 443, 80, 22, 1024 };

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (column->lo <= usual[i] && usual[i] <= column->hi)
			return usual[i];
	return column->lo;
}

void analysis_pass_start_column(struct analysis_pass *pass, const struct port_interval *column)
{
	pass->column = column;
	pass->port = usual_port(column);
	pass->have_tops = pass->have_firsts = false;
}

enum policy_action analysis_piece_action(const struct analysis_pass *pass, uint32_t piece)
{
	const struct policy *policy = pass->analysis->policy;

	if (piece < pass->analysis->piece_count)
		return policy->rules.items[pass->analysis->rule_of[piece]].action;
	return (pass->direction == POLICY_EGRESS ? policy->egress : policy->ingress).action;
}

/* Whether the multi-tenant floor denies the atom's flows anyway */
bool analysis_pass_floored(const struct analysis_pass *pass, uint32_t atom)
{
	enum addr_class class;

	if (!pass->analysis->policy->multi_tenant || pass->direction != POLICY_EGRESS)
		return false;
	class = atoms_at(pass->analysis->atoms, atom)->class;
	if (class == ADDR_CLASS_HOST)
		return !policy_proto_has_ports(pass->proto) || pass->column->lo != 53 || pass->column->hi != 53;
	return class != ADDR_CLASS_PUBLIC;
}

struct witness analysis_pass_flow(const struct analysis_pass *pass, uint32_t atom)
{
	return (struct witness){
		.kind = FLOW_CONNECTION,
		.direction = pass->direction,
		.proto = pass->proto,
		.addr = atoms_member(pass->analysis->atoms, atom),
		.has_port = policy_proto_has_ports(pass->proto),
		.port = pass->port,
	};
}

/* The first rules by address, as sets: what a name situation has beside it */
void analysis_pass_find_tops(struct analysis_pass *pass)
{
	struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first;

	if (pass->have_tops || !fuel_use(analysis->fuel, analysis->atom_count))
		return;
	pass->have_tops = true;
	pass->bindable_max = pass->all_max = 0;
	for (int i = 0; i < 2; i++) {
		set_clear(&pass->bindable[i]);
		set_clear(&pass->all[i]);
	}
	for (uint32_t atom = 0; atom < analysis->atom_count; atom++) {
		enum policy_action action;

		if (!pass->active[atom] || analysis_pass_floored(pass, atom))
			continue;
		action = analysis_piece_action(pass, first[atom]);
		set_add(&pass->all[action], first[atom]);
		if (first[atom] > pass->all_max)
			pass->all_max = first[atom];
		if (!analysis->bindable[atom])
			continue;
		set_add(&pass->bindable[action], first[atom]);
		if (first[atom] > pass->bindable_max)
			pass->bindable_max = first[atom];
	}
}

static void find_firsts(struct analysis_pass *pass)
{
	const struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first + analysis->atom_count;

	if (pass->have_firsts || !fuel_use(analysis->fuel, 2u * analysis->class_count))
		return;
	pass->have_firsts = true;
	set_clear(&pass->firsts[0]);
	set_clear(&pass->firsts[1]);
	set_clear(&pass->sent);
	for (uint32_t i = 0; i < analysis->class_count; i++) {
		if (first[i] != ANALYSIS_NONE && analysis->resolvable[i])
			set_add(&pass->firsts[analysis_piece_action(pass, first[i])], first[i]);
		if (pass->server_names && first[analysis->class_count + i] != ANALYSIS_NONE)
			set_add(&pass->sent, first[analysis->class_count + i]);
	}
}

uint32_t analysis_pass_find_atom(const struct analysis_pass *pass, bool bindable, uint32_t piece)
{
	const struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first;
	uint32_t found = ANALYSIS_NONE;

	for (uint32_t atom = 0; atom < analysis->atom_count; atom++) {
		if (!pass->active[atom] || (bindable && !analysis->bindable[atom]) || first[atom] <= piece ||
		    analysis_pass_floored(pass, atom))
			continue;
		/* one that needs no explaining, if there is one */
		if (atoms_is_unnamed(analysis->atoms, atom) &&
		    atoms_at(analysis->atoms, atom)->class == ADDR_CLASS_PUBLIC)
			return atom;
		if (found == ANALYSIS_NONE)
			found = atom;
	}
	return found;
}

/* ---- rules on addresses ---- */

void rule_facts_mark(struct rule_facts *rule, const struct witness *flow)
{
	if (!rule->decides)
		rule->example = *flow;
	rule->decides = true;
}

static void note_class(struct analysis_pass *pass, struct piece *piece, uint32_t atom, enum addr_class class)
{
	bool ingress = pass->direction == POLICY_INGRESS;

	if (!piece->where)
		piece->where = arena_alloc(pass->analysis->arena, 2 * ADDR_CLASS_COUNT * sizeof *piece->where);
	piece->seen[ingress] |= (uint16_t)(1u << class);
	piece->where[ADDR_CLASS_COUNT * ingress + class] =
		(struct noted_names){ atom, pass->port, (uint8_t)pass->proto };
}

/* Without its first rule the atom's flows fare by the second, or, bound to a name, by a rule on that name
 * between the two. */
static bool matters(struct analysis_pass *pass, uint32_t atom)
{
	const struct port_tree_plane *plane = &pass->walk->planes[0];
	uint32_t first = plane->first[atom], second = plane->second[atom];
	enum policy_action action = analysis_piece_action(pass, first);

	if (analysis_pass_floored(pass, atom))
		return false;
	if (analysis_piece_action(pass, second) != action)
		return true;
	if (!pass->named)
		return false;
	find_firsts(pass);
	if (pass->analysis->bindable[atom] && piece_set_next(&pass->firsts[!action], first + 1) < second)
		return true;
	return pass->server_names && action == POLICY_ALLOW && piece_set_next(&pass->sent, first + 1) < second;
}

static void note_ports(struct analysis_pass *pass, struct rule_facts *rule, uint32_t index)
{
	/* kept for rules with several ports only; stale otherwise */
	if (rule->ports)
		rule->ports[pass->walk->planes[0].port_item[index]] = true;
}

static void look_at_atoms(struct analysis_pass *pass, uint32_t lo, uint32_t hi)
{
	struct analysis *analysis = pass->analysis;
	const struct port_tree_plane *plane = &pass->walk->planes[0];

	if (!fuel_use(analysis->fuel, hi - lo))
		return;
	for (uint32_t atom = lo; atom < hi; atom++) {
		struct piece *piece = &analysis->pieces[plane->first[atom]];
		struct rule_facts *rule = &analysis->rules[piece->rule];
		enum addr_class class = atoms_at(analysis->atoms, atom)->class;

		if (!pass->active[atom])
			continue;
		if (!(piece->seen[pass->direction == POLICY_INGRESS] >> class & 1))
			note_class(pass, piece, atom, class);
		if (!rule->decides) {
			struct witness flow = analysis_pass_flow(pass, atom);

			rule_facts_mark(rule, &flow);
		}
		rule->protos |= pass->proto;
		if (rule->targets)
			rule->targets[piece->target] = true;
		note_ports(pass, rule, piece->rule);
		if (!rule->effect && matters(pass, atom))
			rule->effect = true;
	}
}

/* ---- rules on names ---- */

/* Whether what the situation's first rule decides would fare otherwise without it: by a rule on addresses,
 * by the second rule of the same situation, or by the first of another name bound beside. */
static bool situation_matters(struct analysis_pass *pass, const struct name_scenario *situation,
			      const struct piece_set *tops, uint32_t max)
{
	uint32_t first = situation->first, second = situation->second;
	enum policy_action action = analysis_piece_action(pass, first);
	uint32_t other = piece_set_next(&tops[!action], first + 1);

	if (other != ANALYSIS_NONE && other < second)
		return true;
	if (second != ANALYSIS_NONE && analysis_piece_action(pass, second) != action && max > second)
		return true;
	if (!situation->pairs)
		return false;
	find_firsts(pass);
	other = piece_set_next(&pass->firsts[!action], first + 1);
	return other != ANALYSIS_NONE && other < second && other < max;
}

static struct witness situation_flow(const struct analysis_pass *pass, const struct name_scenario *situation)
{
	const struct analysis *analysis = pass->analysis;
	bool bound = situation->bound != ANALYSIS_NONE;
	struct witness flow = analysis_pass_flow(pass, analysis_pass_find_atom(pass, bound, situation->first));

	if (bound)
		flow.bound[0] = name_classes_at(analysis->names, situation->bound)->member;
	if (situation->sent != ANALYSIS_NONE)
		flow.sni = name_classes_at(analysis->names, situation->sent)->member;
	return flow;
}

void analysis_pass_situation(struct analysis_pass *pass, const struct name_scenario *situation)
{
	struct analysis *analysis = pass->analysis;
	bool bound = situation->bound != ANALYSIS_NONE;
	struct rule_facts *rule = &analysis->rules[analysis->rule_of[situation->first]];
	uint32_t index = analysis->rule_of[situation->first], max;

	analysis_pass_find_tops(pass);
	max = bound ? pass->bindable_max : pass->all_max;
	if (!pass->have_tops || max <= situation->first)
		return;
	if (!rule->decides) {
		struct witness flow = situation_flow(pass, situation);

		rule_facts_mark(rule, &flow);
	}
	rule->protos |= pass->proto;
	note_ports(pass, rule, index);
	if (bound)
		rule_facts_note_names(analysis, index, situation->bound);
	if (situation->sent != ANALYSIS_NONE)
		rule_facts_note_names(analysis, index, situation->sent);
	if (!rule->effect && situation_matters(pass, situation, bound ? pass->bindable : pass->all, max))
		rule->effect = true;
	if (!rule->effect)
		pass->pending++;
}

/* The host's alias is bound to the gateway and to nothing else. */
static void look_at_alias(struct analysis_pass *pass, uint32_t class, uint32_t first, uint32_t second)
{
	struct analysis *analysis = pass->analysis;
	const uint32_t *tops = pass->walk->planes[0].first;
	struct rule_facts *rule = &analysis->rules[analysis->rule_of[first]];

	for (int v6 = 0; v6 < 2; v6++) {
		struct addr gateway = v6 ? analysis->gateway.v6 : analysis->gateway.v4;
		uint32_t atom, next;
		struct witness flow;

		if (!(v6 ? analysis->gateway.has6 : analysis->gateway.has4))
			continue;
		atom = atoms_find(analysis->atoms, gateway);
		if (!pass->active[atom] || tops[atom] <= first)
			continue;
		flow = analysis_pass_flow(pass, atom);
		flow.bound[0] = name_classes_at(analysis->names, class)->member;
		rule_facts_mark(rule, &flow);
		rule->protos |= pass->proto;
		note_ports(pass, rule, analysis->rule_of[first]);
		rule_facts_note_names(analysis, analysis->rule_of[first], class);
		next = tops[atom] < second ? tops[atom] : second;
		find_firsts(pass);
		if (!analysis_pass_floored(pass, atom) &&
		    (analysis_piece_action(pass, next) != analysis_piece_action(pass, first) ||
		     (analysis->bindable[atom] &&
		      piece_set_next(&pass->firsts[!analysis_piece_action(pass, first)], first + 1) < next)))
			rule->effect = true;
	}
	if (!rule->effect)
		pass->pending++;
}

/* A deny on a name that still lets clients in who bring an address */
static void look_for_bypass(struct analysis_pass *pass, uint32_t first)
{
	struct analysis *analysis = pass->analysis;
	struct rule_facts *rule = &analysis->rules[analysis->rule_of[first]];
	uint32_t piece, atom;

	if (rule->bypass || pass->direction != POLICY_EGRESS || analysis_piece_action(pass, first) != POLICY_DENY)
		return;
	analysis_pass_find_tops(pass);
	piece = pass->have_tops ? piece_set_next(&pass->bindable[POLICY_ALLOW], 0) : ANALYSIS_NONE;
	if (piece == ANALYSIS_NONE) {
		pass->pending++;
		return;
	}
	for (atom = 0; !pass->active[atom] || !analysis->bindable[atom] ||
		       analysis_piece_action(pass, pass->walk->planes[0].first[atom]) != POLICY_ALLOW ||
		       analysis_pass_floored(pass, atom);
	     atom++)
		;
	rule->bypass = true;
	rule->bypass_flow = analysis_pass_flow(pass, atom);
	rule->bypass_rule = analysis->rule_of[pass->walk->planes[0].first[atom]];
}

static void look_at_names(struct analysis_pass *pass)
{
	const struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first + analysis->atom_count;
	const uint32_t *second = pass->walk->planes[0].second + analysis->atom_count;

	pass->pending = 0;
	for (uint32_t i = 0; i < analysis->class_count; i++) {
		uint32_t sent = analysis->class_count + i;
		bool alias = name_classes_at(analysis->names, i)->alias;

		if (!name_classes_at(analysis->names, i)->member)
			continue;
		if (first[i] != ANALYSIS_NONE && !alias)
			look_for_bypass(pass, first[i]);
		if (first[i] != ANALYSIS_NONE && analysis->resolvable[i] && alias)
			look_at_alias(pass, i, first[i], second[i]);
		else if (first[i] != ANALYSIS_NONE && analysis->resolvable[i])
			analysis_pass_situation(pass,
						&(struct name_scenario){ i, ANALYSIS_NONE, first[i], second[i], true });
		if (pass->server_names && first[sent] != ANALYSIS_NONE)
			analysis_pass_situation(
				pass, &(struct name_scenario){ ANALYSIS_NONE, i, first[sent], second[sent], false });
	}
}

/* ---- passes ---- */

void analysis_pass_init(struct analysis_pass *pass, struct analysis *analysis, struct arena *arena,
			enum policy_direction direction, enum policy_proto proto)
{
	*pass = (struct analysis_pass){
		.analysis = analysis,
		.direction = direction,
		.proto = proto,
		.server_names = direction == POLICY_EGRESS && proto == PROTO_TCP,
		.active = arena_alloc(arena, (analysis->atom_count + 1) * sizeof *pass->active),
		.sent = new_set(arena, analysis->piece_count),
	};
	for (int i = 0; i < 2; i++) {
		pass->bindable[i] = new_set(arena, analysis->piece_count);
		pass->all[i] = new_set(arena, analysis->piece_count);
		pass->firsts[i] = new_set(arena, analysis->piece_count);
	}
	for (uint32_t i = 0; i < analysis->atom_count; i++) {
		const struct atom *atom = atoms_at(analysis->atoms, i);

		pass->active[i] = atom->class != ADDR_CLASS_NONE &&
				  (proto != PROTO_ICMPV4 || atom->family == ADDR_V4) &&
				  (proto != PROTO_ICMPV6 || atom->family == ADDR_V6);
	}
}

void analysis_pass_add_names(struct analysis_pass *pass)
{
	struct analysis *analysis = pass->analysis;

	for (size_t i = 0; i < analysis->policy->rules.count; i++) {
		const struct policy_rule *rule = &analysis->policy->rules.items[i];
		uint32_t piece = analysis_names_piece(analysis, i);
		size_t count;
		const struct run *spans = name_classes_rule_runs(analysis->names, 0, i, &count);

		if (piece == ANALYSIS_NONE || !policy_rule_fits(rule, pass->direction, pass->proto))
			continue;
		pass->named = true;
		analysis_add_rects(analysis, pass->walk, piece, spans, count, analysis->atom_count);
		if (pass->server_names && rule->action == POLICY_DENY)
			analysis_add_rects(analysis, pass->walk, piece, spans, count,
					   analysis->atom_count + analysis->class_count);
	}
}

/* Other names than elsewhere may be first to match here, behind rules that decide the same everywhere. */
static void look_behind_atoms(struct analysis_pass *pass)
{
	struct analysis *analysis = pass->analysis;
	const uint32_t *first = pass->walk->planes[0].first;

	if (!fuel_use(analysis->fuel, analysis->atom_count))
		return;
	for (uint32_t atom = 0; atom < analysis->atom_count; atom++) {
		struct rule_facts *rule = &analysis->rules[analysis->rule_of[first[atom]]];

		if (!rule->effect && pass->active[atom] && matters(pass, atom))
			rule->effect = true;
	}
}

static void visit(struct port_tree *walk, const struct port_interval *column)
{
	struct analysis_pass *pass = walk->self;
	uint32_t atoms = pass->analysis->atom_count;
	bool names = false;

	analysis_pass_start_column(pass, column);
	if (column->whole)
		look_at_atoms(pass, 0, atoms);
	for (size_t i = 0; !column->whole && i < column->touched_count; i++) {
		struct run span = column->touched[i];

		if (span.lo < atoms)
			look_at_atoms(pass, span.lo, span.hi);
		else
			names = true;
	}
	if (names)
		look_behind_atoms(pass);
	if (pass->named && (names || column->whole || pass->pending) &&
	    fuel_use(pass->analysis->fuel, 2u * pass->analysis->class_count))
		look_at_names(pass);
}

void analysis_pass_run(struct analysis *analysis, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct analysis_pass pass;

	analysis_pass_init(&pass, analysis, arena, direction, proto);
	pass.walk = analysis_walk_new(analysis, arena, direction, proto, 2 * analysis->class_count);
	analysis_pass_add_names(&pass);
	pass.walk->visit = visit;
	pass.walk->self = &pass;
	port_tree_visit(pass.walk);
	arena_free(arena);
}
