/* Connections bound to names, and server names: classes of names beside what is first by address.
 *
 * In a column, atoms with the same first rules in both policies, alike to bind, are one combination; a class
 * is looked at beside each. Where the class's first rules correspond, combinations whose rules correspond
 * show nothing and are passed over: equal policies cost next to nothing. */
#include "diff_pass.h"

#include <string.h>

struct combo {
	uint32_t first[2];
	bool bindable[2];
	bool same;     /* the first rules correspond */
	uint32_t atom; /* an unnamed public one if there is one */
	bool plain;    /* it is */
};

struct diff_combos {
	struct keys keys;
	struct { struct combo *items; size_t count, cap; } all;  /* by key; 0 is none */
	struct { uint32_t *items; size_t count, cap; } stamp;    /* by key: the column it was last seen in */
	struct { uint32_t *items; size_t count, cap; } here;     /* keys of this column */
	struct keys memo_keys;
	struct { struct { uint32_t stamp, value; } *items; size_t count, cap; } memo;
	uint32_t column;
	uint32_t plain[2]; /* the unnamed public atom of each family */
};

/* A change of verdict that a class shows */
struct finding {
	size_t before, after;
	enum policy_action was;
	bool sent;
	uint32_t atom;
	bool plain;
};

struct findings {
	struct finding items[64];
	size_t count;
	bool full; /* there were more: too complex */
};

/* ---- combinations ---- */

static uint32_t unnamed_public(const struct diff_pass *pass, enum addr_family family)
{
	for (uint32_t i = 0; i < pass->atoms; i++) {
		const struct axis_atom *atom = axis_atom(pass->diff->axis, i);

		if (atom->class == ADDR_CLASS_PUBLIC && atom->family == family && !atom->reserved &&
		    axis_is_unnamed(pass->diff->axis, i))
			return i;
	}
	return WALK_NONE;
}

static struct diff_combos *combos_of(struct diff_pass *pass)
{
	struct diff_combos *combos = pass->combos;

	if (combos)
		return combos;
	combos = pass->combos = arena_alloc(pass->arena, sizeof *combos);
	keys_init(&combos->keys, pass->arena);
	keys_init(&combos->memo_keys, pass->arena);
	arena_push(pass->arena, &combos->all);
	arena_push(pass->arena, &combos->stamp);
	arena_push(pass->arena, &combos->memo);
	combos->plain[0] = unnamed_public(pass, ADDR_V4);
	combos->plain[1] = unnamed_public(pass, ADDR_V6);
	return combos;
}

static void add_combo(struct diff_pass *pass, uint32_t atom)
{
	struct diff_combos *combos = pass->combos;
	uint32_t first[2] = { pass->walk->planes[0].first[atom], pass->walk->planes[1].first[atom] }, key;
	bool bindable[2] = { pass->state->bindable[0][atom], pass->state->bindable[1][atom] };
	bool floored[2] = { diff_floored(pass, 0, atom), diff_floored(pass, 1, atom) };
	uint64_t words[2] = { (uint64_t)first[0] << 32 | first[1],
			      (uint64_t)(bindable[0] | bindable[1] << 1 | floored[0] << 2 | floored[1] << 3) };

	key = keys_intern(&combos->keys, words, 2);
	if (key == combos->all.count) {
		struct combo *combo = arena_push(pass->arena, &combos->all);

		*combo = (struct combo){ .first = { first[0], first[1] }, .bindable = { bindable[0], bindable[1] } };
		combo->same = diff_corresponds(pass, first[0], first[1]);
		arena_push(pass->arena, &combos->stamp);
	}
	if (combos->stamp.items[key] != combos->column) {
		combos->stamp.items[key] = combos->column;
		*arena_push(pass->arena, &combos->here) = key;
		combos->all.items[key].atom = atom;
		combos->all.items[key].plain = false;
	}
	if (atom == combos->plain[0] || (atom == combos->plain[1] && !combos->all.items[key].plain)) {
		combos->all.items[key].atom = atom;
		combos->all.items[key].plain = true;
	}
}

static void find_combos(struct diff_pass *pass)
{
	struct diff_combos *combos = combos_of(pass);

	combos->column++;
	combos->here.count = 0;
	if (!region_fuel_use(pass->fuel, 4u * pass->atoms))
		return;
	for (uint32_t atom = 0; atom < pass->atoms; atom++)
		if (pass->active[atom] && axis_atom(pass->diff->axis, atom)->class != ADDR_CLASS_NONE)
			add_combo(pass, atom);
}

/* ---- a class beside a combination ---- */

struct class_view {
	uint32_t class;
	uint32_t first[2];
	bool possible[2]; /* its lookup is allowed */
	uint32_t lookup[2];
	bool same; /* first rules correspond */
	bool sent;
};

static void add_finding(struct findings *findings, const struct finding *finding)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *have = &findings->items[i];

		if (have->before != finding->before || have->after != finding->after || have->sent != finding->sent)
			continue;
		if (finding->plain && !have->plain)
			*have = *finding;
		return;
	}
	if (findings->count < sizeof findings->items / sizeof *findings->items)
		findings->items[findings->count++] = *finding;
	else
		findings->full = true;
}

/* Verdict of a flow to the name: lookup, answer, connection; and who gave it */
static enum policy_action whole_verdict(const struct diff_pass *pass, const struct class_view *view, int side,
					bool bindable, enum policy_action connection, size_t *decider)
{
	if (view->sent)
		return connection;
	if (!view->possible[side]) {
		*decider = view->lookup[side];
		return POLICY_DENY;
	}
	if (!bindable) {
		*decider = pass->diff->policies[side]->rules.count + DIFF_BY_REBIND;
		return POLICY_DENY;
	}
	return connection;
}

/* A change counts where the connection itself fares otherwise, and not at the address alone already: a lookup
 * or an answer that changes is a region of its own. */
static void compare(const struct diff_pass *pass, const struct class_view *view, uint32_t atom, const bool bindable[2],
		    bool plain, struct findings *findings)
{
	struct finding finding = { .sent = view->sent, .atom = atom, .plain = plain };
	size_t decider[2], unused;
	enum policy_action connection[2], verdict[2], alone[2];

	for (int side = 0; side < 2; side++) {
		uint32_t top = pass->walk->planes[side].first[atom];
		uint32_t first = view->first[side] < top ? view->first[side] : top;

		connection[side] = diff_verdict(pass, side, atom, first, &decider[side]);
		alone[side] = diff_verdict(pass, side, atom, top, &unused);
		verdict[side] = whole_verdict(pass, view, side, bindable[side], connection[side], &decider[side]);
	}
	if (verdict[0] == verdict[1] || connection[0] == connection[1])
		return;
	if (alone[0] != alone[1] && alone[0] == verdict[0])
		return;
	finding.was = verdict[0];
	finding.before = decider[0];
	finding.after = decider[1];
	add_finding(findings, &finding);
}

static void look_at_alias(const struct diff_pass *pass, const struct class_view *view, struct findings *findings)
{
	const struct addr_gateway *gateway = &pass->diff->contexts[0].gateway;
	const bool bound[2] = { true, true };

	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t atom;

		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		atom = axis_find(pass->diff->axis, v6 ? gateway->v6 : gateway->v4);
		if (pass->active[atom])
			compare(pass, view, atom, bound, true, findings);
	}
}

static void look_at_combos(struct diff_pass *pass, const struct class_view *view, struct findings *findings)
{
	const struct diff_combos *combos = pass->combos;

	if (!region_fuel_use(pass->fuel, combos->here.count))
		return;
	for (size_t i = 0; i < combos->here.count; i++) {
		const struct combo *combo = &combos->all.items[combos->here.items[i]];

		if (view->same && combo->same)
			continue;
		if (view->sent || combo->bindable[0] || combo->bindable[1])
			compare(pass, view, combo->atom, combo->bindable, combo->plain, findings);
	}
}

static struct class_view view_class(const struct diff_pass *pass, uint32_t class, bool sent)
{
	struct class_view view = { .class = class, .sent = sent };
	uint32_t at = pass->atoms + class + (sent ? pass->classes : 0);

	for (int side = 0; side < 2; side++) {
		view.first[side] = pass->walk->planes[side].first[at];
		view.possible[side] = pass->state->resolvable[side][class];
		view.lookup[side] = pass->state->lookup[side][class];
	}
	view.same = diff_corresponds(pass, view.first[0], view.first[1]);
	return view;
}

static bool has_change(const struct findings *findings, enum policy_action was)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].was == was)
			return true;
	return false;
}

/* What a server name alone shows, where the name bound does not show as much */
static void add_sent(struct findings *findings, const struct findings *sent)
{
	struct findings bound = *findings;

	for (size_t i = 0; i < sent->count; i++)
		if (!has_change(&bound, sent->items[i].was))
			add_finding(findings, &sent->items[i]);
}

static uint32_t findings_key(struct diff_pass *pass, const struct findings *findings)
{
	uint64_t words[3 * sizeof findings->items / sizeof *findings->items];

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		words[3 * i] = finding->before << 3 | (uint64_t)finding->plain << 2 | (uint64_t)finding->sent << 1 |
			       (finding->was == POLICY_ALLOW);
		words[3 * i + 1] = finding->after;
		words[3 * i + 2] = finding->atom;
	}
	return keys_intern(&pass->keys, words, 3 * findings->count);
}

static uint32_t class_key(struct diff_pass *pass, const struct class_view *bound, const struct class_view *sent)
{
	struct findings findings = { .count = 0 }, by_sent = { .count = 0 };

	if (names_class(pass->diff->names, bound->class)->alias)
		look_at_alias(pass, bound, &findings);
	else if (bound->possible[0] || bound->possible[1])
		look_at_combos(pass, bound, &findings);
	if (pass->server_names)
		look_at_combos(pass, sent, &by_sent);
	add_sent(&findings, &by_sent);
	pass->fuel->out = pass->fuel->out || findings.full || by_sent.full;
	return findings_key(pass, &findings);
}

/* The same for all classes with the same first rules and lookups */
static uint32_t class_key_once(struct diff_pass *pass, uint32_t class)
{
	struct diff_combos *combos = pass->combos;
	struct class_view bound = view_class(pass, class, false), sent = bound;
	uint64_t words[5];
	uint32_t key;

	if (pass->server_names)
		sent = view_class(pass, class, true);
	words[0] = (uint64_t)bound.first[0] << 32 | bound.first[1];
	words[1] = (uint64_t)sent.first[0] << 32 | sent.first[1];
	words[2] = (uint64_t)bound.lookup[0] << 32 | bound.lookup[1];
	words[3] = (uint64_t)bound.possible[0] << 1 | bound.possible[1];
	words[4] = names_class(pass->diff->names, class)->alias;
	key = keys_intern(&combos->memo_keys, words, 5);
	if (key == combos->memo.count)
		arena_push(pass->arena, &combos->memo);
	if (combos->memo.items[key].stamp != combos->column) {
		uint32_t value = class_key(pass, &bound, &sent);

		combos->memo.items[key].stamp = combos->column;
		combos->memo.items[key].value = value;
	}
	return combos->memo.items[key].value;
}

/* ---- columns ---- */

static bool atom_differs(const struct diff_pass *pass, uint32_t atom)
{
	return !diff_corresponds(pass, pass->walk->planes[0].first[atom], pass->walk->planes[1].first[atom]);
}

static bool span_differs(const struct diff_pass *pass, struct axis_span span)
{
	for (uint32_t i = span.lo; i < span.hi; i++)
		if (i < pass->atoms ? atom_differs(pass, i) :
				      !diff_corresponds(pass, pass->walk->planes[0].first[i], pass->walk->planes[1].first[i]))
			return true;
	return false;
}

void diff_names_root(struct diff_pass *pass)
{
	const struct axis_span all = { 0, pass->atoms + (pass->server_names ? 2 : 1) * pass->classes };

	combos_of(pass);
	if (pass->classes < 2 || !region_fuel_use(pass->fuel, all.hi))
		return;
	pass->base_differs = span_differs(pass, all);
	if (!pass->base_differs)
		return;
	find_combos(pass);
	for (uint32_t i = 0; i < pass->classes && !pass->fuel->out; i++)
		if (names_class(pass->diff->names, i)->member)
			pass->named.base[i] = class_key_once(pass, i);
}

void diff_names_column(struct diff_pass *pass, const struct walk_column *column)
{
	bool differs = pass->base_differs || column->whole;

	if (pass->classes < 2)
		return;
	for (size_t i = 0; !differs && i < column->touched_count; i++)
		differs = region_fuel_use(pass->fuel, column->touched[i].hi - column->touched[i].lo) &&
			  span_differs(pass, column->touched[i]);
	if (!differs || !region_fuel_use(pass->fuel, 4u * pass->classes))
		return;
	find_combos(pass);
	for (uint32_t i = 0; i < pass->classes && !pass->fuel->out; i++)
		if (names_class(pass->diff->names, i)->member)
			cells_set(&pass->named, i, class_key_once(pass, i));
}

/* ---- regions ---- */

static void name_region(struct diff_pass *pass, const struct cell_group *group, const uint64_t words[3])
{
	struct diff *diff = pass->diff;
	struct diff_region *region = diff_add(diff, DIFF_NAMES, pass->direction, words[0] & 1 ? POLICY_ALLOW : POLICY_DENY,
					      words[0] >> 3, words[1]);

	region->protos = pass->proto;
	region->by_server_name = words[0] & 2;
	region->where = axis_member(diff->axis, (uint32_t)words[2]);
	for (size_t i = 0; i < group->count; i++)
		*arena_push(diff->arena, &region->classes) = group->items[i];
	for (size_t i = 0; i < group->port_count; i++)
		*arena_push(diff->arena, &region->ports) = group->ports[i];
}

static void name_regions(void *self, const struct cell_group *group)
{
	struct diff_pass *pass = self;
	const struct key *key = keys_get(&pass->keys, group->key);

	for (size_t i = 0; i < key->count; i += 3)
		name_region(pass, group, key->words + i);
}

void diff_names_regions(struct diff_pass *pass)
{
	cells_group(&pass->named, pass->walk->has_ports, name_regions, pass);
}
