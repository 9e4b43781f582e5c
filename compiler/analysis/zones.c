/* Zones: the addresses cut by rules that say `in`. At an address such a rule matches by its names or does not match at
 * all, and an answer may hold it for every name, for the rule's names, or for none. A connection has one address, so it
 * is in one zone, and within a zone a rule that says `in` is a rule on names like any other, or is not there: what is
 * asked about connections is asked of one zone after the other. Without such rules there is one zone. */
#include "analysis/pass.h"

#include <stdlib.h>

/* A rule that says `in`, at one atom */
struct placed {
	uint32_t plane, rule;
};

struct zone {
	const struct placed *rules;
	size_t count;
	bool held[ANALYSIS_POLICIES];    /* answers may hold its addresses for the rules' names only */
	bool floored[ANALYSIS_POLICIES]; /* for no name, since a floor does not let them */
};

struct analysis_zones {
	uint32_t *of; /* by atom */
	LIST_OF(struct zone) list;
	bool *takes_part[ANALYSIS_POLICIES]; /* by rule: in the zone entered */
	bool *all[ANALYSIS_POLICIES];        /* by class: resolvable wherever */
	bool *in_zone[ANALYSIS_POLICIES];    /* by class: resolvable in the zone entered */
};

/* While zones are made */
struct placing {
	uint32_t atom;
	bool held[ANALYSIS_POLICIES], floored[ANALYSIS_POLICIES];
	LIST_OF(struct placed) rules;
};

static bool says_in(const struct analysis *analysis)
{
	for (uint32_t i = 0; i < analysis->policy_count; i++)
		for (size_t j = 0; j < analysis->planes[i].policy->rules.count; j++)
			if (analysis->planes[i].policy->rules.items[j].within.count)
				return true;
	return false;
}

static struct addr lowest(const struct analysis *analysis, uint32_t atom)
{
	return (struct addr){ atoms_at(analysis->atoms, atom)->family, atoms_ranges(analysis->atoms, atom)->lo };
}

static void place_network(struct analysis *analysis, uint32_t plane, uint32_t index,
			  const struct policy_target *network, struct placing *placings)
{
	const struct policy_rule *rule = &analysis->planes[plane].policy->rules.items[index];
	struct run runs[ATOMS_RUNS_MAX];
	size_t count = atoms_target_runs(analysis->atoms, POLICY_ALLOW, network, runs);

	for (size_t i = 0; i < count && fuel_use(analysis->fuel, 100 + runs[i].hi - runs[i].lo); i++)
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi; atom++) {
			struct placing *at = &placings[atom];
			const struct placed *last = at->rules.count ? &at->rules.items[at->rules.count - 1] : NULL;

			if ((!last || last->plane != plane || last->rule != index) &&
			    policy_rule_places(rule, lowest(analysis, atom), &analysis->gateway))
				*arena_push(analysis->arena, &at->rules) = (struct placed){ plane, index };
		}
}

static void place_rules(struct analysis *analysis, struct placing *placings)
{
	for (uint32_t i = 0; i < analysis->policy_count; i++)
		for (uint32_t j = 0; j < analysis->planes[i].policy->rules.count; j++) {
			const struct policy_targets *within = &analysis->planes[i].policy->rules.items[j].within;

			for (size_t k = 0; k < within->count; k++)
				place_network(analysis, i, j, &within->items[k], placings);
		}
}

/* Whether only an exception for a name lets an answer have the atom; where it is so, the atom can be bound */
static void find_held(struct analysis *analysis, struct placing *placing)
{
	for (uint32_t i = 0; placing->rules.count && i < analysis->policy_count; i++) {
		struct analysis_plane *plane = &analysis->planes[i];
		const struct atom *atom = atoms_at(analysis->atoms, placing->atom);
		struct decider by;

		placing->held[i] = !analysis_answer_passes(analysis, i, placing->atom, &by) &&
				   eval_family_active(&analysis->gateway, atom->family);
		placing->floored[i] = placing->held[i] && by.kind == DECIDER_FLOOR;
		if (placing->held[i])
			plane->bindable[placing->atom] = true;
	}
}

static int compare_placings(const void *a, const void *b)
{
	const struct placing *x = a, *y = b;
	int order = COMPARE(x->rules.count, y->rules.count) ?:
			    COMPARE(x->held[0], y->held[0]) ?:
							      COMPARE(x->held[1], y->held[1]);

	order = order ?: COMPARE(x->floored[0], y->floored[0]) ?: COMPARE(x->floored[1], y->floored[1]);

	for (size_t i = 0; !order && i < x->rules.count; i++)
		order = COMPARE(x->rules.items[i].plane, y->rules.items[i].plane) ?:
				COMPARE(x->rules.items[i].rule, y->rules.items[i].rule);
	return order;
}

/* Atoms that the same rules are placed at, and that answers may have alike, are a zone: the first is of no rule's. */
static void make_zones(struct analysis *analysis, struct placing *placings)
{
	struct analysis_zones *zones = analysis->zones;

	arena_push(analysis->arena, &zones->list);
	qsort(placings, analysis->atom_count, sizeof *placings, compare_placings);
	for (uint32_t i = 0; i < analysis->atom_count; i++) {
		const struct placing *at = &placings[i];

		if (at->rules.count && (!i || compare_placings(&placings[i - 1], at)))
			*arena_push(analysis->arena, &zones->list) =
				(struct zone){ at->rules.items,
					       at->rules.count,
					       { at->held[0], at->held[1] },
					       { at->floored[0], at->floored[1] } };
		zones->of[at->atom] = (uint32_t)zones->list.count - 1;
	}
}

void analysis_find_zones(struct analysis *analysis)
{
	struct placing *placings;

	analysis->zone = ANALYSIS_NONE;
	if (!says_in(analysis))
		return;
	analysis->zones = arena_alloc(analysis->arena, sizeof *analysis->zones);
	analysis->zones->of = arena_alloc(analysis->arena, (analysis->atom_count + 1) * sizeof *analysis->zones->of);
	placings = arena_alloc(analysis->arena, (analysis->atom_count + 1) * sizeof *placings);
	for (uint32_t i = 0; i < analysis->atom_count; i++)
		placings[i].atom = i;
	place_rules(analysis, placings);
	for (uint32_t i = 0; i < analysis->atom_count; i++)
		find_held(analysis, &placings[i]);
	make_zones(analysis, placings);
	for (uint32_t i = 0; i < analysis->policy_count; i++) {
		analysis->zones->takes_part[i] =
			arena_alloc(analysis->arena, analysis->planes[i].policy->rules.count + 1);
		analysis->zones->all[i] = analysis->planes[i].resolvable;
		analysis->zones->in_zone[i] = arena_alloc(analysis->arena, analysis->class_count + 1);
	}
}

uint32_t analysis_zone_count(const struct analysis *analysis)
{
	return analysis->zones ? (uint32_t)analysis->zones->list.count : 1;
}

/* ---- in a zone ---- */

static bool is_excepted(const struct analysis *analysis, const struct zone *zone, uint32_t plane, uint32_t class)
{
	for (size_t i = 0; !zone->floored[plane] && i < zone->count; i++)
		if (zone->rules[i].plane == plane &&
		    name_classes_rule_takes(analysis->names, plane, zone->rules[i].rule, class))
			return true;
	return false;
}

void analysis_enter_zone(struct analysis *analysis, uint32_t index)
{
	struct analysis_zones *zones = analysis->zones;
	const struct zone *zone = zones && index != ANALYSIS_NONE ? &zones->list.items[index] : NULL;

	analysis->zone = index;
	for (uint32_t i = 0; zones && i < analysis->policy_count; i++) {
		struct analysis_plane *plane = &analysis->planes[i];

		/* about what a zone's passes cost at least */
		if (!fuel_use(analysis->fuel, 10 * (plane->policy->rules.count + analysis->atom_count)))
			return;
		plane->resolvable = zone && zone->held[i] ? zones->in_zone[i] : zones->all[i];
		for (size_t j = 0; j < plane->policy->rules.count; j++)
			zones->takes_part[i][j] = false;
		for (size_t j = 0; zone && j < zone->count; j++)
			if (zone->rules[j].plane == i)
				zones->takes_part[i][zone->rules[j].rule] = true;
		if (!zone || !zone->held[i] ||
		    !fuel_use(analysis->fuel, (zone->count + 1) * (analysis->class_count + 1)))
			continue;
		for (uint32_t class = 0; class < analysis->class_count; class ++)
			zones->in_zone[i][class] = zones->all[i][class] && is_excepted(analysis, zone, i, class);
	}
}

uint32_t analysis_zone_of(const struct analysis *analysis, uint32_t atom)
{
	return analysis->zones ? analysis->zones->of[atom] : 0;
}

bool analysis_in_zone(const struct analysis *analysis, uint32_t atom)
{
	return analysis->zone == ANALYSIS_NONE || analysis_zone_of(analysis, atom) == analysis->zone;
}

bool analysis_takes_part(const struct analysis *analysis, uint32_t plane, size_t rule)
{
	return !analysis->planes[plane].policy->rules.items[rule].within.count ||
	       (analysis->zones && analysis->zones->takes_part[plane][rule]);
}

bool analysis_holds_back(const struct analysis *analysis, uint32_t plane, uint32_t class)
{
	const struct analysis_zones *zones = analysis->zones;

	return zones && zones->all[plane][class] && !analysis->planes[plane].resolvable[class];
}

bool analysis_lets_answer(const struct analysis *analysis, uint32_t plane, uint32_t class)
{
	const struct analysis_zones *zones = analysis->zones;
	const struct zone *zone = zones && analysis->zone != ANALYSIS_NONE ? &zones->list.items[analysis->zone] : NULL;

	if (!zone || !zone->held[plane] || analysis->planes[plane].resolvable[class])
		return true;
	return fuel_use(analysis->fuel, zone->count) && is_excepted(analysis, zone, plane, class);
}

bool analysis_holds_alike(const struct analysis *analysis)
{
	const struct zone *zone = analysis->zones && analysis->zone != ANALYSIS_NONE ?
					  &analysis->zones->list.items[analysis->zone] :
					  NULL;

	return !zone || zone->held[0] == zone->held[1];
}

bool analysis_alone_excepts(const struct analysis *analysis, uint32_t rule)
{
	const struct analysis_zones *zones = analysis->zones;

	for (size_t i = 0; zones && i < zones->list.count && !analysis->fuel->out; i++) {
		struct zone zone = zones->list.items[i];
		struct placed *others;
		size_t count = 0;

		if (!fuel_use(analysis->fuel, 1 + zone.count))
			return true;
		others = arena_alloc(analysis->arena, (zone.count + 1) * sizeof *others);
		for (size_t j = 0; j < zone.count; j++)
			if (zone.rules[j].rule != rule)
				others[count++] = zone.rules[j];
		if (!zone.held[0] || zone.floored[0] || count == zone.count)
			continue;
		for (uint32_t class = 0; class < analysis->class_count; class ++) {
			struct zone without = { .rules = others, .count = count, .held = { true, false } };

			if (!fuel_use(analysis->fuel, 1 + count))
				return true;
			if (zones->all[0][class] && name_classes_at(analysis->names, class)->member &&
			    name_classes_rule_takes(analysis->names, 0, rule, class) &&
			    !is_excepted(analysis, &without, 0, class))
				return true;
		}
	}
	return false;
}
