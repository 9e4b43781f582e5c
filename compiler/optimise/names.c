/* Pass 1: a subject's rules on names become chains of their own, `rule<N>_v4`, that a map of bound addresses leads to, in front
 * of the rules on addresses, which stay as they are in a chain `egress_addresses`.
 *
 * Why it is safe: an address that no name holds is in no map, and name rules do not match it. For one that is held, the
 * supervisor puts the chain of the name rule that holds it, or a chain that sends each flow to the first of several, and
 * leaves out of a rule's flows what a rule on addresses before it takes there (lower/lower_bound.h). What comes back from
 * there, no name rule takes or a rule on addresses takes before: the chain of addresses decides, whose first match is the
 * subject's. A floor's allow is a return that has to leave the floor: its chains are gone to, and go on to the addresses
 * themselves; the policy's are jumped to, since the kernel looks at all ways through chains that come together again.
 *
 * Why first: the passes behind it look at rules on addresses alone.
 *
 * What it knows a name rule by: one lookup of the destination in a set of its own that the runtime fills with timeouts, of one
 * rule or of several that follow one another, and come to the same chain in their order. A subject that uses such a set
 * otherwise is left as it is. */
#include "optimise/names.h"
#include "lower/lower_bound.h"
#include "lower/lower_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set that the runtime fills with addresses of names */
struct bound_set {
	const char *name;
	size_t uses; /* by expressions of the table */
	bool gone;
};

struct pass {
	struct ruleset *ruleset;
	struct rs_table *table;
	LIST_OF(struct bound_set) sets; /* by name */
};

struct subject {
	struct pass *pass;
	size_t chain;    /* its index: the list grows */
	unsigned number; /* 0, or the floor's */
	const char *addresses;
	bool has[2]; /* a map, by family */
};

/* ---- sets ---- */

static int compare_sets(const void *a, const void *b)
{
	return strcmp(((const struct bound_set *)a)->name, ((const struct bound_set *)b)->name);
}

static struct bound_set *find_set(const struct pass *pass, const char *name)
{
	const struct bound_set wanted = { .name = name };

	return name && pass->sets.count ?
		       bsearch(&wanted, pass->sets.items, pass->sets.count, sizeof wanted, compare_sets) :
		       NULL;
}

static void find_sets(struct pass *pass)
{
	const struct rs_table *table = pass->table;

	for (size_t i = 0; i < table->sets.count; i++) {
		const struct rs_set *set = &table->sets.items[i];
		if (set->runtime && set->timeout && !set->map && !set->type[1])
			arena_push(pass->ruleset->arena, &pass->sets)->name = set->name;
	}
	if (pass->sets.count)
		qsort(pass->sets.items, pass->sets.count, sizeof *pass->sets.items, compare_sets);
}

static void count_uses(struct pass *pass)
{
	for (size_t i = 0; i < pass->table->chains.count; i++) {
		const struct rs_chain *chain = &pass->table->chains.items[i];
		for (size_t j = 0; j < chain->rules.count; j++)
			for (size_t k = 0; k < chain->rules.items[j].exprs.count; k++) {
				struct bound_set *set = find_set(pass, chain->rules.items[j].exprs.items[k].set);
				if (set)
					set->uses++;
			}
	}
}

static void drop_sets(struct pass *pass)
{
	struct rs_table *table = pass->table;
	size_t kept = 0;

	for (size_t i = 0; i < table->sets.count; i++) {
		const struct bound_set *set = find_set(pass, table->sets.items[i].name);
		if (!set || !set->gone)
			table->sets.items[kept++] = table->sets.items[i];
	}
	/* what is pushed later is to be zero */
	memset(table->sets.items + kept, 0, (table->sets.count - kept) * sizeof *table->sets.items);
	table->sets.count = kept;
}

/* ---- rules ---- */

/* The lookup in a bound set; NULL: the rule has none */
static const struct rs_expr *name_lookup(const struct pass *pass, const struct rs_rule *rule)
{
	for (size_t i = 0; i < rule->exprs.count; i++)
		if (find_set(pass, rule->exprs.items[i].set))
			return &rule->exprs.items[i];
	return NULL;
}

/* How many rules from `first` on look into the same set */
static size_t run_of(const struct pass *pass, const struct rs_chain *chain, size_t first)
{
	const char *set = name_lookup(pass, &chain->rules.items[first])->set;
	size_t count = 1;

	while (first + count < chain->rules.count) {
		const struct rs_expr *lookup = name_lookup(pass, &chain->rules.items[first + count]);
		if (!lookup || strcmp(lookup->set, set) != 0)
			break;
		count++;
	}
	return count;
}

static bool is_understood(const struct pass *pass, const struct rs_chain *chain)
{
	for (size_t i = 0; i < chain->rules.count; i++) {
		const struct rs_expr *lookup = name_lookup(pass, &chain->rules.items[i]);

		if (!lookup)
			continue;
		size_t run = run_of(pass, chain, i);
		for (size_t j = i; j < i + run; j++) {
			lookup = name_lookup(pass, &chain->rules.items[j]);
			if (lookup->kind != RS_LOOKUP || lookup->negate || lookup->field_count != 1 ||
			    (lookup->field[0] != RS_IP_DADDR && lookup->field[0] != RS_IP6_DADDR) ||
			    find_set(pass, lookup->set)->uses != run)
				return false;
		}
		i += run - 1;
	}
	return true;
}

static void go_on(const struct subject *subject, struct rs_chain *chain)
{
	rs_verdict(subject->pass->ruleset, rs_rule_add(subject->pass->ruleset, chain, NULL), RS_GOTO,
		   subject->addresses);
}

/* The rules of one set without their lookups, in the chain that has the set's name */
static void make_chain(struct subject *subject, const struct rs_rule *rules, size_t count)
{
	struct pass *pass = subject->pass;
	const struct rs_expr *first = name_lookup(pass, &rules[0]);
	struct rs_chain *chain = rs_chain_add(pass->ruleset, pass->table, first->set);

	find_set(pass, first->set)->gone = true;
	subject->has[first->field[0] == RS_IP6_DADDR] = true;
	for (size_t i = 0; i < count; i++) {
		const struct rs_expr *lookup = name_lookup(pass, &rules[i]);
		struct rs_rule *own = rs_rule_add(pass->ruleset, chain, NULL);
		own->comment = rules[i].comment;
		for (size_t j = 0; j < rules[i].exprs.count; j++)
			if (&rules[i].exprs.items[j] != lookup)
				*arena_push(pass->ruleset->arena, &own->exprs) = rules[i].exprs.items[j];
	}
	if (subject->number)
		go_on(subject, chain);
}

static void look_up(struct subject *subject, struct rs_chain *chain, enum addr_family family)
{
	struct arena *arena = subject->pass->ruleset->arena;
	const char *name = lower_bound_map(arena, subject->number, family);
	struct rs_set *map = rs_set_add(subject->pass->ruleset, subject->pass->table, name,
					family == ADDR_V4 ? RS_TYPE_IPV4 : RS_TYPE_IPV6);

	map->map = map->timeout = map->runtime = true;
	map->size = LOWER_BINDING_SET_SIZE;
	map->note = "filled by the DNS proxy: which chain an address leads to while names hold it";
	rs_lookup(subject->pass->ruleset, rs_rule_add(subject->pass->ruleset, chain, NULL), name,
		  family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR)
		->kind = RS_VMAP;
}

/* The subject's chain, without name rules, becomes the chain of addresses; in its place one that looks names up first. */
static void look_up_first(struct subject *subject)
{
	struct rs_chain *addresses = rs_chain_add(subject->pass->ruleset, subject->pass->table, subject->addresses);
	struct rs_chain *chain = &subject->pass->table->chains.items[subject->chain];

	addresses->rules = chain->rules;
	addresses->note = "what is decided by the address alone: the first rule that matches";
	memset(&chain->rules, 0, sizeof chain->rules);
	if (subject->has[0])
		look_up(subject, chain, ADDR_V4);
	if (subject->has[1])
		look_up(subject, chain, ADDR_V6);
	go_on(subject, chain);
}

/* The sets of its rules on names that no rule looks into: nothing fills them where there is a map. */
static void drop_unused(struct subject *subject)
{
	const char *prefix = subject->number ? arena_printf(subject->pass->ruleset->arena, LOWER_CHAIN_FLOOR "%u_rule",
							    subject->number) :
					       "rule";

	for (size_t i = 0; i < subject->pass->sets.count; i++) {
		struct bound_set *set = &subject->pass->sets.items[i];
		bool v6 = set->name[strlen(set->name) - 1] == '6';
		set->gone |= !set->uses && subject->has[v6] && !strncmp(set->name, prefix, strlen(prefix));
	}
}

static void take_names_out(struct subject *subject)
{
	struct pass *pass = subject->pass;
	struct rs_chain chain = pass->table->chains.items[subject->chain];
	size_t kept = 0;

	if (!is_understood(pass, &chain))
		return;
	for (size_t i = 0; i < chain.rules.count; i++) {
		const struct rs_rule rule = chain.rules.items[i];

		if (!name_lookup(pass, &rule)) {
			chain.rules.items[kept++] = rule;
			continue;
		}
		size_t run = run_of(pass, &chain, i);
		make_chain(subject, &chain.rules.items[i], run);
		i += run - 1;
	}
	if (kept == chain.rules.count)
		return;
	pass->table->chains.items[subject->chain].rules.count = kept;
	drop_unused(subject);
	look_up_first(subject);
}

static bool is_subject(struct pass *pass, size_t chain, struct subject *out)
{
	const char *name = pass->table->chains.items[chain].name;
	int len = 0;

	*out = (struct subject){ .pass = pass, .chain = chain };
	if (!strcmp(name, LOWER_CHAIN_EGRESS))
		out->addresses = LOWER_CHAIN_EGRESS "_" LOWER_ADDRESSES;
	else if (sscanf(name, LOWER_CHAIN_FLOOR "%u%n", &out->number, &len) == 1 && !name[len])
		out->addresses = arena_printf(pass->ruleset->arena, "%s_" LOWER_ADDRESSES, name);
	return out->addresses != NULL;
}

void optimise_names(struct ruleset *ruleset)
{
	struct pass pass = { .ruleset = ruleset, .table = &ruleset->tables.items[0] };
	size_t count = pass.table->chains.count; /* what is added is no subject */
	struct subject subject;

	find_sets(&pass);
	count_uses(&pass);
	for (size_t i = 0; i < count; i++)
		if (is_subject(&pass, i, &subject))
			take_names_out(&subject);
	drop_sets(&pass);
}
