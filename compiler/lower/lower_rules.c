/* The policy's egress rules as chain `egress`: one nft rule for each policy rule and family, two where a rule
 * names both addresses and names. What they look into is in lower_sets.c.
 * Ingress rules are judged where published ports are relayed; a pod's here, as chain `ingress`, by where a flow comes from. */
#include "lower/lower_state.h"
#include "eval/eval.h"
#include "policy/policy_facts.h"

#include <stdlib.h>
#include <string.h>

/* Up to this many networks of a rule are in the rule itself, more are a set of their own */
#define INLINE_NETWORKS 16

static bool has_family(const struct lowering *lowering, enum addr_family family)
{
	return family == ADDR_V4 ? lowering->gateway.has4 : lowering->gateway.has6;
}

/* Where a packet has the address that rules are about */
static enum rs_field far_field(const struct lowering *lowering, enum addr_family family)
{
	if (lowering->ingress)
		return family == ADDR_V4 ? RS_IP_SADDR : RS_IP6_SADDR;
	return family == ADDR_V4 ? RS_IP_DADDR : RS_IP6_DADDR;
}

static void match_family(struct lowering *lowering, struct rs_rule *rule, enum addr_family family)
{
	rs_match(lowering->ruleset, rule, RS_META_NFPROTO, rs_number(family == ADDR_V4 ? AF_INET : AF_INET6));
}

/* What a rule's targets come to in one family */
struct destinations {
	bool any;                 /* every address */
	bool names;               /* has names: the rule's binding set */
	enum addr_class group;    /* one group and no networks, else ADDR_CLASS_NONE */
	struct addr_set networks; /* all its addresses */
};

static void add_target(struct lowering *lowering, const struct policy_rule *rule, const struct policy_target *target,
		       enum addr_family family, struct addr_set *out)
{
	struct arena *arena = lowering->arena;
	struct addr_set set = addr_set_empty(family);

	if (target->kind == TARGET_GROUP)
		set = lower_group(lowering, target->group, rule->action, family)->addrs;
	if (target->kind == TARGET_CIDR) {
		struct addr_set own = addr_set_empty(target->prefix.addr.family);
		addr_set_add(arena, &own, addr_prefix_range(target->prefix));
		if (own.family == family)
			set = own;
		else if (own.family == ADDR_V4 && rule->action == POLICY_DENY)
			set = addr_embedding_set(arena, &own, &lowering->gateway.nat64);
	}
	*out = out->count ? addr_set_union(arena, out, &set) : set;
}

static struct destinations rule_destinations(struct lowering *lowering, const struct policy_rule *rule,
					     enum addr_family family)
{
	struct destinations to = { .networks = addr_set_empty(family) };
	size_t sources = 0;

	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		to.any |= target->kind == TARGET_ANY;
		to.names |= policy_target_is_name(target) && !lowering->ingress;
		sources += target->kind == TARGET_GROUP || target->kind == TARGET_CIDR;
		to.group = target->kind == TARGET_GROUP ? target->group : to.group;
		add_target(lowering, rule, target, family, &to.networks);
	}
	if (sources != 1)
		to.group = ADDR_CLASS_NONE;
	return to;
}

static int compare_ports(const void *a, const void *b)
{
	const struct policy_port_range *x = a, *y = b;

	return COMPARE(x->lo, y->lo);
}

/* A rule's ports as ranges that neither touch nor overlap, in order: what an anonymous set wants */
static struct policy_port_list merge_ports(struct arena *arena, const struct policy_rule *rule)
{
	struct policy_port_list out = { 0 };
	size_t count = rule->ports.count;
	struct policy_port_range *sorted = arena_alloc(arena, (count ? count : 1) * sizeof *sorted);

	if (count)
		memcpy(sorted, rule->ports.items, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_ports);
	for (size_t i = 0; i < count; i++) {
		struct policy_port_range *last = out.count ? &out.items[out.count - 1] : NULL;
		if (!last || sorted[i].lo > (uint32_t)last->hi + 1)
			*arena_push(arena, &out) = sorted[i];
		else if (sorted[i].hi > last->hi)
			last->hi = sorted[i].hi;
	}
	return out;
}

/* A rule's protocols and ports, as one family sees them */
struct service {
	bool never;      /* nothing of this family can match */
	bool by_family;  /* differs between the families */
	bool but_tcp;    /* all protocols but TCP */
	unsigned protos; /* 0: no constraint */
	struct policy_port_list ports;
};

static struct service rule_service(struct lowering *lowering, const struct policy_rule *rule, enum addr_family family)
{
	unsigned protos = lower_rule_protos(rule, family);

	return (struct service){
		.never = !protos,
		.by_family = !rule->ports.count && rule->protos & (PROTO_ICMPV4 | PROTO_ICMPV6),
		.protos = protos & PROTO_OTHER ? 0 : protos,
		.ports = merge_ports(lowering->arena, rule),
	};
}

static void match_protos(struct lowering *lowering, struct rs_rule *rule, unsigned protos)
{
	static const struct {
		unsigned bit, number;
	} numbers[] = {
		/* ascending */
		{ PROTO_ICMPV4, IPPROTO_ICMP },
		{ PROTO_TCP, IPPROTO_TCP },
		{ PROTO_UDP, IPPROTO_UDP },
		{ PROTO_ICMPV6, IPPROTO_ICMPV6 },
	};
	struct rs_expr *expr = NULL;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct rs_value value = rs_number(numbers[i].number);
		if (!(protos & numbers[i].bit))
			continue;
		if (expr)
			rs_or(lowering->ruleset, expr, value);
		else
			expr = rs_match(lowering->ruleset, rule, RS_META_L4PROTO, value);
	}
}

static void match_service(struct lowering *lowering, struct rs_rule *rule, const struct service *service)
{
	enum rs_field field = service->protos == PROTO_TCP ? RS_TCP_DPORT :
			      service->protos == PROTO_UDP ? RS_UDP_DPORT :
							     RS_TH_DPORT;
	const struct policy_port_list *ports = &service->ports;
	bool every = ports->count == 1 && ports->items[0].lo == 0 && ports->items[0].hi == UINT16_MAX;

	if (service->but_tcp)
		rs_match(lowering->ruleset, rule, RS_META_L4PROTO, rs_number(IPPROTO_TCP))->negate = true;
	if (!ports->count || every || field == RS_TH_DPORT)
		match_protos(lowering, rule, service->protos);
	if (!ports->count || every)
		return;
	struct rs_expr *expr =
		rs_match(lowering->ruleset, rule, field, rs_range(ports->items[0].lo, ports->items[0].hi));
	for (size_t i = 1; i < ports->count; i++)
		rs_or(lowering->ruleset, expr, rs_range(ports->items[i].lo, ports->items[i].hi));
}

/* How a nft rule of a policy rule ends */
enum ending {
	BY_ACTION,
	DEFER, /* an allow by address, behind a denial of names: the server name decides */
	NAMED, /* an allow of bound names, of TCP: a denial by address behind it leaves it to the server name */
	DENY,  /* of bound names, where no server name is to come */
	QUIC,  /* refused: nobody sees its server name */
};

static void go_to(struct lowering *lowering, struct rs_rule *out, const char *chain)
{
	lower_verdict(lowering, out, RS_GOTO, chain);
}

/* Of rules that log and rules that do not, the first says whether a flow that passes by its address is logged */
static void mark_named(struct lowering *lowering, struct rs_rule *out, const struct policy_rule *rule)
{
	bool logs = rule->log && !lowering->floor;

	if (lowering->named_logs && lowering->named_unlogged && !lowering->floor)
		rs_match(lowering->ruleset, out, RS_META_MARK,
			 rs_number(logs ? LOWER_NAMED_MARK : LOWER_NAMED_LOGGED_MARK))
			->negate = true;
	rs_do(lowering->ruleset, out, RS_COUNTER);
	rs_mark_set(lowering->ruleset, out, logs ? LOWER_NAMED_LOGGED_MARK : LOWER_NAMED_MARK);
}

static void deny(struct lowering *lowering, struct rs_rule *out, const struct policy_rule *rule)
{
	if (lowering->ingress)
		lower_verdict(lowering, out, RS_GOTO, LOWER_CHAIN_SHUT);
	else if (!lowering->defers || !lower_deferred_meets_allowed(&lowering->deferred, rule))
		lower_verdict(lowering, out, RS_JUMP, lower_denied_chain(lowering));
	else if (lowering->floor)
		go_to(lowering, out, LOWER_CHAIN_FLOOR_UNNAMED);
	else {
		lowering->denies_unnamed = true;
		lower_verdict(lowering, out, RS_JUMP, LOWER_CHAIN_UNNAMED);
	}
}

/* What no rule of the policy's decides: refused, or asked about. What waits for a server name is not counted as denied. */
static void deny_by_default(struct lowering *lowering, struct rs_chain *chain, const char *comment)
{
	if (lowering->floor || lowering->ingress) {
		deny(lowering, lower_rule(lowering, chain, comment), NULL);
		return;
	}
	const char *denied = lowering->options->ask ? LOWER_CHAIN_ASK : lower_denied_chain(lowering);
	bool unnamed = lowering->defers && lower_deferred_meets_allowed(&lowering->deferred, NULL);

	if (unnamed) {
		lower_verdict(lowering, lower_rule(lowering, chain, NULL), RS_JUMP, LOWER_CHAIN_UNDECIDED);
		chain = lower_chain(lowering, LOWER_CHAIN_UNDECIDED, "no rule decides");
		lower_defer_named(lowering, chain);
	}
	lower_verdict(lowering, lower_rule(lowering, chain, comment), unnamed ? RS_GOTO : RS_JUMP, denied);
}

static void allow(struct lowering *lowering, struct rs_rule *out, const struct policy_rule *rule)
{
	if (lowering->floor) /* which the policy's own rules follow */
		lower_verdict(lowering, out, RS_RETURN, NULL);
	else if (lowering->ingress)
		lower_verdict(lowering, out, RS_ACCEPT, NULL);
	else
		go_to(lowering, out,
		      rule && rule->bytes ? lower_metered_chain(lowering, rule) :
		      rule && rule->log   ? LOWER_CHAIN_LOGGED :
					    LOWER_CHAIN_ADMIT);
}

static void finish_rule(struct lowering *lowering, struct rs_rule *out, const struct policy_rule *rule,
			enum ending ending)
{
	if (ending == DEFER)
		go_to(lowering, out, lowering->floor ? LOWER_CHAIN_FLOOR_DEFER : LOWER_CHAIN_DEFER);
	else if (ending == NAMED)
		mark_named(lowering, out, rule);
	else if (ending == DENY || ending == QUIC)
		lower_verdict(lowering, out, RS_JUMP, lower_denied_chain(lowering));
	else if (rule->action == POLICY_DENY)
		deny(lowering, out, rule);
	else
		allow(lowering, out, rule);
}

static bool covers_family(const struct addr_set *set)
{
	u128 last = set->family == ADDR_V4 ? UINT32_MAX : ~(u128)0;

	return set->count == 1 && set->items[0].lo == 0 && set->items[0].hi == last;
}

/* The match on a rule's addresses: its group's set, the whole family, networks in place, or a set of its own */
static void match_networks(struct lowering *lowering, struct rs_rule *out, size_t index, const struct destinations *to)
{
	enum policy_action action = lowering->subject->rules.items[index].action;
	struct ruleset *rs = lowering->ruleset;
	enum addr_family family = to->networks.family;
	enum rs_field field = far_field(lowering, family);

	if (to->group != ADDR_CLASS_NONE) {
		rs_lookup(rs, out, lower_group_set(lowering, to->group, action, family), field);
	} else if (covers_family(&to->networks)) {
		match_family(lowering, out, family);
	} else if (to->networks.count <= INLINE_NETWORKS) {
		struct rs_set inline_set = { .type = { lower_addr_type(family) } };
		rs_set_add_addrs(rs, &inline_set, &to->networks);
		struct rs_expr *expr = rs_match(rs, out, field, inline_set.elements.items[0].key[0]);
		for (size_t i = 1; i < inline_set.elements.count; i++)
			rs_or(rs, expr, inline_set.elements.items[i].key[0]);
	} else {
		rs_lookup(rs, out, lower_rule_network_set(lowering, index, &to->networks), field);
	}
}

/* Which packets a nft rule is about, by their destination */
struct aim {
	enum addr_family family;
	bool everywhere;               /* in both families */
	const struct destinations *to; /* NULL: whatever they are */
	bool names;                    /* where the rule's names are bound */
};

static void add_rule(struct lowering *lowering, struct rs_chain *chain, size_t index, const struct aim *aim,
		     const struct service *service, enum ending ending)
{
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	const char *origin = policy_origin(lowering->arena, lowering->subject, rule->span);
	struct rs_rule *out = lower_rule(
		lowering, chain,
		arena_printf(lowering->arena, "%s%s %s", ending == QUIC ? "QUIC: " : "", origin, rule->text));

	if (aim->to && aim->to->any && !aim->everywhere)
		match_family(lowering, out, aim->family);
	else if (aim->to && !aim->everywhere)
		match_networks(lowering, out, index, aim->to);
	if (aim->names)
		rs_lookup(lowering->ruleset, out, lower_add_binding_set(lowering, index, aim->family),
			  far_field(lowering, aim->family));
	match_service(lowering, out, service);
	finish_rule(lowering, out, rule, ending);
}

/* What it decides by the address: of an allow's TCP, the ports that denials of names before it have, wait for the name. */
static void add_by_address(struct lowering *lowering, struct rs_chain *chain, size_t index, const struct aim *aim,
			   const struct service *service)
{
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	struct service deferred = { .protos = PROTO_TCP };
	bool whole = false;

	if (lowering->defers && !lowering->ingress && rule->action == POLICY_ALLOW)
		deferred.ports = lower_deferred_ports(lowering->arena, &lowering->deferred, rule, &whole);
	if (deferred.ports.count)
		add_rule(lowering, chain, index, aim, &deferred, DEFER);
	if (!deferred.ports.count || !whole || service->protos != PROTO_TCP)
		add_rule(lowering, chain, index, aim, service, BY_ACTION);
}

static struct service without_tcp(const struct service *service)
{
	struct service rest = *service;

	rest.never = service->protos == PROTO_TCP;
	rest.but_tcp = !service->protos;
	rest.protos &= ~(unsigned)PROTO_TCP;
	return rest;
}

/* Whether QUIC's refusal leaves nothing of an allow but TCP */
static bool is_quic_alone(const struct policy_rule *rule)
{
	const struct policy_port_list *ports = &rule->ports;

	return rule->action == POLICY_ALLOW && ports->count == 1 && ports->items[0].lo == EVAL_QUIC_PORT &&
	       ports->items[0].hi == EVAL_QUIC_PORT && lower_rule_refuses_quic(rule);
}

/* What it decides where its names are bound: TCP by the server name, of which an allow notes that it may. The DNS proxy's own
 * questions have none. */
static void add_by_name(struct lowering *lowering, struct rs_chain *chain, size_t index, const struct aim *aim,
			const struct service *service)
{
	static struct policy_port_range dns = { .lo = LOWER_DNS_PORT, .hi = LOWER_DNS_PORT };
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	const struct service tcp = { .protos = PROTO_TCP, .ports = service->ports };
	const struct service question = { .protos = PROTO_TCP, .ports = { &dns, 1, 1 } };
	const struct service quic = { .protos = PROTO_UDP, .ports = lower_quic.ports };
	const struct service rest = without_tcp(service);

	if (!lowering->defers || !policy_rule_defers(rule)) {
		add_rule(lowering, chain, index, aim, service, BY_ACTION);
		return;
	}
	if (rule->action == POLICY_DENY && eval_rule_matches_port(rule, true, LOWER_DNS_PORT))
		add_rule(lowering, chain, index, aim, &question, BY_ACTION);
	if (rule->action == POLICY_ALLOW && lower_rule_refuses_quic(rule))
		add_rule(lowering, chain, index, aim, &quic, QUIC);
	if (rule->action == POLICY_ALLOW) /* whose bytes are counted is in the name, too */
		add_rule(lowering, chain, index, aim, &tcp, rule->meter ? DEFER : NAMED);
	if (!rest.never && !is_quic_alone(rule))
		add_rule(lowering, chain, index, aim, &rest, rule->action == POLICY_DENY ? DENY : BY_ACTION);
}

static void lower_rule_family(struct lowering *lowering, struct rs_chain *chain, size_t index, enum addr_family family)
{
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	struct service service = rule_service(lowering, rule, family);
	struct destinations to = rule_destinations(lowering, rule, family);
	struct destinations placed = { .networks = policy_rule_places_set(lowering->arena, rule, family,
									  &lowering->gateway) };
	const struct aim by_address = { family, .to = &to };
	const struct aim by_name = { family, .to = rule->within.count ? &placed : NULL, .names = true };

	if (service.never || !has_family(lowering, family))
		return;
	if (to.any || to.networks.count)
		add_by_address(lowering, chain, index, &by_address, &service);
	if (!to.names || to.any)
		return;
	if (!rule->within.count || placed.networks.count)
		add_by_name(lowering, chain, index, &by_name, &service);
	lower_add_binding_set(lowering, index, family); /* with or without a rule: the runtime counts on it */
}

static bool takes_any(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		if (rule->targets.items[i].kind == TARGET_ANY)
			return true;
	}
	return false;
}

static void lower_policy_rule(struct lowering *lowering, struct rs_chain *chain, size_t index)
{
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	const struct service service = rule_service(lowering, rule, ADDR_V4);
	const struct service quic = { .protos = PROTO_UDP, .ports = lower_quic.ports };
	const struct aim everywhere = { .everywhere = true };

	if (takes_any(rule) && !service.by_family) {
		if (!service.never)
			add_by_address(lowering, chain, index, &everywhere, &service);
		return;
	}
	lower_rule_family(lowering, chain, index, ADDR_V4);
	lower_rule_family(lowering, chain, index, ADDR_V6);
	if (lowering->defers && !lowering->ingress && rule->action == POLICY_DENY && lower_rule_refuses_quic(rule))
		add_rule(lowering, chain, index, &everywhere, &quic, QUIC);
}

static void lower_default(struct lowering *lowering, struct rs_chain *chain)
{
	const struct policy_default *by = lowering->ingress ? &lowering->subject->ingress : &lowering->subject->egress;
	const char *place = policy_origin(lowering->arena, lowering->subject, by->span);
	const char *comment =
		by->span.source == SPAN_NO_SOURCE ? by->text : arena_printf(lowering->arena, "%s %s", place, by->text);
	struct service deferred = { .protos = PROTO_TCP };
	bool whole;

	if (by->action == POLICY_DENY) {
		deny_by_default(lowering, chain, comment);
		return;
	}
	if (lowering->defers && !lowering->ingress)
		deferred.ports = lower_deferred_ports(lowering->arena, &lowering->deferred, NULL, &whole);
	if (deferred.ports.count) {
		struct rs_rule *rule = lower_rule(lowering, chain, comment);
		match_service(lowering, rule, &deferred);
		finish_rule(lowering, rule, NULL, DEFER);
	}
	allow(lowering, lower_rule(lowering, chain, comment), NULL);
}

static void lower_own_rules(struct lowering *lowering, struct rs_chain *chain)
{
	const unsigned direction = lowering->ingress ? POLICY_INGRESS : POLICY_EGRESS;

	lowering->deferred = (struct lower_deferred){ .any_denied = false };
	for (size_t i = 0; i < lowering->subject->rules.count; i++) {
		if (lowering->subject->rules.items[i].directions & direction)
			lower_policy_rule(lowering, chain, i);
		lower_deferred_add(&lowering->deferred, &lowering->subject->rules.items[i]);
	}
	lower_default(lowering, chain);
}

static const char *lower_ingress_floor(struct lowering *lowering, size_t floor)
{
	return arena_printf(lowering->arena, LOWER_CHAIN_INGRESS "_" LOWER_CHAIN_FLOOR "%zu", floor);
}

const char *lower_floor_chain(struct lowering *lowering, size_t floor)
{
	return arena_printf(lowering->arena, LOWER_CHAIN_FLOOR "%zu", floor);
}

/* What a floor denies ends in its chain; what it allows goes on, to the next and then to the policy's own rules. */
static void lower_floors(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;

	for (size_t i = 0; i < policy->floors.count; i++) {
		struct rs_chain *chain =
			rs_chain_add(lowering->ruleset, lowering->table, lower_floor_chain(lowering, i + 1));
		const char *name = policy_relative(lowering->arena, policy, policy->floors.items[i]->name);

		chain->note = arena_printf(lowering->arena, "the floor %s: a flow must pass it too", name);
		lowering->subject = policy->floors.items[i];
		lowering->floor = i + 1;
		lower_own_rules(lowering, chain);
	}
	lowering->subject = policy;
	lowering->floor = 0;
}

static void let_node_in(struct lowering *lowering, struct rs_chain *chain)
{
	static const enum addr_family families[] = { ADDR_V4, ADDR_V6 };

	for (size_t i = 0; i < 2; i++) {
		if (!has_family(lowering, families[i]))
			continue;
		struct rs_rule *rule = lower_rule(lowering, chain, "the node");
		rs_lookup(lowering->ruleset, rule,
			  lower_group_set(lowering, ADDR_CLASS_HOST, POLICY_ALLOW, families[i]),
			  far_field(lowering, families[i]));
		lower_verdict(lowering, rule, RS_ACCEPT, NULL);
	}
}

static void jump_to_floor(struct lowering *, struct rs_chain *, bool resolvers, const char *floor);

/* What comes to a pod, by its source; dropped where it is not wanted, since nothing of the namespace's own may leave. */
static void lower_ingress(struct lowering *lowering)
{
	const struct policy *policy = lowering->policy;
	struct rs_chain *chain = lower_chain(lowering, LOWER_CHAIN_INGRESS, "a new flow to the pod");

	lowering->ingress = true;
	if (!policy_shuts_node_out(policy))
		let_node_in(lowering, chain);
	for (size_t i = 0; i < policy->floors.count; i++)
		jump_to_floor(lowering, chain, false, lower_ingress_floor(lowering, i + 1));
	lower_own_rules(lowering, chain);
	for (size_t i = 0; i < policy->floors.count; i++) {
		lowering->subject = policy->floors.items[i];
		lowering->floor = i + 1;
		lower_own_rules(lowering, lower_chain(lowering, lower_ingress_floor(lowering, i + 1), NULL));
	}
	lowering->subject = policy;
	lowering->floor = 0;
	lowering->ingress = false;
	lower_shut_chain(lowering);
}

void lower_rules(struct lowering *lowering)
{
	struct rs_chain *chain = rs_chain_add(lowering->ruleset, lowering->table, LOWER_CHAIN_EGRESS);

	chain->note = "the policy: the first rule that matches decides";
	lowering->subject = lowering->policy;
	lower_own_rules(lowering, chain);
	lower_floors(lowering);
	if (lowering->gateway.pod)
		lower_ingress(lowering);
}

static void jump_to_floor(struct lowering *lowering, struct rs_chain *chain, bool resolvers, const char *floor)
{
	struct rs_rule *rule = lower_rule(lowering, chain, resolvers ? "a resolver the guest chose" : NULL);

	if (resolvers) {
		lower_match(lowering, rule, RS_META_MARK, LOWER_UPSTREAM_MARK);
		lower_match_dns_ports(lowering, rule);
	}
	rs_verdict(lowering->ruleset, rule, RS_JUMP, floor);
}

void lower_jump_to_floors(struct lowering *lowering, struct rs_chain *chain, bool resolvers)
{
	for (size_t i = 0; i < lowering->policy->floors.count; i++)
		jump_to_floor(lowering, chain, resolvers, lower_floor_chain(lowering, i + 1));
}

const char *lower_judged_chain(struct lowering *lowering)
{
	return lowering->defers && lowering->policy->floors.count ? LOWER_CHAIN_JUDGED : LOWER_CHAIN_EGRESS;
}
