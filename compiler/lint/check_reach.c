/* What a policy opens without naming it: instance metadata, addresses inside, the other family; and denies on
 * names that a client gets around. */
#include "lint/checks.h"
#include "base/text.h"

#include <string.h>

/* ---- metadata-reachable, inside-reachable ---- */

/* Each class of addresses inside, as groups are spelt */
static const enum addr_class inside[] = { ADDR_CLASS_PRIVATE, ADDR_CLASS_LINK_LOCAL, ADDR_CLASS_HOST };

static bool names_metadata(const struct policy_target *target)
{
	return (target->kind == TARGET_GROUP && target->group == ADDR_CLASS_META) ||
	       (target->kind == TARGET_CIDR && lint_is_single(target->prefix));
}

/* `any`, or a CIDR with public addresses in it */
static bool is_wide(struct lint *lint, const struct policy_target *target)
{
	return target->kind == TARGET_ANY ||
	       (target->kind == TARGET_CIDR && lint_takes_class(lint, target, ADDR_CLASS_PUBLIC));
}

/* Group host judges lookups, so a deny on it may end them all: then `allow@dns` comes before it, or host is left out */
static void suggest_deny(struct lint *lint, struct diag *diag, size_t index, const char *token)
{
	const struct policy *policy = lint->policy;
	const struct policy_rule *rule = index < policy->rules.count ? &policy->rules.items[index] : NULL;
	const struct source *source = rule ? sources_get(policy->sources, rule->span.source) : NULL;
	const char *where = rule && source->kind == SOURCE_FILE ? lint_where(lint, rule) : NULL;
	struct lint_offer *offer;

	diag->help = "name what is meant: group `public`, networks, or names";
	if (!rule) {
		offer_append(lint, lint_offer(lint, diag, "add `%s`", token), token);
		offer = lint_offer(lint, diag, "add `allow@dns`, then `%s`", token);
		offer_append(lint, offer, arena_printf(lint->arena, "allow@dns\n%s", token));
		return;
	}
	offer = where ? lint_offer(lint, diag, "put `%s` above %s", token, where) :
			lint_offer(lint, diag, "put '%s' before it", token);
	offer_insert(lint, offer, rule->span, token);
	offer = where ? lint_offer(lint, diag, "put `allow@dns`, then `%s`, above %s", token, where) :
			lint_offer(lint, diag, "put 'allow@dns,%s' before it", token);
	offer_insert(lint, offer, rule->span,
		     arena_printf(lint->arena, where ? "allow@dns\n%s" : "allow@dns,%s", token));
}

static struct span cause(const struct lint *lint, size_t index, struct span item)
{
	const struct policy *policy = lint->policy;

	if (index == policy->rules.count)
		return lint_place(lint, policy->egress.span);
	if (policy->rules.items[index].targets.count > 1 && lint_is_literal(&policy->rules.items[index], item))
		return item;
	return lint_place(lint, policy->rules.items[index].span);
}

/* false: the rule, or the default, allows no metadata address, or the floor does not */
static bool report_metadata(struct lint *lint, size_t index, size_t target, struct span span)
{
	struct witness flow;
	struct diag *diag;

	if (!facts_decides_class(lint->facts, POLICY_EGRESS, index, target, ADDR_CLASS_META, &flow) ||
	    witness_eval(&lint->context, &flow).action != POLICY_ALLOW)
		return false;
	diag = lint_warn(lint, "metadata-reachable", cause(lint, index, span),
			 "instance metadata, with its credentials, is reachable");
	lint_example(lint, diag, &flow);
	suggest_deny(lint, diag, index, "deny@meta");
	return true;
}

static bool report_inside(struct lint *lint, size_t index, size_t target, struct span span)
{
	struct witness flow, example = { .kind = FLOW_DNS };
	struct text list = { .arena = lint->arena };
	struct diag *diag;

	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		if (!facts_decides_class(lint->facts, POLICY_EGRESS, index, target, inside[i], &flow) ||
		    witness_eval(&lint->context, &flow).action != POLICY_ALLOW)
			continue;
		if (!list.count)
			example = flow;
		text_addf(&list, "%s%s", list.count ? "," : "", addr_class_name(inside[i]));
	}
	if (!list.count)
		return false;
	diag = lint_warn(lint, "inside-reachable", cause(lint, index, span), "addresses inside are reachable: %s",
			 text_get(&list));
	lint_example(lint, diag, &example);
	suggest_deny(lint, diag, index,
		     arena_printf(lint->arena, strchr(list.items, ',') ? "deny@{%s}" : "deny@%s", list.items));
	return true;
}

/* One finding of each kind for a rule, at the first of its targets that is to blame */
static void check_rule(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	bool metadata = false, reported = false;

	if (!lint_is_own(rule) || rule->action != POLICY_ALLOW || !(rule->directions & POLICY_EGRESS))
		return;
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (!metadata && !names_metadata(target))
			metadata = report_metadata(lint, index, i, target->span);
		if (!reported && is_wide(lint, target))
			reported = report_inside(lint, index, i, target->span);
	}
}

/* ---- other-family-open ---- */

static bool denies_family(struct lint *lint, const struct policy_rule *rule, enum addr_family family)
{
	LIST_OF(struct addr_range) ranges = { NULL, 0, 0 };
	struct addr_set denied, all = addr_set_all(lint->arena, family);

	for (size_t i = 0; i < rule->targets.count; i++)
		if (rule->targets.items[i].kind == TARGET_CIDR && rule->targets.items[i].prefix.addr.family == family)
			*arena_push(lint->arena, &ranges) = addr_prefix_range(rule->targets.items[i].prefix);
	denied = addr_set_from_ranges(lint->arena, family, ranges.items, ranges.count);
	return addr_set_equal(&denied, &all);
}

static bool is_public_of(const struct analysis *analysis, uint32_t atom, const void *family)
{
	const struct atom *item = atoms_at(analysis_atoms(analysis), atom);

	return item->class == ADDR_CLASS_PUBLIC && item->family == *(const enum addr_family *)family;
}

static unsigned protos_of(const struct policy_rule *rule)
{
	unsigned all = PROTO_TCP | PROTO_UDP | PROTO_ICMPV4 | PROTO_ICMPV6 | PROTO_OTHER;
	unsigned protos = rule->protos ? rule->protos : all;

	if (protos & (PROTO_ICMPV4 | PROTO_ICMPV6)) /* the other family's */
		protos |= PROTO_ICMPV4 | PROTO_ICMPV6;
	return protos;
}

static void suggest_both(struct lint *lint, struct diag *diag, const struct policy_rule *rule)
{
	struct span span = rule->targets.items[0].span;
	const char *both = lint_mend(lint, rule, span, "{0.0.0.0/0,[::/0]}");

	if (both)
		offer_replace(lint, lint_offer(lint, diag, "%s", both), span, "{0.0.0.0/0,[::/0]}");
}

static void check_families(struct lint *lint, size_t index, enum policy_direction direction)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	bool v4 = denies_family(lint, rule, ADDR_V4), v6 = denies_family(lint, rule, ADDR_V6);
	enum addr_family other = v4 ? ADDR_V6 : ADDR_V4;
	const struct analysis_query query = {
		.direction = direction,
		.protos = protos_of(rule),
		.ports = rule->ports.items,
		.port_count = rule->ports.count,
		.wanted = is_public_of,
		.context = &other,
		.action = POLICY_ALLOW,
	};
	struct witness flow;
	struct diag *diag;
	struct decider by;

	if (v4 == v6 || !analysis_find(lint->analysis, &query, &flow, &by))
		return;
	diag = lint_warn(lint, "other-family-open", lint_place(lint, rule->span),
			 "denies IPv%d alone: IPv%d stays open", v4 ? 4 : 6, v4 ? 6 : 4);
	lint_example(lint, diag, &flow);
	lint_relate(lint, diag, by, direction, by.kind == DECIDER_RULE ? "by this rule" : "by this default");
	diag->help = v4 ? "deny [::/0] as well" : "deny 0.0.0.0/0 as well";
	if (rule->targets.count == 1)
		suggest_both(lint, diag, rule);
}

static bool has_whole_family(const struct policy_rule *rule)
{
	bool cidr = false;

	for (size_t i = 0; i < rule->targets.count; i++)
		cidr = cidr || (rule->targets.items[i].kind == TARGET_CIDR && rule->targets.items[i].prefix.len <= 1);
	return cidr;
}

static void check_deny(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	const struct rule_facts *facts = facts_of_rule(lint->facts, index);
	struct diag *diag;

	if (!lint_is_own(rule) || rule->action != POLICY_DENY)
		return;
	if (has_whole_family(rule)) {
		if (rule->directions & POLICY_EGRESS)
			check_families(lint, index, POLICY_EGRESS);
		else
			check_families(lint, index, POLICY_INGRESS);
	}
	if (!facts->bypass || !facts->decides)
		return;
	diag = lint_note(lint, "name-bypass", lint_place(lint, rule->span),
			 "a client that brings the address%s gets there all the same",
			 lint->policy->server_names ? " and sends no server name" : "");
	lint_example(lint, diag, &facts->bypass_flow);
	lint_relate(lint, diag, facts->bypass_by, POLICY_EGRESS,
		    facts->bypass_by.kind == DECIDER_RULE ? "allowed by address here" : "allowed by this default");
}

void check_reach(struct lint *lint)
{
	size_t count = lint->policy->rules.count;

	for (size_t i = 0; i < count && !lint->fuel.out; i++) {
		check_rule(lint, i);
		check_deny(lint, i);
	}
	if (lint->policy->egress.action == POLICY_ALLOW && !lint->fuel.out) {
		report_metadata(lint, count, 0, SPAN_NONE);
		report_inside(lint, count, 0, SPAN_NONE);
	}
}
