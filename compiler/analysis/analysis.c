/* The classes of flows of one policy or several, and what holds for all passes over them. */
#include "analysis/analysis.h"
#include "analysis/pass.h"

struct analysis *analysis_new(struct arena *arena, const struct policy *const *policies, size_t count,
			      enum analysis_grain grain, const struct addr_gateway *gateway, struct fuel *fuel)
{
	struct analysis *analysis = arena_alloc(arena, sizeof *analysis);

	*analysis = (struct analysis){
		.arena = arena,
		.fuel = fuel,
		.gateway = *gateway,
		.grain = grain,
		.plane_count = (uint32_t)count,
		.atoms = atoms_new(arena, gateway, policies, count),
		.names = name_classes_new(arena, policies, count),
	};
	analysis->atom_count = atoms_count(analysis->atoms);
	analysis->class_count = name_classes_count(analysis->names);
	for (size_t i = 0; i < count; i++)
		fuel->out = fuel->out || policies[i]->floors.count;
	for (uint32_t i = 0; i < count && !fuel->out; i++) {
		analysis->planes[i].policy = policies[i];
		analysis_cut(analysis, i);
		analysis_find_lookups(analysis, i);
	}
	if (!fuel->out)
		analysis_find_answers(analysis);
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
