/* Regions in the words of rules, each with a flow that shows it; the same of several protocols is one. */
#include "base/text.h"
#include "diff/diff_state.h"
#include "policy/flow.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 24

/* ---- words ---- */

static const char *ports_words(struct arena *arena, const struct diff_region *region)
{
	struct text text = { .arena = arena };

	text_add(&text, region->ports.count > 1 ? ":{" : region->ports.count ? ":" : "");
	for (size_t i = 0; i < region->ports.count; i++) {
		struct policy_port_range ports = region->ports.items[i];

		text_addf(&text, ports.lo == ports.hi ? "%s%u" : "%s%u-%u", i ? "," : "", ports.lo, ports.hi);
	}
	text_add(&text, region->ports.count > 1 ? "}" : "");
	return text_get(&text);
}

/* Whether every protocol that the region's addresses can speak is in it */
static bool all_protos(const struct diff *diff, const struct diff_region *region)
{
	unsigned all = PROTO_TCP | PROTO_UDP | PROTO_OTHER;

	if (region->kind == DIFF_NAMES || diff_has_family(diff, region, ADDR_V4))
		all |= PROTO_ICMPV4;
	if (region->kind == DIFF_NAMES || diff_has_family(diff, region, ADDR_V6))
		all |= PROTO_ICMPV6;
	return (region->protos & all) == all;
}

static const char *protos_words(struct arena *arena, const struct diff *diff, const struct diff_region *region)
{
	struct text text = { .arena = arena };
	bool list = __builtin_popcount(region->protos) > 1;
	const char *before = list ? ":{" : ":";

	if (all_protos(diff, region))
		return "";
	for (size_t i = 0; i < POLICY_PROTOS; i++)
		if (region->protos & policy_protos[i]) {
			text_addf(&text, "%s%s", before, policy_proto_name(policy_protos[i]));
			before = ",";
		}
	text_add(&text, list ? "}" : "");
	return text_get(&text);
}

static const char *transports_words(const struct diff_region *region)
{
	static const char *const words[] = { "", ":udp", ":tcp", "" };

	return words[region->protos & 3];
}

struct name_words {
	struct arena *arena;
	LIST_OF(const char *) taken, except;
	size_t more;
};

static void add_class(struct name_words *words, const struct name_class *class, bool except)
{
	for (size_t i = 0; i < class->patterns.count; i++) {
		const struct policy_target target = {
			.kind = class->patterns.items[i].suffix ? TARGET_SUFFIX : TARGET_DOMAIN,
			.name = class->patterns.items[i].name,
		};

		if (words->taken.count + words->except.count >= NAMES_MAX)
			words->more++;
		else if (except)
			*arena_push(words->arena, &words->except) = policy_target_format(words->arena, &target);
		else
			*arena_push(words->arena, &words->taken) = policy_target_format(words->arena, &target);
	}
}

/* Classes as names: one below another that is listed is left out, one that is missing below is listed. */
static const char *name_list(struct diff *diff, const struct diff_region *region, const char **except)
{
	struct name_words words = { .arena = diff->arena };
	bool *in = arena_alloc(diff->arena, name_classes_count(diff->names) + 1);

	for (size_t i = 0; i < region->classes.count; i++)
		in[region->classes.items[i]] = true;
	for (uint32_t i = 0; i < name_classes_count(diff->names); i++) {
		const struct name_class *class = name_classes_at(diff->names, i);
		bool above = i && in[class->parent];

		if (!i && in[0])
			*arena_push(diff->arena, &words.taken) = "any";
		else if (in[i] && !above)
			add_class(&words, class, false);
		else if (!in[i] && above && class->member && !(class->alias && class->patterns.items[0].anonymous))
			add_class(&words, class, true);
	}
	*except = words.except.count ? text_list(diff->arena, words.except.items, words.except.count, 0) : NULL;
	return text_list(diff->arena, words.taken.items, words.taken.count, words.more);
}

/* ---- the same of several protocols ---- */

struct merger {
	struct diff_region *region;
	uint32_t zone;
	const char *key;
};

static int compare_mergers(const void *a, const void *b)
{
	const struct merger *x = a, *y = b;

	return strcmp(x->key, y->key) ?: COMPARE(x->zone, y->zone) ?: COMPARE(x->region, y->region);
}

static void find_target(struct diff *diff, struct diff_region *region)
{
	bool names = region->kind == DIFF_NAMES || region->kind == DIFF_QUERIES;

	region->words =
		names ? name_list(diff, region, &region->except) : diff_address_words(diff, region, &region->except);
}

/* Words that leave some out do not say whether two regions are of the same addresses */
static size_t left_out(const struct diff_region *region)
{
	size_t hash = 0;

	for (size_t i = 0; strstr(region->words, ",… ") && i < region->atoms.count; i++)
		hash = (hash ^ region->atoms.items[i]) * 0x9e3779b97f4a7c15u;
	return hash;
}

/* Whether a region of a zone says no more than the one of all other addresses */
static bool is_covered(const struct merger *by, const struct merger *merger)
{
	return by->zone == 0 && merger->zone != 0 && !strcmp(by->key, merger->key) &&
	       !(merger->region->protos & ~by->region->protos);
}

/* Regions of several zones that differ in nothing else become the first of them. */
static void merge_zones(struct diff *diff, struct merger *mergers, size_t count)
{
	struct merger *into = NULL;

	for (size_t i = 0; i < count; i++) {
		struct diff_region *from = mergers[i].region;

		if (!from->words || !mergers[i].zone)
			continue;
		if (!into || strcmp(into->key, mergers[i].key) || into->region->protos != from->protos) {
			into = &mergers[i];
			continue;
		}
		*arena_push(diff->arena, &into->region->zones) = from->zone;
		from->words = NULL;
	}
}

/* Regions that differ in nothing but the protocol become the first of them. */
static void merge_protos(struct diff *diff)
{
	size_t count = diff->regions.count, kept = 0;
	struct merger *mergers = arena_alloc(diff->arena, (count + 1) * sizeof *mergers);

	for (size_t i = 0; i < count; i++) {
		struct diff_region *region = &diff->regions.items[i];

		find_target(diff, region);
		mergers[i].region = region;
		mergers[i].zone = region->zone;
		mergers[i].key = arena_printf(
			diff->arena, "%d %d %d %d/%zu %d/%zu %d %s %s %s %zx", region->kind, region->direction,
			region->was, region->by[0].kind, decider_number(region->by[0]), region->by[1].kind,
			decider_number(region->by[1]), region->by_server_name, region->words,
			region->except ? region->except : "-", ports_words(diff->arena, region), left_out(region));
	}
	qsort(mergers, count, sizeof *mergers, compare_mergers);
	for (size_t i = 0, first = 0, whole = 0; i < count; i++) {
		struct diff_region *into = mergers[first].region, *from = mergers[i].region;

		if (is_covered(&mergers[whole], &mergers[i])) {
			from->words = NULL;
			continue;
		}
		if (i == first)
			continue;
		if (strcmp(mergers[first].key, mergers[i].key) || mergers[first].zone != mergers[i].zone ||
		    !mergers[first].region->words) {
			first = i;
			if (mergers[i].zone == 0)
				whole = i;
			continue;
		}
		into->protos |= from->protos;
		for (size_t j = 0; j < from->atoms.count; j++)
			*arena_push(diff->arena, &into->atoms) = from->atoms.items[j];
		for (size_t j = 0; j < from->classes.count; j++)
			*arena_push(diff->arena, &into->classes) = from->classes.items[j];
		from->words = NULL;
	}
	merge_zones(diff, mergers, count);
	for (size_t i = 0; i < count; i++)
		if (diff->regions.items[i].words)
			diff->regions.items[kept++] = diff->regions.items[i];
	diff->regions.count = kept;
}

/* ---- examples ---- */

static struct witness connection(const struct diff_region *region, enum policy_proto proto)
{
	static const struct policy_port_range all = { .lo = 0, .hi = UINT16_MAX };
	struct witness flow = {
		.kind = FLOW_CONNECTION,
		.direction = region->direction,
		.proto = proto,
		.has_port = policy_proto_has_ports(proto),
	};

	if (flow.has_port)
		flow.port = region->ports.count ? analysis_usual_port(region->ports.items, region->ports.count) :
						  analysis_usual_port(&all, 1);
	return flow;
}

static enum policy_proto example_proto(unsigned protos)
{
	size_t i = 0;

	while (!(protos & policy_protos[i]))
		i++;
	return policy_protos[i];
}

/* Rather an address that can be spoken to, and one that no rule names */
static uint32_t example_atom(const struct diff *diff, const struct diff_region *region, enum policy_proto proto)
{
	uint32_t best = region->atoms.items[0];
	int best_rank = -1;

	for (size_t i = 0; i < region->atoms.count; i++) {
		uint32_t atom = region->atoms.items[i];
		const struct atom *item = atoms_at(diff->atoms, atom);
		int rank = (item->class != ADDR_CLASS_NONE ? 8 : 0) + (atoms_is_unnamed(diff->atoms, atom) ? 4 : 0) +
			   (item->family == ADDR_V4 ? 2 : 0) + (item->class == ADDR_CLASS_PUBLIC ? 1 : 0);

		if ((proto == PROTO_ICMPV4 && item->family != ADDR_V4) ||
		    (proto == PROTO_ICMPV6 && item->family != ADDR_V6))
			continue;
		if (rank > best_rank) {
			best = atom;
			best_rank = rank;
		}
	}
	return best;
}

/* Where deciders differ within the region, those of the example are shown */
static void find_deciders(const struct diff *diff, struct diff_region *region)
{
	for (int side = 0; side < 2; side++)
		if (region->by[side].kind == DECIDER_SEVERAL)
			region->by[side] = witness_eval(&diff->contexts[side], &region->example).by;
}

static void address_example(struct diff *diff, struct diff_region *region)
{
	enum policy_proto proto = example_proto(region->protos);

	region->example = connection(region, proto);
	region->example.addr = atoms_member(diff->atoms, example_atom(diff, region, proto));
	region->example_text = witness_format(diff->arena, NULL, &region->example);
	find_deciders(diff, region);
}

static const char *to_name(struct diff *diff, const struct witness *flow)
{
	return arena_printf(diff->arena, flow->has_port ? "%s@%s:%s:%u" : "%s@%s:%s",
			    policy_direction_name(flow->direction), flow_name_text(diff->arena, flow->bound[0]),
			    policy_proto_name(flow->proto), flow->port);
}

/* A flow to the name says it where both policies take the name for the same address, one that no rule names. */
static bool is_plain(const struct diff *diff, const struct diff_region *region, const struct witness *flow)
{
	struct flow plain = {
		.kind = FLOW_CONNECTION,
		.direction = flow->direction,
		.to_name = true,
		.name = flow->bound[0],
		.proto = flow->proto,
		.has_port = flow->has_port,
		.port = flow->port,
	};

	return flow->direction == POLICY_EGRESS && !flow->bound[1] && !flow->sni &&
	       eval_flow(&diff->contexts[0], &plain).verdict.action == region->was &&
	       eval_flow(&diff->contexts[1], &plain).verdict.action == diff_now(region);
}

static bool shows(const struct diff *diff, const struct diff_region *region, const struct witness *flow)
{
	return witness_eval(&diff->contexts[0], flow).action == region->was &&
	       witness_eval(&diff->contexts[1], flow).action == diff_now(region);
}

/* A flow to an address bound to names; where it takes the lookup of one to show the change, to that name */
static const char *bound_text(struct diff *diff, const struct diff_region *region)
{
	const struct witness *flow = &region->example;
	char buf[ADDR_TEXT_MAX];
	const char *addr = addr_format_bracketed(flow->addr, buf), *text;

	if (!flow->bound[0] || shows(diff, region, flow))
		return witness_format(diff->arena, NULL, flow);
	text = arena_printf(diff->arena, "%s resolve=%s=%s", to_name(diff, flow), flow->bound[0], addr);
	if (flow->bound[1])
		text = arena_printf(diff->arena, "%s;%s=%s", text, flow->bound[1], addr);
	return flow->sni ? arena_printf(diff->arena, "%s sni=%s", text, flow->sni) : text;
}

static void name_example(struct diff *diff, struct diff_region *region)
{
	const char *member = name_classes_at(diff->names, region->classes.items[0])->member;

	region->example = connection(region, example_proto(region->protos));
	region->example.addr = region->where;
	if (region->by_server_name) {
		region->example.sni = member;
		region->example.bound[0] = region->together;
	} else {
		region->example.bound[0] = member;
		region->example.bound[1] = region->together;
	}
	region->example_text = !region->by_server_name && is_plain(diff, region, &region->example) ?
				       to_name(diff, &region->example) :
				       bound_text(diff, region);
	find_deciders(diff, region);
}

static void query_example(struct diff *diff, struct diff_region *region)
{
	region->example = (struct witness){
		.kind = FLOW_DNS,
		.name = name_classes_at(diff->names, region->classes.items[0])->member,
		.transport = (enum flow_transport)__builtin_ctz(region->protos),
	};
	region->example_text = witness_format(diff->arena, NULL, &region->example);
}

static void find_example(struct diff *diff, struct diff_region *region)
{
	switch (region->kind) {
	case DIFF_NAMES:
		name_example(diff, region);
		break;
	case DIFF_QUERIES:
		query_example(diff, region);
		break;
	case DIFF_ANSWERS:
		region->example = (struct witness){ .kind = FLOW_ANSWER };
		region->example.addr = atoms_member(diff->atoms, example_atom(diff, region, PROTO_TCP));
		region->example_text = witness_format(diff->arena, NULL, &region->example);
		break;
	default:
		address_example(diff, region);
	}
}

/* ---- all together ---- */

static bool shows_in(const struct diff_region *region, uint32_t zone)
{
	for (size_t i = 0; i < region->zones.count; i++)
		if (region->zones.items[i] == zone)
			return true;
	return zone == region->zone;
}

/* " in 10.20.0.0/16": where a name's change shows, if that is in networks of rules that say `in` */
static const char *zone_words(struct diff *diff, const struct diff_region *region)
{
	struct diff_region networks = { .kind = DIFF_ADDRESSES,
					.direction = region->direction,
					.protos = region->protos };
	const char *except, *words;

	if (!region->zone)
		return "";
	for (uint32_t atom = 0; atom < atoms_count(diff->atoms); atom++)
		if (shows_in(region, analysis_zone_of(diff->analysis, atom)))
			*arena_push(diff->arena, &networks.atoms) = atom;
	words = diff_address_words(diff, &networks, &except);
	return arena_printf(diff->arena, except ? " in %s but %s" : " in %s", words, except);
}

static void find_words(struct diff *diff, struct diff_region *region)
{
	struct arena *arena = diff->arena;

	if (region->kind == DIFF_QUERIES)
		region->words = arena_printf(arena, "dns@%s%s", region->words, transports_words(region));
	else if (region->kind == DIFF_ANSWERS)
		region->words = arena_printf(arena, "answer@%s", region->words);
	else
		region->words = arena_printf(arena, "%s@%s%s%s%s", policy_direction_name(region->direction),
					     region->words, protos_words(arena, diff, region),
					     ports_words(arena, region), zone_words(diff, region));
}

static double ports_width(const struct diff_region *region)
{
	double width = 0;

	for (size_t i = 0; i < region->ports.count; i++)
		width += region->ports.items[i].hi - region->ports.items[i].lo + 1;
	return region->ports.count ? width : 65536;
}

static double find_width(const struct diff *diff, const struct diff_region *region)
{
	double names = 0;

	if (region->kind == DIFF_ADDRESSES)
		return diff_address_width(diff, region) * ports_width(region);
	if (region->kind == DIFF_ANSWERS)
		return diff_address_width(diff, region) / 65536;
	for (size_t i = 0; i < region->classes.count; i++)
		names += region->classes.items[i] ?
				 (double)name_classes_at(diff->names, region->classes.items[i])->patterns.count :
				 1e9;
	return region->kind == DIFF_NAMES ? names * ports_width(region) / 65536 : names / 65536;
}

/* ---- what need not be said twice ---- */

static bool is_gateway_dns(const struct diff *diff, const struct diff_region *region)
{
	if (region->kind != DIFF_ADDRESSES || region->direction != POLICY_EGRESS || region->ports.count != 1 ||
	    region->ports.items[0].lo != FLOW_DNS_PORT || region->ports.items[0].hi != FLOW_DNS_PORT ||
	    (region->protos & ~(unsigned)(PROTO_TCP | PROTO_UDP)))
		return false;
	for (size_t i = 0; i < region->atoms.count; i++)
		if (addr_classify(atoms_member(diff->atoms, region->atoms.items[i]), &diff->contexts[1].gateway) !=
		    ADDR_CLASS_HOST)
			return false;
	return true;
}

static bool same_decider(const struct decider *a, const struct decider *b)
{
	return a->kind == b->kind && ((a->kind != DECIDER_RULE && a->kind != DECIDER_HIDDEN) || a->rule == b->rule);
}

/* Lookups of any name, by the protocols of `region` and the same rules */
static bool says_lookups(const struct diff_region *lookups, const struct diff_region *region)
{
	unsigned protos = 0;

	for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_TCP; transport++)
		if (lookups->protos & 1u << transport)
			protos |= flow_transport_proto((enum flow_transport)transport);
	if (lookups->kind != DIFF_QUERIES || lookups->was != region->was || (region->protos & ~protos) ||
	    !same_decider(&lookups->by[0], &region->by[0]) || !same_decider(&lookups->by[1], &region->by[1]))
		return false;
	for (size_t i = 0; i < lookups->classes.count; i++)
		if (lookups->classes.items[i] == 0)
			return true;
	return false;
}

/* Port 53 of the gateway is the resolver, which takes lookups and nothing else: where dns@any changes by a rule, that
 * egress@host:53 does is no second change. */
static void set_implied_aside(struct diff *diff)
{
	size_t kept = 0;

	for (size_t i = 0; i < diff->regions.count; i++) {
		struct diff_region region = diff->regions.items[i];
		bool implied = false;

		for (size_t k = 0; k < diff->regions.count && !implied && is_gateway_dns(diff, &region); k++)
			implied = says_lookups(&diff->regions.items[k], &region);
		if (implied)
			*arena_push(diff->arena, &diff->implied) = region;
		else
			diff->regions.items[kept++] = region;
	}
	diff->regions.count = kept;
}

static int compare_regions(const void *a, const void *b)
{
	const struct diff_region *x = a, *y = b;

	return COMPARE(y->was == POLICY_DENY, x->was == POLICY_DENY) ?:
		       COMPARE(y->width, x->width)                   ?:
								       strcmp(x->words, y->words);
}

void diff_put_in_words(struct diff *diff)
{
	merge_protos(diff);
	for (size_t i = 0; i < diff->regions.count; i++) {
		struct diff_region *region = &diff->regions.items[i];

		find_words(diff, region);
		find_example(diff, region);
		region->width = find_width(diff, region);
	}
	set_implied_aside(diff);
	if (diff->regions.count)
		qsort(diff->regions.items, diff->regions.count, sizeof *diff->regions.items, compare_regions);
}
