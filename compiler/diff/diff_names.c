/* Connections bound to names, and server names: classes of names beside what is first by address.
 *
 * In a column, atoms with the same first rules in both policies, alike to bind, are one combination; a class
 * is looked at beside each. Where the class's first rules correspond, combinations whose rules correspond
 * show nothing and are passed over: equal policies cost next to nothing. */
#include "diff/diff_pass.h"

#define STEPS_PER_COMBO 20 /* what comparing one costs */

struct combo {
	uint32_t first[2];
	bool bindable[2];
	bool same;     /* the first rules correspond */
	uint32_t atom; /* an unnamed public one if there is one */
	bool plain;    /* it is */
};

struct combo_memo {
	uint32_t stamp, value, class;
};

struct diff_combos {
	struct keys keys;
	LIST_OF(struct combo) all; /* by key; 0 is none */
	LIST_OF(uint32_t) stamp;   /* by key: the column it was last seen in */
	LIST_OF(uint32_t) here;    /* keys of this column */
	LIST_OF(uint32_t) unlike;  /* those of them whose first rules do not correspond */
	struct keys memo_keys;
	LIST_OF(struct combo_memo) memo;
	LIST_OF(uint32_t) fresh;         /* of memo: this column's */
	LIST_OF(struct diff_memo) memos; /* the same, for what looks at pairs */
	uint32_t *places;                /* by class */
	uint32_t column;
	uint32_t plain[2]; /* the unnamed public atom of each family */
};

/* ---- combinations ---- */

static uint32_t unnamed_public(const struct diff_pass *pass, enum addr_family family)
{
	for (uint32_t i = 0; i < pass->atom_count; i++) {
		const struct atom *atom = atoms_at(pass->diff->atoms, i);

		if (atom->class == ADDR_CLASS_PUBLIC && atom->family == family && !atom->reserved &&
		    atoms_is_unnamed(pass->diff->atoms, i))
			return i;
	}
	return ANALYSIS_NONE;
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
	combos->places = arena_alloc(pass->arena, (pass->class_count + 1) * sizeof *combos->places);
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
		if (!combos->all.items[key].same)
			*arena_push(pass->arena, &combos->unlike) = key;
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
	combos->here.count = combos->unlike.count = 0;
	if (!fuel_use(pass->fuel, 4u * pass->atom_count))
		return;
	for (uint32_t atom = 0; atom < pass->atom_count; atom++)
		if (pass->active[atom] && atoms_at(pass->diff->atoms, atom)->class != ADDR_CLASS_NONE)
			add_combo(pass, atom);
}

/* ---- a class beside a combination ---- */

/* Where there is no more room: one that is worth less than `finding`, or NULL */
static struct diff_finding *replaceable(struct diff_findings *findings, const struct diff_finding *finding)
{
	struct diff_finding *worse = NULL;
	size_t same = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct diff_finding *have = &findings->items[i];

		if (have->was != finding->was)
			continue;
		same++;
		if (have->plain)
			return NULL;
		worse = have;
	}
	if (!same)
		return &findings->items[findings->count - 1];
	return finding->plain ? worse : NULL;
}

static void add_finding(struct diff_findings *findings, const struct diff_finding *finding)
{
	struct diff_finding *into = NULL;

	for (size_t i = 0; i < findings->count; i++) {
		struct diff_finding *have = &findings->items[i];

		if (have->before != finding->before || have->after != finding->after || have->sent != finding->sent ||
		    have->partner != finding->partner)
			continue;
		if (finding->plain && !have->plain)
			*have = *finding;
		return;
	}
	if (findings->count < sizeof findings->items / sizeof *findings->items)
		into = &findings->items[findings->count++];
	else
		into = replaceable(findings, finding);
	if (into)
		*into = *finding;
}

/* Verdict of a flow to the name: lookup, answer, connection; and who gave it */
static enum policy_action whole_verdict(const struct diff_pass *pass, const struct diff_view *view, int side,
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
static void compare(const struct diff_pass *pass, const struct diff_view *view, uint32_t atom, const bool bindable[2],
		    bool plain, struct diff_findings *findings)
{
	struct diff_finding finding = { .sent = view->sent, .atom = atom, .plain = plain, .partner = view->partner };
	size_t decider[2], unused;
	uint64_t cause[2];
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
	cause[0] = decider[0];
	cause[1] = decider[1];
	diff_find_cause(pass, cause);
	finding.before = cause[0];
	finding.after = cause[1];
	add_finding(findings, &finding);
}

static void look_at_alias(const struct diff_pass *pass, const struct diff_view *view, struct diff_findings *findings)
{
	const struct addr_gateway *gateway = &pass->diff->contexts[0].gateway;
	const bool bound[2] = { true, true };

	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t atom;

		if (!(v6 ? gateway->has6 : gateway->has4))
			continue;
		atom = atoms_find(pass->diff->atoms, v6 ? gateway->v6 : gateway->v4);
		if (pass->active[atom])
			compare(pass, view, atom, bound, true, findings);
	}
}

void diff_look_at_combos(struct diff_pass *pass, const struct diff_view *view, struct diff_findings *findings)
{
	const struct diff_combos *combos = pass->combos;

	const uint32_t *keys = view->same ? combos->unlike.items : combos->here.items;
	size_t count = view->same ? combos->unlike.count : combos->here.count;

	if (!fuel_use(pass->fuel, count * STEPS_PER_COMBO))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct combo *combo = &combos->all.items[keys[i]];

		if (view->sent || combo->bindable[0] || combo->bindable[1])
			compare(pass, view, combo->atom, combo->bindable, combo->plain, findings);
	}
}

struct diff_view diff_view_class(const struct diff_pass *pass, uint32_t class, bool sent)
{
	struct diff_view view = { .class = class, .sent = sent, .partner = ANALYSIS_NONE };
	uint32_t at = pass->atom_count + class + (sent ? pass->class_count : 0);

	for (int side = 0; side < 2; side++) {
		view.first[side] = pass->walk->planes[side].first[at];
		view.possible[side] = pass->state->resolvable[side][class];
		view.lookup[side] = pass->state->lookup[side][class];
	}
	view.same = diff_corresponds(pass, view.first[0], view.first[1]);
	return view;
}

static bool has_change(const struct diff_findings *findings, enum policy_action was)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].was == was)
			return true;
	return false;
}

/* What a server name alone shows, where the name bound does not show as much */
static void add_sent(struct diff_findings *findings, const struct diff_findings *sent)
{
	struct diff_findings bound = *findings;

	for (size_t i = 0; i < sent->count; i++)
		if (!has_change(&bound, sent->items[i].was))
			add_finding(findings, &sent->items[i]);
}

uint32_t diff_findings_key(struct diff_pass *pass, const struct diff_findings *findings)
{
	uint64_t words[4 * sizeof findings->items / sizeof *findings->items];

	for (size_t i = 0; i < findings->count; i++) {
		const struct diff_finding *finding = &findings->items[i];

		words[4 * i] = finding->before << 3 | (uint64_t)finding->plain << 2 | (uint64_t)finding->sent << 1 |
			       (finding->was == POLICY_ALLOW);
		words[4 * i + 1] = finding->after;
		words[4 * i + 2] = finding->atom;
		words[4 * i + 3] = finding->partner;
	}
	return keys_intern(&pass->keys, words, 4 * findings->count);
}

static uint32_t class_key(struct diff_pass *pass, const struct diff_view *bound, const struct diff_view *sent)
{
	struct diff_findings findings = { .count = 0 }, by_sent = { .count = 0 };

	if (name_classes_at(pass->diff->names, bound->class)->alias)
		look_at_alias(pass, bound, &findings);
	else if (bound->possible[0] || bound->possible[1])
		diff_look_at_combos(pass, bound, &findings);
	if (pass->server_names)
		diff_look_at_combos(pass, sent, &by_sent);
	add_sent(&findings, &by_sent);
	return diff_findings_key(pass, &findings);
}

/* The same for all classes with the same first rules and lookups */
static uint32_t memo_place(struct diff_pass *pass, uint32_t class)
{
	struct diff_combos *combos = pass->combos;
	struct diff_view bound = diff_view_class(pass, class, false), sent = bound;
	uint64_t words[5];
	uint32_t key;

	if (pass->server_names)
		sent = diff_view_class(pass, class, true);
	words[0] = (uint64_t)bound.first[0] << 32 | bound.first[1];
	words[1] = (uint64_t)sent.first[0] << 32 | sent.first[1];
	words[2] = (uint64_t)bound.lookup[0] << 32 | bound.lookup[1];
	words[3] = (uint64_t)bound.possible[0] << 1 | bound.possible[1];
	words[4] = name_classes_at(pass->diff->names, class)->alias;
	key = keys_intern(&combos->memo_keys, words, 5);
	if (key == combos->memo.count)
		arena_push(pass->arena, &combos->memo);
	if (combos->memo.items[key].stamp != combos->column) {
		uint32_t value = class_key(pass, &bound, &sent);

		combos->memo.items[key].stamp = combos->column;
		combos->memo.items[key].value = value;
		combos->memo.items[key].class = class;
		*arena_push(pass->arena, &combos->fresh) = key;
	}
	return key;
}

/* Of each class, its place in the memo; values found first alone, then with others */
static void find_keys(struct diff_pass *pass, uint32_t *places)
{
	struct diff_combos *combos = pass->combos;

	combos->fresh.count = combos->memos.count = 0;
	for (uint32_t i = 0; i < pass->class_count && !pass->fuel->out; i++)
		places[i] = name_classes_at(pass->diff->names, i)->member ? memo_place(pass, i) : 0;
	for (size_t i = 0; i < combos->fresh.count; i++)
		*arena_push(pass->arena, &combos->memos) =
			(struct diff_memo){ combos->memo.items[combos->fresh.items[i]].class,
					    &combos->memo.items[combos->fresh.items[i]].value };
	if (!pass->fuel->out)
		diff_bound_pairs(pass, combos->memos.items, combos->memos.count);
}

/* ---- columns ---- */

/* What lies in all columns, and what of it does not correspond: where a column touches none of that, classes
 * that it does not touch show what they show in all columns. */
struct diff_base {
	LIST_OF(uint32_t) classes; /* that do not correspond */
	bool *atoms;               /* by atom: does not correspond */
	LIST_OF(uint32_t) odd;     /* the same as a list */
	uint32_t *stamp;           /* by atom: the column it was last touched in */
};

static bool atom_differs(const struct diff_pass *pass, uint32_t at)
{
	return !diff_corresponds(pass, pass->walk->planes[0].first[at], pass->walk->planes[1].first[at]);
}

static bool class_differs(const struct diff_pass *pass, uint32_t class)
{
	return atom_differs(pass, pass->atom_count + class) ||
	       (pass->server_names && atom_differs(pass, pass->atom_count + pass->class_count + class));
}

static void evaluate_all(struct diff_pass *pass)
{
	find_combos(pass);
	find_keys(pass, pass->combos->places);
}

void diff_names_root(struct diff_pass *pass)
{
	struct diff_base *base = pass->base = arena_alloc(pass->arena, sizeof *base);

	combos_of(pass);
	base->atoms = arena_alloc(pass->arena, pass->atom_count + 1);
	base->stamp = arena_alloc(pass->arena, (pass->atom_count + 1) * sizeof *base->stamp);
	if (pass->class_count < 2 || !fuel_use(pass->fuel, pass->atom_count + 2u * pass->class_count))
		return;
	for (uint32_t i = 0; i < pass->atom_count; i++) {
		base->atoms[i] = pass->active[i] && atom_differs(pass, i);
		if (base->atoms[i])
			*arena_push(pass->arena, &base->odd) = i;
	}
	for (uint32_t i = 0; i < pass->class_count; i++)
		if (name_classes_at(pass->diff->names, i)->member && class_differs(pass, i))
			*arena_push(pass->arena, &base->classes) = i;
	if (!base->odd.count && !base->classes.count)
		return;
	evaluate_all(pass);
	for (uint32_t i = 0; i < pass->class_count && !pass->fuel->out; i++)
		pass->named.base[i] = pass->combos->memo.items[pass->combos->places[i]].value;
	diff_pairs_column(pass, true);
}

/* Whether a class that the column touches, and whose rules correspond in it, shows nothing here as elsewhere: it
 * can show something only beside an address whose rules do not correspond. */
static bool stays_silent(struct diff_pass *pass, uint32_t class)
{
	const struct diff_base *base = pass->base;
	struct diff_findings here = { .count = 0 };

	if (!name_classes_at(pass->diff->names, class)->member)
		return true;
	if (pass->named.base[class] || class_differs(pass, class) ||
	    !fuel_use(pass->fuel, base->odd.count * STEPS_PER_COMBO))
		return false;
	for (int sent = 0; sent < (pass->server_names ? 2 : 1); sent++) {
		struct diff_view view = diff_view_class(pass, class, sent);

		for (size_t i = 0; i < base->odd.count; i++) {
			uint32_t atom = base->odd.items[i];
			const bool bindable[2] = { pass->state->bindable[0][atom], pass->state->bindable[1][atom] };

			compare(pass, &view, atom, bindable, false, &here);
		}
	}
	return !here.count;
}

/* An unlike class that shows nothing alone might show something with this one, whose first rules are others here */
static bool may_pair(const struct diff_pass *pass, uint32_t class)
{
	struct diff_view touched = diff_view_class(pass, class, false);

	for (size_t i = 0; i < pass->base->classes.count && fuel_use(pass->fuel, 1); i++) {
		uint32_t other = pass->base->classes.items[i];

		if (!pass->named.base[other]) {
			struct diff_view view = diff_view_class(pass, other, false);

			if (diff_may_show(pass, &touched, &view) || diff_may_show(pass, &view, &touched))
				return true;
		}
	}
	return false;
}

/* Whether at this place of the line nothing is shown that is not shown in all columns */
static bool is_silent(struct diff_pass *pass, uint32_t at)
{
	const struct diff_base *base = pass->base;
	uint32_t names = at - pass->atom_count;

	if (at < pass->atom_count)
		return !pass->active[at] || (!base->atoms[at] && !atom_differs(pass, at));
	if (names >= 2u * pass->class_count)
		return !base->odd.count && !atom_differs(pass, at);
	return stays_silent(pass, names % pass->class_count) && !may_pair(pass, names % pass->class_count);
}

static bool touches_silently(struct diff_pass *pass, struct run span, uint32_t stamp)
{
	for (uint32_t at = span.lo; at < span.hi; at++) {
		if (!is_silent(pass, at))
			return false;
		if (at < pass->atom_count)
			pass->base->stamp[at] = stamp;
	}
	return true;
}

/* Marks the addresses that the column touches. false: every class has to be looked at */
static bool mark_touched(struct diff_pass *pass, const struct port_interval *column)
{
	for (size_t i = 0; i < column->touched_count; i++)
		if (!fuel_use(pass->fuel, column->touched[i].hi - column->touched[i].lo) ||
		    !touches_silently(pass, column->touched[i], (uint32_t)pass->named.columns.count))
			return false;
	return true;
}

/* Whether the findings are among those of a key, as they are packed there */
static bool are_known(const struct key *key, const struct diff_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct diff_finding *finding = &findings->items[i];
		bool known = false;

		for (size_t j = 0; j < key->count && !known; j += 4)
			known = key->words[j] >> 3 == finding->before && key->words[j + 1] == finding->after &&
				(key->words[j] & 1) == (finding->was == POLICY_ALLOW);
		if (!known)
			return false;
	}
	return true;
}

/* Whether a class that shows `key` in all columns shows the same here, where only addresses are touched */
static bool shows_the_same(struct diff_pass *pass, const struct port_interval *column, uint32_t class, uint32_t key)
{
	const struct key *found = keys_get(&pass->keys, key);
	uint32_t stamp = (uint32_t)pass->named.columns.count;
	struct diff_findings here = { .count = 0 };

	for (size_t i = 2; i < found->count; i += 4)
		if (pass->base->stamp[found->words[i]] == stamp)
			return false;
	for (int sent = 0; sent < (pass->server_names ? 2 : 1); sent++) {
		struct diff_view view = diff_view_class(pass, class, sent);

		for (size_t i = 0; i < column->touched_count && !view.same; i++)
			for (uint32_t at = column->touched[i].lo; at < column->touched[i].hi && at < pass->atom_count;
			     at++) {
				const bool bindable[2] = { pass->state->bindable[0][at], pass->state->bindable[1][at] };

				if (!fuel_use(pass->fuel, STEPS_PER_COMBO))
					return true;
				if (pass->active[at] && (sent || bindable[0] || bindable[1]))
					compare(pass, &view, at, bindable, false, &here);
			}
	}
	return are_known(found, &here);
}

static bool all_show_the_same(struct diff_pass *pass, const struct port_interval *column)
{
	const struct diff_base *base = pass->base;

	if (!mark_touched(pass, column))
		return false;
	for (size_t i = 0; i < base->classes.count; i++)
		if (!shows_the_same(pass, column, base->classes.items[i], pass->named.base[base->classes.items[i]]))
			return false;
	for (uint32_t i = 0; i < pass->pairs.count; i++)
		if (pass->paired.base[i])
			return false;
	return true;
}

void diff_names_column(struct diff_pass *pass, const struct port_interval *column)
{
	bool like_root = column->whole ? !column->touched_count && pass->walk->apart != column->lo :
					 all_show_the_same(pass, column);

	if (pass->class_count < 2 || like_root || !fuel_use(pass->fuel, 4u * pass->class_count))
		return;
	evaluate_all(pass);
	for (uint32_t i = 0; i < pass->class_count && !pass->fuel->out; i++)
		cells_set(&pass->named, pass->fuel, i, pass->combos->memo.items[pass->combos->places[i]].value);
	diff_pairs_column(pass, false);
}

/* Whether the class shows something in this column */
bool diff_class_shows(const struct diff_pass *pass, uint32_t class)
{
	return pass->combos->memo.items[pass->combos->places[class]].value != 0;
}

/* ---- regions ---- */

static void add_region(struct diff_pass *pass, const struct cell_group *group, const uint32_t *classes,
		       const uint64_t words[4])
{
	struct diff *diff = pass->diff;
	struct diff_region *region = diff_add(diff, DIFF_NAMES, pass->direction,
					      words[0] & 1 ? POLICY_ALLOW : POLICY_DENY, words[0] >> 3, words[1]);

	region->protos = pass->proto;
	region->by_server_name = words[0] & 2;
	region->where = atoms_member(diff->atoms, (uint32_t)words[2]);
	if (words[3] != ANALYSIS_NONE)
		region->together = name_classes_at(diff->names, (uint32_t)words[3])->member;
	for (size_t i = 0; i < group->count; i++)
		*arena_push(diff->arena, &region->classes) = classes[i];
	for (size_t i = 0; i < group->port_count; i++)
		*arena_push(diff->arena, &region->ports) = group->ports[i];
}

void diff_add_findings(struct diff_pass *pass, const struct cell_group *group, const uint32_t *classes)
{
	const struct key *key = keys_get(&pass->keys, group->key);

	for (size_t i = 0; i < key->count; i += 4)
		add_region(pass, group, classes, key->words + i);
}

static void name_regions(void *self, const struct cell_group *group)
{
	diff_add_findings(self, group, group->items);
}

void diff_names_regions(struct diff_pass *pass)
{
	cells_group(&pass->named, pass->walk->has_ports, name_regions, pass);
}
