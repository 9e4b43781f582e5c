/* Lookups: which rules are first to take a query, by its name or by its transport, and whether it is allowed. */
#include "analysis/pass.h"

enum policy_action analysis_query_action(const struct analysis_plane *plane, uint32_t rule)
{
	return rule == ANALYSIS_NONE ? plane->policy->egress.action : plane->policy->rules.items[rule].action;
}

bool analysis_label_is_too_long(const struct analysis *analysis, uint32_t plane, uint32_t class)
{
	const struct policy *policy = analysis->planes[plane].policy;
	const struct name_class *names = name_classes_at(analysis->names, class);
	bool too_long = policy->dns_label.size && names->patterns.count > 0;

	for (size_t i = 0; too_long && i < names->patterns.count; i++)
		too_long = eval_label_is_too_long(policy, names->patterns.items[i].name);
	return too_long;
}

/* The first two of four, each pair ascending; a rule that is in both counts once */
static void merge(const uint32_t a[static 2], const uint32_t b[static 2], uint32_t out[static 2])
{
	uint32_t first = a[0] < b[0] ? a[0] : b[0];
	uint32_t next_a = a[0] == first ? a[1] : a[0], next_b = b[0] == first ? b[1] : b[0];

	out[0] = first;
	out[1] = next_a < next_b ? next_a : next_b;
}

void analysis_lookup(const struct analysis *analysis, uint32_t plane, uint32_t class, enum flow_transport transport,
		     uint32_t two[static 2])
{
	merge(name_classes_at(analysis->names, class)->lookup[plane], analysis->planes[plane].by_transport[transport],
	      two);
}

static void find_by_transport(struct analysis_plane *plane)
{
	const struct policy *policy = plane->policy;

	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_DOT; transport++) {
		uint32_t *two = plane->by_transport[transport];

		two[0] = two[1] = ANALYSIS_NONE;
		for (uint32_t i = 0; i < policy->rules.count && two[1] == ANALYSIS_NONE; i++)
			if (eval_rule_matches_query(&policy->rules.items[i], NULL, (enum flow_transport)transport))
				two[two[0] != ANALYSIS_NONE] = i;
	}
}

bool analysis_query_floored(const struct analysis *analysis, uint32_t index, enum flow_transport transport,
			    struct decider *by)
{
	const struct analysis_plane *plane = &analysis->planes[index];

	for (uint32_t i = plane->floors; i < plane->floors + plane->floor_count; i++) {
		const struct analysis_plane *floor = &analysis->planes[i];
		uint32_t rule = floor->by_transport[transport][0];
		if (analysis_query_action(floor, rule) == POLICY_ALLOW)
			continue;
		if (by)
			*by = decided_by_floor(i - plane->floors,
					       rule == ANALYSIS_NONE ? floor->policy->rules.count : rule);
		return true;
	}
	return false;
}

void analysis_find_lookups(struct analysis *analysis, uint32_t index)
{
	struct analysis_plane *plane = &analysis->planes[index];

	find_by_transport(plane);
	if (index >= analysis->policy_count)
		return;
	plane->resolvable = arena_alloc(analysis->arena, analysis->class_count + 1);
	for (uint32_t i = 0; i < analysis->class_count; i++)
		for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_TCP; transport++) {
			uint32_t two[2];

			analysis_lookup(analysis, index, i, (enum flow_transport)transport, two);
			if (name_classes_at(analysis->names, i)->member &&
			    analysis_query_action(plane, two[0]) == POLICY_ALLOW &&
			    !analysis_label_is_too_long(analysis, index, i) &&
			    !analysis_query_floored(analysis, index, (enum flow_transport)transport, NULL))
				plane->resolvable[i] = true;
		}
}
