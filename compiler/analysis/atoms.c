/* Builds the address axis: prefixes in nesting order, cells between their boundaries, atoms of equal cells. */
#include "analysis/atoms.h"
#include "eval/builtin.h"

#include <stdlib.h>

struct prefix {
	enum addr_family family;
	uint8_t len;
	struct addr_range range;
	uint32_t last; /* the last prefix inside it, in nesting order; itself where there is none */
};

/* A run of addresses that is in the same prefixes and of one class and standing */
struct cell {
	struct addr_range range;
	enum addr_family family;
	uint32_t group;
	uint32_t inner; /* innermost prefix, from 1; 0: none */
	uint32_t atom;
};

struct base {
	struct addr_range range;
	enum addr_class class;
	bool reserved, refused;
};

#define CLASS_GROUPS 8u /* of a class */
#define GROUPS ((uint32_t)ADDR_CLASS_COUNT * CLASS_GROUPS)

struct atoms {
	struct arena *arena;
	struct addr_gateway gateway;
	LIST_OF(struct prefix) prefixes;
	LIST_OF(struct cell) cells; /* in the order of atoms, then addresses */
	LIST_OF(struct cell) map;   /* in the order of families, then addresses */
	LIST_OF(struct atom) list;
	uint32_t *inner; /* by atom: its cells' innermost prefix */
	struct addr_range *ranges;
	uint32_t group_start[GROUPS + 1];
};

static uint32_t group_of(const struct base *base, enum addr_family family)
{
	return (uint32_t)base->class * CLASS_GROUPS + (base->refused ? 4 : 0) + (base->reserved ? 2 : 0) +
	       (family == ADDR_V6 ? 1 : 0);
}

/* ---- prefixes ---- */

static void add_prefix(struct atoms *atoms, struct addr_prefix prefix)
{
	struct prefix *item = arena_push(atoms->arena, &atoms->prefixes);

	item->family = prefix.addr.family;
	item->len = prefix.len;
	item->range = addr_prefix_range(prefix);
}

static bool takes_carried(enum policy_action action, const struct policy_target *target)
{
	return action == POLICY_DENY && target->prefix.addr.family == ADDR_V4;
}

static void add_target(struct atoms *atoms, enum policy_action action, const struct policy_target *target)
{
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];
	size_t count;

	if (target->kind != TARGET_CIDR)
		return;
	add_prefix(atoms, target->prefix);
	if (!takes_carried(action, target))
		return;
	count = addr_embedding_prefixes(target->prefix, &atoms->gateway.nat64, carrying);
	for (size_t i = 0; i < count; i++)
		add_prefix(atoms, carrying[i]);
}

/* Outer before inner, in the order of addresses */
static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	return COMPARE(x->family, y->family) ?: COMPARE(x->range.lo, y->range.lo) ?: COMPARE(x->len, y->len);
}

static void nest_prefixes(struct atoms *atoms)
{
	struct prefix *items = atoms->prefixes.items;
	size_t count = 0, depth = 0;
	uint32_t open[2 * 129];

	if (atoms->prefixes.count)
		qsort(items, atoms->prefixes.count, sizeof *items, compare_prefixes);
	for (size_t i = 0; i < atoms->prefixes.count; i++)
		if (!count || compare_prefixes(&items[count - 1], &items[i]))
			items[count++] = items[i];
	atoms->prefixes.count = count;
	for (uint32_t i = 0; i < count; i++) {
		while (depth && (items[open[depth - 1]].family != items[i].family ||
				 items[open[depth - 1]].range.hi < items[i].range.lo))
			depth--;
		open[depth++] = i;
		for (size_t j = 0; j < depth; j++)
			items[open[j]].last = i;
	}
}

/* ---- cells ---- */

struct bases {
	struct base *items;
	size_t count, cap;
};

static int compare_bases(const void *a, const void *b)
{
	const struct base *x = a, *y = b;

	return COMPARE(x->range.lo, y->range.lo);
}

static void add_bases(struct arena *arena, struct bases *bases, const struct addr_set *set, struct base like)
{
	for (size_t i = 0; i < set->count; i++) {
		like.range = set->items[i];
		*arena_push(arena, bases) = like;
	}
}

/* A family's addresses by class and standing, in order */
static struct bases base_partition(struct atoms *atoms, enum addr_family family)
{
	struct arena *arena = atoms->arena;
	struct addr_set reserved = addr_reserved_set(arena, family, &atoms->gateway);
	struct addr_set refused = eval_refused_set(arena, family, &atoms->gateway);
	struct bases bases = { NULL, 0, 0 };

	for (int class = ADDR_CLASS_NONE; class < ADDR_CLASS_COUNT; class ++) {
		struct addr_set all = addr_class_set(arena, (enum addr_class) class, family, &atoms->gateway);
		for (int standing = 0; standing < 4; standing++) {
			const struct base like = { { 0, 0 }, (enum addr_class) class, standing & 1, standing & 2 };
			struct addr_set set =
				(like.reserved ? addr_set_intersect : addr_set_subtract)(arena, &all, &reserved);

			set = (like.refused ? addr_set_intersect : addr_set_subtract)(arena, &set, &refused);
			add_bases(arena, &bases, &set, like);
		}
	}
	qsort(bases.items, bases.count, sizeof *bases.items, compare_bases);
	return bases;
}

/* A walk over one family's prefixes, in step with the addresses */
struct nesting {
	const struct prefix *prefixes;
	uint32_t next, end, depth, open[129];
};

/* Moves to address `at`; returns the last address for which the innermost prefix stays the same. */
static u128 nesting_move(struct nesting *nesting, u128 at)
{
	u128 last = ~(u128)0;

	while (nesting->depth && nesting->prefixes[nesting->open[nesting->depth - 1]].range.hi < at)
		nesting->depth--;
	while (nesting->next < nesting->end && nesting->prefixes[nesting->next].range.lo <= at) {
		if (nesting->prefixes[nesting->next].range.hi >= at)
			nesting->open[nesting->depth++] = nesting->next;
		nesting->next++;
	}
	if (nesting->depth)
		last = nesting->prefixes[nesting->open[nesting->depth - 1]].range.hi;
	if (nesting->next < nesting->end && nesting->prefixes[nesting->next].range.lo - 1 < last)
		last = nesting->prefixes[nesting->next].range.lo - 1;
	return last;
}

static void cut_base(struct atoms *atoms, struct nesting *nesting, enum addr_family family, const struct base *base)
{
	u128 at = base->range.lo;

	for (;;) {
		u128 last = nesting_move(nesting, at);
		struct cell *cell = arena_push(atoms->arena, &atoms->map);

		if (last > base->range.hi)
			last = base->range.hi;
		cell->range = (struct addr_range){ at, last };
		cell->family = family;
		cell->group = group_of(base, family);
		cell->inner = nesting->depth ? nesting->open[nesting->depth - 1] + 1 : 0;
		if (last == base->range.hi)
			return;
		at = last + 1;
	}
}

static void cut_family(struct atoms *atoms, enum addr_family family)
{
	struct bases bases = base_partition(atoms, family);
	struct nesting nesting = { .prefixes = atoms->prefixes.items };

	while (nesting.next < atoms->prefixes.count && atoms->prefixes.items[nesting.next].family < family)
		nesting.next++;
	nesting.end = nesting.next;
	while (nesting.end < atoms->prefixes.count && atoms->prefixes.items[nesting.end].family == family)
		nesting.end++;
	for (size_t i = 0; i < bases.count; i++)
		cut_base(atoms, &nesting, family, &bases.items[i]);
}

/* ---- atoms ---- */

static int compare_cells(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	return COMPARE(x->group, y->group) ?: COMPARE(x->inner, y->inner) ?: COMPARE(x->range.lo, y->range.lo);
}

static bool same_atom(const struct cell *a, const struct cell *b)
{
	return a->group == b->group && a->inner == b->inner;
}

static void make_atoms(struct atoms *atoms)
{
	size_t count = atoms->map.count;
	uint32_t group = 0;
	struct cell *cells = arena_alloc(atoms->arena, (count + 1) * sizeof *cells);

	for (size_t i = 0; i < count; i++) {
		cells[i] = atoms->map.items[i];
		cells[i].atom = (uint32_t)i; /* for now: where it came from */
	}
	qsort(cells, count, sizeof *cells, compare_cells);
	atoms->ranges = arena_alloc(atoms->arena, (count + 1) * sizeof *atoms->ranges);
	atoms->inner = arena_alloc(atoms->arena, (count + 1) * sizeof *atoms->inner);
	for (size_t i = 0; i < count; i++) {
		struct atom *atom;

		if (!i || !same_atom(&cells[i - 1], &cells[i])) {
			while (group <= cells[i].group)
				atoms->group_start[group++] = (uint32_t)atoms->list.count;
			atoms->inner[atoms->list.count] = cells[i].inner;
			atom = arena_push(atoms->arena, &atoms->list);
			atom->family = cells[i].family;
			atom->class = (enum addr_class)(cells[i].group / CLASS_GROUPS);
			atom->reserved = cells[i].group & 2;
			atom->refused = cells[i].group & 4;
			atom->ranges = (uint32_t)i;
		}
		atom = &atoms->list.items[atoms->list.count - 1];
		atom->range_count++;
		atoms->ranges[i] = cells[i].range;
		atoms->map.items[cells[i].atom].atom = (uint32_t)(atoms->list.count - 1);
	}
	while (group <= GROUPS)
		atoms->group_start[group++] = (uint32_t)atoms->list.count;
}

struct atoms *atoms_new(struct arena *arena, const struct addr_gateway *gateway, const struct policy *const *policies,
			size_t count)
{
	struct atoms *atoms = arena_alloc(arena, sizeof *atoms);
	/* :: and ::1 carry no IPv4 address, though they lie among those that do */
	const struct addr_prefix uncarrying[] = { { { ADDR_V6, 0 }, 128 }, { { ADDR_V6, 1 }, 128 } };

	atoms->arena = arena;
	atoms->gateway = *gateway;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < policies[i]->rules.count; j++) {
			const struct policy_rule *rule = &policies[i]->rules.items[j];

			for (size_t k = 0; k < rule->targets.count; k++)
				add_target(atoms, rule->action, &rule->targets.items[k]);
			for (size_t k = 0; k < rule->within.count; k++)
				add_target(atoms, POLICY_ALLOW, &rule->within.items[k]);
		}
	add_prefix(atoms, uncarrying[0]);
	add_prefix(atoms, uncarrying[1]);
	nest_prefixes(atoms);
	cut_family(atoms, ADDR_V4);
	cut_family(atoms, ADDR_V6);
	make_atoms(atoms);
	return atoms;
}

uint32_t atoms_count(const struct atoms *atoms)
{
	return (uint32_t)atoms->list.count;
}

const struct atom *atoms_at(const struct atoms *atoms, uint32_t atom)
{
	return &atoms->list.items[atom];
}

const struct addr_range *atoms_ranges(const struct atoms *atoms, uint32_t atom)
{
	return &atoms->ranges[atoms->list.items[atom].ranges];
}

bool atoms_is_unnamed(const struct atoms *atoms, uint32_t atom)
{
	return atoms->inner[atom] == 0;
}

/* An example should be an address that readers know, where the atom holds one. */
static bool well_known(const struct atoms *atoms, uint32_t atom, struct addr *out)
{
	static const char *const known[] = {
		"93.184.216.34",   "2606:2800:220:1:248:1893:25c8:1946",
		"169.254.169.254", "10.0.0.5",
		"169.254.1.1",     "127.0.0.1",
		"fd12:3456::5",    "fe80::1",
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (addr_parse(known[i], out) && atoms_find(atoms, *out) == atom)
			return true;
	return false;
}

struct addr atoms_member(const struct atoms *atoms, uint32_t atom)
{
	const struct atom *item = &atoms->list.items[atom];
	struct addr known;

	if (atoms->gateway.has4 && atoms_find(atoms, atoms->gateway.v4) == atom)
		return atoms->gateway.v4;
	if (atoms->gateway.has6 && atoms_find(atoms, atoms->gateway.v6) == atom)
		return atoms->gateway.v6;
	if (atoms_is_unnamed(atoms, atom) && well_known(atoms, atom, &known))
		return known;
	return (struct addr){ item->family, atoms->ranges[item->ranges].lo };
}

uint32_t atoms_find(const struct atoms *atoms, struct addr addr)
{
	size_t lo = 0, hi = atoms->map.count;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		const struct cell *cell = &atoms->map.items[mid];

		if (cell->family < addr.family || (cell->family == addr.family && cell->range.lo <= addr.value))
			lo = mid;
		else
			hi = mid;
	}
	return atoms->map.items[lo].atom;
}

/* ---- targets ---- */

static size_t find_prefix(const struct atoms *atoms, struct addr_prefix prefix)
{
	struct prefix key = { .family = prefix.addr.family, .len = prefix.len, .range = addr_prefix_range(prefix) };
	const struct prefix *found =
		bsearch(&key, atoms->prefixes.items, atoms->prefixes.count, sizeof key, compare_prefixes);

	return (size_t)(found - atoms->prefixes.items);
}

static size_t append(struct run *out, size_t count, uint32_t lo, uint32_t hi)
{
	if (lo >= hi)
		return count;
	out[count] = (struct run){ lo, hi };
	return count + 1;
}

/* Without the atoms of :: and ::1, which a prefix of carried addresses must not take in */
static size_t append_carrying(const struct atoms *atoms, struct run *out, size_t count, uint32_t lo, uint32_t hi)
{
	for (u128 value = 0; value < 2; value++) {
		uint32_t atom = atoms_find(atoms, (struct addr){ ADDR_V6, value });

		if (lo <= atom && atom < hi) {
			count = append(out, count, lo, atom);
			lo = atom + 1;
		}
	}
	return append(out, count, lo, hi);
}

static size_t prefix_runs(const struct atoms *atoms, struct addr_prefix prefix, bool carrying, struct run *out,
			  size_t count)
{
	size_t index = find_prefix(atoms, prefix);
	uint32_t first = (uint32_t)index + 1, last = atoms->prefixes.items[index].last + 1;

	for (uint32_t group = prefix.addr.family == ADDR_V6; group < GROUPS; group += 2) {
		uint32_t start = atoms->group_start[group], end = atoms->group_start[group + 1], lo, hi;

		if (start == end || atoms->inner[end - 1] < first)
			continue;
		/* atoms are in the order of their innermost prefixes */
		lo = lower_bound(atoms->inner, start, end, first);
		hi = lower_bound(atoms->inner, lo, end, last + 1);
		if (lo < hi)
			count = carrying ? append_carrying(atoms, out, count, lo, hi) : append(out, count, lo, hi);
	}
	return count;
}

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return COMPARE(x->lo, y->lo);
}

static size_t merge_runs(struct run *runs, size_t count)
{
	size_t kept = 0;

	qsort(runs, count, sizeof *runs, compare_runs);
	for (size_t i = 0; i < count; i++) {
		if (kept && runs[kept - 1].hi >= runs[i].lo) {
			if (runs[kept - 1].hi < runs[i].hi)
				runs[kept - 1].hi = runs[i].hi;
		} else {
			runs[kept++] = runs[i];
		}
	}
	return kept;
}

static size_t cidr_runs(const struct atoms *atoms, enum policy_action action, const struct policy_target *target,
			struct run *out)
{
	struct addr_prefix carrying[ADDR_EMBEDDINGS_MAX];
	size_t count = prefix_runs(atoms, target->prefix, false, out, 0);

	if (takes_carried(action, target)) {
		size_t ways = addr_embedding_prefixes(target->prefix, &atoms->gateway.nat64, carrying);

		for (size_t i = 0; i < ways; i++)
			count = prefix_runs(atoms, carrying[i], true, out, count);
	}
	return merge_runs(out, count);
}

size_t atoms_target_runs(const struct atoms *atoms, enum policy_action action, const struct policy_target *target,
			 struct run out[static ATOMS_RUNS_MAX])
{
	switch (target->kind) {
	case TARGET_ANY:
		return append(out, 0, 0, atoms_count(atoms));
	case TARGET_GROUP:
		return append(out, 0, atoms->group_start[target->group * CLASS_GROUPS],
			      atoms->group_start[target->group * CLASS_GROUPS + CLASS_GROUPS]);
	case TARGET_CIDR:
		return cidr_runs(atoms, action, target, out);
	default:
		return 0;
	}
}
