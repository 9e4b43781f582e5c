/* Connections bound to a name, or with its server name, in each interval of ports. Classes of names with the same first
 * matches and lookups are of one kind, which is compared once. Most intervals touch little: where nothing is touched that
 * could change what a class shows, it shows what it shows for all ports. */
#include "diff/diff_state.h"

/* ---- kinds of classes ---- */

struct class_kind {
	/* what makes it one */
	struct diff_scenario bound, sent; /* of one of its classes */
	bool alias;
	/* in this interval */
	uint32_t interval; /* the one it was last seen in */
	uint32_t class;
	uint32_t findings;
};

struct diff_names {
	struct records kinds;
	uint32_t *kind_of;                  /* by class: a key; 0: a class without a member */
	LIST_OF(uint32_t) seen;             /* keys of those in this interval */
	LIST_OF(struct diff_class) classes; /* one of each of these */
	uint32_t interval;
	/* For all ports: what does not correspond */
	LIST_OF(uint32_t) changed_classes, changed_atoms;
	bool *atom_changed;
	uint32_t *stamp; /* by atom: the interval it was last touched in */
};

static size_t kind_fields(const void *record, uint64_t out[static RECORDS_FIELDS_MAX])
{
	const struct class_kind *kind = record;
	size_t count = 0;

	out[count++] = kind->alias;
	for (int side = 0; side < 2; side++) {
		out[count++] = kind->bound.first[side];
		out[count++] = kind->sent.first[side];
		out[count++] = kind->bound.lookup[side];
		out[count++] = kind->bound.possible[side];
	}
	return count;
}

static uint32_t compare_kind(struct diff_pass *pass, const struct class_kind *kind)
{
	struct diff_findings findings = { .count = 0 }, by_server_name = { .count = 0 };

	if (kind->alias)
		diff_compare_alias(pass, &kind->bound, &findings);
	else if (kind->bound.possible[0] || kind->bound.possible[1])
		diff_compare(pass, &kind->bound, &findings);
	if (pass->base.server_names)
		diff_compare(pass, &kind->sent, &by_server_name);
	diff_add_by_server_name(&findings, &by_server_name);
	return diff_findings_key(pass, &findings);
}

static uint32_t find_kind(struct diff_pass *pass, uint32_t class)
{
	struct diff_names *names = pass->name_state;
	struct class_kind new = { .alias = name_classes_at(pass->diff->names, class)->alias }, *kind;
	uint32_t key;

	new.bound = new.sent = diff_scenario_of(pass, class, false);
	if (pass->base.server_names)
		new.sent = diff_scenario_of(pass, class, true);
	key = records_intern(&names->kinds, &new);
	kind = records_get(&names->kinds, key);
	if (kind->interval != names->interval) {
		*kind = new;
		kind->interval = names->interval;
		kind->class = class;
		kind->findings = compare_kind(pass, &new);
		*arena_push(pass->arena, &names->seen) = key;
	}
	return key;
}

static uint32_t findings_of(const struct diff_names *names, uint32_t class)
{
	const struct class_kind *kind =
		names->kind_of[class] ? records_get(&names->kinds, names->kind_of[class]) : NULL;

	return kind ? kind->findings : 0;
}

/* What each class shows in this interval: first alone, then with others */
static void compare_classes(struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct diff_names *names = pass->name_state;

	diff_find_addresses(pass);
	names->interval++;
	names->seen.count = names->classes.count = 0;
	for (uint32_t i = 0; i < analysis->class_count && !analysis->fuel->out; i++)
		names->kind_of[i] = name_classes_at(analysis->names, i)->member ? find_kind(pass, i) : 0;
	for (size_t i = 0; i < names->seen.count; i++) {
		struct class_kind *kind = records_get(&names->kinds, names->seen.items[i]);

		*arena_push(pass->arena, &names->classes) = (struct diff_class){ kind->class, &kind->findings };
	}
	if (!analysis->fuel->out)
		diff_bound_pairs(pass, names->classes.items, names->classes.count);
}

/* Where neither name shows anything by itself */
static uint32_t compare_pair(struct diff_pass *pass, uint32_t index)
{
	const struct name_pair pair = pass->name_pairs.list.items[index];

	if (findings_of(pass->name_state, pair.bound) || findings_of(pass->name_state, pair.sent))
		return 0;
	return diff_compare_pair(pass, index);
}

/* ---- for all ports ---- */

static bool class_corresponds(const struct diff_pass *pass, uint32_t class)
{
	const struct analysis *analysis = pass->base.analysis;

	if (analysis_holds_back(analysis, 0, class) != analysis_holds_back(analysis, 1, class))
		return false;
	return diff_place_corresponds(pass, analysis_pass_bound(&pass->base, class)) &&
	       (!pass->base.server_names || diff_place_corresponds(pass, analysis_pass_sent(&pass->base, class)));
}

static void find_changed(struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct diff_names *names = pass->name_state;

	for (uint32_t i = 0; i < analysis->atom_count; i++) {
		names->atom_changed[i] = pass->base.speaks[i] && !diff_place_corresponds(pass, i);
		if (names->atom_changed[i])
			*arena_push(pass->arena, &names->changed_atoms) = i;
	}
	for (uint32_t i = 0; i < analysis->class_count; i++)
		if (name_classes_at(analysis->names, i)->member && !class_corresponds(pass, i))
			*arena_push(pass->arena, &names->changed_classes) = i;
}

static void init(struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct diff_names *names = pass->name_state = arena_alloc(pass->arena, sizeof *names);

	records_init(&names->kinds, pass->arena, sizeof(struct class_kind), kind_fields);
	names->kind_of = arena_alloc(pass->arena, (analysis->class_count + 1) * sizeof *names->kind_of);
	names->atom_changed = arena_alloc(pass->arena, analysis->atom_count + 1);
	names->stamp = arena_alloc(pass->arena, (analysis->atom_count + 1) * sizeof *names->stamp);
}

void diff_names_root(struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;
	struct diff_names *names;

	init(pass);
	names = pass->name_state;
	if (analysis->class_count < 2 || !fuel_use(analysis->fuel, analysis->atom_count + 2u * analysis->class_count))
		return;
	find_changed(pass);
	if (!names->changed_atoms.count && !names->changed_classes.count)
		return;
	compare_classes(pass);
	for (uint32_t i = 0; i < analysis->class_count && !analysis->fuel->out; i++)
		pass->names.base[i] = findings_of(names, i);
	for (uint32_t i = 0; i < pass->name_pairs.list.count && fuel_use(analysis->fuel, 4); i++)
		pass->pairs.base[i] = compare_pair(pass, i);
}

/* ---- in one interval ---- */

/* Whether a class that the interval touches, and whose rules correspond in it, shows nothing here as elsewhere: it
 * can show something only beside an address whose rules do not correspond. */
static bool stays_silent(struct diff_pass *pass, uint32_t class)
{
	const struct diff_names *names = pass->name_state;
	struct diff_findings here = { .count = 0 };

	if (!name_classes_at(pass->diff->names, class)->member)
		return true;
	if (pass->names.base[class] || !class_corresponds(pass, class) ||
	    !fuel_use(pass->base.analysis->fuel, names->changed_atoms.count * DIFF_STEPS_PER_COMPARISON))
		return false;
	for (int sent = 0; sent < (pass->base.server_names ? 2 : 1); sent++) {
		struct diff_scenario scenario = diff_scenario_of(pass, class, sent);

		for (size_t i = 0; i < names->changed_atoms.count; i++)
			diff_compare_at(pass, &scenario, names->changed_atoms.items[i], &here);
	}
	return !here.count;
}

/* Whether a changed class that shows nothing alone might show something with this one, whose first matches are others
 * here */
static bool may_pair(const struct diff_pass *pass, uint32_t class)
{
	const struct diff_names *names = pass->name_state;
	struct diff_scenario touched = diff_scenario_of(pass, class, false);

	for (size_t i = 0; i < names->changed_classes.count && fuel_use(pass->base.analysis->fuel, 1); i++) {
		uint32_t other = names->changed_classes.items[i];

		if (!pass->names.base[other]) {
			struct diff_scenario scenario = diff_scenario_of(pass, other, false);

			if (diff_may_show(pass, &touched, &scenario) || diff_may_show(pass, &scenario, &touched))
				return true;
		}
	}
	return false;
}

/* Whether at this place nothing is shown that is not shown for all ports */
static bool is_silent(struct diff_pass *pass, uint32_t place)
{
	const struct diff_names *names = pass->name_state;
	uint32_t atoms = pass->base.analysis->atom_count, classes = pass->base.analysis->class_count, class;

	if (place < atoms)
		return !pass->base.speaks[place] ||
		       (!names->atom_changed[place] && diff_place_corresponds(pass, place));
	if (place >= analysis_pass_pair(&pass->base, 0))
		return !names->changed_atoms.count && diff_place_corresponds(pass, place);
	class = (place - atoms) % classes;
	return stays_silent(pass, class) && !may_pair(pass, class);
}

static bool touches_silently(struct diff_pass *pass, struct run run, uint32_t stamp)
{
	for (uint32_t place = run.lo; place < run.hi; place++) {
		if (!is_silent(pass, place))
			return false;
		if (place < pass->base.analysis->atom_count)
			pass->name_state->stamp[place] = stamp;
	}
	return true;
}

/* Marks the addresses that the interval touches. false: every class has to be looked at */
static bool mark_touched(struct diff_pass *pass, const struct port_interval *interval)
{
	for (size_t i = 0; i < interval->touched_count; i++)
		if (!fuel_use(pass->base.analysis->fuel, interval->touched[i].hi - interval->touched[i].lo) ||
		    !touches_silently(pass, interval->touched[i], (uint32_t)pass->names.intervals.count))
			return false;
	return true;
}

/* Whether all of `here` is among `known`, as far as a reader of the diff can tell */
static bool are_known(const struct diff_findings *known, const struct diff_findings *here)
{
	for (size_t i = 0; i < here->count; i++) {
		const struct diff_finding *finding = &here->items[i];
		bool found = false;

		for (size_t j = 0; j < known->count && !found; j++)
			found = known->items[j].was == finding->was &&
				decider_equal(known->items[j].by[0], finding->by[0]) &&
				decider_equal(known->items[j].by[1], finding->by[1]);
		if (!found)
			return false;
	}
	return true;
}

/* Whether a class that shows `key` for all ports shows the same here, where only addresses are touched */
static bool shows_the_same(struct diff_pass *pass, const struct port_interval *interval, uint32_t class, uint32_t key)
{
	const struct analysis *analysis = pass->base.analysis;
	const struct diff_findings *known = diff_findings_of(pass, key);
	struct diff_findings here = { .count = 0 };

	for (size_t i = 0; i < known->count; i++)
		if (pass->name_state->stamp[known->items[i].atom] == (uint32_t)pass->names.intervals.count)
			return false;
	for (int sent = 0; sent < (pass->base.server_names ? 2 : 1); sent++) {
		struct diff_scenario scenario = diff_scenario_of(pass, class, sent);

		for (size_t i = 0; i < interval->touched_count && !scenario.corresponds; i++)
			for (uint32_t at = interval->touched[i].lo;
			     at < interval->touched[i].hi && at < analysis->atom_count; at++) {
				if (!fuel_use(analysis->fuel, DIFF_STEPS_PER_COMPARISON))
					return true;
				if (pass->base.speaks[at] &&
				    (sent || analysis->planes[0].bindable[at] || analysis->planes[1].bindable[at]))
					diff_compare_at(pass, &scenario, at, &here);
			}
	}
	return are_known(known, &here);
}

/* Whether a class shows for all ports, together with another, what the addresses touched here may hide: its own rules need
 * not have changed for that. */
static bool shows_with_another(const struct diff_pass *pass)
{
	const struct analysis *analysis = pass->base.analysis;

	if (!fuel_use(analysis->fuel, analysis->class_count))
		return false;
	for (uint32_t i = 0; i < analysis->class_count; i++) {
		const struct diff_findings *known = diff_findings_of(pass, pass->names.base[i]);

		for (size_t j = 0; j < known->count; j++)
			if (known->items[j].partner != ANALYSIS_NONE)
				return true;
	}
	return false;
}

static bool all_show_the_same(struct diff_pass *pass, const struct port_interval *interval)
{
	const struct diff_names *names = pass->name_state;

	if (!mark_touched(pass, interval) || shows_with_another(pass))
		return false;
	for (size_t i = 0; i < names->changed_classes.count; i++) {
		uint32_t class = names->changed_classes.items[i];

		if (!shows_the_same(pass, interval, class, pass->names.base[class]))
			return false;
	}
	for (uint32_t i = 0; i < pass->name_pairs.list.count; i++)
		if (pass->pairs.base[i])
			return false;
	return true;
}

void diff_names_interval(struct diff_pass *pass, const struct port_interval *interval)
{
	struct fuel *fuel = pass->base.analysis->fuel;
	uint32_t classes = pass->base.analysis->class_count;
	bool as_for_all = interval->whole ? !interval->touched_count : all_show_the_same(pass, interval);

	if (classes < 2 || as_for_all || !fuel_use(fuel, 4u * classes))
		return;
	compare_classes(pass);
	for (uint32_t i = 0; i < classes && !fuel->out; i++)
		cells_set(&pass->names, fuel, i, findings_of(pass->name_state, i));
	for (uint32_t i = 0; i < pass->name_pairs.list.count && fuel_use(fuel, 4); i++)
		cells_set(&pass->pairs, fuel, i, compare_pair(pass, i));
}
