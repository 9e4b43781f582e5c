/* Rule facts from server names beside bound ones: an address bound to one name while TLS says another. Looked at only for
 * rules that nothing simpler has shown to decide and to change a verdict: `allow@{a.org,b.org}` behind `allow@a.org` and
 * `allow@b.org` still decides the connection that is bound to a.org and says b.org. */
#include "analysis/facts_state.h"

#define PAIRS_PER_RULE 4096
#define PAIRS_MAX 100000

static bool all_names_decide(const struct facts *facts, size_t index)
{
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];
	const bool *targets = facts->rules[index].targets;

	for (size_t i = 0; targets && i < rule->targets.count; i++)
		if (!targets[i] && policy_target_is_name(&rule->targets.items[i]))
			return false;
	return true;
}

static bool is_open(const struct facts *facts, size_t index)
{
	const struct rule_facts *rule = &facts->rules[index];

	if (analysis_names_piece(facts->plane, index) == ANALYSIS_NONE ||
	    !policy_rule_fits(&facts->plane->policy->rules.items[index], POLICY_EGRESS, PROTO_TCP))
		return false;
	return !rule->decides || !rule->changes_verdict || !all_names_decide(facts, index);
}

static bool may_bind(const struct analysis *analysis, uint32_t class)
{
	return analysis->planes[0].resolvable[class];
}

static void visit(struct port_tree *tree, const struct port_interval *interval)
{
	struct facts_pass *pass = tree->self;
	const struct name_pairs *pairs = pass->base.self;

	facts_pass_start(pass, interval);
	if (!fuel_use(tree->fuel, pairs->list.count))
		return;
	for (uint32_t i = 0; i < pairs->list.count; i++) {
		const struct name_pair *pair = &pairs->list.items[i];
		uint32_t at = analysis_pass_pair(&pass->base, i);

		const struct name_scenario scenario = { pair->bound, pair->sent, pass->first[at], pass->second[at],
							false };

		if (scenario.first == ANALYSIS_NONE)
			continue;
		if (name_classes_at(pass->facts->analysis->names, pair->bound)->alias)
			facts_pass_look_at_alias(pass, &scenario);
		else
			facts_pass_look_at_scenario(pass, &scenario);
	}
}

void facts_look_at_pairs(struct facts *facts)
{
	struct analysis *analysis = facts->analysis;
	struct name_pairs pairs = { analysis, arena_new(), PAIRS_MAX, PAIRS_PER_RULE, may_bind, { NULL, 0, 0 } };
	struct facts_pass pass;

	for (uint32_t i = 0;
	     facts->plane->policy->server_names && i < facts->plane->policy->rules.count && !analysis->fuel->out; i++) {
		size_t start = pairs.list.count;

		if (is_open(facts, i) && !name_pairs_add_rule(&pairs, 0, i, i + 1)) {
			pairs.list.count = start;
			facts->rules[i].unknown = true;
		}
	}
	if (pairs.list.count && !analysis->fuel->out) {
		facts_pass_init(&pass, facts, pairs.arena, POLICY_EGRESS, PROTO_TCP, (uint32_t)pairs.list.count);
		name_pairs_insert(&pairs, &pass.base);
		facts_matches_find_present(&pass);
		pass.base.self = &pairs;
		pass.base.tree->visit = visit;
		port_tree_visit(pass.base.tree);
	}
	arena_free(pairs.arena);
}
