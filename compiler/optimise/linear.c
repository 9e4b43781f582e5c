/* Which parts a rule of a subject has. */
#include "optimise/linear.h"
#include "lower/lower_state.h"

#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* ---- verdicts ---- */

static const struct rs_chain *find_chain(const struct rs_table *table, const char *name)
{
	for (size_t i = 0; i < table->chains.count; i++)
		if (!strcmp(table->chains.items[i].name, name))
			return &table->chains.items[i];
	return NULL;
}

/* Whether no packet comes back from the chain: its last rule ends with whatever reaches it */
static bool ends(const struct rs_table *table, const char *name)
{
	enum { DEPTH = 8 };

	for (int depth = 0; depth < DEPTH; depth++) {
		const struct rs_chain *chain = find_chain(table, name);
		if (!chain || !chain->rules.count)
			return false;
		const struct rs_rule *last = &chain->rules.items[chain->rules.count - 1];
		for (size_t i = 0; i + 1 < last->exprs.count; i++)
			if (last->exprs.items[i].kind != RS_COUNTER && last->exprs.items[i].kind != RS_CT_MARK_SET)
				return false;
		const struct rs_expr *expr = &last->exprs.items[last->exprs.count - 1];
		if (expr->kind == RS_REJECT_ADMIN)
			return true;
		if (expr->kind != RS_VERDICT || expr->verdict.kind == RS_JUMP || expr->verdict.kind == RS_RETURN)
			return false;
		if (expr->verdict.kind != RS_GOTO)
			return true;
		name = expr->verdict.chain;
	}
	return false;
}

static bool is_known_verdict(const struct rs_table *table, const struct rs_verdict *verdict, bool jumped)
{
	switch (verdict->kind) {
	case RS_ACCEPT:
	case RS_DROP:
		return true;
	case RS_GOTO: /* who is gone to may come back to whom we came from */
		return !jumped || ends(table, verdict->chain);
	case RS_RETURN:
		return !jumped;
	case RS_JUMP:
		return ends(table, verdict->chain);
	}
	return false;
}

struct rs_verdict linear_verdict(const struct linear_rule *rule)
{
	struct rs_verdict verdict = rule->source->exprs.items[rule->source->exprs.count - 1].verdict;

	if (verdict.kind == RS_JUMP)
		verdict.kind = RS_GOTO;
	return verdict;
}

/* ---- matches ---- */

/* Sets by name */
struct set_index {
	const struct rs_set **items;
	size_t count;
};

static int compare_sets(const void *a, const void *b)
{
	return strcmp((*(const struct rs_set *const *)a)->name, (*(const struct rs_set *const *)b)->name);
}

static struct set_index index_sets(struct arena *arena, const struct rs_table *table)
{
	struct set_index index = { arena_alloc(arena, (table->sets.count + 1) * sizeof *index.items),
				   table->sets.count };
	/* of a copy: passes add sets while they read rules, and the table's may move */
	struct rs_set *sets = arena_alloc(arena, (index.count + 1) * sizeof *sets);

	for (size_t i = 0; i < index.count; i++) {
		sets[i] = table->sets.items[i];
		index.items[i] = &sets[i];
	}
	qsort(index.items, index.count, sizeof *index.items, compare_sets);
	return index;
}

static const struct rs_set *find_set(const struct set_index *index, const char *name)
{
	const struct rs_set wanted = { .name = name }, *key = &wanted;
	const struct rs_set **found = bsearch(&key, index->items, index->count, sizeof *index->items, compare_sets);

	return found ? *found : NULL;
}

static bool read_place(const struct set_index *sets, const struct rs_expr *expr, struct linear_rule *out)
{
	bool v6 = expr->field[0] == RS_IP6_DADDR;

	if (out->place || out->set || !out->family[v6])
		return false;
	out->family[!v6] = false;
	if (expr->kind == RS_MATCH) {
		out->place = expr;
		return true;
	}
	out->set = find_set(sets, expr->set);
	return out->set && out->set->interval && !out->set->runtime && !out->set->map && !out->set->type[1];
}

static bool read_family(const struct rs_expr *expr, struct linear_rule *out)
{
	bool v6 = expr->values.items[0].lo == AF_INET6;

	if (expr->values.count != 1 || !out->family[v6])
		return false;
	out->family[!v6] = false;
	return true;
}

static bool read_protos(const struct rs_expr *expr, struct linear_rule *out)
{
	unsigned protos = 0;

	for (size_t i = 0; i < expr->values.count; i++) {
		const struct rs_value *value = &expr->values.items[i];
		unsigned bit = value->lo == IPPROTO_TCP    ? LINEAR_TCP :
			       value->lo == IPPROTO_UDP    ? LINEAR_UDP :
			       value->lo == IPPROTO_ICMP   ? LINEAR_ICMP :
			       value->lo == IPPROTO_ICMPV6 ? LINEAR_ICMP6 :
							     0;
		if (!bit || value->hi != value->lo)
			return false;
		protos |= bit;
	}
	out->protos &= protos;
	return out->protos != 0;
}

static bool read_ports(const struct rs_expr *expr, struct linear_rule *out)
{
	if (out->ports)
		return false;
	if (expr->field[0] != RS_TH_DPORT)
		out->protos &= expr->field[0] == RS_TCP_DPORT ? LINEAR_TCP : LINEAR_UDP;
	out->ports = expr;
	return out->protos && !(out->protos & ~(unsigned)(LINEAR_TCP | LINEAR_UDP));
}

static bool read_match(const struct set_index *sets, const struct rs_expr *expr, struct linear_rule *out)
{
	if (expr->negate || expr->field_count != 1 || (expr->kind != RS_MATCH && expr->kind != RS_LOOKUP))
		return false;
	if (expr->field[0] == RS_IP_DADDR || expr->field[0] == RS_IP6_DADDR)
		return read_place(sets, expr, out);
	if (expr->kind != RS_MATCH)
		return false;
	switch (expr->field[0]) {
	case RS_META_NFPROTO:
		return read_family(expr, out);
	case RS_META_L4PROTO:
		return read_protos(expr, out);
	case RS_TCP_DPORT:
	case RS_UDP_DPORT:
	case RS_TH_DPORT:
		return read_ports(expr, out);
	default:
		return false;
	}
}

/* Matches, a counter, a verdict */
static bool read_rule(const struct rs_table *table, const struct set_index *sets, const struct rs_rule *rule,
		      bool jumped, struct linear_rule *out)
{
	size_t count = rule->exprs.count;

	*out = (struct linear_rule){ .source = rule, .family = { true, true }, .protos = LINEAR_EVERY };
	if (count < 2 || rule->exprs.items[count - 2].kind != RS_COUNTER ||
	    rule->exprs.items[count - 1].kind != RS_VERDICT)
		return false;
	for (size_t i = 0; i + 2 < count; i++)
		if (!read_match(sets, &rule->exprs.items[i], out))
			return false;
	return is_known_verdict(table, &rule->exprs.items[count - 1].verdict, jumped);
}

bool linear_alike(const struct linear_rule *a, const struct linear_rule *b)
{
	struct rs_verdict x = linear_verdict(a), y = linear_verdict(b);

	if (a->protos != b->protos || !a->ports != !b->ports || x.kind != y.kind || !same_text(x.chain, y.chain))
		return false;
	if (!a->ports)
		return true;
	if (a->ports->field[0] != b->ports->field[0] || a->ports->values.count != b->ports->values.count)
		return false;
	for (size_t i = 0; i < a->ports->values.count; i++)
		if (a->ports->values.items[i].lo != b->ports->values.items[i].lo ||
		    a->ports->values.items[i].hi != b->ports->values.items[i].hi)
			return false;
	return true;
}

/* Rules of one rule of the policy for several families or addresses: alike but for those */
static bool are_twins(const struct linear_rule *a, const struct linear_rule *b)
{
	return linear_alike(a, b) && same_text(a->source->comment, b->source->comment);
}

bool linear_read(struct arena *arena, const struct rs_table *table, const struct rs_chain *chain, bool jumped,
		 struct linear *out)
{
	const struct set_index sets = index_sets(arena, table);

	*out = (struct linear){ 0 };
	if (chain->rules.count)
		arena_reserve(arena, out, chain->rules.count);
	for (size_t i = 0; i < chain->rules.count; i++) {
		struct linear_rule rule;
		if (!read_rule(table, &sets, &chain->rules.items[i], jumped, &rule))
			return false;
		if (i)
			rule.number = out->items[i - 1].number + !are_twins(&out->items[i - 1], &rule);
		*arena_push(arena, out) = rule;
	}
	const struct linear_rule *last = out->count ? &out->items[out->count - 1] : NULL;
	return last && last->family[0] && last->family[1] && last->protos == LINEAR_EVERY;
}

void linear_read_each(struct arena *arena, const struct rs_table *table, const struct rs_chain *chain,
		      struct linear *out)
{
	const struct set_index sets = index_sets(arena, table);

	*out = (struct linear){ 0 };
	if (chain->rules.count)
		arena_reserve(arena, out, chain->rules.count);
	for (size_t i = 0; i < chain->rules.count; i++) {
		struct linear_rule rule;
		if (!read_rule(table, &sets, &chain->rules.items[i], false, &rule))
			rule = (struct linear_rule){ .source = &chain->rules.items[i] };
		*arena_push(arena, out) = rule;
	}
}

bool linear_is_on_addresses(const struct linear_rule *rule)
{
	return rule->protos && (rule->place || rule->set);
}

/* What it does whatever the address is */
static bool is_of_service(const struct rs_expr *expr)
{
	return !expr->field_count ||
	       (expr->field[0] != RS_IP_DADDR && expr->field[0] != RS_IP6_DADDR && expr->field[0] != RS_META_NFPROTO);
}

void linear_copy_service(struct ruleset *ruleset, struct rs_rule *out, const struct linear_rule *rule)
{
	for (size_t i = 0; i < rule->source->exprs.count; i++)
		if (is_of_service(&rule->source->exprs.items[i]))
			*arena_push(ruleset->arena, &out->exprs) = rule->source->exprs.items[i];
}

void linear_copy(struct ruleset *ruleset, struct rs_chain *chain, const struct linear_rule *rule)
{
	struct rs_rule *out = rs_rule_add(ruleset, chain, NULL);

	out->comment = rule->source->comment;
	linear_copy_service(ruleset, out, rule);
}

size_t linear_range_count(const struct linear_rule *rule)
{
	return rule->place ? rule->place->values.count : rule->set ? rule->set->elements.count : 0;
}

struct rs_value linear_range(const struct linear_rule *rule, size_t index)
{
	return rule->place ? rule->place->values.items[index] : rule->set->elements.items[index].key[0];
}
