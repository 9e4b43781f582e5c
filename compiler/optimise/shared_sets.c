/* Pass 5: a list of ports that many rules match on becomes one named set, `ports1` and so on.
 *
 * Why it is safe: a match on several values is a lookup in an anonymous set of those values. The named set has the same ones,
 * the expression stays where it is in its rule, and is negated where it was.
 *
 * Why last: other passes read the values of matches. It does not make a packet's way shorter: the kernel, when it installs a
 * rule with a set of its own, walks all sets of the table and all of the transaction, and so took a time that grew with the
 * square of such rules.
 *
 * What it knows: matches on ports. A match on protocols stays: other expressions of a rule presuppose it. */
#include "optimise/shared_sets.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define SHARED_FROM 8 /* rules: fewer are easier to read with their list */

/* A match on a list */
struct use {
	struct rs_expr *expr;
	const char *key; /* the same for the same list */
	size_t place;    /* in the order of the rules */
};

struct uses {
	struct use *items;
	size_t count, cap;
};

static const char *key_of(struct arena *arena, const struct rs_expr *expr)
{
	struct text key = { .arena = arena };

	for (size_t i = 0; i < expr->values.count; i++)
		text_addf(&key, " %x-%x", (unsigned)expr->values.items[i].lo, (unsigned)expr->values.items[i].hi);
	return text_get(&key);
}

static void add_uses(struct arena *arena, struct rs_rule *rule, struct uses *out)
{
	for (size_t i = 0; i < rule->exprs.count; i++) {
		struct rs_expr *expr = &rule->exprs.items[i];

		if (expr->kind == RS_MATCH && expr->values.count > 1 &&
		    rs_field_info(expr->field[0])->type == RS_TYPE_PORT) {
			size_t place = out->count;
			*arena_push(arena, out) = (struct use){ expr, key_of(arena, expr), place };
		}
	}
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return strcmp(x->key, y->key) ?: COMPARE(x->place, y->place);
}

/* Lists in the order in which the rules have them first */
static int compare_first(const void *a, const void *b)
{
	const struct uses *x = a, *y = b;

	return COMPARE(x->items[0].place, y->items[0].place);
}

static const char *add_set(struct ruleset *ruleset, struct rs_table *table, const char *name,
			   const struct rs_expr *expr)
{
	struct rs_set *set = rs_set_add(ruleset, table, name, RS_TYPE_PORT);

	for (size_t i = 0; i < expr->values.count; i++) {
		arena_push(ruleset->arena, &set->elements)->key[0] = expr->values.items[i];
		set->interval |= expr->values.items[i].lo != expr->values.items[i].hi;
	}
	return name;
}

static void look_up(struct rs_expr *expr, const char *set)
{
	expr->kind = RS_LOOKUP;
	expr->set = set;
	expr->values.count = 0;
}

void optimise_shared_sets(struct ruleset *ruleset)
{
	struct arena *arena = ruleset->arena;
	struct rs_table *table = &ruleset->tables.items[0];
	struct uses uses = { 0 };
	LIST_OF(struct uses) lists = { 0 };

	for (size_t i = 0; i < table->chains.count; i++)
		for (size_t j = 0; j < table->chains.items[i].rules.count; j++)
			add_uses(arena, &table->chains.items[i].rules.items[j], &uses);
	if (uses.count)
		qsort(uses.items, uses.count, sizeof *uses.items, compare_uses);
	for (size_t from = 0, to; from < uses.count; from = to) {
		for (to = from + 1; to < uses.count && !strcmp(uses.items[from].key, uses.items[to].key);)
			to++;
		if (to - from >= SHARED_FROM)
			*arena_push(arena, &lists) = (struct uses){ uses.items + from, to - from, 0 };
	}
	if (lists.count)
		qsort(lists.items, lists.count, sizeof *lists.items, compare_first);
	for (size_t i = 0; i < lists.count; i++) {
		const struct uses *list = &lists.items[i];
		const char *set = add_set(ruleset, table, arena_printf(arena, "ports%zu", i + 1), list->items[0].expr);
		for (size_t j = 0; j < list->count; j++)
			look_up(list->items[j].expr, set);
	}
}
