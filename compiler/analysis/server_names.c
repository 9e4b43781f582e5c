/* Server names beside bound ones: an address bound to one name while TLS says another. It is looked at only
 * for rules that nothing simpler has shown to decide and to matter: `allow@{a.org,b.org}` behind `allow@a.org`
 * and `allow@b.org` still decides the connection that is bound to a.org and says b.org. */
#include "analysis/pass.h"

#include <stdlib.h>

#define PAIRS_PER_RULE 4096
#define PAIRS_MAX 100000
#define STEPS_PER_USE 100 /* bounds their memory */

struct pair {
	uint32_t bound, sent;
};

struct use {
	uint32_t rule, pair;
};

struct pairs {
	struct analysis *analysis;
	struct arena *arena;
	LIST_OF(struct pair) list;
	LIST_OF(struct use) uses;
};

static bool all_names_decide(const struct analysis *analysis, size_t index)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	const bool *targets = analysis->rules[index].targets;

	for (size_t i = 0; targets && i < rule->targets.count; i++)
		if (!targets[i] &&
		    (rule->targets.items[i].kind == TARGET_DOMAIN || rule->targets.items[i].kind == TARGET_SUFFIX))
			return false;
	return true;
}

static bool is_open(const struct analysis *analysis, size_t index)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	const struct rule_facts *facts = &analysis->rules[index];

	if (analysis_names_piece(analysis, index) == ANALYSIS_NONE || !policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP))
		return false;
	return !facts->decides || !facts->effect || !all_names_decide(analysis, index);
}

static bool add_pair(struct pairs *pairs, size_t start, uint32_t sent, uint32_t bound)
{
	if (sent == bound || !pairs->analysis->resolvable[bound] ||
	    !name_classes_at(pairs->analysis->names, sent)->member)
		return true;
	if (pairs->list.count - start >= PAIRS_PER_RULE || pairs->list.count >= PAIRS_MAX)
		return false;
	*arena_push(pairs->arena, &pairs->list) = (struct pair){ bound, sent };
	return true;
}

/* Every class of `rule` bound, with `sent` sent */
static bool pair_with(struct pairs *pairs, size_t start, uint32_t sent, size_t rule)
{
	size_t count;
	const struct run *spans = name_classes_rule_runs(pairs->analysis->names, 0, rule, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (!add_pair(pairs, start, sent, class))
				return false;
	return true;
}

/* For a deny, classes that share an allow rule with the name sent; for an allow, its own */
static bool pair_up(struct pairs *pairs, size_t start, size_t index, uint32_t sent)
{
	const struct analysis *analysis = pairs->analysis;

	if (analysis->policy->rules.items[index].action == POLICY_ALLOW)
		return pair_with(pairs, start, sent, index);
	for (uint32_t class = sent; class; class = name_classes_at(analysis->names, class)->parent) {
		const struct name_class *item = name_classes_at(analysis->names, class);

		for (uint32_t i = 0; i < item->rule_count[0]; i++)
			if (item->rules[0][i] > index &&
			    analysis->policy->rules.items[item->rules[0][i]].action == POLICY_ALLOW &&
			    !pair_with(pairs, start, sent, item->rules[0][i]))
				return false;
	}
	return true;
}

static void pair_rule(struct pairs *pairs, size_t index)
{
	size_t count, start = pairs->list.count;
	const struct run *spans = name_classes_rule_runs(pairs->analysis->names, 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t sent = spans[i].lo; sent < spans[i].hi; sent++)
			if (!pair_up(pairs, start, index, sent)) {
				pairs->list.count = start;
				pairs->analysis->rules[index].unknown = true;
				return;
			}
}

/* The rules that match in a pair's situation */
static void find_uses(struct pairs *pairs)
{
	const struct analysis *analysis = pairs->analysis;

	for (uint32_t i = 0; i < pairs->list.count; i++) {
		const struct pair *pair = &pairs->list.items[i];

		for (uint32_t at = pair->sent; at; at = name_classes_at(analysis->names, at)->parent) {
			const struct name_class *class = name_classes_at(analysis->names, at);

			for (uint32_t j = 0; j < class->rule_count[0]; j++) {
				uint32_t rule = class->rules[0][j];

				if (!fuel_use(analysis->fuel, STEPS_PER_USE))
					return;
				if (analysis->policy->rules.items[rule].action == POLICY_DENY ||
				    name_classes_rule_takes(analysis->names, 0, rule, pair->bound))
					*arena_push(pairs->arena, &pairs->uses) = (struct use){ rule, i };
			}
		}
	}
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return x->pair < y->pair ? -1 : x->pair > y->pair;
}

static void add_uses(const struct pairs *pairs, struct port_tree *walk)
{
	const struct analysis *analysis = pairs->analysis;
	const struct use *uses = pairs->uses.items;
	struct run *spans = arena_alloc(pairs->arena, (pairs->uses.count + 1) * sizeof *spans);

	for (size_t i = 0, end; i < pairs->uses.count; i = end) {
		size_t count = 0;

		for (end = i; end < pairs->uses.count && uses[end].rule == uses[i].rule; end++)
			if (!count || spans[count - 1].lo != uses[end].pair)
				spans[count++] = (struct run){ uses[end].pair, uses[end].pair + 1 };
		if (policy_rule_fits(&analysis->policy->rules.items[uses[i].rule], POLICY_EGRESS, PROTO_TCP))
			analysis_add_rects(pairs->analysis, walk, analysis_names_piece(analysis, uses[i].rule), spans,
					   count, analysis->atom_count);
	}
}

static void visit(struct port_tree *walk, const struct port_interval *column)
{
	struct analysis_pass *pass = walk->self;
	const struct pairs *pairs = pass->self;
	const uint32_t *first = walk->planes[0].first + pass->analysis->atom_count;
	const uint32_t *second = walk->planes[0].second + pass->analysis->atom_count;

	analysis_pass_start_column(pass, column);
	if (!fuel_use(walk->fuel, pairs->list.count))
		return;
	for (size_t i = 0; i < pairs->list.count; i++)
		if (first[i] != ANALYSIS_NONE)
			analysis_pass_situation(pass, &(struct name_scenario){ pairs->list.items[i].bound,
									       pairs->list.items[i].sent, first[i],
									       second[i], false });
}

void analysis_find_pairs(struct analysis *analysis)
{
	struct pairs pairs = { .analysis = analysis, .arena = arena_new() };
	struct analysis_pass pass;

	for (size_t i = 0; i < analysis->policy->rules.count && !analysis->fuel->out; i++)
		if (is_open(analysis, i))
			pair_rule(&pairs, i);
	if (pairs.list.count && !analysis->fuel->out) {
		find_uses(&pairs);
		qsort(pairs.uses.items, pairs.uses.count, sizeof *pairs.uses.items, compare_uses);
		analysis_pass_init(&pass, analysis, pairs.arena, POLICY_EGRESS, PROTO_TCP);
		pass.walk =
			analysis_walk_new(analysis, pairs.arena, POLICY_EGRESS, PROTO_TCP, (uint32_t)pairs.list.count);
		add_uses(&pairs, pass.walk);
		pass.walk->visit = visit;
		pass.walk->self = &pass;
		pass.self = &pairs;
		port_tree_visit(pass.walk);
	}
	arena_free(pairs.arena);
}
