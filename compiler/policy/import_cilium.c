/* CiliumNetworkPolicy, and CiliumClusterwideNetworkPolicy, which is that without a namespace: objects and rules. Denies win there
 * whatever allows, so they come first here; names are allowed where their lookups are, as a rule on names brings its own. What is
 * not exactly one of our rules is an error. */
#include "policy/import_cilium.h"
#include "policy/import_cilium_parts.h"
#include "policy/policy_facts.h"

#include <string.h>

static const char *const directions[] = { "egress", "ingress" };

/* ---- rules ---- */

static void add_to(struct import_cilium *cilium, enum cilium_stage stage, const struct policy_rule *rule)
{
	if (rule->targets.count)
		*arena_push(cilium->import->r->arena, &cilium->rules[stage]) = *rule;
}

/* One rule a protocol: a rule of both on names would refuse QUIC, as one for UDP alone does not */
static void add_protos(struct import_cilium *cilium, enum cilium_stage stage, struct policy_rule rule,
		       const struct policy_targets *targets, const struct cilium_ports *ports)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP };

	rule.targets = *targets;
	if (!ports->given) {
		rule.protos = PROTO_UDP;
		if (policy_rule_has_names(&rule))
			add_to(cilium, stage, &rule);
		rule.protos = 0;
		add_to(cilium, stage, &rule);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		rule.protos = protos[i];
		rule.ports = ports->of[i].some;
		if (ports->of[i].all)
			rule.ports = (struct policy_port_list){ 0 };
		if (rule.ports.count || ports->of[i].all)
			add_to(cilium, stage, &rule);
	}
}

/* The gateway's port 53 is the sandbox's DNS, which is no host's */
static bool check_host(struct import_cilium *cilium, const struct cilium_peers *peers, const struct cilium_ports *ports)
{
	if (!peers->host.count || !cilium_ports_take(ports, 53))
		return true;
	diag_error(cilium->import->r->diags, "not-yet", peers->host.items[0].span,
		   "port 53 of the host is the sandbox's own DNS here, so `host` is only read with other ports")
		->help = "`toPorts` without 53; lookups are a rule on the cluster's DNS";
	return false;
}

static bool check_lookups(struct import_cilium *cilium, const struct cilium_peers *peers,
			  const struct cilium_ports *ports)
{
	if (ports->lookups && !peers->dns.count)
		import_report(cilium->import, "not-yet", ports->lookups,
			      "lookups go to the sandbox's own DNS, so `rules.dns` is only read of the cluster's")
			->help = cilium_dns_help;
	else if (peers->dns.count && !cilium_ports_are(ports, 53))
		diag_error(cilium->import->r->diags, "not-yet", peers->dns.items[0].span,
			   "of the cluster's DNS only port 53 is known")
			->help = cilium_dns_help;
	else if (peers->dns.count && ports->lookups && !(ports->of[0].some.count && ports->of[1].some.count))
		import_report(
			cilium->import, "not-yet", ports->lookups,
			"a rule on a name brings its lookup over UDP and TCP, so `rules.dns` is only read of both")
			->help = "`protocol: ANY`";
	else
		return true;
	return false;
}

/* With `rules.dns` of some names the rules on these names bring the lookups */
static void add_lookups(struct import_cilium *cilium, const struct policy_rule *rule, const struct cilium_peers *peers,
			const struct cilium_ports *ports)
{
	if (!peers->dns.count)
		return;
	for (size_t i = 0; i < ports->names.count; i++)
		*arena_push(cilium->import->r->arena, &cilium->lookups) = ports->names.items[i];
	cilium->learns_all |= ports->all_names;
	if (ports->lookups && !ports->all_names)
		return;
	cilium->looks_up_all |= ports->of[0].some.count && ports->of[1].some.count;
	add_protos(cilium, CILIUM_ALLOW, *rule, &peers->dns, ports);
}

static void read_rule(struct import_cilium *cilium, const struct yaml_node *node, bool egress, bool deny)
{
	struct cilium_peers peers = { 0 };
	struct cilium_ports ports = { 0 };
	struct policy_rule rule = { .action = deny ? POLICY_DENY : POLICY_ALLOW,
				    .directions = egress ? POLICY_EGRESS : POLICY_INGRESS,
				    .span = node->span };

	if (!import_map(cilium->import, node,
			!egress ? IMPORT_CNP_INGRESS :
			deny    ? IMPORT_CNP_EGRESS_DENY :
				  IMPORT_CNP_EGRESS) ||
	    !cilium_read_ports(cilium->import, node, egress && !deny, &ports) ||
	    !cilium_read_peers(cilium->import, node, egress, deny, &ports, &peers) ||
	    (egress && !check_host(cilium, &peers, &ports)) || !check_lookups(cilium, &peers, &ports))
		return;
	for (size_t i = 0; i < peers.names.count; i++)
		*arena_push(cilium->import->r->arena, &cilium->names) = peers.names.items[i];
	add_protos(cilium, deny ? CILIUM_DENY_ALL : CILIUM_ALLOW, rule, &peers.any, &ports);
	add_protos(cilium, deny ? CILIUM_DENY_ALL : CILIUM_HOST, rule, &peers.host, &ports);
	add_protos(cilium, deny ? CILIUM_DENY_SOME : CILIUM_NETWORKS, rule, &peers.networks, &ports);
	add_protos(cilium, CILIUM_ALLOW, rule, &peers.names, &ports);
	add_lookups(cilium, &rule, &peers, &ports);
}

/* ---- objects ---- */

/* Whether the direction is denied but for its rules: where it has any, or as `enableDefaultDeny` says */
static bool is_isolated(struct import_cilium *cilium, const struct yaml_node *spec, bool egress, bool has_rules)
{
	const struct yaml_node *map = yaml_get(spec, "enableDefaultDeny");
	const struct yaml_node *set = import_is_null(map) ? NULL : yaml_get(map, directions[!egress]);

	if (import_is_null(set))
		return has_rules;
	if (set->kind != YAML_TEXT || !set->plain ||
	    (strcmp(set->text, "true") != 0 && strcmp(set->text, "false") != 0))
		import_report(cilium->import, "bad-value", set, "this is `true` or `false`");
	return set->kind == YAML_TEXT && !strcmp(set->text, "true");
}

static void read_direction(struct import_cilium *cilium, const struct yaml_node *spec, bool egress)
{
	const struct yaml_node *allows = import_list(cilium->import, spec, directions[!egress]);
	const struct yaml_node *denies = import_list(cilium->import, spec, egress ? "egressDeny" : "ingressDeny");
	struct span *isolated = &cilium->import->isolated[!egress];

	for (size_t i = 0; denies && i < denies->items.count; i++)
		read_rule(cilium, denies->items.items[i], egress, true);
	for (size_t i = 0; allows && i < allows->items.count; i++)
		read_rule(cilium, allows->items.items[i], egress, false);
	bool has_rules = (allows && allows->items.count) || (denies && denies->items.count);
	if (is_isolated(cilium, spec, egress, has_rules) && isolated->source == SPAN_NO_SOURCE)
		*isolated = spec->span;
}

static bool check_words(struct import_cilium *cilium, const struct yaml_node *spec)
{
	const struct yaml_node *text = yaml_get(spec, "description"), *set = yaml_get(spec, "enableDefaultDeny");
	const struct yaml_node *labels = import_list(cilium->import, spec, "labels");

	if (!import_is_null(text) && text->kind != YAML_TEXT)
		import_report(cilium->import, "bad-value", text, "`description` is no text");
	for (size_t i = 0; labels && i < labels->items.count; i++)
		import_is_map(cilium->import, labels->items.items[i], "labels");
	return import_is_null(set) || import_map(cilium->import, set, IMPORT_CNP_DEFAULT_DENY);
}

static bool check_nodes(struct import_cilium *cilium, const struct yaml_node *spec)
{
	const struct yaml_node *nodes = yaml_get(spec, "nodeSelector");

	if (import_is_null(nodes))
		return true;
	import_report(cilium->import, "not-yet", nodes,
		      "this is about a cluster's nodes, and a policy here is a sandbox's")
		->help = "`endpointSelector`";
	return false;
}

/* Cilium refuses a spec without rules, and here it would deny nothing */
static bool check_has_rules(struct import_cilium *cilium, const struct yaml_node *spec)
{
	static const char *const keys[] = { "egress", "egressDeny", "ingress", "ingressDeny" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct yaml_node *rules = yaml_get(spec, keys[i]);
		if (!import_is_null(rules) && (rules->kind != YAML_LIST || rules->items.count))
			return true;
	}
	import_report(cilium->import, "bad-value", spec, "this has no rules, so Cilium refuses it")->help =
		"an empty rule allows nothing and denies its direction: `egress: [{}]`";
	return false;
}

/* It would be lost: what is of the whole cluster has none */
static bool check_namespace(struct import_cilium *cilium, const struct yaml_node *object)
{
	const struct yaml_node *metadata = yaml_get(object, "metadata");
	const struct yaml_node *namespace = metadata ? yaml_get(metadata, "namespace") : NULL;

	if (!import_is_text(yaml_get(object, "kind"), "CiliumClusterwideNetworkPolicy") || import_is_null(namespace))
		return true;
	import_report(cilium->import, "bad-value", namespace, "a CiliumClusterwideNetworkPolicy has no namespace")
		->help = "CiliumNetworkPolicy";
	return false;
}

static void read_spec(struct import_cilium *cilium, const struct yaml_node *object, const struct yaml_node *spec)
{
	if (!import_map(cilium->import, spec, IMPORT_CNP_SPEC) || !check_nodes(cilium, spec) ||
	    !import_same_pods(cilium->import, object, spec, "endpointSelector") || !check_words(cilium, spec) ||
	    !check_has_rules(cilium, spec))
		return;
	read_direction(cilium, spec, true);
	read_direction(cilium, spec, false);
}

void import_cilium_object(struct import_cilium *cilium, const struct yaml_node *object)
{
	const struct yaml_node *version = yaml_get(object, "apiVersion"), *spec = yaml_get(object, "spec");

	if (!import_is_text(version, "cilium.io/v2")) {
		import_report(cilium->import, "bad-value", version ? version : object,
			      "no such version of a CiliumNetworkPolicy")
			->help = "cilium.io/v2";
		return;
	}
	if (!import_map(cilium->import, object, IMPORT_CNP_OBJECT) || !check_namespace(cilium, object))
		return;
	const struct yaml_node *specs = import_list(cilium->import, object, "specs");
	if (!spec && (!specs || !specs->items.count))
		import_report(cilium->import, "bad-value", object, "this policy has no `spec` and no `specs`");
	if (spec)
		read_spec(cilium, object, spec);
	for (size_t i = 0; specs && i < specs->items.count; i++)
		read_spec(cilium, object, specs->items.items[i]);
}

/* ---- all of them ---- */

static bool covers(const struct policy_target *wide, const struct policy_target *narrow)
{
	size_t len = strlen(narrow->name), want = strlen(wide->name);

	if (!strcmp(wide->name, narrow->name))
		return wide->kind == TARGET_SUFFIX || narrow->kind == TARGET_DOMAIN;
	return wide->kind == TARGET_SUFFIX && len > want && narrow->name[len - want - 1] == '.' &&
	       !strcmp(narrow->name + len - want, wide->name);
}

static bool is_covered(const struct policy_targets *by, const struct policy_target *name)
{
	for (size_t i = 0; i < by->count; i++)
		if (covers(&by->items[i], name))
			return true;
	return false;
}

/* Cilium knows the addresses of a name by the lookups that `rules.dns` lets pass, and of other lookups no rule of ours */
static void check_names(struct import_cilium *cilium)
{
	struct diags *diags = cilium->import->r->diags;

	for (size_t i = 0; !cilium->learns_all && i < cilium->names.count; i++)
		if (!is_covered(&cilium->lookups, &cilium->names.items[i]))
			diag_error(diags, "not-yet", cilium->names.items[i].span,
				   "a rule on a name brings its lookup, and no `rules.dns` allows that of `%s`",
				   cilium->names.items[i].name)
				->help = "the same names in the `rules.dns` of a rule on the cluster's DNS, port 53";
	for (size_t i = 0; !cilium->looks_up_all && i < cilium->lookups.count; i++)
		if (!is_covered(&cilium->names, &cilium->lookups.items[i]))
			diag_error(diags, "not-yet", cilium->lookups.items[i].span,
				   "`%s` may be looked up and no `toFQDNs` has it: here lookups come with rules",
				   cilium->lookups.items[i].name)
				->help = "the same names in `toFQDNs`, or lookups of any name: `matchPattern: \"*\"`";
}

/* Networks are not the host's there, and here the gateway may be in them */
static void deny_host(struct import_cilium *cilium)
{
	struct policy_rule rule = { .action = POLICY_DENY,
				    .directions = POLICY_EGRESS,
				    .because = "networks are not the host's in Cilium" };

	for (size_t i = 0; i < cilium->rules[CILIUM_NETWORKS].count && !rule.targets.count; i++) {
		const struct policy_rule *allow = &cilium->rules[CILIUM_NETWORKS].items[i];
		rule.span = allow->span;
		if (allow->directions == POLICY_EGRESS)
			*arena_push(cilium->import->r->arena, &rule.targets) = (struct policy_target){
				.kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = allow->span
			};
	}
	if (cilium->import->isolated[0].source != SPAN_NO_SOURCE)
		import_add_rule(cilium->import, &rule);
}

void import_cilium_finish(struct import_cilium *cilium)
{
	check_names(cilium);
	for (size_t stage = 0; stage < CILIUM_STAGES; stage++) {
		if (stage == CILIUM_NETWORKS)
			deny_host(cilium);
		for (size_t i = 0; i < cilium->rules[stage].count; i++)
			import_add_rule(cilium->import, &cilium->rules[stage].items[i]);
	}
}
