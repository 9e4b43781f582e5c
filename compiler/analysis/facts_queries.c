/* Rule facts from lookups and their answers: which rule decides each class of names over each transport, which lets
 * an answer pass rebind protection, and whether that would change without it. */
#include "analysis/facts_state.h"

/* ---- queries ---- */

static void note_transport(struct facts *facts, uint32_t index, enum flow_transport transport)
{
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];
	struct rule_facts *of = &facts->rules[index];
	uint16_t port = flow_transport_port(transport);
	size_t target = 0;

	of->protos |= flow_transport_proto(transport);
	while (!eval_target_judges_queries(&rule->targets.items[target]))
		target++;
	if (of->targets)
		of->targets[target] = true;
	for (size_t i = 0; of->ports && i < rule->ports.count; i++)
		if (rule->ports.items[i].lo <= port && port <= rule->ports.items[i].hi) {
			of->ports[i] = true;
			break;
		}
}

static void look_at_query(struct facts *facts, uint32_t class, enum flow_transport transport)
{
	const struct analysis_plane *plane = facts->plane;
	const struct name_class *name = name_classes_at(facts->analysis->names, class);
	struct witness flow = { .kind = FLOW_DNS, .name = name->member, .transport = transport };
	bool floored = analysis_query_floored(facts->analysis, 0, transport, NULL) ||
		       analysis_label_is_too_long(facts->analysis, 0, class);
	uint32_t two[2];

	analysis_lookup(facts->analysis, 0, class, transport, two);
	/* over TLS they are refused where a rule allows them */
	if (two[0] == ANALYSIS_NONE ||
	    ((floored || transport == FLOW_DNS_DOT) && analysis_query_action(plane, two[0]) == POLICY_ALLOW))
		return;
	facts_decided(&facts->rules[two[0]], &flow);
	if (two[0] == name->lookup[0][0])
		facts_mark_names(facts, two[0], class);
	if (two[0] == plane->by_transport[transport][0])
		note_transport(facts, two[0], transport);
	if (!floored && transport != FLOW_DNS_DOT &&
	    analysis_query_action(plane, two[1]) != analysis_query_action(plane, two[0]))
		facts->rules[two[0]].changes_verdict = true;
}

void facts_look_at_queries(struct facts *facts)
{
	for (uint32_t i = 0; i < facts->analysis->class_count; i++)
		for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_DOT; transport++)
			if (name_classes_at(facts->analysis->names, i)->member)
				look_at_query(facts, i, (enum flow_transport)transport);
}

/* ---- answers ---- */

static bool piece_allows(const struct analysis_plane *plane, uint32_t piece)
{
	return piece < plane->piece_count && plane->policy->rules.items[plane->rule_of[piece]].action == POLICY_ALLOW;
}

/* The first piece in the atom that is not the rule's */
static uint32_t without(const struct port_tree_plane *excepts, uint32_t atom, uint32_t rule)
{
	return excepts->rule_of[excepts->first[atom]] == rule ? excepts->second[atom] : excepts->first[atom];
}

/* Whether the atom would fare otherwise in answers without the rule */
static bool answer_changes(const struct analysis_plane *plane, uint32_t atom, uint32_t rule)
{
	const struct port_tree_plane *tcp = &plane->excepts_tcp, *udp = &plane->excepts_udp;
	bool passes = piece_allows(plane, tcp->first[atom]) || piece_allows(plane, udp->first[atom]);

	return passes !=
	       (piece_allows(plane, without(tcp, atom, rule)) || piece_allows(plane, without(udp, atom, rule)));
}

static bool is_held_back(const struct facts *facts, uint32_t index)
{
	const struct policy *policy = facts->plane->policy;
	const struct atom *atom = atoms_at(facts->analysis->atoms, index);

	return atom->reserved && policy->rebind_protection && analysis_is_address(facts->analysis, index) &&
	       eval_family_active(&facts->analysis->gateway, atom->family) &&
	       analysis_floors_except(facts->analysis, 0, index);
}

static bool any_resolvable(const struct facts *facts)
{
	for (uint32_t i = 0; i < facts->analysis->class_count; i++)
		if (facts->plane->resolvable[i])
			return true;
	return false;
}

void facts_look_at_answers(struct facts *facts)
{
	const struct analysis_plane *plane = facts->plane;
	const struct port_tree_plane *const excepts[] = { &plane->excepts_tcp, &plane->excepts_udp };

	if (!any_resolvable(facts))
		return;
	for (uint32_t atom = 0; atom < facts->analysis->atom_count; atom++)
		for (int i = 0; i < 2 && is_held_back(facts, atom); i++) {
			uint32_t piece = excepts[i]->first[atom], rule = plane->rule_of[piece];

			if (piece < plane->piece_count && !facts->rules[rule].changes_verdict &&
			    answer_changes(plane, atom, rule))
				facts->rules[rule].changes_verdict = facts->rules[rule].answers = true;
		}
}

/* A rule that decides something, and without whose `in` an answer for one of its names were held back */
void facts_look_at_within(struct facts *facts)
{
	for (uint32_t i = 0; i < facts->plane->policy->rules.count; i++) {
		struct rule_facts *rule = &facts->rules[i];

		if (facts->plane->policy->rules.items[i].within.count && rule->decides && !rule->changes_verdict &&
		    analysis_alone_excepts(facts->analysis, i))
			rule->changes_verdict = rule->answers = true;
	}
}
