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
		return WALK_NONE;
	bits = set->words[word] & ~UINT64_C(0) << from % 64;
	while (!bits)
		if (++word == set->count)
			return WALK_NONE;
		else
			bits = set->words[word];
	return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
}

/* ---- the column ---- */

/* A port that readers know, where the column holds one */
static uint16_t usual_port(const struct walk_column *column)
{
	static const uint16_t usual[] = { 443, 80, 22, 1024 };

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (column->lo <= usual[i] && usual[i] <= column->hi)
			return usual[i];
	return column->lo;
}

void region_pass_start_column(struct region_pass *pass, const struct walk_column *column)
{
	pass->column = column;
	pass->port = usual_port(column);
	pass->have_tops = pass->have_firsts = false;
}

enum policy_action region_piece_action(const struct region_pass *pass, uint32_t piece)
{
	const struct policy *policy = pass->region->policy;

	if (piece < pass->region->piece_count)
		return policy->rules.items[pass->region->rule_of[piece]].action;
	return (pass->direction == POLICY_EGRESS ? policy->egress : policy->ingress).action;
}

/* Whether the multi-tenant floor denies the atom's flows anyway */
bool region_pass_floored(const struct region_pass *pass, uint32_t atom)
{
	enum addr_class class;

	if (!pass->region->policy->multi_tenant || pass->direction != POLICY_EGRESS)
		return false;
	class = axis_atom(pass->region->axis, atom)->class;
	if (class == ADDR_CLASS_HOST)
		return !region_proto_has_ports(pass->proto) || pass->column->lo != 53 || pass->column->hi != 53;
	return class != ADDR_CLASS_PUBLIC;
}

struct region_flow region_pass_flow(const struct region_pass *pass, uint32_t atom)
{
	return (struct region_flow){
		.kind = FLOW_CONNECTION,
		.direction = pass->direction,
		.proto = pass->proto,
		.addr = axis_member(pass->region->axis, atom),
		.has_port = region_proto_has_ports(pass->proto),
		.port = pass->port,
	};
}

/* The first rules by address, as sets: what a name situation has beside it */
void region_pass_find_tops(struct region_pass *pass)
{
	struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first;

	if (pass->have_tops || !region_fuel_use(region->fuel, region->atoms))
		return;
	pass->have_tops = true;
	pass->bindable_max = pass->all_max = 0;
	for (int i = 0; i < 2; i++) {
		set_clear(&pass->bindable[i]);
		set_clear(&pass->all[i]);
	}
	for (uint32_t atom = 0; atom < region->atoms; atom++) {
		enum policy_action action;

		if (!pass->active[atom] || region_pass_floored(pass, atom))
			continue;
		action = region_piece_action(pass, first[atom]);
		set_add(&pass->all[action], first[atom]);
		if (first[atom] > pass->all_max)
			pass->all_max = first[atom];
		if (!region->bindable[atom])
			continue;
		set_add(&pass->bindable[action], first[atom]);
		if (first[atom] > pass->bindable_max)
			pass->bindable_max = first[atom];
	}
}

static void find_firsts(struct region_pass *pass)
{
	const struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first + region->atoms;

	if (pass->have_firsts || !region_fuel_use(region->fuel, 2u * region->classes))
		return;
	pass->have_firsts = true;
	set_clear(&pass->firsts[0]);
	set_clear(&pass->firsts[1]);
	set_clear(&pass->sent);
	for (uint32_t i = 0; i < region->classes; i++) {
		if (first[i] != WALK_NONE && region->resolvable[i])
			set_add(&pass->firsts[region_piece_action(pass, first[i])], first[i]);
		if (pass->server_names && first[region->classes + i] != WALK_NONE)
			set_add(&pass->sent, first[region->classes + i]);
	}
}

uint32_t region_pass_find_atom(const struct region_pass *pass, bool bindable, uint32_t piece)
{
	const struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first;
	uint32_t found = WALK_NONE;

	for (uint32_t atom = 0; atom < region->atoms; atom++) {
		if (!pass->active[atom] || (bindable && !region->bindable[atom]) || first[atom] <= piece ||
		    region_pass_floored(pass, atom))
			continue;
		/* one that needs no explaining, if there is one */
		if (axis_is_unnamed(region->axis, atom) && axis_atom(region->axis, atom)->class == ADDR_CLASS_PUBLIC)
			return atom;
		if (found == WALK_NONE)
			found = atom;
	}
	return found;
}

/* ---- rules on addresses ---- */

void region_mark(struct region_rule *rule, const struct region_flow *flow)
{
	if (!rule->decides)
		rule->example = *flow;
	rule->decides = true;
}

static void note_class(struct region_pass *pass, struct region_piece *piece, uint32_t atom, enum addr_class class)
{
	bool ingress = pass->direction == POLICY_INGRESS;

	if (!piece->where)
		piece->where = arena_alloc(pass->region->arena, 2 * ADDR_CLASS_COUNT * sizeof *piece->where);
	piece->seen[ingress] |= (uint16_t)(1u << class);
	piece->where[ADDR_CLASS_COUNT * ingress + class] =
		(struct region_seen){ atom, pass->port, (uint8_t)pass->proto };
}

/* Without its first rule the atom's flows fare by the second, or, bound to a name, by a rule on that name
 * between the two. */
static bool matters(struct region_pass *pass, uint32_t atom)
{
	const struct walk_plane *plane = &pass->walk->planes[0];
	uint32_t first = plane->first[atom], second = plane->second[atom];
	enum policy_action action = region_piece_action(pass, first);

	if (region_pass_floored(pass, atom))
		return false;
	if (region_piece_action(pass, second) != action)
		return true;
	if (!pass->named)
		return false;
	find_firsts(pass);
	if (pass->region->bindable[atom] && piece_set_next(&pass->firsts[!action], first + 1) < second)
		return true;
	return pass->server_names && action == POLICY_ALLOW && piece_set_next(&pass->sent, first + 1) < second;
}

static void note_ports(struct region_pass *pass, struct region_rule *rule, uint32_t index)
{
	/* kept for rules with several ports only; stale otherwise */
	if (rule->ports)
		rule->ports[pass->walk->planes[0].port_item[index]] = true;
}

static void look_at_atoms(struct region_pass *pass, uint32_t lo, uint32_t hi)
{
	struct region *region = pass->region;
	const struct walk_plane *plane = &pass->walk->planes[0];

	if (!region_fuel_use(region->fuel, hi - lo))
		return;
	for (uint32_t atom = lo; atom < hi; atom++) {
		struct region_piece *piece = &region->pieces[plane->first[atom]];
		struct region_rule *rule = &region->rules[piece->rule];
		enum addr_class class = axis_atom(region->axis, atom)->class;

		if (!pass->active[atom])
			continue;
		if (!(piece->seen[pass->direction == POLICY_INGRESS] >> class & 1))
			note_class(pass, piece, atom, class);
		if (!rule->decides) {
			struct region_flow flow = region_pass_flow(pass, atom);

			region_mark(rule, &flow);
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
static bool situation_matters(struct region_pass *pass, const struct region_situation *situation,
			      const struct piece_set *tops, uint32_t max)
{
	uint32_t first = situation->first, second = situation->second;
	enum policy_action action = region_piece_action(pass, first);
	uint32_t other = piece_set_next(&tops[!action], first + 1);

	if (other != WALK_NONE && other < second)
		return true;
	if (second != WALK_NONE && region_piece_action(pass, second) != action && max > second)
		return true;
	if (!situation->pairs)
		return false;
	find_firsts(pass);
	other = piece_set_next(&pass->firsts[!action], first + 1);
	return other != WALK_NONE && other < second && other < max;
}

static struct region_flow situation_flow(const struct region_pass *pass, const struct region_situation *situation)
{
	const struct region *region = pass->region;
	bool bound = situation->bound != WALK_NONE;
	struct region_flow flow = region_pass_flow(pass, region_pass_find_atom(pass, bound, situation->first));

	if (bound)
		flow.bound[0] = names_class(region->names, situation->bound)->member;
	if (situation->sent != WALK_NONE)
		flow.sni = names_class(region->names, situation->sent)->member;
	return flow;
}

void region_pass_situation(struct region_pass *pass, const struct region_situation *situation)
{
	struct region *region = pass->region;
	bool bound = situation->bound != WALK_NONE;
	struct region_rule *rule = &region->rules[region->rule_of[situation->first]];
	uint32_t index = region->rule_of[situation->first], max;

	region_pass_find_tops(pass);
	max = bound ? pass->bindable_max : pass->all_max;
	if (!pass->have_tops || max <= situation->first)
		return;
	if (!rule->decides) {
		struct region_flow flow = situation_flow(pass, situation);

		region_mark(rule, &flow);
	}
	rule->protos |= pass->proto;
	note_ports(pass, rule, index);
	if (bound)
		region_note_names(region, index, situation->bound);
	if (situation->sent != WALK_NONE)
		region_note_names(region, index, situation->sent);
	if (!rule->effect && situation_matters(pass, situation, bound ? pass->bindable : pass->all, max))
		rule->effect = true;
	if (!rule->effect)
		pass->pending++;
}

/* The host's alias is bound to the gateway and to nothing else. */
static void look_at_alias(struct region_pass *pass, uint32_t class, uint32_t first, uint32_t second)
{
	struct region *region = pass->region;
	const uint32_t *tops = pass->walk->planes[0].first;
	struct region_rule *rule = &region->rules[region->rule_of[first]];

	for (int v6 = 0; v6 < 2; v6++) {
		struct addr gateway = v6 ? region->gateway.v6 : region->gateway.v4;
		uint32_t atom, next;
		struct region_flow flow;

		if (!(v6 ? region->gateway.has6 : region->gateway.has4))
			continue;
		atom = axis_find(region->axis, gateway);
		if (!pass->active[atom] || tops[atom] <= first)
			continue;
		flow = region_pass_flow(pass, atom);
		flow.bound[0] = names_class(region->names, class)->member;
		region_mark(rule, &flow);
		rule->protos |= pass->proto;
		note_ports(pass, rule, region->rule_of[first]);
		region_note_names(region, region->rule_of[first], class);
		next = tops[atom] < second ? tops[atom] : second;
		find_firsts(pass);
		if (!region_pass_floored(pass, atom) &&
		    (region_piece_action(pass, next) != region_piece_action(pass, first) ||
		     (region->bindable[atom] &&
		      piece_set_next(&pass->firsts[!region_piece_action(pass, first)], first + 1) < next)))
			rule->effect = true;
	}
	if (!rule->effect)
		pass->pending++;
}

/* A deny on a name that still lets clients in who bring an address */
static void look_for_bypass(struct region_pass *pass, uint32_t first)
{
	struct region *region = pass->region;
	struct region_rule *rule = &region->rules[region->rule_of[first]];
	uint32_t piece, atom;

	if (rule->bypass || pass->direction != POLICY_EGRESS || region_piece_action(pass, first) != POLICY_DENY)
		return;
	region_pass_find_tops(pass);
	piece = pass->have_tops ? piece_set_next(&pass->bindable[POLICY_ALLOW], 0) : WALK_NONE;
	if (piece == WALK_NONE) {
		pass->pending++;
		return;
	}
	for (atom = 0; !pass->active[atom] || !region->bindable[atom] ||
		       region_piece_action(pass, pass->walk->planes[0].first[atom]) != POLICY_ALLOW ||
		       region_pass_floored(pass, atom);
	     atom++)
		;
	rule->bypass = true;
	rule->bypass_flow = region_pass_flow(pass, atom);
	rule->bypass_rule = region->rule_of[pass->walk->planes[0].first[atom]];
}

static void look_at_names(struct region_pass *pass)
{
	const struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first + region->atoms;
	const uint32_t *second = pass->walk->planes[0].second + region->atoms;

	pass->pending = 0;
	for (uint32_t i = 0; i < region->classes; i++) {
		uint32_t sent = region->classes + i;
		bool alias = names_class(region->names, i)->alias;

		if (!names_class(region->names, i)->member)
			continue;
		if (first[i] != WALK_NONE && !alias)
			look_for_bypass(pass, first[i]);
		if (first[i] != WALK_NONE && region->resolvable[i] && alias)
			look_at_alias(pass, i, first[i], second[i]);
		else if (first[i] != WALK_NONE && region->resolvable[i])
			region_pass_situation(pass,
					      &(struct region_situation){ i, WALK_NONE, first[i], second[i], true });
		if (pass->server_names && first[sent] != WALK_NONE)
			region_pass_situation(
				pass, &(struct region_situation){ WALK_NONE, i, first[sent], second[sent], false });
	}
}

/* ---- passes ---- */

void region_pass_init(struct region_pass *pass, struct region *region, struct arena *arena,
		      enum policy_direction direction, enum policy_proto proto)
{
	*pass = (struct region_pass){
		.region = region,
		.direction = direction,
		.proto = proto,
		.server_names = direction == POLICY_EGRESS && proto == PROTO_TCP,
		.active = arena_alloc(arena, (region->atoms + 1) * sizeof *pass->active),
		.sent = new_set(arena, region->piece_count),
	};
	for (int i = 0; i < 2; i++) {
		pass->bindable[i] = new_set(arena, region->piece_count);
		pass->all[i] = new_set(arena, region->piece_count);
		pass->firsts[i] = new_set(arena, region->piece_count);
	}
	for (uint32_t i = 0; i < region->atoms; i++) {
		const struct axis_atom *atom = axis_atom(region->axis, i);

		pass->active[i] = atom->class != ADDR_CLASS_NONE &&
				  (proto != PROTO_ICMPV4 || atom->family == ADDR_V4) &&
				  (proto != PROTO_ICMPV6 || atom->family == ADDR_V6);
	}
}

void region_pass_add_names(struct region_pass *pass)
{
	struct region *region = pass->region;

	for (size_t i = 0; i < region->policy->rules.count; i++) {
		const struct policy_rule *rule = &region->policy->rules.items[i];
		uint32_t piece = region_names_piece(region, i);
		size_t count;
		const struct axis_span *spans = names_rule_spans(region->names, 0, i, &count);

		if (piece == WALK_NONE || !region_rule_fits(rule, pass->direction, pass->proto))
			continue;
		pass->named = true;
		region_add_rects(region, pass->walk, piece, spans, count, region->atoms);
		if (pass->server_names && rule->action == POLICY_DENY)
			region_add_rects(region, pass->walk, piece, spans, count, region->atoms + region->classes);
	}
}

/* Other names than elsewhere may be first to match here, behind rules that decide the same everywhere. */
static void look_behind_atoms(struct region_pass *pass)
{
	struct region *region = pass->region;
	const uint32_t *first = pass->walk->planes[0].first;

	if (!region_fuel_use(region->fuel, region->atoms))
		return;
	for (uint32_t atom = 0; atom < region->atoms; atom++) {
		struct region_rule *rule = &region->rules[region->rule_of[first[atom]]];

		if (!rule->effect && pass->active[atom] && matters(pass, atom))
			rule->effect = true;
	}
}

static void visit(struct walk *walk, const struct walk_column *column)
{
	struct region_pass *pass = walk->self;
	uint32_t atoms = pass->region->atoms;
	bool names = false;

	region_pass_start_column(pass, column);
	if (column->whole)
		look_at_atoms(pass, 0, atoms);
	for (size_t i = 0; !column->whole && i < column->touched_count; i++) {
		struct axis_span span = column->touched[i];

		if (span.lo < atoms)
			look_at_atoms(pass, span.lo, span.hi);
		else
			names = true;
	}
	if (names)
		look_behind_atoms(pass);
	if (pass->named && (names || column->whole || pass->pending) &&
	    region_fuel_use(pass->region->fuel, 2u * pass->region->classes))
		look_at_names(pass);
}

void region_pass_run(struct region *region, enum policy_direction direction, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct region_pass pass;

	region_pass_init(&pass, region, arena, direction, proto);
	pass.walk = region_walk_new(region, arena, direction, proto, 2 * region->classes);
	region_pass_add_names(&pass);
	pass.walk->visit = visit;
	pass.walk->self = &pass;
	walk_run(pass.walk);
	arena_free(arena);
}
