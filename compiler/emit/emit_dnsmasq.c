/* `--emit dnsmasq`: a configuration for dnsmasq that answers by the policy and fills the sets of the ruleset at -O 0:
 * `server=` for what may be looked up, `local=` for what is NXDOMAIN, `nftset=` for the addresses of name
 * rules, `bogus-nxdomain=` for rebind protection. In dnsmasq a domain is itself and all below it, with `*.` in
 * front only what is below, and the longest match decides; `nftset` knows the first form alone. */
#include "emit/emit.h"
#include "lower/sandbox_net.h"
#include "base/escape.h"
#include "eval/eval.h"
#include "base/name.h"
#include "emit/name_tree.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 200000, CIDRS_MAX = 1000 };

struct emitter {
	struct arena *arena;
	struct diags *diags;
	const struct policy *policy;
	const struct addr_gateway *gateway;
	const struct name_tree *tree;
	struct text text;
	struct name_rules *inherited; /* of each node: rules whose sets take in what is below it */
	const char **below_sets;      /* of each node: its nftset= for what is below it; NULL: none */
	size_t spent;                 /* rules in all those lists */
};

static bool refuse(struct emitter *e, struct span span, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool refuse(struct emitter *e, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	diag_error(e->diags, "cannot-say", span, "%s", arena_vprintf(e->arena, fmt, args));
	va_end(args);
	return false;
}

/* ---- server= and local= ---- */

/* `pattern` goes to the nameservers, or to none */
static void add_names(struct emitter *e, const char *pattern, struct decider by)
{
	const char *reason = name_tree_reason(e->arena, e->tree, by);

	text_addf(&e->text, "# %s\n", reason);
	if (name_tree_action(e->tree, by) == POLICY_DENY) {
		text_addf(&e->text, "local=/%s/\n", pattern);
	} else if (name_tree_action(e->tree, e->tree->other) == POLICY_ALLOW) {
		text_addf(&e->text, "server=/%s/#\n", pattern);
	} else {
		for (size_t i = 0; i < e->policy->nameservers.count; i++)
			text_addf(&e->text, "server=/%s/%s#%u\n", pattern,
				  policy_nameserver_host(e->arena, &e->policy->nameservers.items[i], false),
				  e->policy->nameservers.items[i].port);
	}
}

static void add_other_names(struct emitter *e)
{
	const struct policy *policy = e->policy;

	text_addf(&e->text, "# any other name: %s\n", name_tree_reason(e->arena, e->tree, e->tree->other));
	if (name_tree_action(e->tree, e->tree->other) == POLICY_DENY) {
		text_add(&e->text, "no-resolv\nlocal=/#/\n");
		return;
	}
	if (policy->nameservers.count)
		text_add(&e->text, "no-resolv\n");
	for (size_t i = 0; i < policy->nameservers.count; i++)
		text_addf(&e->text, "server=%s#%u\n",
			  policy_nameserver_host(e->arena, &policy->nameservers.items[i], false),
			  policy->nameservers.items[i].port);
}

static void add_node(struct emitter *e, const struct name_node *node)
{
	struct decider above = node->parent == NAME_TREE_NONE ? e->tree->other : e->tree->items[node->parent].below;
	enum policy_action outside = name_tree_action(e->tree, above), self = name_tree_action(e->tree, node->self),
			   below = name_tree_action(e->tree, node->below);

	if (self == outside && below == outside)
		return;
	if (self == below || self != outside)
		add_names(e, node->name, node->self);
	if (self != below)
		add_names(e, arena_printf(e->arena, "*.%s", node->name), node->below);
}

/* ---- nftset= ---- */

static void join_rules(struct emitter *e, struct name_rules *out, const struct name_rules *more)
{
	struct name_rules merged = { 0 };
	size_t i = 0, k = 0;

	if (!more->count)
		return;
	while (i < out->count || k < more->count) {
		size_t next = k == more->count || (i < out->count && out->items[i] <= more->items[k]) ? out->items[i] :
													more->items[k];
		i += i < out->count && out->items[i] == next;
		k += k < more->count && more->items[k] == next;
		*arena_push(e->arena, &merged) = next;
	}
	*out = merged;
	e->spent += merged.count;
}

/* "4#inet#msb#rule2_v4,6#inet#msb#rule2_v6", or NULL where no rule has a set */
static const char *set_list(struct emitter *e, const struct name_rules *rules)
{
	static const enum addr_family families[] = { ADDR_V4, ADDR_V6 };
	struct text text = { .arena = e->arena };

	for (size_t i = 0; i < rules->count; i++)
		for (size_t f = 0; f < 2; f++) {
			const char *set = lower_binding_set(e->arena, e->policy, rules->items[i], families[f]);
			if (set)
				text_addf(&text, "%s%d#inet#%s#%s", text.count ? "," : "", (int)families[f],
					  LOWER_TABLE, set);
		}
	return text.count ? text_get(&text) : NULL;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool add_sets(struct emitter *e, size_t index)
{
	const struct name_node *node = &e->tree->items[index];
	bool top = node->parent == NAME_TREE_NONE;
	struct name_rules *below = &e->inherited[index], self;

	if (!top)
		*below = e->inherited[node->parent];
	join_rules(e, below, &node->suffix);
	self = *below;
	join_rules(e, &self, &node->exact);
	if (e->spent > SETS_MAX) {
		diag_error(e->diags, "too-complex", name_tree_span(e->tree, node),
			   "too many sets for the names that several rules name");
		return false;
	}
	bool self_resolves = name_tree_action(e->tree, node->self) == POLICY_ALLOW;
	bool below_resolves = name_tree_action(e->tree, node->below) == POLICY_ALLOW;
	const char *outside = top ? NULL : e->below_sets[node->parent];
	const char *self_sets = set_list(e, &self), *below_sets = set_list(e, below);
	e->below_sets[index] = below_sets;
	if (self_resolves && below_resolves && !is_same_text(self_sets, below_sets))
		return refuse(e, name_tree_span(e->tree, node),
			      "rules on `%s` alone: dnsmasq would fill their sets with the addresses of what "
			      "is below it too",
			      node->name);
	const char *sets = self_resolves ? self_sets : below_resolves ? below_sets : NULL;
	if (!sets && outside && (self_resolves || below_resolves))
		return refuse(e, name_tree_span(e->tree, node),
			      "`%s` is in no set: dnsmasq would fill those of the name above it", node->name);
	if (sets && !is_same_text(sets, outside))
		text_addf(&e->text, "nftset=/%s/%s\n", node->name, sets);
	if (self_resolves && !below_resolves)
		e->below_sets[index] = self_sets; /* what dnsmasq would do below, where a name may be allowed again */
	return true;
}

/* ---- bogus-nxdomain= ---- */

static int by_value(const void *a, const void *b)
{
	return COMPARE(*(const u128 *)a, *(const u128 *)b);
}

struct cuts {
	u128 *items;
	size_t count, cap;
};

/* Where a range begins and where what follows it does: there a verdict may change */
static void add_cuts(struct emitter *e, struct cuts *cuts, const struct addr_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		*arena_push(e->arena, cuts) = set->items[i].lo;
		*arena_push(e->arena, cuts) =
			set->items[i].hi + 1; /* past the last address: 0, which changes nothing */
	}
}

static void add_prefix_cuts(struct emitter *e, struct cuts *cuts, enum addr_family family, struct addr_prefix prefix)
{
	struct addr_range range = addr_prefix_range(prefix);
	struct addr_set set = addr_set_from_ranges(e->arena, prefix.addr.family, &range, 1);

	if (prefix.addr.family != family) {
		if (family == ADDR_V4)
			return;
		set = addr_embedding_set(e->arena, &set, &e->gateway->nat64);
	}
	add_cuts(e, cuts, &set);
}

static bool find_cuts(struct emitter *e, enum addr_family family, struct cuts *cuts)
{
	size_t cidrs = 0;

	for (int class = 0; class < ADDR_CLASS_COUNT; class ++) {
		struct addr_set set = addr_class_set(e->arena, (enum addr_class) class, family, e->gateway);
		add_cuts(e, cuts, &set);
	}
	for (size_t i = 0; i < e->policy->rules.count; i++) {
		const struct policy_rule *rule = &e->policy->rules.items[i];
		for (size_t k = 0; !rule->ports.count && k < rule->targets.count; k++) {
			if (rule->targets.items[k].kind != TARGET_CIDR)
				continue;
			if (cidrs++ == CIDRS_MAX)
				return refuse(e, rule->span,
					      "more than %d networks that may be exceptions of rebind protection",
					      CIDRS_MAX);
			add_prefix_cuts(e, cuts, family, rule->targets.items[k].prefix);
		}
	}
	if (cuts->count)
		qsort(cuts->items, cuts->count, sizeof *cuts->items, by_value);
	return true;
}

static void add_bogus(struct emitter *e, const struct addr_set *held, u128 base, enum addr_family family)
{
	struct addr_prefix prefixes[254];
	char buf[ADDR_TEXT_MAX];

	for (size_t i = 0; i < held->count; i++) {
		struct addr_range range = { base | held->items[i].lo, base | held->items[i].hi };
		size_t count = addr_range_prefixes(family, range, prefixes);
		for (size_t k = 0; k < count; k++)
			text_addf(&e->text, "bogus-nxdomain=%s/%u\n", addr_format(prefixes[k].addr, buf),
				  prefixes[k].len);
	}
}

/* What the reference evaluator holds back, piece by piece between the cuts; IPv4 in its mapped form as well */
static bool add_rebind(struct emitter *e, enum addr_family family)
{
	struct eval_context context = { .policy = e->policy, .gateway = *e->gateway, .bindings = EVAL_NO_BINDINGS };
	struct addr_set reserved = addr_reserved_set(e->arena, family, e->gateway), held = addr_set_empty(family);
	struct cuts cuts = { 0 };

	if (!find_cuts(e, family, &cuts))
		return false;
	for (size_t i = 0, c = 0; i < reserved.count; i++)
		for (u128 lo = reserved.items[i].lo, hi;; lo = hi + 1) {
			while (c < cuts.count && cuts.items[c] <= lo)
				c++;
			hi = c < cuts.count && cuts.items[c] <= reserved.items[i].hi ? cuts.items[c] - 1 :
										       reserved.items[i].hi;
			if (!eval_answer_passes(&context, (struct addr){ family, lo }))
				addr_set_add(e->arena, &held, (struct addr_range){ lo, hi });
			if (hi == reserved.items[i].hi)
				break;
		}
	add_bogus(e, &held, 0, family);
	if (family == ADDR_V4)
		add_bogus(e, &held, (u128)0xffff << 32, ADDR_V6);
	return true;
}

/* ---- all of it ---- */

static bool can_say(struct emitter *e)
{
	const struct policy *policy = e->policy;
	bool ok = true;

	for (size_t i = 0; i < e->tree->count; i++) {
		const struct name_node *node = &e->tree->items[i];
		if (!node->mentioned)
			continue;
		if (!strcmp(node->name, NAME_HOST_ALIAS) && name_tree_action(e->tree, node->self) == POLICY_ALLOW)
			ok = refuse(e, name_tree_span(e->tree, node), "`%s`: only a sandbox's own DNS knows it",
				    node->name);
	}
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].within.count)
			ok = refuse(e, policy->rules.items[i].span,
				    "`in`: dnsmasq lets all answers hold an address, or none");
	for (size_t i = 0; i < policy->nameservers.count; i++)
		if (policy->nameservers.items[i].is_name) {
			diag_error(e->diags, "cannot-say", policy->nameservers.items[i].span,
				   "a nameserver by name: dnsmasq may have to look it up from itself");
			ok = false;
		}
	if (!policy->nameservers.count && name_tree_action(e->tree, e->tree->other) == POLICY_DENY && e->tree->count) {
		refuse(e, policy->egress.span, "where other names are denied dnsmasq wants to be told whom to ask");
		e->diags->list.items[e->diags->list.count - 1].help = "name the servers: dns nameserver 192.0.2.53";
		ok = false;
	}
	return ok;
}

static void add_head(struct emitter *e)
{
	text_addf(&e->text, "# The names that %s lets a guest look up, for dnsmasq 2.87 or later.\n",
		  escape_nft_comment(e->arena, basename(e->policy->name)));
	text_add(&e->text, "# Not in here: how long to wait for a nameserver, and host.microsandbox.internal. "
			   "Addresses stay in\n"
			   "# the sets: dnsmasq gives them no timeout, a default of the set's own would.\n"
			   "no-hosts\nstrict-order\n");
}

const char *emit_dnsmasq(struct arena *arena, const struct policy *policy, const struct addr_gateway *gateway,
			 struct diags *diags)
{
	struct emitter e = { arena, diags, policy, gateway, name_tree_build(arena, policy, diags), { .arena = arena },
			     NULL,  NULL,  0 };
	bool ok = e.tree && can_say(&e);

	if (!ok)
		return NULL;
	e.inherited = arena_alloc(arena, (e.tree->count + 1) * sizeof *e.inherited);
	e.below_sets = arena_alloc(arena, (e.tree->count + 1) * sizeof *e.below_sets);
	add_head(&e);
	emit_note_limits(&e.text, policy, "#");
	add_other_names(&e);
	for (size_t i = 0; i < e.tree->count; i++)
		add_node(&e, &e.tree->items[i]);
	text_add(&e.text, "# the sets of the ruleset's name rules, as `msb-policyc compile -O 0` has them\n");
	for (size_t i = 0; ok && i < e.tree->count; i++)
		ok = add_sets(&e, i);
	text_add(&e.text, policy->rebind_protection ? "# rebind protection\n" : "# rebind protection is off\n");
	ok = ok && (!policy->rebind_protection || (add_rebind(&e, ADDR_V4) && add_rebind(&e, ADDR_V6)));
	return ok ? text_get(&e.text) : NULL;
}
