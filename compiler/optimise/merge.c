/* Pass 3: neighbours that differ in their addresses alone become one rule for each family, with a set of these addresses.
 *
 *   ip daddr 10.1.0.0/16 tcp dport 443 counter accept comment "x.msb:1 …"
 *   ip daddr 10.2.0.0/16 tcp dport 443 counter accept comment "x.msb:2 …"     ip daddr @egress_run1_v4 tcp dport 443 accept
 *
 * Why it is safe: between the first and the last of them no rule decides otherwise, so whichever of them takes a packet, the
 * verdict is the one they all have; and rules of IPv4 and of IPv6 never take the same packet, so they may change places.
 * The order of all other rules stays. An address that several of them name belongs to the first, whose comment and count
 * are the element's.
 *
 * Why third: at level 2 it is for the chains that pass 2 left rule by rule; at level 1 there is no other.
 *
 * What it knows: linear.c. Any other rule ends a run, one on names too. */
#include "optimise/merge.h"
#include "lower/lower_state.h"
#include "optimise/linear.h"
#include "optimise/optimise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_MAX 256 /* rules: a set's pieces are moved for each that is put between them */

/* Addresses that a rule is the first of the run to name */
struct piece {
	u128 lo, hi;
	const char *comment;
};

struct pieces {
	struct piece *items;
	size_t count, cap;
};

struct merge {
	struct ruleset *ruleset;
	struct arena *arena;
	struct rs_table *table;
	const char *chain; /* its name */
	size_t runs;
	struct linear rules;
};

static void insert(struct arena *arena, struct pieces *pieces, size_t at, struct piece piece)
{
	arena_push(arena, pieces);
	memmove(pieces->items + at + 1, pieces->items + at, (pieces->count - 1 - at) * sizeof piece);
	pieces->items[at] = piece;
}

/* The first piece that ends at lo or behind it */
static size_t find_piece(const struct pieces *pieces, u128 lo)
{
	return FIND_FIRST(pieces->count, at, pieces->items[at].hi < lo);
}

/* What of the range no piece has yet */
static void add_range(struct arena *arena, struct pieces *pieces, u128 lo, u128 hi, const char *comment)
{
	for (size_t at = find_piece(pieces, lo);; at++) {
		bool last = at == pieces->count || pieces->items[at].lo > hi;
		if (last || pieces->items[at].lo > lo) {
			u128 end = last ? hi : pieces->items[at].lo - 1;
			insert(arena, pieces, at++, (struct piece){ lo, end, comment });
		}
		if (last || pieces->items[at].hi >= hi)
			return;
		lo = pieces->items[at].hi + 1;
	}
}

static void add_set(struct merge *merge, const char *name, enum addr_family family, const struct pieces *pieces)
{
	struct rs_set *set =
		rs_set_add(merge->ruleset, merge->table, name, family == ADDR_V4 ? RS_TYPE_IPV4 : RS_TYPE_IPV6);

	set->interval = set->counters = true;
	for (size_t i = 0; i < pieces->count; i++) {
		struct addr_range range = { pieces->items[i].lo, pieces->items[i].hi };
		struct addr_set one = { .family = family, .items = &range, .count = 1 };
		rs_set_add_addrs(merge->ruleset, set, &one);
		set->elements.items[set->elements.count - 1].comment = pieces->items[i].comment;
	}
}

static void add_family(struct merge *merge, struct rs_chain *out, size_t from, size_t to, enum addr_family family)
{
	const struct linear_rule *first = &merge->rules.items[from];
	bool v6 = family == ADDR_V6;
	struct pieces pieces = { 0 };

	for (size_t i = from; i < to; i++) {
		const struct linear_rule *rule = &merge->rules.items[i];
		for (size_t j = 0; rule->family[v6] && j < linear_range_count(rule); j++) {
			struct rs_value range = linear_range(rule, j);
			add_range(merge->arena, &pieces, range.lo, range.hi, rule->source->comment);
		}
	}
	if (!pieces.count)
		return;
	const char *name = arena_printf(merge->arena, "%s_run%zu_v%d", merge->chain, merge->runs, (int)family);
	add_set(merge, name, family, &pieces);
	struct rs_rule *rule = rs_rule_add(merge->ruleset, out, NULL);
	rs_lookup(merge->ruleset, rule, name, v6 ? RS_IP6_DADDR : RS_IP_DADDR);
	linear_copy_service(merge->ruleset, rule, first);
}

/* The end of the run that begins there, and whether it has several rules of the policy */
static size_t run_end(const struct merge *merge, size_t from, bool *several)
{
	const struct linear_rule *rules = merge->rules.items;
	size_t to = from + 1;

	*several = false;
	if (!linear_is_on_addresses(&rules[from]))
		return to;
	while (to < merge->rules.count && to - from < RUN_MAX && linear_is_on_addresses(&rules[to]) &&
	       linear_alike(&rules[from], &rules[to])) {
		*several |= strcmp(rules[from].source->comment, rules[to].source->comment) != 0;
		to++;
	}
	return to;
}

static void merge_chain(struct ruleset *ruleset, struct rs_table *table, size_t index)
{
	struct rs_chain *chain = &table->chains.items[index], merged = *chain;
	struct merge merge = { .ruleset = ruleset, .arena = ruleset->arena, .table = table, .chain = chain->name };
	bool several;

	linear_read_each(ruleset->arena, table, chain, &merge.rules);
	memset(&merged.rules, 0, sizeof merged.rules);
	for (size_t from = 0, to; from < merge.rules.count; from = to) {
		to = run_end(&merge, from, &several);
		if (several) {
			merge.runs++;
			add_family(&merge, &merged, from, to, ADDR_V4);
			add_family(&merge, &merged, from, to, ADDR_V6);
			continue;
		}
		for (size_t i = from; i < to; i++)
			*arena_push(ruleset->arena, &merged.rules) = *merge.rules.items[i].source;
	}
	table->chains.items[index].rules = merged.rules;
}

/* A subject's chain, where no pass before has made maps of it */
static bool is_left(const struct rs_table *table, const struct rs_chain *chain)
{
	unsigned number;
	int len = 0;

	if (chain->note == optimise_gave_up)
		return true;
	bool subject = !strcmp(chain->name, LOWER_CHAIN_EGRESS) ||
		       (sscanf(chain->name, LOWER_CHAIN_FLOOR "%u%n", &number, &len) == 1 && !chain->name[len]);
	for (size_t i = 0; subject && i < table->sets.count; i++)
		if (table->sets.items[i].map)
			return false;
	return subject;
}

void optimise_merge(struct ruleset *ruleset)
{
	struct rs_table *table = &ruleset->tables.items[0];

	for (size_t i = 0; i < table->chains.count; i++)
		if (is_left(table, &table->chains.items[i]))
			merge_chain(ruleset, table, i);
}
