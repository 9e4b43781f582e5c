/* What the packet filter does with an address that names are bound to: see lower_bound.h. */
#include "lower/lower_bound.h"
#include "base/text.h"
#include "lower/lower_state.h"

#include <stdlib.h>
#include <string.h>

/* A rule on `any` or on groups, which addresses of whole classes meet; quic: what a denial of names has for every address */
struct wide {
	uint32_t rule;
	bool any, quic;
	uint32_t groups; /* a bit for each */
};

/* A network of a rule */
struct narrow {
	struct addr_prefix prefix; /* masked */
	uint32_t rule;
};

/* The rules on addresses that take one address in */
struct covering {
	struct arena *arena;
	LIST_OF(uint32_t) rules; /* on networks */
	uint32_t end;            /* rules from here on do not matter */
	uint32_t groups[2];      /* of those that deny, that allow: which take the address in */
};

/* What was found out last, and of what */
struct memo {
	bool known;
	enum addr_family family;
	struct covering covering;
	const uint32_t *rules;
	size_t count;
	struct lower_bound_parts parts;
};

#define FEW_RANGES 8 /* of ports in a rule itself */
#define WIDES_MOST 32

struct lower_bound {
	struct arena *arena;
	const struct policy *policy;  /* whose */
	const struct policy *subject; /* it, or its floor */
	size_t number;                /* 0, or the floor's from 1 */
	bool defers;                  /* policy_defers() */
	struct addr_gateway gateway;
	LIST_OF(struct wide) wide;     /* in the rules' order */
	LIST_OF(struct narrow) narrow; /* by prefix, then in the rules' order */
	bool lengths[2][129];          /* of networks, by family: those that occur */
	LIST_OF(struct taken_wide *) wides;
	struct memo memo;
};

static const struct policy *subject_of(const struct policy *policy, size_t number)
{
	return number ? policy->floors.items[number - 1] : policy;
}

/* ---- the rules on addresses, found by address ---- */

static int compare_prefixes(struct addr_prefix x, struct addr_prefix y)
{
	return COMPARE(x.addr.family, y.addr.family) ?: COMPARE(x.len, y.len) ?: COMPARE(x.addr.value, y.addr.value);
}

static int compare_narrow(const void *a, const void *b)
{
	const struct narrow *x = a, *y = b;

	return compare_prefixes(x->prefix, y->prefix) ?: COMPARE(x->rule, y->rule);
}

static struct addr_prefix masked(struct addr addr, uint8_t len)
{
	struct addr_prefix prefix = { addr, len };

	prefix.addr.value = addr_prefix_range(prefix).lo;
	return prefix;
}

static void add_rule(struct arena *arena, struct lower_bound *bound, uint32_t index)
{
	const struct policy_rule *rule = &bound->subject->rules.items[index];
	const struct policy_targets *targets = &rule->targets;
	struct wide wide = { .rule = index };

	for (size_t i = 0; i < targets->count; i++) {
		const struct policy_target *target = &targets->items[i];

		wide.any |= target->kind == TARGET_ANY;
		if (target->kind == TARGET_GROUP)
			wide.groups |= UINT32_C(1) << target->group;
		if (target->kind != TARGET_CIDR)
			continue;
		*arena_push(arena, &bound->narrow) =
			(struct narrow){ masked(target->prefix.addr, target->prefix.len), index };
		bound->lengths[target->prefix.addr.family == ADDR_V6][target->prefix.len] = true;
	}
	if (wide.any || wide.groups)
		*arena_push(arena, &bound->wide) = wide;
	if (bound->defers && rule->action == POLICY_DENY && lower_rule_refuses_quic(rule))
		*arena_push(arena, &bound->wide) = (struct wide){ .rule = index, .any = true, .quic = true };
}

struct lower_bound *lower_bound_new(struct arena *arena, const struct policy *policy, size_t number,
				    const struct addr_gateway *gateway)
{
	struct lower_bound *bound = arena_alloc(arena, sizeof *bound);

	bound->arena = arena;
	bound->policy = policy;
	bound->subject = subject_of(policy, number);
	bound->number = number;
	bound->defers = policy_defers(policy);
	bound->gateway = *gateway;
	for (size_t i = 0; i < bound->subject->rules.count; i++)
		if (bound->subject->rules.items[i].directions & POLICY_EGRESS)
			add_rule(arena, bound, (uint32_t)i);
	if (bound->narrow.count)
		qsort(bound->narrow.items, bound->narrow.count, sizeof *bound->narrow.items, compare_narrow);
	return bound;
}

/* ---- those that cover one address ---- */

/* Those on a network of that length with the address; of carried IPv4 addresses only denials that it fits */
static void add_length(const struct lower_bound *bound, struct covering *out, struct addr_prefix wanted,
		       const struct addr_carried *carried)
{
	size_t first =
		FIND_FIRST(bound->narrow.count, at, compare_prefixes(bound->narrow.items[at].prefix, wanted) < 0);

	for (size_t i = first; i < bound->narrow.count; i++) {
		const struct narrow *narrow = &bound->narrow.items[i];

		if (compare_prefixes(narrow->prefix, wanted) || narrow->rule >= out->end)
			return;
		if (!carried || (bound->subject->rules.items[narrow->rule].action == POLICY_DENY &&
				 addr_prefix_takes_carried(narrow->prefix, carried)))
			*arena_push(out->arena, &out->rules) = narrow->rule;
	}
}

static void add_networks(const struct lower_bound *bound, struct covering *out, struct addr addr,
			 const struct addr_carried *carried)
{
	bool v6 = addr.family == ADDR_V6;

	for (uint8_t len = 0; len <= (v6 ? 128 : 32); len++)
		if (bound->lengths[v6][len])
			add_length(bound, out, masked(addr, len), carried);
}

/* The groups whose rules of that action take the address in */
static uint32_t groups_taking(const struct lower_bound *bound, bool deny, struct addr addr)
{
	uint32_t groups = 0;

	for (enum addr_class class = ADDR_CLASS_PUBLIC; class < ADDR_CLASS_COUNT; class ++)
		if (addr_group_takes(class, deny, addr, &bound->gateway))
			groups |= UINT32_C(1) << class;
	return groups;
}

/* The rules on addresses before `end` that take the address in: those on networks, in order, and of the wide ones which */
static struct covering find_covering(const struct lower_bound *bound, struct arena *arena, struct addr addr,
				     uint32_t end)
{
	struct covering out = { .arena = arena, .end = end };
	struct addr_carried carried;

	out.groups[POLICY_DENY] = groups_taking(bound, true, addr);
	out.groups[POLICY_ALLOW] = groups_taking(bound, false, addr);
	add_networks(bound, &out, addr, NULL);
	if (addr.family == ADDR_V6 && addr_carries(addr, &bound->gateway.nat64, &carried))
		add_networks(bound, &out, carried.v4, &carried);
	out.rules.count = sort_once_uint32(out.rules.items, out.rules.count);
	return out;
}

static bool wide_covers(const struct lower_bound *bound, const struct covering *covering, const struct wide *wide)
{
	return wide->any || wide->groups & covering->groups[bound->subject->rules.items[wide->rule].action];
}

/* The next of them before rule `end`, as a rule with its service; NULL: none. Both kinds are walked side by side, and need no
 * order. */
struct covering_walk {
	size_t narrow, wide;
};
static const struct policy_rule *covering_next(const struct lower_bound *bound, const struct covering *covering,
					       struct covering_walk *walk, uint32_t end)
{
	const struct policy_rule *rules = bound->subject->rules.items;

	if (walk->narrow < covering->rules.count && covering->rules.items[walk->narrow] < end)
		return &rules[covering->rules.items[walk->narrow++]];
	while (walk->wide < bound->wide.count && bound->wide.items[walk->wide].rule < end) {
		const struct wide *wide = &bound->wide.items[walk->wide++];
		if (wide_covers(bound, covering, wide))
			return wide->quic ? &lower_quic : &rules[wide->rule];
	}
	return NULL;
}

static bool is_covering(const struct lower_bound *bound, const struct covering *covering, uint32_t rule)
{
	uint32_t count = (uint32_t)covering->rules.count;
	uint32_t at = lower_bound(covering->rules.items, 0, count, rule);

	if (at < count && covering->rules.items[at] == rule)
		return true;
	size_t lo = FIND_FIRST(bound->wide.count, i, bound->wide.items[i].rule < rule);
	return lo < bound->wide.count && bound->wide.items[lo].rule == rule && !bound->wide.items[lo].quic &&
	       wide_covers(bound, covering, &bound->wide.items[lo]);
}

/* ---- services ---- */

/* What is in `own` and not in `less`, into `own`; false where that is nothing. *whole: it is all of it */
static bool subtract(struct taken *own, const struct taken *less, bool *whole)
{
	bool any = own->others & ~less->others;

	*whole = !(own->others & less->others);
	own->others &= ~less->others;
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++) {
		*whole &= !(own->tcp[i] & less->tcp[i]) && !(own->udp[i] & less->udp[i]);
		own->tcp[i] &= ~less->tcp[i];
		own->udp[i] &= ~less->udp[i];
		any |= own->tcp[i] || own->udp[i];
	}
	return any;
}

/* Whether something of `own` is not in `taken` yet; it is from then on */
static bool adds_to(struct taken *taken, const struct taken *own)
{
	bool any = own->others & ~taken->others;

	taken->others |= own->others;
	for (size_t i = 0; i < TAKEN_PORTS / 64; i++) {
		any |= (own->tcp[i] & ~taken->tcp[i]) || (own->udp[i] & ~taken->udp[i]);
		taken->tcp[i] |= own->tcp[i];
		taken->udp[i] |= own->udp[i];
	}
	return any;
}

/* A name rule's service, where its names are bound */
static void taken_by_name(const struct lower_bound *bound, struct taken *own, uint32_t rule, enum addr_family family)
{
	if (bound->defers)
		lower_taken_by_name(own, &bound->subject->rules.items[rule], family);
	else
		taken_add(own, &bound->subject->rules.items[rule], family);
}

/* ---- wide rules that take many ports ---- */

static struct taken_wide *new_wide(const struct lower_bound *bound, const struct covering *covering,
				   enum addr_family family)
{
	struct taken_wide *wide = arena_alloc(bound->arena, sizeof *wide);
	const char *prefix = bound->number ? arena_printf(bound->arena, LOWER_CHAIN_FLOOR "%zu_", bound->number) : "";

	wide->family = family;
	wide->groups[0] = covering->groups[0];
	wide->groups[1] = covering->groups[1];
	wide->name = arena_printf(bound->arena, "%staken%zu", prefix, bound->wides.count + 1);
	for (size_t i = 0; i < bound->wide.count; i++)
		if (wide_covers(bound, covering, &bound->wide.items[i]))
			taken_settle(bound->arena, wide,
				     bound->wide.items[i].quic ?
					     &lower_quic :
					     &bound->subject->rules.items[bound->wide.items[i].rule],
				     bound->wide.items[i].rule);
	return wide;
}

/* Of these addresses; NULL where there are too many kinds of them */
static struct taken_wide *wide_of(struct lower_bound *bound, const struct covering *covering, enum addr_family family)
{
	for (size_t i = 0; i < bound->wides.count; i++) {
		struct taken_wide *wide = bound->wides.items[i];
		if (wide->family == family && !memcmp(wide->groups, covering->groups, sizeof wide->groups))
			return wide;
	}
	if (bound->wides.count == WIDES_MOST)
		return NULL;
	struct taken_wide *wide = new_wide(bound, covering, family);
	*(struct taken_wide **)arena_push(bound->arena, &bound->wides) = wide;
	return wide;
}

/* What rules on networks take of `own` */
static void subtract_narrow(const struct lower_bound *bound, const struct covering *covering, enum addr_family family,
			    uint32_t end, struct taken *own)
{
	struct taken narrow = { .others = 0 };
	bool whole;

	for (size_t i = 0; i < covering->rules.count && covering->rules.items[i] < end; i++)
		taken_add(&narrow, &bound->subject->rules.items[covering->rules.items[i]], family);
	subtract(own, &narrow, &whole);
}

/* A part with long lists of ports gets those that sets are to leave out instead */
static void shorten(struct lower_bound *bound, const struct covering *covering, enum addr_family family,
		    struct lower_bound_part *part)
{
	struct policy_port_list *lists[TAKEN_PROTOS] = { &part->tcp, &part->udp };
	size_t *before[TAKEN_PROTOS] = { &part->tcp_before, &part->udp_before };
	struct taken own = { .others = 0 };
	struct taken_wide *wide = NULL;

	if (part->tcp.count > FEW_RANGES || part->udp.count > FEW_RANGES)
		wide = wide_of(bound, covering, family);
	if (!wide)
		return;
	taken_by_name(bound, &own, (uint32_t)part->rule, family);
	subtract_narrow(bound, covering, family, (uint32_t)part->rule, &own);
	for (int i = 0; i < TAKEN_PROTOS; i++) {
		struct policy_port_list list = { 0 };
		if (lists[i]->count <= FEW_RANGES)
			continue;
		taken_list(covering->arena, i ? own.udp : own.tcp, &list);
		*before[i] = taken_before(wide, (enum taken_proto)i, (uint32_t)part->rule);
		*lists[i] = list;
		part->wide = wide;
	}
}

size_t lower_bound_weight(const struct lower_bound *bound)
{
	size_t weight = 0;

	for (size_t i = 0; i < bound->wides.count; i++)
		weight += bound->wides.items[i]->weight;
	return weight;
}

size_t lower_bound_needs(const struct lower_bound_parts *parts)
{
	size_t needs = 0;

	for (size_t i = 0; i < parts->count; i++) {
		const struct lower_bound_part *part = &parts->items[i];
		if (part->wide)
			needs += taken_to_make(part->wide, TAKEN_TCP, part->tcp_before) +
				 taken_to_make(part->wide, TAKEN_UDP, part->udp_before);
	}
	return needs;
}

void lower_bound_undo(struct lower_bound *bound)
{
	for (size_t i = 0; i < bound->wides.count; i++)
		taken_undo(bound->wides.items[i]);
}

/* ---- what is left for name rules ---- */

static struct lower_bound_part *add_part(struct arena *arena, struct lower_bound_parts *out, size_t rule,
					 const struct taken *own, bool whole)
{
	struct lower_bound_part *part = arena_push(arena, out);

	part->rule = rule;
	part->whole = whole;
	part->others = own->others;
	taken_list(arena, own->tcp, &part->tcp);
	taken_list(arena, own->udp, &part->udp);
	return part;
}

static bool ports_meet(const struct policy_port_list *a, const struct policy_port_list *b)
{
	if (!a->count || !b->count)
		return true;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (a->items[i].lo <= b->items[j].hi && b->items[j].lo <= a->items[i].hi)
				return true;
	return false;
}

static bool services_meet(const struct policy_rule *a, const struct policy_rule *b, enum addr_family family)
{
	return lower_rule_protos(a, family) & lower_rule_protos(b, family) && ports_meet(&a->ports, &b->ports);
}

/* Most addresses are held by one rule of whose flows no rule before it takes any: that is quick to see. */
static bool is_whole(const struct lower_bound *bound, const struct covering *covering, uint32_t rule,
		     enum addr_family family)
{
	const struct policy_rule *own = &bound->subject->rules.items[rule], *other;
	struct covering_walk walk = { 0, 0 };

	if (bound->defers && own->action == POLICY_DENY &&
	    policy_rule_defers(own)) /* of its TCP there is no more than DNS */
		return false;
	while ((other = covering_next(bound, covering, &walk, rule)))
		if (services_meet(other, own, family))
			return false;
	return true;
}

/* One after another: what is left of it by the rules on addresses before it, where name rules before it leave something */
static struct lower_bound_parts divide(struct lower_bound *bound, const struct covering *covering,
				       enum addr_family family, const uint32_t *rules, size_t count)
{
	struct taken by_addr = { .others = 0 }, by_name = { .others = 0 };
	struct lower_bound_parts out = { 0 };
	struct covering_walk walk = { 0, 0 };

	for (size_t i = 0; i < count; i++) {
		struct taken own = { .others = 0 };
		const struct policy_rule *other;
		bool whole;

		while ((other = covering_next(bound, covering, &walk, rules[i])))
			taken_add(&by_addr, other, family);
		if (is_covering(bound, covering, rules[i])) /* it decides there by the address */
			continue;
		taken_by_name(bound, &own, rules[i], family);
		if (subtract(&own, &by_addr, &whole) && adds_to(&by_name, &own))
			shorten(bound, covering, family, add_part(covering->arena, &out, rules[i], &own, whole));
	}
	return out;
}

static bool same_numbers(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	return a_count == b_count && (!a_count || !memcmp(a, b, a_count * sizeof *a));
}

static bool is_remembered(const struct memo *memo, enum addr_family family, const struct covering *covering,
			  const uint32_t *rules, size_t count)
{
	const struct covering *before = &memo->covering;

	return memo->known && memo->family == family && before->groups[0] == covering->groups[0] &&
	       before->groups[1] == covering->groups[1] && same_numbers(memo->rules, memo->count, rules, count) &&
	       same_numbers(before->rules.items, before->rules.count, covering->rules.items, covering->rules.count);
}

void lower_bound_forget(struct lower_bound *bound)
{
	bound->memo.known = false;
	for (size_t i = 0; i < bound->wides.count; i++)
		taken_forget(bound->wides.items[i]);
}

struct lower_bound_parts lower_bound_parts(struct lower_bound *bound, struct arena *arena, struct addr addr,
					   const uint32_t *rules, size_t count)
{
	struct lower_bound_parts out = { 0 };
	struct memo *memo = &bound->memo;

	if (!count)
		return out;
	struct covering covering = find_covering(bound, arena, addr, rules[count - 1] + 1);
	if (is_remembered(memo, addr.family, &covering, rules, count))
		return memo->parts;
	if (count > 1 || is_covering(bound, &covering, rules[0]) || !is_whole(bound, &covering, rules[0], addr.family))
		out = divide(bound, &covering, addr.family, rules, count);
	else
		*arena_push(arena, &out) = (struct lower_bound_part){ .rule = rules[0], .whole = true };
	uint32_t *copy = arena_alloc(arena, count * sizeof *copy);
	memcpy(copy, rules, count * sizeof *copy);
	*memo = (struct memo){ true, addr.family, covering, copy, count, out };
	return out;
}

static void key_ports(struct text *key, const char *proto, const struct policy_port_list *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		text_addf(key, "%s%x-%x", i ? "," : proto, ports->items[i].lo, ports->items[i].hi);
}

const char *lower_bound_key(struct arena *arena, const struct lower_bound_parts *parts)
{
	struct text key = { .arena = arena };

	for (size_t i = 0; i < parts->count; i++) {
		const struct lower_bound_part *part = &parts->items[i];

		text_addf(&key, "%s%zu", i ? ";" : "", part->rule);
		if (part->whole)
			continue;
		text_addf(&key, "/%x", part->others);
		if (part->wide)
			text_addf(&key, "-%s_%zx_%zx", part->wide->name, part->tcp_before, part->udp_before);
		key_ports(&key, "t", &part->tcp);
		key_ports(&key, "u", &part->udp);
	}
	return text_get(&key);
}

/* ---- its chain ---- */

struct filling {
	struct lowering lowering;
	struct rs_chain *chain;
	struct arena *lasting;
	const char *target, *comment;
	const char *addresses; /* NULL: to return to */
};

static struct rs_rule *start_rule(struct filling *to)
{
	return lower_rule(&to->lowering, to->chain, to->comment);
}

static void finish_rule(struct filling *to, struct rs_rule *rule)
{
	rs_verdict(to->lowering.ruleset, rule, RS_GOTO, to->target);
}

static bool is_every_port(const struct policy_port_list *ports)
{
	return ports->count == 1 && ports->items[0].lo == 0 && ports->items[0].hi == TAKEN_PORTS - 1;
}

static void match_ports(struct filling *to, struct rs_rule *rule, enum rs_field field,
			const struct policy_port_list *ports)
{
	struct rs_expr *expr =
		rs_match(to->lowering.ruleset, rule, field, rs_range(ports->items[0].lo, ports->items[0].hi));

	for (size_t i = 1; i < ports->count; i++)
		rs_or(to->lowering.ruleset, expr, rs_range(ports->items[i].lo, ports->items[i].hi));
}

/* Some ports of a protocol */
static void some_ports(struct filling *to, enum rs_field field, const struct policy_port_list *ports)
{
	if (!ports->count || is_every_port(ports))
		return;
	struct rs_rule *rule = start_rule(to);
	match_ports(to, rule, field, ports);
	finish_rule(to, rule);
}

/* What is left to rules on addresses: in a floor, where a return would leave the floor, they are gone to */
static void leave(struct filling *to, struct rs_rule *rule)
{
	if (to->addresses)
		rs_verdict(to->lowering.ruleset, rule, RS_GOTO, to->addresses);
	else
		rs_verdict(to->lowering.ruleset, rule, RS_RETURN, NULL);
}

static void leave_ports(struct filling *to, struct taken_wide *wide, enum taken_proto proto, size_t count)
{
	struct lowering *lowering = &to->lowering;

	for (unsigned level = TAKEN_LEVELS; level-- > 0;) {
		const char *set = taken_set(to->lasting, wide, proto, count, level, lowering->ruleset, lowering->table);
		if (!set)
			continue;
		struct rs_rule *rule = lower_rule(lowering, to->chain, NULL);
		rs_lookup(lowering->ruleset, rule, set, proto == TAKEN_TCP ? RS_TCP_DPORT : RS_UDP_DPORT);
		leave(to, rule);
	}
}

/* The protocols of which all flows are meant; with PROTO_OTHER all but the rest of them are */
static void whole_protos(struct filling *to, const struct lower_bound_part *part, enum addr_family family)
{
	bool others = part->others & PROTO_OTHER;
	unsigned icmp = family == ADDR_V4 ? PROTO_ICMPV4 : PROTO_ICMPV6;
	bool meant[] = { family == ADDR_V4 && part->others & icmp, is_every_port(&part->tcp), is_every_port(&part->udp),
			 family == ADDR_V6 && part->others & icmp };
	const bool known[] = { family == ADDR_V4, true, true, family == ADDR_V6 };
	const unsigned numbers[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6 };
	struct rs_expr *expr = NULL;
	struct rs_rule *rule = NULL;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (!known[i] || meant[i] == others)
			continue;
		rule = rule ? rule : start_rule(to);
		if (expr)
			rs_or(to->lowering.ruleset, expr, rs_number(numbers[i]));
		else
			expr = rs_match(to->lowering.ruleset, rule, RS_META_L4PROTO, rs_number(numbers[i]));
		expr->negate = others;
	}
	if (!rule && others) /* all of every protocol */
		rule = start_rule(to);
	if (rule)
		finish_rule(to, rule);
}

static void send_part(struct filling *to, const struct lower_bound_part *part, enum addr_family family)
{
	if (part->wide) {
		leave_ports(to, part->wide, TAKEN_TCP, part->tcp_before);
		leave_ports(to, part->wide, TAKEN_UDP, part->udp_before);
	}
	whole_protos(to, part, family);
	some_ports(to, RS_TCP_DPORT, &part->tcp);
	some_ports(to, RS_UDP_DPORT, &part->udp);
}

struct rs_chain *lower_bound_chain(struct lower_bound *bound, struct ruleset *ruleset, struct rs_table *table,
				   const char *name, enum addr_family family, const struct lower_bound_parts *parts)
{
	struct arena *arena = ruleset->arena;
	struct filling to = { .lowering = { .arena = arena, .ruleset = ruleset, .table = table },
			      .chain = rs_chain_add(ruleset, table, name),
			      .lasting = bound->arena };

	if (bound->number)
		to.addresses = arena_printf(arena, LOWER_CHAIN_FLOOR "%zu_" LOWER_ADDRESSES, bound->number);

	for (size_t i = 0; i < parts->count; i++) {
		const struct policy_rule *rule = &bound->subject->rules.items[parts->items[i].rule];

		to.target = lower_bound_rule_chain(arena, bound->policy, bound->number, parts->items[i].rule, family);
		to.comment = arena_printf(arena, "%s %s", policy_origin(arena, bound->subject, rule->span), rule->text);
		send_part(&to, &parts->items[i], family);
	}
	if (bound->number) {
		to.comment = NULL;
		to.target = to.addresses;
		finish_rule(&to, start_rule(&to));
	}
	return to.chain;
}
