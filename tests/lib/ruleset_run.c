/* Chains, rules and verdicts of the interpreter: what nft_do_chain() and the stack around it do. */
#include "ruleset_run_state.h"
#include "lower/sandbox_net.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUMPS_MAX = 16 /* NFT_JUMP_STACK_SIZE */, CONNTRACK_PRIORITY = -200 };

/* Chains of one hook, in the order of their priorities */
struct run_hook {
	LIST_OF(const struct rs_chain *) chains;
};

struct ruleset_run {
	struct arena *arena;
	struct run_names names, link_names; /* of table inet; of table netdev */
	struct run_hook hooks[RS_INGRESS + 1];
	uint64_t now_ms;
};

/* One packet's way through one hook */
struct walk {
	struct ruleset_run *run;
	struct run_names *names;
	struct run_packet *packet;
	struct run_result *result;
	bool untracked; /* by `notrack` in this hook */
	bool over;      /* a verdict ended the chain */
	bool dropped;
};

__attribute__((noreturn)) static void broken(const char *what, const char *name)
{
	fprintf(stderr, "ruleset: %s %s\n", what, name);
	abort();
}

/* ---- what was given ---- */

static void add_hook_chain(struct ruleset_run *run, const struct rs_chain *chain)
{
	struct run_hook *hook = &run->hooks[chain->hook];

	arena_push(run->arena, &hook->chains);
	size_t at = hook->chains.count - 1;
	for (; at && hook->chains.items[at - 1]->priority > chain->priority; at--)
		hook->chains.items[at] = hook->chains.items[at - 1];
	hook->chains.items[at] = chain;
}

static void add_table(struct ruleset_run *run, const struct rs_table *table)
{
	struct run_names *names = table->family == RS_NETDEV ? &run->link_names : &run->names;

	for (size_t i = 0; i < table->sets.count; i++)
		run_name_add(run->arena, names, table->sets.items[i].name)->set =
			run_set_new(run->arena, &table->sets.items[i]);
	for (size_t i = 0; i < table->chains.count; i++) {
		const struct rs_chain *chain = &table->chains.items[i];
		run_name_add(run->arena, names, chain->name)->chain = chain;
		if (chain->hook != RS_HOOK_NONE)
			add_hook_chain(run, chain);
	}
}

struct ruleset_run *ruleset_run_new(struct arena *arena, const struct ruleset *ruleset)
{
	struct ruleset_run *run = arena_alloc(arena, sizeof *run);

	run->arena = arena;
	for (size_t i = 0; i < ruleset->tables.count; i++)
		add_table(run, &ruleset->tables.items[i]);
	return run;
}

static struct run_set *set_named(struct run_names *names, const char *name)
{
	struct run_name *found = run_name_find(names, name);

	if (!found || !found->set)
		broken("no set", name);
	return found->set;
}

static const struct rs_chain *chain_named(struct run_names *names, const char *name)
{
	struct run_name *found = run_name_find(names, name);

	if (!found || !found->chain)
		broken("no chain", name);
	return found->chain;
}

void ruleset_run_add(struct ruleset_run *run, const char *set, const u128 key[RS_KEY_PARTS],
		     const struct rs_verdict *verdict, uint64_t until_ms)
{
	struct run_element element = { .until_ms = until_ms };

	memcpy(element.lo, key, sizeof element.lo);
	memcpy(element.hi, key, sizeof element.hi);
	if (verdict) {
		element.verdict = *verdict;
		element.verdict.chain = verdict->chain ? arena_strdup(run->arena, verdict->chain) : NULL;
	}
	run_set_put(run->arena, set_named(&run->names, set), &element);
}

void ruleset_run_remove(struct ruleset_run *run, const char *set, const u128 key[RS_KEY_PARTS])
{
	run_set_take(set_named(&run->names, set), key);
}

void ruleset_run_set_time(struct ruleset_run *run, uint64_t now_ms)
{
	run->now_ms = now_ms;
}

static const char *copied(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static struct rs_expr copy_expr(struct arena *arena, const struct rs_expr *expr)
{
	struct rs_expr copy = *expr;

	memset(&copy.values, 0, sizeof copy.values);
	for (size_t i = 0; i < expr->values.count; i++)
		*arena_push(arena, &copy.values) = expr->values.items[i];
	copy.set = copied(arena, expr->set);
	copy.verdict.chain = copied(arena, expr->verdict.chain);
	return copy;
}

void ruleset_run_add_set(struct ruleset_run *run, const struct rs_set *set)
{
	struct rs_set *copy = arena_alloc(run->arena, sizeof *copy);

	*copy = *set;
	copy->name = copied(run->arena, set->name);
	memset(&copy->elements, 0, sizeof copy->elements);
	for (size_t i = 0; i < set->elements.count; i++)
		*arena_push(run->arena, &copy->elements) = set->elements.items[i];
	run_name_add(run->arena, &run->names, copy->name)->set = run_set_new(run->arena, copy);
}

void ruleset_run_add_chain(struct ruleset_run *run, const struct rs_chain *chain)
{
	struct rs_chain *copy = arena_alloc(run->arena, sizeof *copy);

	copy->name = copied(run->arena, chain->name);
	for (size_t i = 0; i < chain->rules.count; i++) {
		const struct rs_rule *rule = &chain->rules.items[i];
		struct rs_rule *to = arena_push(run->arena, &copy->rules);
		*to = (struct rs_rule){ .comment = copied(run->arena, rule->comment) };
		for (size_t k = 0; k < rule->exprs.count; k++)
			*arena_push(run->arena, &to->exprs) = copy_expr(run->arena, &rule->exprs.items[k]);
	}
	run_name_add(run->arena, &run->names, copy->name)->chain = copy;
}

/* ---- expressions ---- */

static const struct run_element *look_up(struct walk *walk, const struct rs_expr *expr, bool *breaks)
{
	u128 key[RS_KEY_PARTS] = { 0 };
	const char *text;

	*breaks = false;
	for (size_t i = 0; i < expr->field_count; i++)
		if (!run_field(walk->packet, expr->field[i], &key[i], &text)) {
			*breaks = true;
			return NULL;
		}
	const struct run_set *set = set_named(walk->names, expr->set);
	if (set->parts != expr->field_count)
		broken("a key of another length for set", expr->set);
	const struct run_element *element = run_set_find(set, key);
	return element && walk->run->now_ms < element->until_ms ? element : NULL;
}

static void end(struct walk *walk, bool dropped, enum run_end how)
{
	walk->over = true;
	walk->dropped = dropped;
	if (dropped)
		walk->result->end = how;
}

static bool tproxy(struct walk *walk, const struct rs_expr *expr)
{
	unsigned nfproto = expr->family == ADDR_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	bool listens = expr->port == LOWER_NAMES_PORT ? walk->packet->world->name_relay : walk->packet->world->proxy;

	if (walk->packet->nfproto != nfproto || !listens)
		return false;
	if (walk->packet->l4 != IPPROTO_TCP && walk->packet->l4 != IPPROTO_UDP)
		return false;
	walk->result->proxied = true;
	return true;
}

/* Whether the rule goes on behind the expression; a verdict goes to *verdict. */
static bool run_expr(struct walk *walk, const struct rs_expr *expr, const struct rs_verdict **verdict,
		     const char **comment)
{
	const struct run_world *world = walk->packet->world;
	const struct run_element *element;
	bool breaks;

	switch (expr->kind) {
	case RS_MATCH:
		return run_match(walk->packet, expr);
	case RS_LOOKUP:
		element = look_up(walk, expr, &breaks);
		if (element && element->comment)
			*comment = element->comment;
		return !breaks && (element != NULL) != expr->negate;
	case RS_VMAP:
		element = look_up(walk, expr, &breaks);
		if (element) {
			*verdict = &element->verdict;
			*comment = element->comment ? element->comment : *comment;
		}
		return element != NULL;
	case RS_VERDICT:
		*verdict = &expr->verdict;
		return true;
	case RS_REJECT_RESET:
		if (walk->packet->l4 != IPPROTO_TCP)
			broken("reset of what is not TCP in", walk->result->chain);
		end(walk, true, RUN_RESET);
		return true;
	case RS_REJECT_ADMIN:
		end(walk, true, RUN_PROHIBITED);
		return true;
	case RS_REJECT_ROUTE:
		end(walk, true, RUN_NO_ROUTE);
		return true;
	case RS_LOG:
		walk->result->logged |= 1u << (expr->number & 31);
		return true;
	case RS_LIMIT:
		return world->over_rate == expr->negate;
	case RS_CT_COUNT:
		return world->over_count;
	case RS_TPROXY:
		return tproxy(walk, expr);
	case RS_MARK_SET:
		walk->packet->mark = expr->number;
		return true;
	case RS_CT_MARK_SET:
		if (walk->packet->has_ct)
			walk->packet->ct_mark = expr->number;
		return true;
	case RS_NOTRACK:
		walk->untracked |= !walk->packet->has_ct;
		return true;
	case RS_PKTTYPE_SET:
		walk->packet->pkttype = expr->number;
		return true;
	case RS_QUOTA: /* that is not used up */
		return false;
	case RS_COUNTER:
	case RS_CT_TIMEOUT:
	case RS_FLOW_ADD: /* of flows whose verdict stands */
	case RS_MASQUERADE:
	case RS_SNAT:
		return true;
	}
	broken("an expression that is not known in", walk->result->chain);
}

/* ---- chains ---- */

/* What decides is counted; what merely leads on, or lets pass what was decided, is not. */
static bool is_counted(const struct rs_rule *rule)
{
	for (size_t i = 0; i < rule->exprs.count; i++)
		if (rule->exprs.items[i].kind == RS_COUNTER)
			return true;
	return false;
}

/* The verdict of a rule that took the packet, or NULL */
static const struct rs_verdict *run_rule(struct walk *walk, const struct rs_rule *rule)
{
	const struct rs_verdict *verdict = NULL;
	const char *comment = is_counted(rule) ? rule->comment : NULL;

	walk->result->rules++;
	for (size_t i = 0; i < rule->exprs.count && !walk->over && !verdict; i++)
		if (!run_expr(walk, &rule->exprs.items[i], &verdict, &comment))
			return NULL;
	if (verdict && comment)
		walk->result->decided = comment;
	return verdict;
}

static void run_chain(struct walk *walk, const struct rs_chain *chain, unsigned depth);

/* What a rule's verdict does; true: the chain goes on with its next rule */
static bool take_verdict(struct walk *walk, const struct rs_verdict *verdict, unsigned depth)
{
	switch (verdict->kind) {
	case RS_ACCEPT:
		end(walk, false, RUN_DELIVERED);
		return false;
	case RS_DROP:
		end(walk, true, RUN_DROPPED);
		return false;
	case RS_JUMP:
		if (depth >= JUMPS_MAX)
			broken("more than 16 jumps deep at", verdict->chain);
		run_chain(walk, chain_named(walk->names, verdict->chain), depth + 1);
		return !walk->over;
	case RS_GOTO: /* its end, and a return in it, go where the chain's own would have gone */
		run_chain(walk, chain_named(walk->names, verdict->chain), depth);
		return false;
	case RS_RETURN:
		return false;
	}
	return true;
}

static void run_chain(struct walk *walk, const struct rs_chain *chain, unsigned depth)
{
	walk->result->chain = chain->name;
	for (size_t i = 0; i < chain->rules.count && !walk->over; i++) {
		const struct rs_verdict *verdict = run_rule(walk, &chain->rules.items[i]);
		if (verdict && !take_verdict(walk, verdict, depth))
			return;
	}
}

/* Conntrack's own place is between the chains before it and those behind. */
static void see_conntrack(struct walk *walk, bool seen)
{
	struct run_packet *packet = walk->packet;

	packet->has_ct = seen && !walk->untracked && packet->world->ct_state != RUN_CT_INVALID;
	packet->ct_state = walk->untracked ? RUN_CT_UNTRACKED : seen ? packet->world->ct_state : RUN_CT_INVALID;
	packet->ct_status = packet->has_ct ? packet->world->ct_status : 0;
	packet->ct_mark = packet->has_ct ? packet->world->ct_mark : 0;
	walk->result->untracked |= walk->untracked;
}

/* All base chains of a hook; false: the packet ended there */
static bool run_hook(struct walk *walk, enum rs_hook hook, const char *device)
{
	const struct run_hook *chains = &walk->run->hooks[hook];
	bool tracks = hook == RS_PREROUTING || hook == RS_OUTPUT, seen = !tracks;

	if (tracks)
		see_conntrack(walk, false);
	for (size_t i = 0; i < chains->chains.count; i++) {
		const struct rs_chain *chain = chains->chains.items[i];
		if (device && strcmp(device, chain->device))
			continue;
		if (!seen && chain->priority > CONNTRACK_PRIORITY) {
			see_conntrack(walk, true);
			seen = true;
		}
		walk->over = walk->dropped = false;
		run_chain(walk, chain, 0);
		if (!walk->over && chain->policy == RS_DROP)
			end(walk, true, RUN_DROPPED);
		if (walk->dropped)
			return false;
	}
	if (!seen)
		see_conntrack(walk, true);
	return true;
}

/* ---- the way of a packet ---- */

static bool is_own(const struct run_world *world, struct addr to)
{
	return addr_gateway_has(&world->gateway, to);
}

/* The guest's address and what is for one link alone are on the bridge, all else behind the uplink. */
static const char *route(const struct run_world *world, struct addr to)
{
	static const struct addr_prefix link_local = { { ADDR_V6, (u128)0xfe80 << 112 }, 10 };
	struct addr own = to.family == ADDR_V4 ? world->gateway.v4 : world->gateway.v6;
	bool on_link = to.family == ADDR_V6 && addr_prefix_contains(link_local, to);

	return on_link || addr_equal(to, lower_guest_addr(own)) ? LOWER_BRIDGE : LOWER_UPLINK;
}

static void forward(struct walk *walk)
{
	struct run_result *result = walk->result;

	if (run_ttl(walk->packet) <= 1) {
		result->end = RUN_EXPIRED;
		return;
	}
	walk->packet->oif = route(walk->packet->world, run_destination(walk->packet));
	if (!run_hook(walk, RS_FORWARD, NULL))
		return;
	if (run_hook(walk, RS_POSTROUTING, NULL))
		result->end = RUN_FORWARDED;
}

static void run_inet(struct walk *walk)
{
	struct run_packet *packet = walk->packet;

	walk->names = &walk->run->names;
	if (!run_hook(walk, RS_PREROUTING, NULL))
		return;
	bool to_proxy = packet->mark == LOWER_DNS_MARK || packet->mark == LOWER_DIVERT_MARK; /* `ip rule` */
	if (!to_proxy && !is_own(packet->world, run_destination(packet)))
		forward(walk);
	else if (run_hook(walk, RS_INPUT, NULL))
		walk->result->end = RUN_DELIVERED;
}

static struct walk start(struct ruleset_run *run, struct run_packet *packet, struct run_result *result)
{
	result->chain = "";
	return (struct walk){ .run = run, .packet = packet, .result = result };
}

bool ruleset_run_ingress(struct ruleset_run *run, const struct run_world *world, const char *device,
			 const uint8_t *frame, size_t len)
{
	struct run_result result = { 0 };
	struct run_packet packet = { .world = world, .iif = device };
	struct walk walk = start(run, &packet, &result);

	walk.names = &run->link_names;
	return run_parse(&packet, frame, len) && run_hook(&walk, RS_INGRESS, device);
}

struct run_result ruleset_run_frame(struct ruleset_run *run, const struct run_world *world, const char *link,
				    const uint8_t *frame, size_t len)
{
	struct run_result result = { .end = RUN_DROPPED };
	struct run_packet packet = { .world = world, .iif = link };
	struct walk walk = start(run, &packet, &result);

	if (!run_parse(&packet, frame, len))
		return result;
	if (!strcmp(link, LOWER_TAP)) {
		walk.names = &run->link_names;
		if (!run_hook(&walk, RS_INGRESS, link))
			return result;
		packet.iif = LOWER_BRIDGE;
	}
	if (packet.nfproto)
		run_inet(&walk);
	else
		result.end = RUN_DELIVERED;
	result.mark = packet.mark;
	result.ct_mark = packet.ct_mark;
	return result;
}

struct run_result ruleset_run_output(struct ruleset_run *run, const struct run_world *world, const char *link,
				     uint32_t mark, const uint8_t *frame, size_t len)
{
	struct run_result result = { .end = RUN_DROPPED };
	struct run_packet packet = { .world = world, .oif = link, .mark = mark };
	struct walk walk = start(run, &packet, &result);

	if (!run_parse(&packet, frame, len))
		return result;
	walk.names = &run->names;
	if (run_hook(&walk, RS_OUTPUT, NULL) && run_hook(&walk, RS_POSTROUTING, NULL))
		result.end = RUN_FORWARDED;
	result.mark = packet.mark;
	result.ct_mark = packet.ct_mark;
	return result;
}

const char *run_end_name(enum run_end how)
{
	static const char *const names[] = { "forwarded", "delivered",  "expired", "dropped",
					     "reset",     "prohibited", "no route" };

	return names[how];
}
