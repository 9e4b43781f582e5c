/* What cannot be reached: names, where only addresses are allowed, and published ports. */
#include "lint/checks.h"

#include <string.h>

/* ---- no-dns ---- */

static bool any_resolvable(const struct lint *lint)
{
	for (uint32_t i = 0; i < name_classes_count(analysis_names(lint->analysis)); i++)
		if (analysis_resolvable(lint->analysis, i))
			return true;
	return false;
}

/* An egress allow of public addresses, a CIDR of one address aside: a rule or the default */
static bool allows_public(struct lint *lint, struct decider *by, struct witness *flow)
{
	const struct policy *policy = lint->policy;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		for (size_t j = 0; rule->action == POLICY_ALLOW && j < rule->targets.count; j++) {
			const struct policy_target *target = &rule->targets.items[j];

			*by = decided_by_rule(i);
			if (!(target->kind == TARGET_CIDR && lint_is_single(target->prefix)) &&
			    facts_decides_class(lint->facts, POLICY_EGRESS, i, j, ADDR_CLASS_PUBLIC, flow))
				return true;
		}
	}
	*by = decided_by(DECIDER_DEFAULT);
	return policy->egress.action == POLICY_ALLOW &&
	       facts_decides_class(lint->facts, POLICY_EGRESS, policy->rules.count, 0, ADDR_CLASS_PUBLIC, flow);
}

const char *lint_host_judges(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];

	for (size_t i = 0; i < rule->targets.count; i++)
		if (rule->targets.items[i].kind == TARGET_GROUP && rule->targets.items[i].group == ADDR_CLASS_HOST &&
		    !strstr(rule->text, "@dns"))
			return " (group host judges lookups)";
	return "";
}

/* Where a rule on group host, which judges lookups, forbids them all */
void offer_dns(struct lint *lint, struct diag *diag, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	const char *where = lint_where(lint, rule);

	for (size_t i = 0; i < rule->targets.count && rule->targets.count > 1; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (target->kind == TARGET_GROUP && target->group == ADDR_CLASS_HOST &&
		    lint_is_literal(rule, target->span))
			offer_remove_item(lint, lint_offer(lint, diag, "drop `host` from %s", where), target->span);
	}
	offer_insert(lint, lint_offer(lint, diag, "put `allow@dns` above %s", where), rule->span, "allow@dns");
}

void check_dns(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	struct witness flow, query = { .kind = FLOW_DNS };
	struct eval_verdict verdict;
	struct diag *diag;
	struct decider by;
	bool by_rule;

	if (any_resolvable(lint) || !allows_public(lint, &by, &flow))
		return;
	query.name = name_classes_at(analysis_names(lint->analysis), 0)->member;
	verdict = eval_dns(&lint->context, query.name, FLOW_DNS_UDP);
	by_rule = verdict.by.kind == DECIDER_RULE;
	diag = lint_warn(lint, "no-dns",
			 lint_place(lint, by_rule ? policy->rules.items[verdict.by.rule].span : policy->egress.span),
			 "no name resolves: public addresses are allowed, DNS is not%s",
			 by_rule ? lint_host_judges(lint, verdict.by.rule) : "");
	if (by_rule && diag != &lint->spare)
		lint->dns_ended_by = verdict.by.rule + 1;
	lint_example(lint, diag, &query);
	if (diag->example)
		diag->example_verdict = by_rule ? "is denied by this rule" : "is denied by this default";
	lint_relate(lint, diag, by, POLICY_EGRESS, "allowed here, by address");
	diag->help = "allow the names that are needed";
	if (by_rule)
		offer_dns(lint, diag, verdict.by.rule);
	else if (by.kind == DECIDER_RULE && lint_is_own(&policy->rules.items[by.rule]))
		offer_insert(lint, lint_offer(lint, diag, "add a line `allow@dns`"), policy->rules.items[by.rule].span,
			     "allow@dns");
	else
		offer_append(lint, lint_offer(lint, diag, "add a line `allow@dns`"), "allow@dns");
}

/* ---- port-not-reachable ---- */

static bool is_peer(const struct analysis *analysis, uint32_t atom, const void *context)
{
	const struct policy_publish *publish = context;
	const struct atom *item = atoms_at(analysis_atoms(analysis), atom);
	struct addr bind = publish->bind;

	if (addr_classify(bind, NULL) == ADDR_CLASS_LOOPBACK)
		return item->class == ADDR_CLASS_LOOPBACK && item->family == bind.family;
	if (addr_is_unspecified(bind) && bind.family == ADDR_V6)
		return true;
	return item->family == bind.family;
}

/* A rule on a name may let a peer in that the guest has looked up. */
static bool named_peer(const struct lint *lint, const struct policy_publish *publish)
{
	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];
		size_t count;

		name_classes_rule_runs(analysis_names(lint->analysis), 0, i, &count);
		if (count && rule->action == POLICY_ALLOW && (rule->directions & POLICY_INGRESS) &&
		    facts_of_rule(lint->facts, i)->decides && eval_rule_matches_proto(rule, publish->proto) &&
		    eval_rule_matches_port(rule, true, publish->guest_port) &&
		    addr_classify(publish->bind, NULL) != ADDR_CLASS_LOOPBACK)
			return true;
	}
	return false;
}

/* A peer that connects to the published port, bound to no name, and gets this verdict */
static bool find_peer(struct lint *lint, const struct policy_publish *publish, enum policy_action action,
		      bool (*wanted)(const struct analysis *, uint32_t atom, const void *context), struct witness *flow,
		      struct decider *by)
{
	const struct policy_port_range port = { .lo = publish->guest_port, .hi = publish->guest_port };
	const struct analysis_query query = {
		.direction = POLICY_INGRESS,
		.protos = publish->proto,
		.ports = &port,
		.port_count = 1,
		.wanted = wanted,
		.context = publish,
		.action = action,
	};

	return analysis_find(lint->analysis, &query, flow, by);
}

static void check_publish(struct lint *lint, const struct policy_publish *publish)
{
	struct witness flow;
	struct diag *diag;
	struct decider by;
	bool local = addr_classify(publish->bind, NULL) == ADDR_CLASS_LOOPBACK, found;
	const char *rule;

	if (find_peer(lint, publish, POLICY_ALLOW, is_peer, &flow, &by) || lint->fuel.out || named_peer(lint, publish))
		return;
	diag = lint_warn(lint, "port-not-reachable", lint_place(lint, publish->span),
			 local ? "no peer may connect: the port listens on loopback alone, and that is denied" :
				 "no peer may connect");
	found = find_peer(lint, publish, POLICY_DENY, is_peer, &flow, &by);
	if (found) {
		lint_example(lint, diag, &flow);
		lint_relate(lint, diag, by, POLICY_INGRESS,
			    by.kind == DECIDER_RULE ? "by this rule" : "by this default");
	}
	rule = arena_printf(lint->arena, "allow:ingress@%s:%s:%u", local ? "loopback" : "private",
			    policy_proto_name(publish->proto), publish->guest_port);
	diag->help = "a rule must let its peers in, or the port need not be published";
	if (found && by.kind == DECIDER_RULE && lint_is_own(&lint->policy->rules.items[by.rule]))
		offer_insert(lint,
			     lint_offer(lint, diag, "put `%s` above %s", rule,
					lint_where(lint, &lint->policy->rules.items[by.rule])),
			     lint->policy->rules.items[by.rule].span, rule);
	else
		offer_append(lint, lint_offer(lint, diag, "%s", rule), rule);
}

/* ---- publish-open ---- */

static bool is_public_peer(const struct analysis *analysis, uint32_t atom, const void *publish)
{
	return atoms_at(analysis_atoms(analysis), atom)->class == ADDR_CLASS_PUBLIC && is_peer(analysis, atom, publish);
}

/* The specification's address in front of the ports, "0.0.0.0" or "[::]"; empty where it has none */
static struct span bind_span(const struct lint *lint, struct span span)
{
	const struct source *source = sources_get(lint->policy->sources, span.source);
	uint32_t at = span.start, end;

	if (!source)
		return SPAN_NONE;
	if (source->kind == SOURCE_FILE && span.end - at > strlen("publish ") &&
	    !strncmp(source->text + at, "publish", strlen("publish")))
		at += (uint32_t)strlen("publish");
	at += (uint32_t)strspn(source->text + at, " \t");
	end = at + (uint32_t)strspn(source->text + at,
				    source->text[at] == '[' ? "[:.0123456789abcdefABCDEF" : ".0123456789");
	end += source->text[end] == ']';
	return (struct span){ span.source, at, end < span.end ? end : span.end };
}

static void offer_closing(struct lint *lint, struct diag *diag, const struct policy_publish *publish)
{
	const char *local = publish->bind.family == ADDR_V4 ? "127.0.0.1" : "[::1]";
	const char *rule = arena_printf(lint->arena, "allow:ingress@private:%s:%u", policy_proto_name(publish->proto),
					publish->guest_port);
	struct lint_offer *offer;

	diag->help = arena_printf(lint->arena, "listen on %s, or have `default ingress deny` and say who may connect",
				  local);
	offer_replace(lint, lint_offer(lint, diag, "listen on %s, for this host alone", local),
		      bind_span(lint, publish->span), local);
	offer = lint_offer(lint, diag, "add `default ingress deny` and `%s`", rule);
	offer_append(lint, offer, arena_printf(lint->arena, "default ingress deny\n%s", rule));
}

static void check_open(struct lint *lint, const struct policy_publish *publish)
{
	struct witness flow;
	struct diag *diag;
	struct decider by;

	if (addr_classify(publish->bind, NULL) == ADDR_CLASS_LOOPBACK ||
	    !find_peer(lint, publish, POLICY_ALLOW, is_public_peer, &flow, &by) || by.kind != DECIDER_DEFAULT)
		return;
	diag = lint_warn(lint, "publish-open", lint_place(lint, publish->span),
			 "whoever reaches the host reaches the guest's port %u", publish->guest_port);
	lint_example(lint, diag, &flow);
	lint_relate(lint, diag, by, POLICY_INGRESS, "by this default");
	offer_closing(lint, diag, publish);
}

/* A range of ports is several that stand at one place: the first tells of all. */
static void check_opens(struct lint *lint)
{
	struct span last = SPAN_NONE;

	for (size_t i = 0; i < lint->policy->publishes.count && !lint->fuel.out; i++) {
		const struct policy_publish *publish = &lint->policy->publishes.items[i];

		if (publish->span.source != last.source || publish->span.start != last.start)
			check_open(lint, publish);
		last = publish->span;
	}
}

/* ---- ingress-port ---- */

static bool lists_port(const struct policy_rule *rule, const struct policy_publish *publish, uint16_t port)
{
	return eval_rule_matches_proto(rule, publish->proto) && eval_rule_matches_port(rule, true, port);
}

static void check_ingress_port(struct lint *lint, const struct policy_rule *rule)
{
	const struct policy *policy = lint->policy;
	const struct policy_publish *meant = NULL;
	const char *guest;
	struct diag *diag;

	if (!lint_is_own(rule) || !(rule->directions & POLICY_INGRESS) || !rule->ports.count)
		return;
	for (size_t i = 0; i < policy->publishes.count; i++) {
		const struct policy_publish *publish = &policy->publishes.items[i];

		if (lists_port(rule, publish, publish->guest_port))
			return;
		if (!meant && publish->host_port && lists_port(rule, publish, publish->host_port))
			meant = publish;
	}
	if (!meant)
		return;
	guest = arena_printf(lint->arena, "%u", meant->guest_port);
	diag = lint_warn(lint, "ingress-port", lint_place(lint, rule->ports.items[0].span),
			 "an ingress rule lists the guest's port, which is %s: %u is the host's", guest,
			 meant->host_port);
	if (meant->span.source != SPAN_NO_SOURCE)
		diag_relate(lint->diags, diag, meant->span, "published here");
	diag->help = arena_printf(lint->arena, "the guest's port is %s", guest);
	if (rule->ports.count == 1 && lint_mend(lint, rule, rule->ports.items[0].span, guest))
		offer_replace(lint,
			      lint_offer(lint, diag, "%s", lint_mend(lint, rule, rule->ports.items[0].span, guest)),
			      rule->ports.items[0].span, guest);
}

void check_service(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->publishes.count && !lint->fuel.out; i++)
		check_publish(lint, &lint->policy->publishes.items[i]);
	check_opens(lint);
	for (size_t i = 0; lint->policy->publishes.count && i < lint->policy->rules.count && !lint->fuel.out; i++)
		if (fuel_use(&lint->fuel, lint->policy->publishes.count))
			check_ingress_port(lint, &lint->policy->rules.items[i]);
}
