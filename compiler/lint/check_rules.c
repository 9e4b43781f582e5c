/* Rules that decide nothing, and rules that decide nothing that matters. */
#include "lint/checks.h"
#include "base/name.h"

#include <string.h>

#define OTHERS_MAX 8 /* second places of one finding */

static const struct policy_rule *rule_at(const struct lint *lint, size_t index)
{
	return &lint->policy->rules.items[index];
}

static bool all_names(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (!policy_target_is_name(&rule->targets.items[i]))
			return false;
	return true;
}

static bool in_one_file(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->span.source == b->span.source;
}

/* ---- never-matches ---- */

static bool only_mapped(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (rule->targets.items[i].kind != TARGET_CIDR || rule->targets.items[i].prefix.len < 96 ||
		    !addr_is_mapped(rule->targets.items[i].prefix.addr))
			return false;
	return true;
}

static bool only_unspecified(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (rule->targets.items[i].kind != TARGET_CIDR || !lint_is_single(rule->targets.items[i].prefix) ||
		    !addr_is_unspecified(rule->targets.items[i].prefix.addr))
			return false;
	return true;
}

static void suggest_unmapped(struct lint *lint, struct diag *diag, const struct policy_rule *rule)
{
	struct addr_prefix prefix = rule->targets.items[0].prefix;
	char text[ADDR_TEXT_MAX];
	const char *v4;

	if (rule->targets.count != 1)
		return;
	addr_format(addr_unmap(prefix.addr), text);
	v4 = lint_is_single(prefix) ? text : arena_printf(lint->arena, "%s/%u", text, prefix.len - 96u);
	if (lint_mend(lint, rule, rule->targets.items[0].span, v4))
		offer_replace(lint,
			      lint_offer(lint, diag, "%s", lint_mend(lint, rule, rule->targets.items[0].span, v4)),
			      rule->targets.items[0].span, v4);
}

static void never_matches(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = rule_at(lint, index);
	const char *why = "its ports are refused whatever the rules say";
	struct diag *diag;

	if (only_mapped(rule))
		why = "an IPv4-mapped address is the IPv4 address";
	else if (only_unspecified(rule))
		why = "nothing has the unspecified address";
	else if (rule->ports.count && rule->protos && !(rule->protos & (PROTO_TCP | PROTO_UDP)))
		why = "ICMP has no ports";
	else if (rule->protos && !(rule->protos & ~(unsigned)(PROTO_ICMPV4 | PROTO_ICMPV6)))
		why = rule->protos & PROTO_ICMPV6 ? "icmpv6 runs over IPv6 alone" : "icmpv4 runs over IPv4 alone";
	diag = lint_warn(lint, "never-matches", lint_place(lint, rule->span), "matches no flow: %s", why);
	if (only_mapped(rule))
		suggest_unmapped(lint, diag, rule);
	diag->help = "it does nothing";
	offer_remove(lint, lint_offer(lint, diag, "remove the rule"), rule->span);
}

/* ---- name-unresolvable ---- */

static bool resolvable(const struct lint *lint, size_t index)
{
	size_t count;
	const struct run *spans = name_classes_rule_runs(analysis_names(lint->analysis), 0, index, &count);

	for (size_t i = 0; i < count; i++)
		for (uint32_t class = spans[i].lo; class < spans[i].hi; class ++)
			if (analysis_resolvable(lint->analysis, class))
				return true;
	return false;
}

/* An allow rule on names acts on connections to what they resolved to. */
static bool can_act(const struct lint *lint, size_t index)
{
	const struct policy_rule *rule = rule_at(lint, index);

	return rule->action == POLICY_DENY || !all_names(rule) || resolvable(lint, index);
}

/* A rule that judges lookups whatever their names */
static bool judges_all_lookups(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (!policy_target_is_name(&rule->targets.items[i]) && rule->targets.items[i].kind != TARGET_CIDR)
			return true;
	return false;
}

/* One finding for all rules whose lookups the same rule ends; it names some of the others. */
static bool told_before(struct lint *lint, size_t index, size_t forbids)
{
	if (lint->dns_ended_by != forbids + 1)
		return false;
	if (lint->dns_ended && lint->dns_ended->related.count < OTHERS_MAX)
		diag_relate(lint->diags, lint->dns_ended, rule_at(lint, index)->span, "nor does this rule decide");
	return true;
}

static void offer_lookup(struct lint *lint, struct diag *diag, size_t index, size_t forbidding)
{
	const struct policy_rule *rule = rule_at(lint, index), *forbids = rule_at(lint, forbidding);
	const char *where = lint_where(lint, forbids);

	if (forbidding >= index)
		return;
	if (*lint_host_judges(lint, forbidding) && forbids->targets.count > 1)
		offer_dns(lint, diag, forbidding);
	if (in_one_file(rule, forbids))
		offer_move(lint, lint_offer(lint, diag, "move %s above %s", lint_where(lint, rule), where), rule->span,
			   forbids->span);
	offer_dns(lint, diag, forbidding);
}

static void name_unresolvable(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = rule_at(lint, index), *forbids;
	struct witness query = { .kind = FLOW_DNS };
	size_t count;
	const struct run *spans = name_classes_rule_runs(analysis_names(lint->analysis), 0, index, &count);
	struct eval_verdict verdict;
	struct diag *diag;

	query.name = name_classes_at(analysis_names(lint->analysis), spans[0].lo)->member;
	if (!query.name)
		query.name = rule->targets.items[0].name;
	verdict = eval_dns(&lint->context, query.name, FLOW_DNS_UDP);
	forbids = verdict.by.kind == DECIDER_RULE ? rule_at(lint, verdict.by.rule) : NULL;
	if (forbids && told_before(lint, index, verdict.by.rule))
		return;
	diag = lint_warn(lint, "name-unresolvable", lint_place(lint, rule->span),
			 "never decides: no lookup of %s is allowed%s",
			 rule->targets.count == 1 ? "its name" : "its names",
			 forbids ? lint_host_judges(lint, verdict.by.rule) : "");
	if (forbids && judges_all_lookups(forbids) && diag != &lint->spare) {
		lint->dns_ended_by = verdict.by.rule + 1;
		lint->dns_ended = diag;
	}
	lint_example(lint, diag, &query);
	lint_relate(lint, diag, verdict.by, POLICY_EGRESS,
		    verdict.by.kind == DECIDER_RULE  ? "by this rule" :
		    verdict.by.kind == DECIDER_LABEL ? "a label of it is longer than this" :
						       "by this default");
	diag->help = forbids ? arena_printf(lint->arena, "the lookup has to be allowed before %s",
					    lint_where(lint, forbids)) :
		     verdict.by.kind == DECIDER_LABEL ?
			       arena_printf(lint->arena, "limit dns label %zu would let it pass",
					    name_longest_label(query.name)) :
			       "the lookup has to be allowed: by an egress rule on the name, or on `dns`";
	if (forbids)
		offer_lookup(lint, diag, index, verdict.by.rule);
}

/* ---- shadowed-rule, redundant-rule ---- */

static void shadowed(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = rule_at(lint, index), *by = rule_at(lint, facts->shadowing.rule);
	bool allows = rule->action == POLICY_ALLOW;
	struct diag *diag =
		lint_warn(lint, "shadowed-rule", lint_place(lint, rule->span), "never decides: %s it %s is %s before",
			  facts->shadowed_alike ? "part of what" : "all", allows ? "allows" : "denies",
			  allows ? "denied" : "allowed");

	lint_example(lint, diag, &facts->shadowed);
	lint_relate(lint, diag, facts->shadowing, POLICY_EGRESS, "by this rule");
	diag->help = arena_printf(lint->arena, "one of the two says more than is meant: this rule, or %s",
				  lint_where(lint, by));
	if (in_one_file(rule, by) && facts->shadowing.rule < index)
		offer_move(lint,
			   lint_offer(lint, diag, "move %s above %s", lint_where(lint, rule), lint_where(lint, by)),
			   rule->span, by->span);
}

static void redundant(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = rule_at(lint, index);
	bool allows = rule->action == POLICY_ALLOW, taken = facts->shadowing.kind == DECIDER_RULE;
	struct diag *diag = lint_warn(lint, "redundant-rule", lint_place(lint, rule->span), "never decides: %s",
				      !taken ? "no lookup binds its names" :
				      allows ? "all it allows is allowed before" :
					       "all it denies is denied before");

	if (taken) {
		lint_example(lint, diag, &facts->shadowed);
		lint_relate(lint, diag, facts->shadowing, POLICY_EGRESS, "by this rule");
	}
	offer_remove(lint, lint_offer(lint, diag, "remove %s", lint_where(lint, rule)), rule->span);
}

/* A rule that decides nothing may still be what lets an answer through. */
static void undeciding(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = rule_at(lint, index);

	if (facts->answers || facts->of_ech)
		return;
	if (facts->unknown) {
		lint_warn(lint, "too-complex", lint_place(lint, rule->span),
			  "too complex here: too many names to tell whether the rule decides anything");
		return;
	}
	if (facts->shadowing_opposes)
		shadowed(lint, index, facts);
	else
		redundant(lint, index, facts);
}

/* ---- no-effect, implicit-default ---- */

static bool has_builtin_rules(const struct policy *policy)
{
	return policy->rules.count && policy->rules.items[policy->rules.count - 1].origin == ORIGIN_BUILTIN;
}

static bool is_file_allow(const struct policy_rule *rule)
{
	return rule->origin == ORIGIN_FILE && rule->action == POLICY_ALLOW && (rule->directions & POLICY_EGRESS);
}

/* The place of implicit-default: the first allow rule of a file without a default for egress */
static size_t implicit_default(const struct lint *lint)
{
	size_t i = 0;

	if (!has_builtin_rules(lint->policy) || lint->policy->egress.span.source != SPAN_NO_SOURCE)
		return lint->policy->rules.count;
	while (i < lint->policy->rules.count && !is_file_allow(rule_at(lint, i)))
		i++;
	return i;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && !strcmp(name + len - tail, suffix);
}

/* Neither file nor command line has a rule, and nothing says who else decides; an import has other words for it */
static bool has_nothing(const struct lint *lint)
{
	const struct policy *policy = lint->policy;
	const struct source *top = sources_get(policy->sources, lint_top_source(lint));

	return policy->rules.count && rule_at(lint, 0)->origin == ORIGIN_BUILTIN && top && top->name == policy->name &&
	       top->kind == SOURCE_FILE && !has_suffix(top->name, ".json") && !has_suffix(top->name, ".yaml") &&
	       !has_suffix(top->name, ".yml");
}

static void empty_file(struct lint *lint)
{
	struct span start = { lint_top_source(lint), 0, 0 };
	struct diag *diag = lint_warn(lint, "implicit-default", start,
				      "there is no rule, so all is as without a policy: allow@dns, allow@public");

	diag->help = "default egress deny";
	offer_insert(lint, lint_offer(lint, diag, "default egress deny"), start, "default egress deny");
	offer_append(lint, lint_offer(lint, diag, "default egress deny"),
		     "default egress deny"); /* where a mark begins it */
}

static void no_effect(struct lint *lint, size_t index, const struct rule_facts *facts)
{
	const struct policy_rule *rule = rule_at(lint, index);
	struct diag *diag;

	if (rule->log || rule->because || rule->bytes || facts->unknown)
		return;
	diag = lint_note(lint, "no-effect", lint_place(lint, rule->span),
			 "makes no difference: all it %s would be %s without it",
			 rule->action == POLICY_ALLOW ? "allows" : "denies",
			 rule->action == POLICY_ALLOW ? "allowed" : "denied");
	lint_example(lint, diag, &facts->example);
	diag->help = "say what it is for: because \"…\"";
	offer_remove(lint,
		     lint_offer(lint, diag, "remove %s, or say what it is for: because \"…\"", lint_where(lint, rule)),
		     rule->span);
}

static void implicit_default_finding(struct lint *lint, const struct policy_rule *first)
{
	struct diag *diag = lint_warn(lint, "implicit-default", lint_place(lint, first->span),
				      "`allow@dns, allow@public` come after this file: it has no default");

	diag->help = "say what decides the rest: `default egress deny`, or `profile public`";
	offer_insert(lint, lint_offer(lint, diag, "add a line `default egress deny`"), first->span,
		     "default egress deny");
	offer_insert(lint, lint_offer(lint, diag, "say it: add a line `profile public`"), first->span,
		     "profile public");
}

void check_rules(struct lint *lint)
{
	size_t implicit = implicit_default(lint);
	struct order *order = order_new(lint);

	if (has_nothing(lint))
		empty_file(lint);
	else if (implicit < lint->policy->rules.count)
		implicit_default_finding(lint, rule_at(lint, implicit));
	for (size_t i = 0; i < lint->policy->rules.count && !lint->fuel.out; i++) {
		const struct rule_facts *facts = facts_of_rule(lint->facts, i);

		if (!lint_is_own(rule_at(lint, i)))
			continue;
		if (check_never_passes(lint, i))
			continue;
		if (!facts->matches) {
			never_matches(lint, i);
		} else if (check_floor(lint, i)) {
			continue;
		} else if (!can_act(lint, i)) { /* though it may decide a lookup by DNS over TLS, which is refused */
			name_unresolvable(lint, i);
		} else if (!facts->decides) {
			undeciding(lint, i, facts);
		} else {
			check_parts(lint, i);
			if (!check_order(lint, order, i) && !facts->changes_verdict &&
			    !(implicit < lint->policy->rules.count && is_file_allow(rule_at(lint, i))))
				no_effect(lint, i, facts);
		}
	}
}
