/* Pass 2: a map leads from the destination's address to a chain of the rules on it, so that the way of a packet does not grow
 * with their number.
 *
 * The address space falls into classes: the addresses that the same narrow rules apply to, in the same order, and that are in
 * the same zone (zones.h: the same rules on every address, groups and networks that many rules name). A class's chain has its
 * narrow rules in their order; in front of one, ports that a wide rule before it takes leave the chain. What comes to the
 * chain's end, or leaves it, is the zone's: the first of its rules.
 *
 *   chain egress_addresses { ip daddr vmap @classes4      10.1.2.0/24 : jump class7
 *                            ip daddr vmap @zones4        10.0.0.0/8 : goto zone_private4
 *                            … what holds for all other addresses, at last the default }
 *
 * Why it is safe: of the rules that apply to a packet the first one is narrow, and then no wide rule before it takes the
 * packet, so it is not sent away before it is reached; or it is wide, and then each narrow rule that takes the packet is
 * behind it, in front of which the packet leaves. Every list keeps the order that the rules had; two classes are one where all
 * of their rules' services, verdicts and comments are the same. In a floor, where a return must leave the floor, all is gone
 * to; elsewhere classes are jumped to, as the kernel looks at all ways through chains when one is added (names.c).
 *
 * Why second: rules on names are gone by then, and what is made here no pass before it could read.
 *
 * What it knows: linear.c. A chain with another rule stays as it is, and one whose classes would multiply (sweep.c). */
#include "optimise/addresses.h"
#include "optimise/optimise.h"
#include "base/text.h"
#include "lower/lower_state.h"
#include "lower/lower_bound.h"
#include "optimise/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 4 /* rules that are as quick without */
#define NOTE_WIDTH 80

static struct rs_chain *chain_at(const struct addresses *pass, size_t chain)
{
	return &pass->table->chains.items[chain];
}

static size_t add_chain(struct addresses *pass, const char *name)
{
	rs_chain_add(pass->ruleset, pass->table, name);
	return pass->table->chains.count - 1;
}

static void go_to(struct addresses *pass, size_t chain, const char *target)
{
	rs_verdict(pass->ruleset, rs_rule_add(pass->ruleset, chain_at(pass, chain), NULL), RS_GOTO, target);
}

/* ---- classes ---- */

static void make_class(struct sweep *sweep, size_t index)
{
	struct addresses *pass = sweep->pass;
	struct sweep_class *class = &sweep->classes.items[index];
	struct zone *zone = &sweep->zones.items[class->zone];

	class->chain = add_chain(pass, arena_printf(pass->arena, "%sclass%zu", pass->prefix, index + 1));
	for (uint32_t i = 0; i < class->count; i++) {
		const struct linear_rule *rule = &sweep->rules->items[sweep->listed.items[class->first + i]];
		zone_before(pass, zone, class->chain, rule);
		linear_copy(pass->ruleset, chain_at(pass, class->chain), rule);
	}
	if (pass->floor)
		go_to(pass, class->chain, zone->chain);
}

/* Which addresses are of a class, for its note: as many as there is room for */
static void note_classes(struct sweep *sweep)
{
	struct arena *arena = sweep->pass->arena;
	struct text *notes = arena_alloc(arena, (sweep->classes.count + 1) * sizeof *notes);
	size_t *more = arena_alloc(arena, (sweep->classes.count + 1) * sizeof *more);

	for (int v6 = 0; v6 < 2; v6++) {
		enum rs_type type = v6 ? RS_TYPE_IPV6 : RS_TYPE_IPV4;
		for (size_t i = 0; i < sweep->at_class[v6].count; i++) {
			const struct sweep_span *span = &sweep->at_class[v6].items[i];
			struct addr_set one = addr_set_empty(v6 ? ADDR_V6 : ADDR_V4);
			struct rs_set scratch = { .type = { type } };
			struct text *note = &notes[span->index];
			note->arena = arena;
			if (note->count > NOTE_WIDTH) {
				more[span->index]++;
				continue;
			}
			addr_set_add(arena, &one, (struct addr_range){ span->lo, span->hi });
			rs_set_add_addrs(sweep->pass->ruleset, &scratch, &one);
			text_addf(note, "%s%s", note->count ? ", " : "",
				  rs_value_format(arena, type, &scratch.elements.items[0].key[0]));
		}
	}
	for (size_t i = 0; i < sweep->classes.count; i++) {
		if (more[i])
			text_addf(&notes[i], " and %zu more", more[i]);
		chain_at(sweep->pass, sweep->classes.items[i].chain)->note = text_get(&notes[i]);
	}
}

/* ---- maps ---- */

static void add_map(struct sweep *sweep, size_t chain, const struct sweep_spans *spans, bool v6, bool classes)
{
	struct addresses *pass = sweep->pass;
	const char *name = arena_printf(pass->arena, "%s%s%d", pass->prefix, classes ? "classes" : "zones", v6 ? 6 : 4);

	if (!spans->count)
		return;
	struct rs_set *map = rs_set_add(pass->ruleset, pass->table, name, v6 ? RS_TYPE_IPV6 : RS_TYPE_IPV4);
	struct addr_set one = { v6 ? ADDR_V6 : ADDR_V4, arena_alloc(pass->arena, sizeof *one.items), 1, 1 };
	map->map = map->interval = true;
	map->note = classes ? "addresses that rules name: to these rules in order" :
			      "all others: to the rules on groups and on every address";
	arena_reserve(pass->arena, &map->elements, spans->count);
	for (size_t i = 0; i < spans->count; i++) {
		const struct sweep_span *span = &spans->items[i];
		one.items[0] = (struct addr_range){ span->lo, span->hi };
		rs_set_add_addrs(pass->ruleset, map, &one);
		map->elements.items[i].verdict =
			classes ? (struct rs_verdict){ pass->floor ? RS_GOTO : RS_JUMP,
						       chain_at(pass, sweep->classes.items[span->index].chain)->name } :
				  (struct rs_verdict){ RS_GOTO, sweep->zones.items[span->index].chain };
	}
	rs_lookup(pass->ruleset, rs_rule_add(pass->ruleset, chain_at(pass, chain), NULL), name,
		  v6 ? RS_IP6_DADDR : RS_IP_DADDR)
		->kind = RS_VMAP;
}

static void make_zone_chain(struct sweep *sweep, uint32_t index)
{
	struct addresses *pass = sweep->pass;
	size_t chain = add_chain(pass, sweep->zones.items[index].chain);

	chain_at(pass, chain)->note = "rules on wider networks, groups and every address";
	zone_fill(pass, &sweep->zones.items[index], chain);
}

static void go_to_family(struct sweep *sweep, size_t chain, bool v6)
{
	struct rs_rule *rule = rs_rule_add(sweep->pass->ruleset, chain_at(sweep->pass, chain), NULL);

	rs_match(sweep->pass->ruleset, rule, RS_META_NFPROTO, rs_number(v6 ? AF_INET6 : AF_INET));
	rs_verdict(sweep->pass->ruleset, rule, RS_GOTO, sweep->zones.items[sweep->zone0[v6]].chain);
}

static void write_chain(struct sweep *sweep, size_t chain)
{
	struct addresses *pass = sweep->pass;
	bool in_place = sweep->zone0[0] == sweep->zone0[1] && !pass->floor;

	memset(&chain_at(pass, chain)->rules, 0, sizeof chain_at(pass, chain)->rules);
	chain_at(pass, chain)->note = "the address leads to the rules on it, the first of which that matches decides";
	for (uint32_t i = 0; i < sweep->zones.count; i++)
		if (!in_place || i != sweep->zone0[0])
			make_zone_chain(sweep, i);
	for (size_t i = 0; i < sweep->classes.count; i++)
		make_class(sweep, i);
	note_classes(sweep);
	for (int v6 = 0; v6 < 2; v6++)
		add_map(sweep, chain, &sweep->at_class[v6], v6, true);
	for (int v6 = 0; v6 < 2; v6++)
		add_map(sweep, chain, &sweep->at_zone[v6], v6, false);
	if (in_place) {
		zone_fill(pass, &sweep->zones.items[sweep->zone0[0]], chain);
	} else if (sweep->zone0[0] == sweep->zone0[1]) {
		go_to(pass, chain, sweep->zones.items[sweep->zone0[0]].chain);
	} else {
		go_to_family(sweep, chain, false);
		go_to_family(sweep, chain, true);
	}
}

/* ---- subjects ---- */

const char optimise_gave_up[] = "rule by rule: maps of addresses would be larger than the rules";

static void optimise_subject(struct ruleset *ruleset, size_t chain, const char *prefix)
{
	struct addresses pass = { .ruleset = ruleset,
				  .arena = ruleset->arena,
				  .table = &ruleset->tables.items[0],
				  .prefix = prefix,
				  .floor = *prefix };
	struct linear rules;
	struct sweep sweep = { .pass = &pass, .rules = &rules };

	if (chain_at(&pass, chain)->rules.count <= FEW ||
	    !linear_read(ruleset->arena, pass.table, chain_at(&pass, chain), !pass.floor, &rules))
		return;
	if (sweep_addresses(&sweep))
		write_chain(&sweep, chain);
	else
		chain_at(&pass, chain)->note = optimise_gave_up;
}

static size_t find_chain(const struct rs_table *table, const char *name)
{
	size_t i = 0;

	while (i < table->chains.count && strcmp(table->chains.items[i].name, name))
		i++;
	return i;
}

void optimise_addresses(struct ruleset *ruleset)
{
	struct rs_table *table = &ruleset->tables.items[0];
	size_t count = table->chains.count; /* what is added is no subject */

	for (size_t i = 0; i < count; i++) {
		const char *name = table->chains.items[i].name;
		unsigned number;
		int len = 0;
		bool floor = sscanf(name, LOWER_CHAIN_FLOOR "%u%n", &number, &len) == 1 && !name[len];
		if (!floor && strcmp(name, LOWER_CHAIN_EGRESS))
			continue;
		size_t chain = find_chain(table, arena_printf(ruleset->arena, "%s_" LOWER_ADDRESSES, name));
		optimise_subject(ruleset, chain < table->chains.count ? chain : i,
				 floor ? arena_printf(ruleset->arena, "%s_", name) : "");
	}
}
