/* deny-overtaken: a deny that comes too late for some of its flows, since an allow of something wider stands before it.
 * Wider is by target alone: `allow@10.0.0.0/8:tcp:443`, then `deny@10.0.0.0/8`, allows a port and denies the rest, and
 * is what it says. */
#include "lint/checks.h"
#include "base/name.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 60000000 /* rules looked at, for all denies together */
#define FOUND_MAX 1000     /* more are no use to anybody, and cost most */
#define MEMBERS_MAX 32     /* addresses of a target that are tried */

/* A target of an allow rule. Wider ones of a given target are few, and found by what they are. */
struct wide {
	enum policy_target_kind kind;
	enum addr_class group;
	struct addr_range range; /* TARGET_CIDR */
	enum addr_family family;
	const char *name; /* TARGET_SUFFIX */
	uint32_t rule;
};

struct order {
	LIST_OF(struct wide) wides; /* sorted, then by rule */
	bool lengths[2][129];       /* of IPv4 and IPv6 prefixes that occur */
	uint64_t steps;
	size_t found;
	bool told;
};

static int compare_wides(const void *left, const void *right)
{
	const struct wide *a = left, *b = right;

	return COMPARE(a->kind, b->kind)                 ?:
		       COMPARE(a->group, b->group)       ?:
		       COMPARE(a->family, b->family)     ?:
		       COMPARE(a->range.lo, b->range.lo) ?:
		       COMPARE(a->range.hi, b->range.hi) ?:
		       strcmp(a->name, b->name)          ?:
							   COMPARE(a->rule, b->rule);
}

static struct wide wide_of(const struct policy_target *target)
{
	struct wide wide = { .kind = target->kind, .name = "" };

	if (target->kind == TARGET_GROUP)
		wide.group = target->group;
	if (target->kind == TARGET_SUFFIX)
		wide.name = target->name;
	if (target->kind == TARGET_CIDR) {
		wide.family = target->prefix.addr.family;
		wide.range = addr_prefix_range(target->prefix);
	}
	return wide;
}

struct order *order_new(struct lint *lint)
{
	struct order *order = arena_alloc(lint->arena, sizeof *order);

	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];

		for (size_t j = 0; lint_is_own(rule) && rule->action == POLICY_ALLOW && j < rule->targets.count; j++) {
			const struct policy_target *target = &rule->targets.items[j];
			struct wide *wide;

			if (target->kind == TARGET_DOMAIN)
				continue;
			wide = arena_push(lint->arena, &order->wides);
			*wide = wide_of(target);
			wide->rule = (uint32_t)i;
			if (target->kind == TARGET_CIDR)
				order->lengths[wide->family == ADDR_V6][target->prefix.len] = true;
		}
	}
	if (order->wides.count)
		qsort(order->wides.items, order->wides.count, sizeof *order->wides.items, compare_wides);
	return order;
}

/* One deny, one of its targets, and where the search is */
struct deny {
	struct lint *lint;
	struct order *order;
	size_t index, by;
	const struct policy_rule *rule;
	const struct policy_target *target;
	struct witness flow;
};

/* ---- do they share flows? ---- */

static bool shared_port(const struct policy_rule *a, const struct policy_rule *b, uint16_t *out)
{
	static const struct policy_port_range all = { .lo = 0, .hi = UINT16_MAX };
	const struct policy_port_range *x = a->ports.count ? a->ports.items : &all;
	const struct policy_port_range *y = b->ports.count ? b->ports.items : &all;

	for (size_t i = 0; i < (a->ports.count ? a->ports.count : 1); i++)
		for (size_t j = 0; j < (b->ports.count ? b->ports.count : 1); j++) {
			uint16_t lo = x[i].lo > y[j].lo ? x[i].lo : y[j].lo, hi = x[i].hi < y[j].hi ? x[i].hi : y[j].hi;

			if (lo > hi)
				continue;
			*out = lo <= 443 && 443 <= hi ? 443 : lo;
			return true;
		}
	return false;
}

/* The deny takes in the wider target too: it denies the rest of that */
static bool takes_all(const struct policy_rule *rule, const struct wide *wide)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		struct wide own = wide_of(target);

		if (target->kind == TARGET_ANY ||
		    (target->kind == wide->kind && target->kind == TARGET_GROUP && target->group == wide->group) ||
		    (target->kind == wide->kind && target->kind == TARGET_CIDR && own.family == wide->family &&
		     own.range.lo <= wide->range.lo && wide->range.hi <= own.range.hi) ||
		    (target->kind == wide->kind && target->kind == TARGET_SUFFIX &&
		     name_has_suffix(wide->name, target->name)))
			return true;
	}
	return false;
}

/* Whether the allow is what decides this flow */
static bool decides(struct deny *deny, const struct witness *flow, size_t by)
{
	struct eval_verdict verdict = witness_eval(&deny->lint->context, flow);

	deny->order->steps += by + 1;
	if (verdict.action != POLICY_ALLOW || verdict.by.kind != DECIDER_RULE || verdict.by.rule != by)
		return false;
	deny->by = by;
	deny->flow = *flow;
	return true;
}

static bool decides_member(struct deny *deny, struct witness *flow, size_t by)
{
	const struct atoms *atoms = analysis_atoms(deny->lint->analysis);
	struct run runs[ATOMS_RUNS_MAX];
	size_t count, tried = 0;

	if (policy_target_is_name(deny->target)) {
		flow->bound[0] = deny->target->name;
		flow->addr = eval_unnamed_public(deny->lint->policy, ADDR_V4);
		return decides(deny, flow, by);
	}
	count = atoms_target_runs(atoms, POLICY_DENY, deny->target, runs);
	for (size_t i = 0; i < count; i++)
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi && tried < MEMBERS_MAX; atom++, tried++) {
			flow->addr = atoms_member(atoms, atom);
			if ((flow->proto == PROTO_ICMPV4 && flow->addr.family == ADDR_V6) ||
			    (flow->proto == PROTO_ICMPV6 && flow->addr.family == ADDR_V4))
				continue;
			if (decides(deny, flow, by))
				return true;
		}
	return false;
}

static bool overtakes(struct deny *deny, size_t by)
{
	const struct policy_rule *allow = &deny->lint->policy->rules.items[by], *rule = deny->rule;

	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
		for (size_t i = 0; i < POLICY_RULE_PROTOS; i++) {
			struct witness flow = { .kind = FLOW_CONNECTION,
						.direction = (enum policy_direction)direction,
						.proto = policy_protos[i],
						.has_port = policy_proto_has_ports(policy_protos[i]) };

			if (policy_rule_fits(allow, flow.direction, flow.proto) &&
			    policy_rule_fits(rule, flow.direction, flow.proto) &&
			    (!flow.has_port || shared_port(allow, rule, &flow.port)) && decides_member(deny, &flow, by))
				return true;
		}
	return false;
}

/* ---- which allows are wider ---- */

/* The allows of exactly this target that stand before the deny */
static bool any_of(struct deny *deny, const struct wide *wide)
{
	const struct wide *items = deny->order->wides.items;
	size_t lo = 0, hi = deny->order->wides.count;

	if (takes_all(deny->rule, wide))
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_wides(&items[mid], wide) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < deny->order->wides.count && items[lo].rule < deny->index; lo++) {
		struct wide same = items[lo];

		same.rule = wide->rule;
		if (compare_wides(&same, wide) || deny->order->steps++ > STEPS_MAX)
			break;
		if (overtakes(deny, items[lo].rule))
			return true;
	}
	return false;
}

static bool wider_address(struct deny *deny)
{
	struct addr_prefix prefix = deny->target->prefix;
	struct addr member = { prefix.addr.family, addr_prefix_range(prefix).lo };
	struct wide any = { .kind = TARGET_ANY, .name = "" }, group = { .kind = TARGET_GROUP, .name = "" };

	if (any_of(deny, &any))
		return true;
	if (deny->target->kind == TARGET_GROUP)
		return false;
	group.group = addr_classify(member, &deny->lint->context.gateway);
	if (any_of(deny, &group))
		return true;
	for (uint8_t len = 0; len < prefix.len; len++) {
		struct policy_target wider = { .kind = TARGET_CIDR, .prefix = { prefix.addr, len } };
		struct wide wide = wide_of(&wider);

		if (deny->order->lengths[prefix.addr.family == ADDR_V6][len] && any_of(deny, &wide))
			return true;
	}
	return false;
}

static bool wider_name(struct deny *deny)
{
	const char *name = deny->target->name;

	if (deny->target->kind == TARGET_SUFFIX) /* `*.x.org` is no wider than itself */
		name = strchr(name, '.') ? strchr(name, '.') + 1 : "";
	while (*name) {
		struct wide wide = { .kind = TARGET_SUFFIX, .name = name };

		if (any_of(deny, &wide))
			return true;
		name = strchr(name, '.') ? strchr(name, '.') + 1 : "";
	}
	return false;
}

/* ---- the finding ---- */

static void report(struct deny *deny)
{
	struct lint *lint = deny->lint;
	const struct policy_rule *allow = &lint->policy->rules.items[deny->by];
	struct diag *diag = lint_warn(lint, "deny-overtaken", lint_place(lint, deny->rule->span),
				      "comes too late: %s allows some of what it denies", lint_where(lint, allow));

	lint_example(lint, diag, &deny->flow);
	lint_relate(lint, diag, decided_by_rule(deny->by), deny->flow.direction, "by this rule");
	diag->help = arena_printf(lint->arena, "a deny of less than an allow takes in belongs before it: %s",
				  lint_where(lint, allow));
	offer_move(lint,
		   lint_offer(lint, diag, "move %s above %s", lint_where(lint, deny->rule), lint_where(lint, allow)),
		   deny->rule->span, allow->span);
}

bool check_order(struct lint *lint, struct order *order, size_t index)
{
	struct deny deny = { .lint = lint, .order = order, .index = index, .rule = &lint->policy->rules.items[index] };

	if (deny.rule->action != POLICY_DENY || order->found == FOUND_MAX)
		return false;
	for (size_t i = 0; i < deny.rule->targets.count; i++) {
		deny.target = &deny.rule->targets.items[i];
		if (deny.target->kind != TARGET_ANY &&
		    (policy_target_is_name(deny.target) ? wider_name(&deny) : wider_address(&deny))) {
			report(&deny);
			order->found++;
			return true;
		}
	}
	if (order->steps > STEPS_MAX && !order->told) {
		order->told = true;
		lint_warn(lint, "too-complex", lint_place(lint, deny.rule->span),
			  "too complex here: whether denies from here on come too late was not looked at");
	}
	return false;
}
