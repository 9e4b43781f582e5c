/* Which rules of the two policies correspond: the same meaning, in the same order. Where the first rules by
 * everything that matches a flow correspond, the flow fares alike; so only what other rules touch is looked at. */
#include "diff/diff_state.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	const char *meaning;
	uint32_t side, rule;
};

/* Everything of a rule that the evaluator looks at; `text` is used again for each */
static const char *meaning_of(struct text *text, const struct policy_rule *rule)
{
	struct arena *arena = text->arena;

	text->count = 0;
	text_addf(text, "%d %u %u", rule->action, rule->directions, rule->protos);
	for (size_t i = 0; i < rule->ports.count; i++)
		text_addf(text, " %u-%u", rule->ports.items[i].lo, rule->ports.items[i].hi);
	for (size_t i = 0; i < rule->targets.count; i++)
		text_addf(text, " %d/%s", rule->targets.items[i].kind,
			  policy_target_format(arena, &rule->targets.items[i]));
	text_add(text, policy_within_format(arena, rule));
	return arena_strdup(arena, text_get(text));
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->meaning, y->meaning) ?: COMPARE(x->side, y->side) ?: COMPARE(x->rule, y->rule);
}

/* The n-th rule of a meaning before is the n-th of that meaning after. */
static void pair_by_meaning(struct entry *entries, size_t count, uint32_t *partner)
{
	for (size_t i = 0, end; i < count; i = end) {
		size_t after = i;

		for (end = i; end < count && !strcmp(entries[end].meaning, entries[i].meaning); end++)
			if (entries[end].side == 0)
				after = end + 1;
		for (size_t j = 0; i + j < after && after + j < end && entries[i + j].side == 0; j++)
			partner[entries[i + j].rule] = entries[after + j].rule;
	}
}

/* Of the pairs, the most that keep the order: a longest increasing subsequence. The rest correspond to nothing. */
static void keep_order(struct diff *diff, struct arena *scratch, const uint32_t *partner, size_t count)
{
	uint32_t *tails = arena_alloc(scratch, (count + 1) * sizeof *tails); /* by length - 1: the rule that ends it */
	uint32_t *previous = arena_alloc(scratch, (count + 1) * sizeof *previous), length = 0, at;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t lo = 0, hi = length;

		if (partner[i] == ANALYSIS_NONE)
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (partner[tails[mid]] < partner[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		previous[i] = lo ? tails[lo - 1] : ANALYSIS_NONE;
		tails[lo] = i;
		if (lo == length)
			length++;
	}
	for (at = length ? tails[length - 1] : ANALYSIS_NONE; at != ANALYSIS_NONE; at = previous[at]) {
		diff->match[0][at] = partner[at];
		diff->match[1][partner[at]] = at;
	}
}

void diff_match(struct diff *diff)
{
	size_t counts[2] = { diff->policies[0]->rules.count, diff->policies[1]->rules.count }, count = 0;
	struct arena *scratch = arena_new();
	struct text text = { .arena = scratch };
	struct entry *entries = arena_alloc(scratch, (counts[0] + counts[1] + 1) * sizeof *entries);
	uint32_t *partner = arena_alloc(scratch, (counts[0] + 1) * sizeof *partner);

	for (uint32_t side = 0; side < 2; side++) {
		diff->match[side] = arena_alloc(diff->arena, (counts[side] + 1) * sizeof *diff->match[side]);
		memset(diff->match[side], 0xff, (counts[side] + 1) * sizeof *diff->match[side]);
		for (uint32_t i = 0; i < counts[side]; i++)
			entries[count++] =
				(struct entry){ meaning_of(&text, &diff->policies[side]->rules.items[i]), side, i };
	}
	memset(partner, 0xff, (counts[0] + 1) * sizeof *partner);
	qsort(entries, count, sizeof *entries, compare_entries);
	pair_by_meaning(entries, count, partner);
	keep_order(diff, scratch, partner, counts[0]);
	arena_free(scratch);
}
