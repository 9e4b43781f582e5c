/* What a rule allows and the sandbox's network refuses or does not lead to: addresses and ports that nothing passes to
 * (never-passes), resolvers without a name to ask for (nothing-to-ask), the host without its name (host-unnamed), names of
 * private networks that rebind protection holds back (private-name). */
#include "lint/checks.h"
#include "base/name.h"
#include "eval/builtin.h"

#include <string.h>

/* ---- never-passes ---- */

#define MISLEADS "a rule that allows what never passes misleads its reader"

struct dead {
	bool dns;            /* but DNS questions */
	const char *why;     /* NULL: it is alive */
	const char *instead; /* what to write; NULL: nothing does what is meant */
};

static struct dead dead_address(struct lint *lint, const struct policy_rule *rule,
				const struct eval_refused_address *refused)
{
	bool loopback = !strcmp(refused->what, "loopback");
	const char *ports = "";

	if (rule->ports.count)
		ports = arena_printf(
			lint->arena, ":%s:%u",
			rule->protos ? policy_proto_name(rule->protos & PROTO_TCP ? PROTO_TCP : PROTO_UDP) : "any",
			rule->ports.items[0].lo);
	return (struct dead){
		.why = arena_printf(lint->arena, "%s %s", refused->what, refused->why),
		.instead = loopback ? arena_printf(lint->arena, "the host's own services are at allow@%s%s",
						   NAME_HOST_ALIAS, ports) :
				      NULL,
	};
}

static struct dead dead_target(struct lint *lint, const struct policy_rule *rule, const struct policy_target *target)
{
	const struct eval_refused_address *refused = eval_refused_target(target);

	return refused ? dead_address(lint, rule, refused) : (struct dead){ .why = NULL };
}

static bool all_names(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (!policy_target_is_name(&rule->targets.items[i]))
			return false;
	return true;
}

static struct dead dead_ports(const struct policy_rule *rule, const struct policy_port_range *ports)
{
	const struct eval_refused_port *refused = eval_refused_ports_of(rule, ports);

	if (all_names(rule) && ports->lo == FLOW_DNS_PORT && ports->hi == FLOW_DNS_PORT)
		return (struct dead){
			.dns = true,
			.why = "all of port 53 goes to the sandbox's own DNS",
			.instead = "name the port of the service: a rule on a name brings the lookup",
		};
	return (struct dead){ .why = refused ? refused->why : NULL,
			      .instead = "`allow@dns` has names resolved, by the sandbox's own DNS" };
}

static bool may_be_dead(const struct policy_rule *rule)
{
	return rule->action == POLICY_ALLOW && rule->directions == POLICY_EGRESS;
}

bool check_is_dead_target(struct lint *lint, const struct policy_rule *rule, const struct policy_target *target)
{
	return may_be_dead(rule) && dead_target(lint, rule, target).why;
}

bool check_is_dead_port(const struct policy_rule *rule, const struct policy_port_range *ports)
{
	return may_be_dead(rule) && dead_ports(rule, ports).why;
}

/* An address of the target's: one that nothing passes to, where it has such */
static struct addr member_of(struct lint *lint, const struct policy_target *target)
{
	struct run runs[ATOMS_RUNS_MAX];
	const struct eval_refused_address *refused = eval_refused_target(target);
	struct addr addr = eval_unnamed_public(lint->policy, ADDR_V4);

	if (refused && target->kind == TARGET_GROUP) {
		addr = refused->prefix.addr;
		addr.value |= 1; /* 127.0.0.1, 224.0.0.1 */
	} else if (target->kind == TARGET_CIDR) {
		addr = (struct addr){ target->prefix.addr.family, addr_prefix_range(target->prefix).lo };
	} else if (target->kind == TARGET_GROUP && target->group != ADDR_CLASS_PUBLIC &&
		   atoms_target_runs(analysis_atoms(lint->analysis), POLICY_ALLOW, target, runs)) {
		addr = atoms_member(analysis_atoms(lint->analysis), runs[0].lo);
	}
	return addr;
}

/* A flow of the target's to the port; to a name where it is one */
static void show(struct lint *lint, struct diag *diag, const struct policy_rule *rule,
		 const struct policy_target *target, const struct policy_port_range *ports)
{
	struct witness flow = {
		.kind = FLOW_CONNECTION,
		.direction = POLICY_EGRESS,
		.proto = !rule->protos || (rule->protos & PROTO_TCP) ? PROTO_TCP :
			 (rule->protos & PROTO_UDP)                  ? PROTO_UDP :
								       (enum policy_proto)(rule->protos & -rule->protos),
		.addr = member_of(lint, target),
		.port = ports             ? ports->lo :
			rule->ports.count ? rule->ports.items[0].lo :
					    443,
	};

	flow.has_port = policy_proto_has_ports(flow.proto);
	if (ports && (!rule->protos || (rule->protos & PROTO_UDP)) &&
	    !eval_refused_port(POLICY_EGRESS, flow.proto, flow.port))
		flow.proto = PROTO_UDP;
	if (policy_target_is_name(target))
		flow.bound[0] = target->name;
	if (witness_eval(&lint->context, &flow).action == POLICY_DENY)
		lint_example(lint, diag, &flow);
}

static struct diag *report(struct lint *lint, struct span span, const char *text, struct dead dead)
{
	struct diag *diag = lint_warn(lint, "never-passes", lint_place(lint, span), "%s `%s`: %s",
				      dead.dns ? "no service is reached by" : "nothing passes by", text, dead.why);

	diag->help = dead.instead ? dead.instead : MISLEADS;
	return diag;
}

/* What to allow instead is the writer's decision; what never passes can go. */
static struct lint_offer *offer_gone(struct lint *lint, struct diag *diag, const char *what, struct dead dead)
{
	return dead.instead ? lint_offer(lint, diag, "remove %s; %s", what, dead.instead) :
			      lint_offer(lint, diag, "remove %s: " MISLEADS, what);
}

/* By its targets, its ports or its networks, all of the rule */
static struct dead dead_rule(struct lint *lint, const struct policy_rule *rule)
{
	size_t targets = 0, ports = 0, networks = 0;

	for (size_t i = 0; i < rule->targets.count; i++)
		targets += dead_target(lint, rule, &rule->targets.items[i]).why != NULL;
	for (size_t i = 0; i < rule->ports.count; i++)
		ports += dead_ports(rule, &rule->ports.items[i]).why != NULL;
	for (size_t i = 0; i < rule->within.count; i++)
		networks += eval_refused_target(&rule->within.items[i]) != NULL;
	if (targets == rule->targets.count)
		return dead_target(lint, rule, &rule->targets.items[0]);
	if (rule->within.count && networks == rule->within.count)
		return dead_target(lint, rule, &rule->within.items[0]);
	if (rule->ports.count && ports == rule->ports.count)
		return dead_ports(rule, &rule->ports.items[0]);
	return (struct dead){ .why = NULL };
}

static void report_target(struct lint *lint, const struct policy_rule *rule, const struct policy_target *target,
			  struct dead dead)
{
	const char *text = policy_target_format(lint->arena, target);
	bool literal = lint_is_literal(rule, target->span);
	struct diag *diag = report(lint, literal ? target->span : rule->span, text, dead);

	show(lint, diag, rule, target, NULL);
	if (literal)
		offer_remove_item(lint, offer_gone(lint, diag, arena_printf(lint->arena, "`%s`", text), dead),
				  target->span);
}

static void report_ports(struct lint *lint, const struct policy_rule *rule, const struct policy_port_range *ports,
			 struct dead dead)
{
	const char *text = arena_printf(lint->arena, ports->lo == ports->hi ? "%u" : "%u-%u", ports->lo, ports->hi);
	struct diag *diag = report(lint, ports->span, text, dead);

	show(lint, diag, rule, &rule->targets.items[0], ports);
	offer_remove_item(lint, offer_gone(lint, diag, arena_printf(lint->arena, "`%s`", text), dead), ports->span);
}

static void report_items(struct lint *lint, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct dead dead = dead_target(lint, rule, &rule->targets.items[i]);

		if (dead.why)
			report_target(lint, rule, &rule->targets.items[i], dead);
	}
	for (size_t i = 0; i < rule->ports.count; i++) {
		const struct dead dead = dead_ports(rule, &rule->ports.items[i]);

		if (dead.why)
			report_ports(lint, rule, &rule->ports.items[i], dead);
	}
}

bool check_never_passes(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	struct diag *diag;
	struct dead dead;

	if (!may_be_dead(rule))
		return false;
	dead = dead_rule(lint, rule);
	if (!dead.why) {
		report_items(lint, rule);
		return false;
	}
	diag = report(lint, rule->span, rule->text, dead);
	show(lint, diag, rule, &rule->targets.items[0], rule->ports.count ? &rule->ports.items[0] : NULL);
	offer_remove(lint, offer_gone(lint, diag, lint_where(lint, rule), dead), rule->span);
	return true;
}

/* ---- nothing-to-ask ---- */

static bool any_resolvable(const struct lint *lint)
{
	for (uint32_t i = 0; i < name_classes_count(analysis_names(lint->analysis)); i++)
		if (analysis_resolvable(lint->analysis, i) &&
		    !name_classes_at(analysis_names(lint->analysis), i)->alias)
			return true;
	return false;
}

/* An allow on port 53 of addresses, and of nothing else */
static bool is_for_resolvers(const struct policy_rule *rule)
{
	bool is = rule->action == POLICY_ALLOW && rule->directions == POLICY_EGRESS && rule->ports.count == 1 &&
		  rule->ports.items[0].lo == FLOW_DNS_PORT && rule->ports.items[0].hi == FLOW_DNS_PORT;

	for (size_t i = 0; is && i < rule->targets.count; i++)
		is = !policy_target_is_name(&rule->targets.items[i]) &&
		     !eval_target_judges_queries(&rule->targets.items[i]);
	return is;
}

static void nothing_to_ask(struct lint *lint, const struct policy_rule *rule)
{
	struct witness query = { .kind = FLOW_DNS };
	const char *where = lint_where(lint, rule);
	struct diag *diag;

	query.name = name_classes_at(analysis_names(lint->analysis), 0)->member;
	diag = lint_warn(
		lint, "nothing-to-ask", lint_place(lint, rule->span),
		"only DNS questions pass to port 53, each judged by the name it asks for, and none is allowed");
	lint_example(lint, diag, &query);
	diag->help = "allow the names, or all of them: `allow@dns`";
	offer_insert(lint, lint_offer(lint, diag, "allow the names, or all of them: put `allow@dns` above %s", where),
		     rule->span, "allow@dns");
	/* the rule itself may decide nothing then */
	offer_replace(lint,
		      lint_offer(lint, diag, "allow the names, or all of them: `allow@dns` in place of %s", where),
		      rule->span, "allow@dns");
}

/* ---- host-unnamed ---- */

static bool reaches_host(const struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules.items[index];
	bool host = false, service = !rule->ports.count;
	struct witness flow;

	for (size_t i = 0; i < rule->targets.count; i++)
		host = host || (rule->targets.items[i].kind == TARGET_GROUP &&
				rule->targets.items[i].group == ADDR_CLASS_HOST &&
				(facts_decides_class(lint->facts, POLICY_EGRESS, index, i, ADDR_CLASS_HOST, &flow) ||
				 !lint->context.gateway.has4));
	for (size_t i = 0; i < rule->ports.count; i++)
		service =
			service || rule->ports.items[i].lo != FLOW_DNS_PORT || rule->ports.items[i].hi != FLOW_DNS_PORT;
	return host && service && rule->action == POLICY_ALLOW && (rule->directions & POLICY_EGRESS) &&
	       (!rule->protos || (rule->protos & (PROTO_TCP | PROTO_UDP)));
}

static void host_unnamed(struct lint *lint, const struct policy_rule *rule)
{
	uint32_t alias = name_classes_find(analysis_names(lint->analysis), NAME_HOST_ALIAS);
	struct witness query = { .kind = FLOW_DNS, .name = NAME_HOST_ALIAS };
	struct policy_rule named = *rule;
	const char *line, *where = lint_where(lint, rule);
	struct diag *diag;

	/* a rule that denies the lookup may mean it */
	if (analysis_resolvable(lint->analysis, alias) ||
	    eval_dns(&lint->context, NAME_HOST_ALIAS, FLOW_DNS_UDP).by.kind == DECIDER_RULE)
		return;
	named.targets = (struct policy_targets){ 0 };
	named.group_name = NULL;
	named.directions = POLICY_EGRESS;
	*arena_push(lint->arena, &named.targets) =
		(struct policy_target){ .kind = TARGET_DOMAIN, .name = NAME_HOST_ALIAS };
	line = policy_rule_format(lint->arena, &named);
	diag = lint_warn(lint, "host-unnamed", lint_place(lint, rule->span),
			 "the host is allowed, and its name does not resolve: clients know it as %s", NAME_HOST_ALIAS);
	lint_example(lint, diag, &query);
	diag->help = "a rule on that name brings the lookup";
	offer_insert(lint, lint_offer(lint, diag, "put `%s` above %s, which brings the lookup", line, where),
		     rule->span, line);
	if (rule->targets.count == 1)
		offer_replace(lint, lint_offer(lint, diag, "`%s` in place of %s brings the lookup", line, where),
			      rule->span, line);
}

/* ---- private-name ---- */

/* Domains that the public DNS does not have, and companies and homes use */
static bool is_private_name(const char *name)
{
	static const char *const domains[] = { "internal", "local",    "lan",     "home.arpa",  "corp",
					       "home",     "intranet", "private", "localdomain" };

	for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
		if (name_has_suffix(name, domains[i]))
			return !name_has_suffix(NAME_HOST_ALIAS, name) && !name_equal(name, NAME_HOST_ALIAS);
	return false;
}

/* Whether some rule lets answers for all names have private addresses */
static bool excepts_private(struct lint *lint)
{
	const struct policy *policy = lint->policy;

	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].targets.count; j++) {
			const struct policy_rule *rule = &policy->rules.items[i];
			const struct policy_target *target = &rule->targets.items[j];

			if (rule->action == POLICY_ALLOW && eval_rule_excepts(lint->policy, rule, target) &&
			    (target->kind == TARGET_GROUP ? target->group == ADDR_CLASS_PRIVATE :
							    lint_takes_class(lint, target, ADDR_CLASS_PRIVATE)))
				return true;
		}
	return !policy->rebind_protection;
}

static void private_name(struct lint *lint, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		struct diag *diag;

		if (!policy_target_is_name(target) || !is_private_name(target->name))
			continue;
		diag = lint_warn(
			lint, "private-name", lint_place(lint, rule->span),
			"`%s` is a name of a private network, and rebind protection holds private addresses back",
			policy_target_format(lint->arena, target));
		diag->help = rule->targets.count == 1 && policy_rule_has_names(rule) ?
				     arena_printf(lint->arena, "say where it is: `%s in NETWORK`", rule->text) :
				     "a rule of its own that says where it is: `in NETWORK` behind it";
		return;
	}
}

void check_wire(struct lint *lint)
{
	bool resolvable = any_resolvable(lint), excepted = excepts_private(lint);

	for (size_t i = 0; i < lint->policy->rules.count && fuel_use(&lint->fuel, 1); i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];

		if (!lint_is_own(rule))
			continue;
		if (!resolvable && is_for_resolvers(rule))
			nothing_to_ask(lint, rule);
		if (reaches_host(lint, i))
			host_unnamed(lint, rule);
		if (!excepted && rule->action == POLICY_ALLOW && rule->directions == POLICY_EGRESS &&
		    !rule->within.count)
			private_name(lint, rule);
	}
}
