/* A rule's peers and ports in a CiliumNetworkPolicy: as targets of ours where one is exactly the same, else an error. */
#include "policy/import_cilium_parts.h"

#include <string.h>

const char cilium_dns_help[] =
	"toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system, k8s:k8s-app: "
	"kube-dns}}], port 53";

static void push(struct import *import, struct policy_targets *out, struct policy_target target)
{
	*arena_push(import->r->arena, out) = target;
}

/* ---- names ---- */

/* `**.x` is every name below x there, and `*.x` here that and x itself */
static bool read_pattern(struct import *import, const struct yaml_node *node, struct policy_targets *exact,
			 struct policy_targets *suffixes, bool *all)
{
	struct rule_scope scope = { .arena = import->r->arena, .diags = import->r->diags };
	size_t stars = strspn(node->text, "*");
	const char *rest = node->text + stars;
	struct ast_word word = { .span = node->span, .text = rest };
	struct policy_target target;

	if (stars && (!*rest || !strcmp(rest, "."))) {
		*all = true;
		return true;
	}
	if (!strchr(node->text, '*')) {
		if (!rule_parse_domain(&scope, &word, &target))
			return false;
		push(import, exact, target);
		return true;
	}
	if (stars >= 2 && *rest == '.') {
		word.text = rest + 1;
		if (!rule_parse_suffix(&scope, &word, &target))
			return false;
		push(import, suffixes, target);
		return true;
	}
	import_report(import, "not-yet", node, "this pattern stays within labels, and no target here does")->help =
		stars == 1 && *rest == '.' ?
			arena_printf(
				import->r->arena,
				"`matchPattern: \"**%s\"` and `matchName: %s` together are that name and all below it",
				rest, rest + 1) :
			"names, or `**.` in front of one that `matchName` has as well";
	return false;
}

static bool read_name(struct import *import, const struct yaml_node *entry, struct policy_targets *exact,
		      struct policy_targets *suffixes, bool *all)
{
	struct rule_scope scope = { .arena = import->r->arena, .diags = import->r->diags };
	const struct yaml_node *name = yaml_get(entry, "matchName"), *pattern = yaml_get(entry, "matchPattern");
	struct policy_target target;

	if (!import_map(import, entry, IMPORT_CNP_NAME))
		return false;
	if (!name == !pattern) {
		import_report(import, "bad-value", entry, "this has one of `matchName` and `matchPattern`");
		return false;
	}
	if ((name ? name : pattern)->kind != YAML_TEXT) {
		import_report(import, "bad-value", name ? name : pattern, "a name is a text");
		return false;
	}
	if (pattern)
		return read_pattern(import, pattern, exact, suffixes, all);
	struct ast_word word = { .span = name->span, .text = name->text };
	if (!rule_parse_domain(&scope, &word, &target))
		return false;
	push(import, exact, target);
	return true;
}

static bool has_name(const struct policy_targets *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].name, name))
			return true;
	return false;
}

static void read_names(struct import *import, const struct yaml_node *list, struct policy_targets *out, bool *all)
{
	struct policy_targets exact = { 0 }, suffixes = { 0 };

	for (size_t i = 0; i < list->items.count; i++)
		if (!read_name(import, list->items.items[i], &exact, &suffixes, all))
			return;
	for (size_t i = 0; i < suffixes.count; i++) {
		if (!has_name(&exact, suffixes.items[i].name))
			diag_error(import->r->diags, "not-yet", suffixes.items[i].span,
				   "`**.` leaves out `%s` itself, and no target here does", suffixes.items[i].name)
				->help =
				arena_printf(import->r->arena, "with `matchName: %s` in the same list it is `*.%s`",
					     suffixes.items[i].name, suffixes.items[i].name);
		push(import, out, suffixes.items[i]);
	}
	for (size_t i = 0; i < exact.count; i++)
		if (!has_name(&suffixes, exact.items[i].name))
			push(import, out, exact.items[i]);
}

/* ---- ports ---- */

/* Its bits in struct cilium_ports: 1 TCP, 2 UDP; 0 after an error */
static unsigned read_protocol(struct import *import, const struct yaml_node *node)
{
	if (import_is_null(node) || import_is_text(node, "ANY"))
		return 3;
	if (import_is_text(node, "TCP"))
		return 1;
	if (import_is_text(node, "UDP"))
		return 2;
	import_report(import, "bad-proto", node, "no rule can be for this protocol")->help = "TCP, UDP or ANY";
	return 0;
}

/* Cilium reads a number that begins with 0 in base 8 */
static bool read_number(struct import *import, const struct yaml_node *node, uint16_t *out)
{
	struct yaml_node plain = *node;

	plain.plain = true;
	if (node->kind == YAML_TEXT && *node->text == '0')
		plain.plain = false;
	return import_port_number(import, &plain, out);
}

static void read_port(struct import *import, const struct yaml_node *entry, struct cilium_ports *out)
{
	struct policy_port_range range = { .span = entry->span };

	if (!import_map(import, entry, IMPORT_CNP_PORT))
		return;
	const struct yaml_node *port = yaml_get(entry, "port"), *end = yaml_get(entry, "endPort");
	unsigned protocols = read_protocol(import, yaml_get(entry, "protocol"));
	bool all = import_is_text(port, "0"), ranged = !import_is_null(end) && !import_is_text(end, "0");
	if (!protocols)
		return;
	if (import_is_null(port)) {
		import_report(import, "bad-ports", entry, "an entry of `ports` has no `port`")->help =
			"0 is every port";
		return;
	}
	if (all && ranged) {
		import_report(import, "bad-ports", end, "`endPort` with port 0");
		return;
	}
	if (!all && !read_number(import, port, &range.lo))
		return;
	range.hi = range.lo;
	if (ranged && !read_number(import, end, &range.hi))
		return;
	if (range.hi < range.lo)
		import_report(import, "inverted-range", end, "`endPort` is less than `port`");
	for (size_t i = 0; i < 2; i++)
		if (protocols >> i & 1 && all)
			out->of[i].all = true;
		else if (protocols >> i & 1)
			*arena_push(import->r->arena, &out->of[i].some) = range;
}

static void read_lookups(struct import *import, const struct yaml_node *rules, bool may_look_up,
			 struct cilium_ports *out)
{
	if (import_is_null(rules) || !import_map(import, rules, IMPORT_CNP_L7))
		return;
	const struct yaml_node *dns = import_list(import, rules, "dns");
	if (!dns || !dns->items.count)
		return;
	if (!may_look_up) {
		import_report(import, "bad-value", rules, "only a rule of `egress` has `rules`");
		return;
	}
	out->lookups = rules;
	read_names(import, dns, &out->names, &out->all_names);
}

static void read_entry(struct import *import, const struct yaml_node *entry, bool may_look_up, struct cilium_ports *out)
{
	if (!import_map(import, entry, IMPORT_CNP_PORTS))
		return;
	const struct yaml_node *ports = import_list(import, entry, "ports");
	if (!ports || !ports->items.count) {
		import_report(import, "bad-ports", entry, "an entry of `toPorts` has no `ports`");
		return;
	}
	for (size_t i = 0; i < ports->items.count; i++)
		read_port(import, ports->items.items[i], out);
	read_lookups(import, yaml_get(entry, "rules"), may_look_up, out);
}

bool cilium_read_ports(struct import *import, const struct yaml_node *rule, bool may_look_up, struct cilium_ports *out)
{
	size_t errors = import->r->diags->errors;
	const struct yaml_node *list = import_list(import, rule, "toPorts"),
			       *icmps = import_list(import, rule, "icmps");

	out->given = list && list->items.count;
	for (size_t i = 0; list && i < list->items.count; i++)
		read_entry(import, list->items.items[i], may_look_up, out);
	if (icmps && icmps->items.count)
		import_report(import, "not-yet", icmps, "no rule here is for some types of ICMP only")->help =
			"in a policy file `icmpv4` and `icmpv6` are all types: allow@10.0.0.0/8:icmpv4";
	if (out->lookups && list->items.count > 1)
		import_report(import, "not-yet", out->lookups,
			      "`rules.dns` is only read in a rule's one entry of `toPorts`")
			->help = "a rule for each entry";
	return import->r->diags->errors == errors;
}

bool cilium_ports_take(const struct cilium_ports *ports, uint16_t port)
{
	if (!ports->given)
		return true;
	for (size_t i = 0; i < 2; i++) {
		if (ports->of[i].all)
			return true;
		for (size_t j = 0; j < ports->of[i].some.count; j++)
			if (ports->of[i].some.items[j].lo <= port && port <= ports->of[i].some.items[j].hi)
				return true;
	}
	return false;
}

bool cilium_ports_are(const struct cilium_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < 2; i++) {
		if (ports->of[i].all)
			return false;
		for (size_t j = 0; j < ports->of[i].some.count; j++)
			if (ports->of[i].some.items[j].lo != port || ports->of[i].some.items[j].hi != port)
				return false;
	}
	return ports->given;
}

/* ---- peers ---- */

static void add_all_of(struct import *import, const struct yaml_node *node, enum addr_family family,
		       struct cilium_peers *out)
{
	push(import, &out->networks,
	     (struct policy_target){ .kind = TARGET_CIDR, .prefix = { .addr.family = family }, .span = node->span });
}

static void read_entity(struct import *import, const struct yaml_node *node, struct cilium_peers *out)
{
	bool world = import_is_text(node, "world");

	if (import_is_text(node, "all")) {
		push(import, &out->any, (struct policy_target){ .kind = TARGET_ANY, .span = node->span });
	} else if (import_is_text(node, "host")) {
		push(import, &out->host,
		     (struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = node->span });
	} else if (world || import_is_text(node, "world-ipv4") || import_is_text(node, "world-ipv6")) {
		if (!import_is_text(node, "world-ipv6"))
			add_all_of(import, node, ADDR_V4, out);
		if (!import_is_text(node, "world-ipv4"))
			add_all_of(import, node, ADDR_V6, out);
	} else {
		import_report(import, "not-yet", node, "who this entity is only a cluster knows")->help =
			"world, world-ipv4, world-ipv6, host, all; others by their addresses";
	}
}

static void read_network(struct import *import, const struct yaml_node *node, struct cilium_peers *out)
{
	struct policy_target target;

	if (import_prefix(import, node, &target))
		push(import, &out->networks, target);
}

static void read_block(struct import *import, const struct yaml_node *node, struct cilium_peers *out)
{
	if (import_map(import, node, IMPORT_CNP_BLOCK))
		import_block(import, node, import_list(import, node, "except"), &out->networks);
}

/* Whether the labels are these two, with or without the prefix of their source */
static bool has_label(const struct yaml_node *labels, const char *label, const char *value)
{
	for (size_t i = 0; i < labels->items.count; i += 2) {
		const char *key = labels->items.items[i]->text;
		if (!strcmp(key + (strncmp(key, "k8s:", 4) ? 0 : 4), label) &&
		    import_is_text(labels->items.items[i + 1], value))
			return true;
	}
	return false;
}

static bool is_cluster_dns(const struct yaml_node *selector)
{
	const struct yaml_node *labels = selector->kind == YAML_MAP ? yaml_get(selector, "matchLabels") : NULL;

	return labels && selector->items.count == 2 && labels->kind == YAML_MAP && labels->items.count == 4 &&
	       has_label(labels, "io.kubernetes.pod.namespace", "kube-system") &&
	       has_label(labels, "k8s-app", "kube-dns");
}

static void read_endpoints(struct import *import, const struct yaml_node *node, struct cilium_peers *out)
{
	if (is_cluster_dns(node))
		push(import, &out->dns,
		     (struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = node->span });
	else
		import_report(import, "not-yet", node, "who has which labels only a cluster knows")->help =
			arena_printf(import->r->arena,
				     "name the addresses; of selectors only the cluster's DNS is known: %s",
				     cilium_dns_help);
}

static void refuse_endpoints(struct import *import, const struct yaml_node *node, struct cilium_peers *out)
{
	(void)out;
	import_report(import, "not-yet", node, "who has which labels only a cluster knows")->help =
		"name the addresses";
}

static void read_fqdns(struct import *import, const struct yaml_node *list, struct cilium_peers *out)
{
	bool all = false;

	read_names(import, list, &out->names, &all);
	if (all)
		import_report(import, "not-yet", list, "the addresses of all names are no target here")->help =
			"toEntities: [world]";
}

bool cilium_read_peers(struct import *import, const struct yaml_node *rule, bool egress, bool deny,
		       const struct cilium_ports *ports, struct cilium_peers *out)
{
	static const struct {
		const char *egress, *ingress;
		void (*read)(struct import *, const struct yaml_node *, struct cilium_peers *);
	} kinds[] = { { "toCIDR", "fromCIDR", read_network },
		      { "toCIDRSet", "fromCIDRSet", read_block },
		      { "toEntities", "fromEntities", read_entity },
		      { "toEndpoints", "fromEndpoints", read_endpoints },
		      { "toFQDNs", "toFQDNs", NULL } };
	size_t errors = import->r->diags->errors, given = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct yaml_node *list = import_list(import, rule, egress ? kinds[i].egress : kinds[i].ingress);
		if (!list)
			continue;
		if (!list->items.count)
			import_report(import, "not-yet", list,
				      "an empty list of peers is nobody or everybody, by Cilium's version");
		if (given++)
			import_report(import, "conflict", list, "Cilium has one list of peers in a rule")->help =
				"a rule for each";
		bool labels = kinds[i].read == read_endpoints && (!egress || deny);
		if (!kinds[i].read)
			read_fqdns(import, list, out);
		for (size_t j = 0; kinds[i].read && j < list->items.count; j++)
			(labels ? refuse_endpoints : kinds[i].read)(import, list->items.items[j], out);
	}
	if (!given && ports->given)
		push(import, &out->any, (struct policy_target){ .kind = TARGET_ANY, .span = rule->span });
	return import->r->diags->errors == errors;
}
