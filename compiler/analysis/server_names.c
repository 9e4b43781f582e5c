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
	struct region *region;
	struct arena *arena;
	LIST_OF(struct pair) list;
	LIST_OF(struct use) uses;
};

static bool all_names_decide(const struct region *region, size_t index)
{
	const struct policy_rule *rule = &region->policy->rules.items[index];
	const bool *targets = region->rules[index].targets;

	for (size_t i = 0; targets && i < rule->targets.count; i++)
		if (!targets[i] &&
		    (rule->targets.items[i].kind == TARGET_DOMAIN || rule->targets.items[i].kind == TARGET_SUFFIX))
			return false;
	return true;
}

static bool is_open(const struct region *region, size_t index)
{
	const struct policy_rule *rule = &region->policy->rules.items[index];
	const struct region_rule *facts = &region->rules[index];

	if (region_names_piece(region, index) == WALK_NONE || !region_rule_fits(rule, POLICY_EGRESS, PROTO_TCP))
		return false;
	return !facts->decides || !facts->effect || !all_names_decide(region, index);
}

static bool add_pair(struct pairs *pairs, size_t start, uint32_t sent, uint32_t bound)
{
	if (sent == bound || !pairs->region->resolvable[bound] || !names_class(pairs->region->names, sent)->member)
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
	const struct axis_span *spans = names_rule_spans(pairs->region->names, 0, rule, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (!add_pair(pairs, start, sent, class))
				return false;
	return true;
}

/* For a deny, classes that share an allow rule with the name sent; for an allow, its own */
static bool pair_up(struct pairs *pairs, size_t start, size_t index, uint32_t sent)
{
	const struct region *region = pairs->region;

	if (region->policy->rules.items[index].action == POLICY_ALLOW)
		return pair_with(pairs, start, sent, index);
	for (uint32_t class = sent; class; class = names_class(region->names, class)->parent) {
		const struct name_class *item = names_class(region->names, class);

		for (uint32_t i = 0; i < item->rule_count[0]; i++)
			if (item->rules[0][i] > index &&
			    region->policy->rules.items[item->rules[0][i]].action == POLICY_ALLOW &&
			    !pair_with(pairs, start, sent, item->rules[0][i]))
				return false;
	}
	return true;
}

static void pair_rule(struct pairs *pairs, size_t index)
{
	size_t count, start = pairs->list.count;
	const struct axis_span *spans = names_rule_spans(pairs->region->names, 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t sent = spans[i].lo; sent < spans[i].hi; sent++)
			if (!pair_up(pairs, start, index, sent)) {
				pairs->list.count = start;
				pairs->region->rules[index].unknown = true;
				return;
			}
}

/* The rules that match in a pair's situation */
static void find_uses(struct pairs *pairs)
{
	const struct region *region = pairs->region;

	for (uint32_t i = 0; i < pairs->list.count; i++) {
		const struct pair *pair = &pairs->list.items[i];

		for (uint32_t at = pair->sent; at; at = names_class(region->names, at)->parent) {
			const struct name_class *class = names_class(region->names, at);

			for (uint32_t j = 0; j < class->rule_count[0]; j++) {
				uint32_t rule = class->rules[0][j];

				if (!region_fuel_use(region->fuel, STEPS_PER_USE))
					return;
				if (region->policy->rules.items[rule].action == POLICY_DENY ||
				    names_rule_takes(region->names, 0, rule, pair->bound))
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

static void add_uses(const struct pairs *pairs, struct walk *walk)
{
	const struct region *region = pairs->region;
	const struct use *uses = pairs->uses.items;
	struct axis_span *spans = arena_alloc(pairs->arena, (pairs->uses.count + 1) * sizeof *spans);

	for (size_t i = 0, end; i < pairs->uses.count; i = end) {
		size_t count = 0;

		for (end = i; end < pairs->uses.count && uses[end].rule == uses[i].rule; end++)
			if (!count || spans[count - 1].lo != uses[end].pair)
				spans[count++] = (struct axis_span){ uses[end].pair, uses[end].pair + 1 };
		if (region_rule_fits(&region->policy->rules.items[uses[i].rule], POLICY_EGRESS, PROTO_TCP))
			region_add_rects(pairs->region, walk, region_names_piece(region, uses[i].rule), spans, count,
					 region->atoms);
	}
}

static void visit(struct walk *walk, const struct walk_column *column)
{
	struct region_pass *pass = walk->self;
	const struct pairs *pairs = pass->self;
	const uint32_t *first = walk->planes[0].first + pass->region->atoms;
	const uint32_t *second = walk->planes[0].second + pass->region->atoms;

	region_pass_start_column(pass, column);
	if (!region_fuel_use(walk->fuel, pairs->list.count))
		return;
	for (size_t i = 0; i < pairs->list.count; i++)
		if (first[i] != WALK_NONE)
			region_pass_situation(pass, &(struct region_situation){ pairs->list.items[i].bound,
										pairs->list.items[i].sent, first[i],
										second[i], false });
}

void region_find_pairs(struct region *region)
{
	struct pairs pairs = { .region = region, .arena = arena_new() };
	struct region_pass pass;

	for (size_t i = 0; i < region->policy->rules.count && !region->fuel->out; i++)
		if (is_open(region, i))
			pair_rule(&pairs, i);
	if (pairs.list.count && !region->fuel->out) {
		find_uses(&pairs);
		qsort(pairs.uses.items, pairs.uses.count, sizeof *pairs.uses.items, compare_uses);
		region_pass_init(&pass, region, pairs.arena, POLICY_EGRESS, PROTO_TCP);
		pass.walk = region_walk_new(region, pairs.arena, POLICY_EGRESS, PROTO_TCP, (uint32_t)pairs.list.count);
		add_uses(&pairs, pass.walk);
		pass.walk->visit = visit;
		pass.walk->self = &pass;
		pass.self = &pairs;
		walk_run(pass.walk);
	}
	arena_free(pairs.arena);
}
