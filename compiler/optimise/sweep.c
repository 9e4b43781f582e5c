/* The sweep over addresses: at each where a rule's addresses begin or end, the list of those that apply changes. */
#include "optimise/sweep.h"

#include <stdlib.h>
#include <string.h>

#define HEAVY 32           /* rules on one network that make it a wide one */
#define BUDGET_PER_RULE 16 /* entries of lists of classes */
#define BUDGET_LEAST 65536

/* ---- wide sets ---- */

static bool is_heavy_candidate(const struct linear_rule *rule)
{
	return rule->place && rule->place->values.count == 1;
}

static int compare_places(const void *a, const void *b)
{
	const struct linear_rule *x = *(struct linear_rule *const *)a, *y = *(struct linear_rule *const *)b;
	struct rs_value v = linear_range(x, 0), w = linear_range(y, 0);

	return COMPARE(x->family[1], y->family[1]) ?: COMPARE(v.lo, w.lo) ?: COMPARE(v.hi, w.hi);
}

static int compare_rules(const void *a, const void *b)
{
	return COMPARE(((const struct sweep_wide *)b)->rules, ((const struct sweep_wide *)a)->rules);
}

/* Which place of the rules that name one network only has how many of them */
static void find_heavy(struct sweep *sweep)
{
	struct arena *arena = sweep->pass->arena;
	struct linear_rule **by_place = arena_alloc(arena, (sweep->rules->count + 1) * sizeof *by_place);
	LIST_OF(struct sweep_wide) heavy = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < sweep->rules->count; i++)
		if (is_heavy_candidate(&sweep->rules->items[i]))
			by_place[count++] = &sweep->rules->items[i];
	qsort(by_place, count, sizeof *by_place, compare_places);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from + 1; to < count && !compare_places(&by_place[from], &by_place[to]);)
			to++;
		struct rs_value value = linear_range(by_place[from], 0);
		if (to - from >= HEAVY)
			*arena_push(arena, &heavy) =
				(struct sweep_wide){ NULL, value.lo, value.hi, by_place[from]->family[1],
						     (uint32_t)(to - from) };
	}
	if (heavy.count)
		qsort(heavy.items, heavy.count, sizeof *heavy.items, compare_rules);
	for (size_t i = 0; i < heavy.count && sweep->wide.count < SWEEP_WIDE_MOST; i++)
		*arena_push(arena, &sweep->wide) = heavy.items[i];
}

/* From 1; 0: it is none */
static uint8_t wide_set(struct sweep *sweep, const struct rs_set *set, bool v6)
{
	size_t i = 0;

	while (i < sweep->wide.count && sweep->wide.items[i].set != set)
		i++;
	if (i == SWEEP_WIDE_MOST)
		return 0;
	if (i == sweep->wide.count)
		*arena_push(sweep->pass->arena, &sweep->wide) = (struct sweep_wide){ .set = set, .v6 = v6 };
	return (uint8_t)(i + 1);
}

static uint8_t heavy_place(const struct sweep *sweep, const struct linear_rule *rule)
{
	struct rs_value value = linear_range(rule, 0);

	for (size_t i = 0; i < sweep->wide.count; i++) {
		const struct sweep_wide *wide = &sweep->wide.items[i];
		if (!wide->set && wide->v6 == rule->family[1] && wide->lo == value.lo && wide->hi == value.hi)
			return (uint8_t)(i + 1);
	}
	return 0;
}

static void find_wide(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->rules->count; i++) {
		struct linear_rule *rule = &sweep->rules->items[i];
		if (rule->set && rule->set->group)
			rule->wide = wide_set(sweep, rule->set, rule->family[1]);
	}
	find_heavy(sweep);
	for (size_t i = 0; i < sweep->rules->count; i++)
		if (is_heavy_candidate(&sweep->rules->items[i]))
			sweep->rules->items[i].wide = heavy_place(sweep, &sweep->rules->items[i]);
}

static bool is_everywhere(const struct linear_rule *rule)
{
	return !rule->place && !rule->set;
}

/* ---- zones ---- */

static bool same_zone(const struct zone *a, const struct zone *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i]->number != b->items[i]->number)
			return false;
	return true;
}

/* "zone_public", "zone_public_v6" where IPv6's is another, "zone_other" of what no wide set has; else a number */
static const char *zone_name(struct sweep *sweep, uint64_t mask, bool v6)
{
	struct addresses *pass = sweep->pass;
	const struct rs_set *set =
		mask && !(mask & (mask - 1)) ? sweep->wide.items[(unsigned)__builtin_ctzll(mask)].set : NULL;

	if (mask && !set)
		return arena_printf(pass->arena, "%szone%zu", pass->prefix, ++pass->zone_names);
	char *name = arena_printf(pass->arena, "%szone_%s", pass->prefix, set ? set->name : "other4");
	size_t len = strlen(name);
	if (name[len - 1] == '4' || name[len - 1] == '6')
		name[len - 1] = '\0';
	for (size_t i = 0; i < sweep->zones.count; i++)
		if (!strcmp(sweep->zones.items[i].chain, name))
			return arena_printf(pass->arena, "%s_v%d", name, v6 ? 6 : 4);
	return name;
}

/* The rules on every address and on the sets in `mask`; those of either family that are the same are one zone. */
static uint32_t make_zone(struct sweep *sweep, uint64_t mask, bool v6)
{
	struct zone zone = { 0 };

	for (size_t i = 0; i < sweep->rules->count; i++) {
		const struct linear_rule *rule = &sweep->rules->items[i];
		if (!rule->family[v6] || !(is_everywhere(rule) || (rule->wide && mask >> (rule->wide - 1) & 1)))
			continue;
		*(const struct linear_rule **)arena_push(sweep->pass->arena, &zone) = rule;
		if (rule->protos == LINEAR_EVERY && !rule->ports)
			break;
	}
	sweep->work += zone.count;
	for (uint32_t i = 0; i < sweep->zones.count; i++)
		if (same_zone(&zone, &sweep->zones.items[i]))
			return i;
	zone.chain = zone_name(sweep, mask, v6);
	zone_settle(sweep->pass, &zone);
	*arena_push(sweep->pass->arena, &sweep->zones) = zone;
	return (uint32_t)sweep->zones.count - 1;
}

struct masks {
	struct {
		uint64_t mask;
		uint32_t zone;
	} items[SWEEP_ZONES_MOST];
	size_t count;
};

static uint32_t zone_of(struct sweep *sweep, struct masks *masks, uint64_t mask, bool v6)
{
	for (size_t i = 0; i < masks->count; i++)
		if (masks->items[i].mask == mask)
			return masks->items[i].zone;
	if (masks->count == SWEEP_ZONES_MOST) {
		sweep->work = SIZE_MAX / 2;
		return 0;
	}
	masks->items[masks->count].mask = mask;
	masks->items[masks->count].zone = make_zone(sweep, mask, v6);
	return masks->items[masks->count++].zone;
}

/* ---- classes ---- */

static uint32_t hash_add(uint32_t hash, uint32_t number)
{
	return (hash ^ number) * 16777619u;
}

static bool same_class(const struct sweep *sweep, const struct sweep_class *a, const struct sweep_class *b)
{
	if (a->hash != b->hash || a->zone != b->zone || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (sweep->rules->items[sweep->listed.items[a->first + i]].number !=
		    sweep->rules->items[sweep->listed.items[b->first + i]].number)
			return false;
	return true;
}

static void enlarge_table(struct sweep *sweep)
{
	size_t size = sweep->table_size ? 2 * sweep->table_size : 1024;

	sweep->table = arena_alloc(sweep->pass->arena, size * sizeof *sweep->table);
	sweep->table_size = size;
	for (uint32_t i = 0; i < sweep->classes.count; i++) {
		size_t slot = sweep->classes.items[i].hash & (size - 1);
		while (sweep->table[slot])
			slot = (slot + 1) & (size - 1);
		sweep->table[slot] = i + 1;
	}
}

/* The class whose list is at the end of `listed`; where it was there before, its list is taken off again */
static uint32_t find_class(struct sweep *sweep, struct sweep_class new)
{
	if (2 * (sweep->classes.count + 1) > sweep->table_size)
		enlarge_table(sweep);
	size_t slot = new.hash &(sweep->table_size - 1);
	for (; sweep->table[slot]; slot = (slot + 1) & (sweep->table_size - 1)) {
		if (same_class(sweep, &sweep->classes.items[sweep->table[slot] - 1], &new)) {
			sweep->listed.count = new.first;
			return sweep->table[slot] - 1;
		}
	}
	*arena_push(sweep->pass->arena, &sweep->classes) = new;
	sweep->table[slot] = (uint32_t)sweep->classes.count;
	return (uint32_t)sweep->classes.count - 1;
}

/* Whether a rule before takes everything that it would, wherever the zone is */
static bool is_dead(const struct zone *zone, const struct linear_rule *rule)
{
	for (int proto = 0; proto < ZONE_PROTOS; proto++)
		if (rule->protos & 1u << proto && zone->ports[proto].rest > rule->number)
			return false;
	return true;
}

struct active {
	uint32_t *items;
	size_t count, cap;
};

#define NO_CLASS UINT32_MAX
static uint32_t class_of(struct sweep *sweep, uint32_t zone, const struct active *active)
{
	struct sweep_class class = { .zone = zone, .first = (uint32_t)sweep->listed.count, .hash = 2166136261u };
	uint32_t last = UINT32_MAX;

	class.hash = hash_add(class.hash, zone);
	for (size_t i = 0; i < active->count; i++) {
		const struct linear_rule *rule = &sweep->rules->items[active->items[i]];
		sweep->work++;
		if (rule->number > zone_end(&sweep->zones.items[zone]))
			break;
		if (rule->number == last || is_dead(&sweep->zones.items[zone], rule))
			continue;
		last = rule->number;
		*arena_push(sweep->pass->arena, &sweep->listed) = active->items[i];
		class.hash = hash_add(class.hash, rule->number);
		class.count++;
		if (rule->protos == LINEAR_EVERY && !rule->ports)
			break;
	}
	return class.count ? find_class(sweep, class) : NO_CLASS;
}

/* ---- the sweep ---- */

/* At an address a rule's or a wide set's addresses begin or end */
struct event {
	u128 at;
	uint32_t index;
	bool wide, end;
};

struct events {
	struct event *items;
	size_t count, cap;
};

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return COMPARE(x->at, y->at)               ?:
		       COMPARE(x->wide, y->wide)   ?:
		       COMPARE(x->index, y->index) ?:
						     COMPARE(y->end, x->end);
}

static void add_events(struct sweep *sweep, struct events *out, bool v6, u128 lo, u128 hi, uint32_t index, bool wide)
{
	u128 last = v6 ? ~(u128)0 : UINT32_MAX;

	*arena_push(sweep->pass->arena, out) = (struct event){ lo, index, wide, false };
	if (hi != last)
		*arena_push(sweep->pass->arena, out) = (struct event){ hi + 1, index, wide, true };
}

static struct events collect_events(struct sweep *sweep, bool v6)
{
	struct events events = { 0 };

	for (uint32_t i = 0; i < sweep->wide.count; i++) {
		const struct sweep_wide *wide = &sweep->wide.items[i];
		if (wide->v6 != v6)
			continue;
		for (size_t j = 0; wide->set && j < wide->set->elements.count; j++)
			add_events(sweep, &events, v6, wide->set->elements.items[j].key[0].lo,
				   wide->set->elements.items[j].key[0].hi, i, true);
		if (!wide->set)
			add_events(sweep, &events, v6, wide->lo, wide->hi, i, true);
	}
	for (uint32_t i = 0; i < sweep->rules->count; i++) {
		const struct linear_rule *rule = &sweep->rules->items[i];
		for (size_t j = 0; rule->family[v6] && !rule->wide && j < linear_range_count(rule); j++) {
			struct rs_value value = linear_range(rule, j);
			add_events(sweep, &events, v6, value.lo, value.hi, i, false);
		}
	}
	if (events.count)
		qsort(events.items, events.count, sizeof *events.items, compare_events);
	return events;
}

static void apply_event(struct sweep *sweep, const struct event *event, struct active *active, uint64_t *mask)
{
	size_t at = lower_bound(active->items, 0, (uint32_t)active->count, event->index);

	if (event->wide) {
		*mask = event->end ? *mask & ~((uint64_t)1 << event->index) : *mask | (uint64_t)1 << event->index;
		return;
	}
	size_t behind = active->count - at;
	sweep->work += behind / 16;
	if (event->end) {
		memmove(active->items + at, active->items + at + 1, (behind - 1) * sizeof *active->items);
		active->count--;
	} else {
		arena_push(sweep->pass->arena, active);
		memmove(active->items + at + 1, active->items + at, behind * sizeof *active->items);
		active->items[at] = event->index;
	}
}

static void add_span(struct sweep *sweep, struct sweep_spans *spans, u128 lo, u128 hi, uint32_t index)
{
	struct sweep_span *last = spans->count ? &spans->items[spans->count - 1] : NULL;

	if (last && last->index == index && last->hi + 1 == lo)
		last->hi = hi;
	else
		*arena_push(sweep->pass->arena, spans) = (struct sweep_span){ lo, hi, index };
}

static bool sweep_family(struct sweep *sweep, bool v6)
{
	struct events events = collect_events(sweep, v6);
	struct active active = { 0 };
	struct masks masks = { .count = 0 };
	uint64_t mask = 0;

	sweep->zone0[v6] = zone_of(sweep, &masks, 0, v6);
	for (size_t i = 0; i < events.count && sweep->work <= sweep->budget;) {
		u128 lo = events.items[i].at, hi = v6 ? ~(u128)0 : UINT32_MAX;
		for (; i < events.count && events.items[i].at == lo; i++)
			apply_event(sweep, &events.items[i], &active, &mask);
		if (i < events.count)
			hi = events.items[i].at - 1;
		uint32_t zone = zone_of(sweep, &masks, mask, v6);
		if (zone != sweep->zone0[v6])
			add_span(sweep, &sweep->at_zone[v6], lo, hi, zone);
		uint32_t class = active.count ? class_of(sweep, zone, &active) : NO_CLASS;
		if (class != NO_CLASS)
			add_span(sweep, &sweep->at_class[v6], lo, hi, class);
	}
	return sweep->work <= sweep->budget;
}

bool sweep_addresses(struct sweep *sweep)
{
	sweep->budget = BUDGET_PER_RULE * sweep->rules->count + BUDGET_LEAST;
	find_wide(sweep);
	return sweep_family(sweep, false) && sweep_family(sweep, true);
}
