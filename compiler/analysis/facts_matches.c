/* The pieces that are first somewhere in an interval, by address and by name. They are counted by place, so that an
 * interval costs no more than the places that are its own, and those that were the interval's before. */
#include "analysis/facts_state.h"

#include <string.h>

#define MAX_LOOKS 16

/* ---- sets of pieces ---- */

static struct piece_set new_set(struct arena *arena, uint32_t pieces)
{
	struct piece_set set = { .count = pieces / 64 + 1 };

	set.words = arena_alloc(arena, set.count * sizeof *set.words);
	return set;
}

static void set_add(struct piece_set *set, uint32_t piece)
{
	set->words[piece / 64] |= UINT64_C(1) << piece % 64;
}

static void set_flip(struct piece_set *set, uint32_t piece)
{
	set->words[piece / 64] ^= UINT64_C(1) << piece % 64;
}

static void add_place(uint32_t *places, struct piece_set *set, uint32_t piece)
{
	if (!(*places)++)
		set_flip(set, piece);
}

static void remove_place(uint32_t *places, struct piece_set *set, uint32_t piece)
{
	if (!--*places)
		set_flip(set, piece);
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

/* The greatest member; 0 where there is none */
static uint32_t set_last(const struct piece_set *set)
{
	for (size_t word = set->count; word-- > 0;)
		if (set->words[word])
			return (uint32_t)(word * 64) + 63 - (uint32_t)__builtin_clzll(set->words[word]);
	return 0;
}

/* ---- counting ---- */

/* Calls `count` for every place of [lo, hi) that an interval touches: those that were touched when places were counted
 * last, which *counted keeps, and those that are now. false: out of fuel */
static bool count_touched(struct facts_pass *pass, struct facts_runs *counted, uint32_t lo, uint32_t hi,
			  void (*count)(struct facts_pass *, uint32_t place))
{
	struct fuel *fuel = pass->facts->analysis->fuel;
	const struct port_interval *interval = pass->interval;
	size_t before = counted->count;

	for (size_t i = 0; i < interval->touched_count; i++)
		if (interval->touched[i].lo >= lo && interval->touched[i].lo < hi)
			*arena_push(pass->base.tree->arena, counted) = interval->touched[i];
	for (size_t i = 0; i < counted->count; i++) {
		struct run run = counted->items[i];

		if (!fuel_use(fuel, run.hi - run.lo))
			return false;
		for (uint32_t place = run.lo; place < run.hi; place++)
			count(pass, place);
	}
	counted->count -= before;
	if (before)
		memmove(counted->items, counted->items + before, counted->count * sizeof *counted->items);
	return true;
}

/* ---- by address ---- */

static enum policy_action action_of(const struct facts_pass *pass, uint32_t piece)
{
	return analysis_pass_action(&pass->base, 0, piece);
}

static void count_in(struct facts_pass *pass, uint32_t atom, uint32_t piece, bool floored,
		     void (*count)(uint32_t *places, struct piece_set *, uint32_t piece))
{
	struct piece_places *places = &pass->places[piece];
	enum policy_action action = action_of(pass, piece);

	count(floored ? &places->floored : &places->all, floored ? &pass->floored : &pass->all.by_action[action],
	      piece);
	if (pass->facts->plane->bindable[atom])
		count(floored ? &places->bindable_floored : &places->bindable,
		      floored ? &pass->bindable_floored : &pass->bindable.by_action[action], piece);
}

/* What the floor denies, or nothing gets to, is no match */
static void count_atom(struct facts_pass *pass, uint32_t atom)
{
	uint32_t now = pass->active[atom] ? pass->first[atom] : ANALYSIS_NONE, was = pass->counted[atom];
	bool floored =
		pass->refused[atom] || (pass->facts->plane->floor_count && analysis_pass_floored(&pass->base, 0, atom));

	if (now == was && floored == pass->counted_floored[atom])
		return;
	if (was != ANALYSIS_NONE)
		count_in(pass, atom, was, pass->counted_floored[atom], remove_place);
	if (now != ANALYSIS_NONE)
		count_in(pass, atom, now, floored, add_place);
	pass->counted[atom] = now;
	pass->counted_floored[atom] = floored;
}

/* The first time; and each time where there is a floor, which goes by the interval's ports */
static bool count_all(struct facts_pass *pass)
{
	const struct analysis *analysis = pass->facts->analysis;

	if (!fuel_use(analysis->fuel, analysis->atom_count))
		return false;
	for (uint32_t atom = 0; atom < analysis->atom_count; atom++)
		count_atom(pass, atom);
	pass->counted_runs.count = 0;
	for (size_t i = 0; i < pass->interval->touched_count; i++)
		if (pass->interval->touched[i].lo < analysis->atom_count)
			*arena_push(pass->base.tree->arena, &pass->counted_runs) = pass->interval->touched[i];
	pass->is_counted = true;
	return true;
}

static void find_last(struct first_matches *matches)
{
	uint32_t deny = set_last(&matches->by_action[POLICY_DENY]), allow = set_last(&matches->by_action[POLICY_ALLOW]);

	matches->max = deny > allow ? deny : allow;
}

bool facts_pass_find_matches(struct facts_pass *pass)
{
	bool all = !pass->is_counted || pass->facts->plane->floor_count;

	if (pass->have_matches)
		return true;
	if (all ? !count_all(pass) :
		  !count_touched(pass, &pass->counted_runs, 0, pass->facts->analysis->atom_count, count_atom))
		return false;
	find_last(&pass->bindable);
	find_last(&pass->all);
	pass->last_floored = set_last(&pass->floored);
	pass->last_bindable_floored = set_last(&pass->bindable_floored);
	pass->have_matches = true;
	return true;
}

/* ---- by name ---- */

static void count_name(struct facts_pass *pass, uint32_t place)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t index = place - analysis->atom_count, class = index % analysis->class_count;
	uint32_t now = pass->first[place], was = pass->counted_names[index];
	bool sent = index >= analysis->class_count;

	if (now == was ||
	    (sent ? !pass->base.server_names : !pass->facts->plane->resolvable[class] || class == pass->alias_class))
		return;
	pass->counted_names[index] = now;
	if (was != ANALYSIS_NONE)
		remove_place(sent ? &pass->places[was].sent : &pass->places[was].bound,
			     sent ? &pass->sent : &pass->bound[action_of(pass, was)], was);
	if (now != ANALYSIS_NONE)
		add_place(sent ? &pass->places[now].sent : &pass->places[now].bound,
			  sent ? &pass->sent : &pass->bound[action_of(pass, now)], now);
}

void facts_pass_find_names(struct facts_pass *pass)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t lo = analysis->atom_count, hi = lo + 2 * analysis->class_count;

	if (pass->have_names)
		return;
	if (!pass->names_are_counted) {
		if (!fuel_use(analysis->fuel, 2u * analysis->class_count))
			return;
		for (uint32_t place = lo; place < hi; place++)
			count_name(pass, place);
		pass->names_are_counted = true;
	}
	if (!count_touched(pass, &pass->counted_name_runs, lo, hi, count_name))
		return;
	pass->have_names = true;
	pass->alias = pass->alias_class;
	if (pass->alias != ANALYSIS_NONE &&
	    (!pass->facts->plane->resolvable[pass->alias] ||
	     pass->first[analysis_pass_bound(&pass->base, pass->alias)] == ANALYSIS_NONE))
		pass->alias = ANALYSIS_NONE;
}

/* ---- what there is at all ---- */

void facts_matches_find_present(struct facts_pass *pass)
{
	const struct port_tree *tree = pass->base.tree;
	uint32_t last = pass->facts->plane->piece_count;

	for (size_t i = 0; i < tree->rects.count; i++) {
		const struct port_tree_rect *rect = &tree->rects.items[i];

		if (rect->plane != 0) /* a floor's */
			continue;
		set_add(&pass->present_any[action_of(pass, rect->piece)], rect->piece);
		if (tree->runs.items[rect->runs].lo < pass->facts->analysis->atom_count)
			set_add(&pass->present[action_of(pass, rect->piece)], rect->piece);
	}
	set_add(&pass->present[action_of(pass, last)], last);
	set_add(&pass->present_any[action_of(pass, last)], last);
}

/* The next piece of the other action behind `from` */
static uint32_t next_other(const struct facts_pass *pass, uint32_t piece, uint32_t from, bool names)
{
	return piece_set_next(&(names ? pass->present_any : pass->present)[!action_of(pass, piece)], from + 1);
}

bool facts_pass_is_changed(const struct facts_pass *pass, uint32_t piece, bool names)
{
	return pass->facts->rules[pass->facts->plane->rule_of[piece]].changes_verdict ||
	       next_other(pass, piece, piece, names) == ANALYSIS_NONE;
}

bool facts_pass_is_changed_here(const struct facts_pass *pass, uint32_t piece, bool names)
{
	const struct analysis_plane *plane = pass->facts->plane;
	uint32_t at = piece;

	if (facts_pass_is_changed(pass, piece, names))
		return true;
	for (int looks = 0; looks < MAX_LOOKS; looks++) {
		at = next_other(pass, piece, at, names);
		if (at == ANALYSIS_NONE)
			return true;
		if (at == plane->piece_count || eval_rule_matches_port(&plane->policy->rules.items[plane->rule_of[at]],
								       pass->base.tree->has_ports, pass->base.lo))
			return false;
	}
	return false;
}

/* ---- making ---- */

static uint32_t find_alias(const struct analysis *analysis)
{
	for (uint32_t i = 0; i < analysis->class_count; i++)
		if (name_classes_at(analysis->names, i)->alias)
			return i;
	return ANALYSIS_NONE;
}

void facts_matches_init(struct facts_pass *pass, struct arena *arena)
{
	const struct analysis *analysis = pass->facts->analysis;
	uint32_t pieces = pass->facts->plane->piece_count;

	for (int i = 0; i < 2; i++) {
		pass->bindable.by_action[i] = new_set(arena, pieces);
		pass->all.by_action[i] = new_set(arena, pieces);
		pass->bound[i] = new_set(arena, pieces);
	}
	pass->sent = new_set(arena, pieces);
	pass->floored = new_set(arena, pieces);
	pass->bindable_floored = new_set(arena, pieces);
	for (int i = 0; i < 2; i++) {
		pass->present[i] = new_set(arena, pieces);
		pass->present_any[i] = new_set(arena, pieces);
	}
	pass->places = arena_alloc(arena, (pieces + 1u) * sizeof *pass->places);
	pass->counted = arena_alloc(arena, (analysis->atom_count + 1) * sizeof *pass->counted);
	memset(pass->counted, 0xff, analysis->atom_count * sizeof *pass->counted);
	pass->counted_floored = arena_alloc(arena, analysis->atom_count + 1);
	pass->counted_names = arena_alloc(arena, (2 * analysis->class_count + 1) * sizeof *pass->counted_names);
	memset(pass->counted_names, 0xff, 2 * analysis->class_count * sizeof *pass->counted_names);
	pass->alias_class = find_alias(analysis);
}
