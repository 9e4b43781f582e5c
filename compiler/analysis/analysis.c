/* The classes of flows of one policy or several, and what holds for all passes over them. */
#include "analysis/analysis.h"
#include "analysis/pass.h"

#include <string.h>

static bool has_names(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy_rule_has_names(&policy->rules.items[i]))
			return true;
	return false;
}

static bool same_floors(const struct policy *a, const struct policy *b)
{
	for (size_t i = 0; a->floors.count == b->floors.count && i < a->floors.count; i++)
		if (strcmp(a->floors.items[i]->name, b->floors.items[i]->name) != 0)
			return false;
	return a->floors.count == b->floors.count;
}

static void give_up(struct fuel *fuel, const char *why)
{
	fuel->out = true;
	fuel->why = why;
}

/* A floor's plane says what is denied by address. One with rules on names would have to be looked at beside each name
 * that is bound: it is too complex. */
static void add_floors(struct analysis *analysis, const struct policy *const *policies)
{
	for (uint32_t i = 0; i < analysis->policy_count; i++) {
		struct analysis_plane *plane = &analysis->planes[i];

		analysis->same_floors = analysis->same_floors && same_floors(policies[0], policies[i]);
		plane->floors = analysis->plane_count;
		plane->floor_count = (uint32_t)policies[i]->floors.count;
		for (size_t k = 0; k < policies[i]->floors.count; k++) {
			const struct policy *floor = policies[i]->floors.items[k];
			if (has_names(floor))
				give_up(analysis->fuel,
					"a floor has rules on names, which eval, explain and test heed");
			analysis->planes[analysis->plane_count++].policy = floor;
		}
	}
}

struct analysis *analysis_new(struct arena *arena, const struct policy *const *policies, size_t count,
			      enum analysis_grain grain, const struct addr_gateway *gateway, struct fuel *fuel)
{
	struct analysis *analysis = arena_alloc(arena, sizeof *analysis);
	const struct policy *all[ANALYSIS_PLANES];

	*analysis = (struct analysis){
		.arena = arena,
		.fuel = fuel,
		.gateway = *gateway,
		.grain = grain,
		.plane_count = (uint32_t)count,
		.policy_count = (uint32_t)count,
		.same_floors = true,
		.names = name_classes_new(arena, policies, count),
	};
	for (size_t i = 0; i < count; i++)
		analysis->planes[i].policy = policies[i];
	add_floors(analysis, policies);
	for (uint32_t i = 0; i < analysis->plane_count; i++)
		all[i] = analysis->planes[i].policy;
	analysis->atoms = atoms_new(arena, gateway, all, analysis->plane_count);
	analysis->atom_count = atoms_count(analysis->atoms);
	analysis->class_count = name_classes_count(analysis->names);
	for (uint32_t i = analysis->plane_count; i-- > 0 && !fuel->out;) { /* lookups ask the floors' */
		analysis_cut(analysis, i);
		analysis_find_lookups(analysis, i);
	}
	if (!fuel->out) {
		analysis_find_answers(analysis);
		analysis_find_zones(analysis);
	}
	return analysis;
}

const struct name_classes *analysis_names(const struct analysis *analysis)
{
	return analysis->names;
}

const struct atoms *analysis_atoms(const struct analysis *analysis)
{
	return analysis->atoms;
}

bool analysis_resolvable(const struct analysis *analysis, uint32_t class)
{
	return analysis->planes[0].resolvable[class];
}
